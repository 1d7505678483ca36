-- Lines are given to jobs, which are accepted afterwards.
-- KEYS: batch, plan
-- ARGV: epoch, cursor before, cursor after, offset after, then job id and piece for each
-- Returns 1, or 0 when the driver does not have the batch any more, or planned these lines already.
local batch = redis.call('HMGET', KEYS[1], 'epoch', 'cursor', 'status')
if batch[1] ~= ARGV[1] or (batch[2] or '0') ~= ARGV[2] then return 0 end
if batch[3] ~= 'in_progress' and batch[3] ~= 'cancelling' then return 0 end
redis.call('HSET', KEYS[1], 'cursor', ARGV[3], 'offset', ARGV[4])
redis.call('HSET', KEYS[2], unpack(ARGV, 5))
return 1
