-- Change a hash's field, unless somebody else did since it was read.
-- KEYS: hash
-- ARGV: field, the value that was read ('' for none), the new value
-- Returns 1 when it was changed.
local now_there = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if now_there ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
