-- An upload that was announced has never been registered: its bytes, if there are any, are free.
-- KEYS: file, expiring, uses of its bytes, free blobs
-- ARGV: id, blob
redis.call('ZREM', KEYS[2], ARGV[1])
-- Asked here: whoever deleted the file a moment ago may have left its bytes to a batch.
if redis.call('EXISTS', KEYS[1]) == 0 and redis.call('EXISTS', KEYS[3]) == 0 then
  redis.call('SADD', KEYS[4], ARGV[2])
end
