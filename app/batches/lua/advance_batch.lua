-- A driver moves a batch on, if it still has it and nobody changed its status meanwhile.
-- KEYS: batch, open batches, ended batches, uses of the input's bytes, free blobs, webhooks, plan
-- ARGV: id, epoch, status that it must have, new status, forgotten at s (0: it goes on), the
-- input's blob, webhook ('' for none), then fields and values
-- Returns 1, or 0 when it is not so, or when lines are left that nobody has answered.
local batch = redis.call('HMGET', KEYS[1], 'epoch', 'status', 'cursor', 'total')
if batch[1] ~= ARGV[2] or batch[2] ~= ARGV[3] then return 0 end
local says_all = { finalizing = true, expired = true, cancelled = true }
if says_all[ARGV[4]] then
  -- Asked here: what a driver remembers, a Redis that lost its last second may not.
  if (batch[3] or '0') ~= (batch[4] or '0') or redis.call('EXISTS', KEYS[7]) == 1 then return 0 end
end
redis.call('HSET', KEYS[1], 'status', ARGV[4], unpack(ARGV, 8))
if ARGV[5] ~= '0' then
  redis.call('SREM', KEYS[2], ARGV[1])
  redis.call('ZADD', KEYS[3], ARGV[5], ARGV[1])
  redis.call('DEL', KEYS[7])
  redis.call('SREM', KEYS[4], ARGV[1])
  if redis.call('EXISTS', KEYS[4]) == 0 then redis.call('SADD', KEYS[5], ARGV[6]) end
  if ARGV[7] ~= '' then redis.call('ZADD', KEYS[6], now_ms(), ARGV[1]) end
end
return 1
