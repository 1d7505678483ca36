-- Cancel a job: at once while it waits; through its worker while it runs.
-- KEYS: job, log, running, listeners, waiting stem
-- ARGV: id, channel, control channel, ttl s, final event
-- Returns the state it is in now ('' when there is no such job; 'running' means it was asked to stop).
local job = redis.call('HMGET', KEYS[1], 'state', 'last_seq', 'priority')
if not job[1] then return '' end
if job[1] == 'queued' then
  redis.call('ZREM', KEYS[5] .. ':resume', ARGV[1])
  redis.call('ZREM', KEYS[5] .. ':' .. job[3], ARGV[1])
  forget_shares_if_empty(KEYS[5] .. ':' .. job[3])
  end_with(KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[1], ARGV[2], 'cancelled', ARGV[4], ARGV[5], job[2])
  return 'cancelled'
end
if job[1] == 'running' then
  redis.call('HSET', KEYS[1], 'cancel', 1)
  redis.call('ZREM', KEYS[4], ARGV[1])
  redis.call('PUBLISH', ARGV[3], ARGV[1])
end
return job[1]
