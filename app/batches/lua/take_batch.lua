-- A driver takes a batch over.
-- KEYS: batch, open batches
-- ARGV: id
-- Returns the epoch from now on, or 0 when there is no such batch, or it has ended meanwhile.
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('SREM', KEYS[2], ARGV[1]) end
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 0 then return 0 end
-- By the clock, not one by one: a Redis that lost its last second would give a second driver the
-- number that a first one still works under.
local epoch = math.max(tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0') + 1, now_ms())
redis.call('HSET', KEYS[1], 'epoch', string.format('%d', epoch))
return epoch
