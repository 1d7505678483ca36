-- Say what a process has counted so far.
-- KEYS: measures
-- ARGV: process, whether it has put nothing before ('1'), what it counted
-- Returns 1, or 0 when its entry is gone: it was folded, and nothing is written.
if ARGV[2] ~= '1' and redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%d ', now_ms()) .. ARGV[3])
return 1
