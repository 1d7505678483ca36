-- Cancel a job: at once while it waits; through its worker while it runs.
-- KEYS: job, log, waiting stem, and those of an end
-- ARGV: id, channel, control channel, final event, only if its listener's lease is over ('1'), only
-- if no equal request shares it any more ('1')
-- Returns the state it is in now ('heard' when somebody listens after all, 'shared' when others
-- share it, '' when there is no such job; 'running' means it was asked to stop).
local ends = ending(4)
local job = redis.call('HMGET', KEYS[1], 'state', 'last_seq', 'priority', 'owner')
if not job[1] then return '' end
if ARGV[5] == '1' then
  local until_ms = redis.call('ZSCORE', ends.listeners, ARGV[1])
  if not until_ms or tonumber(until_ms) > now_ms() then return 'heard' end
end
if ARGV[6] == '1' and redis.call('HEXISTS', KEYS[1], 'sharers') == 1
    and redis.call('HINCRBY', KEYS[1], 'sharers', -1) > 0 then
  return 'shared'
end
if job[1] == 'queued' then
  leave_line(KEYS[3], job[3], ARGV[1], job[4])
  end_with(ends, KEYS[1], KEYS[2], ARGV[1], ARGV[2], 'cancelled', ARGV[4], job[2])
  return 'cancelled'
end
redis.call('ZREM', ends.listeners, ARGV[1])
if job[1] == 'running' then
  redis.call('HSET', KEYS[1], 'cancel', 1)
  redis.call('PUBLISH', ARGV[3], ARGV[1])
end
return job[1]
