-- Hand the jobs that are next for a queue to a worker, each with an attempt number and a lease.
-- KEYS: waiting stem, running, job prefix, awake, wake
-- ARGV: holder, lease ms, ageing ms per priority step, most jobs, watch ms (0: the caller may not
-- come back by itself), most of the lowest priority among them
-- Returns {'none'}, {'later'} (a job that must run alone is next, or is running),
-- or {'job', id, attempt, last_seq, version, body, ms since it was accepted, and so on for each}.
local now = now_ms()

local function job_key(id) return KEYS[3] .. id end

-- The first entry of a waiting set that is a queued job; entries without one are dropped.
local function head(set)
  while true do
    local first = redis.call('ZRANGE', set, 0, 0)[1]
    if not first then return nil end
    local job = redis.call('HMGET', job_key(first), 'state', 'accepted_ms', 'strikes')
    if job[1] == 'queued' then
      return { id = first, set = set, since = tonumber(job[2]), strikes = tonumber(job[3]) }
    end
    redis.call('ZREM', set, first)
  end
end

-- Continuations of interrupted streams first; then the priority whose head has waited longest
-- after its handicap: one step of priority is worth so many milliseconds, so none starves. Who has
-- enough of the lowest priority (batches) is given the others.
local LOWEST = 2
local lowest_left = tonumber(ARGV[6])

local function next_job()
  local best = head(KEYS[1] .. ':resume')
  if best then return best end
  local best_since
  for priority = 0, lowest_left > 0 and LOWEST or LOWEST - 1 do
    local candidate = head(KEYS[1] .. ':' .. priority)
    if candidate then
      local since = candidate.since + priority * tonumber(ARGV[3])
      if not best or since < best_since then best, best_since = candidate, since end
    end
  end
  return best
end

-- What the holder runs already: how many, and whether one of them must run alone.
local function held()
  local mine, alone = 0, false
  for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    local job = redis.call('HMGET', job_key(id), 'holder', 'strikes')
    if job[1] == ARGV[1] then
      mine = mine + 1
      if tonumber(job[2]) >= 2 then alone = true end
    end
  end
  return mine, alone
end

local answer = { 'job' }

local function take(job)
  local tag = redis.call('ZSCORE', job.set, job.id)
  redis.call('ZREM', job.set, job.id)
  redis.call('HSET', job.set .. ':fair', '', tag)
  forget_shares_if_empty(job.set)

  local key = job_key(job.id)
  local attempt = redis.call('HINCRBY', key, 'attempt', 1)
  redis.call('HSET', key, 'state', 'running', 'holder', ARGV[1])
  redis.call('HSETNX', key, 'started_ms', now)
  redis.call('ZADD', KEYS[2], now + tonumber(ARGV[2]), job.id)
  local record = redis.call('HMGET', key, 'last_seq', 'version', 'body')
  local waited_ms = math.max(now - job.since, 0)
  local told = { job.id, attempt, tonumber(record[1]), tonumber(record[2]), record[3], waited_ms }
  for _, value in ipairs(told) do answer[#answer + 1] = value end
end

local most, taken, later = tonumber(ARGV[4]), 0, false
local mine, alone
while taken < most do
  local job = next_job()
  if not job then break end
  if not mine then mine, alone = held() end
  -- A job that two process deaths are laid to runs alone in its process: the next death proves it.
  if alone or (job.strikes >= 2 and mine + taken > 0) then
    later = true
    break
  end
  take(job)
  taken = taken + 1
  if job.set == KEYS[1] .. ':' .. LOWEST then lowest_left = lowest_left - 1 end
  alone = job.strikes >= 2
end

-- While the key stands, a job is accepted without a ticket: who set it found nothing more waiting
-- and comes back when it is woken. Found and said in one script, no job can come in between; and
-- what somebody was woken for before is seen here.
redis.call('DEL', KEYS[5])
if taken < most and not later and tonumber(ARGV[5]) > 0 then
  redis.call('SET', KEYS[4], 1, 'PX', ARGV[5])
else
  redis.call('DEL', KEYS[4])
end
if taken > 0 then return answer end
return { later and 'later' or 'none' }
