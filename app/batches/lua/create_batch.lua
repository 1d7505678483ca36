-- Make a batch, if its input is still there.
-- KEYS: batch, owner's index, open batches, input file, uses of its bytes, news
-- ARGV: id, order as JSON, status
-- Returns 1, or 0 when the input is gone.
if redis.call('EXISTS', KEYS[1]) == 1 then return 1 end
if redis.call('EXISTS', KEYS[4]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'order', ARGV[2], 'status', ARGV[3], 'epoch', 0)
redis.call('ZADD', KEYS[2], 0, ARGV[1])
redis.call('SADD', KEYS[3], ARGV[1])
redis.call('SADD', KEYS[5], ARGV[1])
tell(KEYS[6])
return 1
