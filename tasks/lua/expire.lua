-- End the waiting jobs whose deadline has passed, at most 100 a call. One that runs is its worker's
-- to stop, within a step; it is looked at again in case that worker dies.
-- KEYS: waiting prefix, job prefix, log prefix, channel prefix, and those of an end
-- ARGV: expired event
-- Returns the ids of the jobs that ended.
local ends = ending(5)
local now, outcome = now_ms(), {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', ends.open, '-inf', now, 'LIMIT', 0, 100)) do
  local key = KEYS[2] .. id
  local job = redis.call('HMGET', key, 'state', 'queue', 'priority', 'last_seq', 'owner')
  if job[1] == 'queued' then
    leave_line(KEYS[1] .. job[2], job[3], id, job[5])
    end_with(ends, key, KEYS[3] .. id, id, KEYS[4] .. id, 'expired', ARGV[1], job[4])
    outcome[#outcome + 1] = id
  elseif job[1] == 'running' then
    redis.call('ZADD', ends.open, now + 1000, id)
  else
    redis.call('ZREM', ends.open, id)
  end
end
return outcome
