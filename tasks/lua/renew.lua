-- Renew a worker's leases.
-- KEYS: running, job prefix
-- ARGV: lease ms, then id, attempt of each job
-- Returns a status per job: 1 renewed, 0 lost (fenced), 2 renewed and cancelled.
local until_ms = now_ms() + tonumber(ARGV[1])
local statuses = {}
for i = 2, #ARGV, 2 do
  local job = redis.call('HMGET', KEYS[2] .. ARGV[i], 'attempt', 'state', 'cancel')
  if job[1] == ARGV[i + 1] and job[2] == 'running' then
    redis.call('ZADD', KEYS[1], until_ms, ARGV[i])
    statuses[#statuses + 1] = job[3] and 2 or 1
  else
    statuses[#statuses + 1] = 0
  end
end
return statuses
