-- A worker gives a job back unharmed (it drains): next in line, and no strike.
-- KEYS: job, running, waiting stem
-- ARGV: id, attempt
-- Returns 1 when released, 0 when the attempt does not hold it.
local job = redis.call('HMGET', KEYS[1], 'attempt', 'state', 'accepted_ms')
if job[1] ~= ARGV[2] or job[2] ~= 'running' then return 0 end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HSET', KEYS[1], 'state', 'queued', 'holder', '')
redis.call('ZADD', KEYS[3] .. ':resume', job[3], ARGV[1])
return 1
