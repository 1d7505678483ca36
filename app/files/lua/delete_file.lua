-- Forget a file; its bytes are free when nobody else needs them.
-- KEYS: file, owner's index, expiring, uses of its bytes, free blobs
-- ARGV: id, blob
-- Returns 1 when it was there.
local existed = redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('SREM', KEYS[4], ARGV[1])
if existed == 1 and redis.call('EXISTS', KEYS[4]) == 0 then redis.call('SADD', KEYS[5], ARGV[2]) end
return existed
