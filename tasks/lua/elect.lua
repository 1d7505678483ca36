-- Become, or remain, the one elected.
-- KEYS: seat
-- ARGV: candidate, term ms
-- Returns 1 when the candidate holds the seat.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
