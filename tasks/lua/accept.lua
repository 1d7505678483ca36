-- Write a job and its place in the queue, before any ticket is published. Applying it twice (a
-- retried call) changes nothing.
-- KEYS: job, waiting stem, queues, listeners, awake, wake, tickets, open, owner's index, paces,
-- repeat, job prefix, share, owner's open jobs, mark that they were
-- looked at, API key's budget
-- ARGV: id, queue, kind, model, owner, priority, version, body, listener lease ms (0: nobody),
-- created ms, enough tickets (0: every job needs one), deadline ms from now (0: none), keep s,
-- resume ms, webhook, most that may wait, fingerprint ('': not to be repeated), repeat ttl s,
-- metadata as JSON ('' for none), shared with equal requests ('1'), of a batch ('1'), most open jobs
-- of the owner ('' for any number), tokens a minute ('' for any number), tokens to take, API key's id
-- Returns {0} when it was there already; {1} when accepted and a ticket must be published, {2}
-- when accepted and no ticket is needed; {3, jobs a second of late} when too many wait; {4, id}
-- when the job `id` answers the same request already, {5} when the key was another request's;
-- {6, id} when the job `id` computes the same for an equal request, which now shares it; {7, ms}
-- when the tokens are there in so many ms, {8} when the owner has as many open jobs as it may.
if redis.call('EXISTS', KEYS[1]) == 1 then return { 0 } end
local now = now_ms()

if ARGV[17] ~= '' then
  local asked = redis.call('HMGET', KEYS[11], 'job', 'fingerprint')
  local state = asked[1] and redis.call('HGET', KEYS[12] .. asked[1], 'state')
  -- A job that was cancelled answers nobody: its client comes again to have it done. One that is
  -- forgotten was done: to do it again unasked is what the key is there to prevent.
  if asked[1] and state ~= 'cancelled' then
    if asked[2] ~= ARGV[17] then return { 5 } end
    return { 4, asked[1] }
  end
end

-- Equal requests share one job while it is open, and for a moment after: until its answer can be
-- found where finished answers are kept. One that is being cancelled is nobody's any more.
local SETTLED_MS = 2000
if ARGV[20] ~= '' then
  local first = redis.call('GET', KEYS[13])
  local job = first and redis.call('HMGET', KEYS[12] .. first, 'state', 'cancel', 'finished_ms')
  if job and (job[1] == 'queued' or job[1] == 'running') and not job[2] then
    redis.call('HINCRBY', KEYS[12] .. first, 'sharers', 1)
    redis.call('ZADD', KEYS[4], 'GT', now + tonumber(ARGV[9]), first)
    return { 6, first }
  elseif job and job[1] == 'done' and now - tonumber(job[3]) <= SETTLED_MS then
    return { 6, first }
  end
end

-- An id that has no end to come is taken out where it would refuse a job, at most every 10 s: a
-- process of an older release ends jobs without doing so.
local LOOK_AGAIN_MS = 10000
local function open_jobs(most)
  local count = redis.call('SCARD', KEYS[14])
  if count < most then return count end
  if redis.call('SET', KEYS[15], 1, 'NX', 'PX', LOOK_AGAIN_MS) then
    for _, id in ipairs(redis.call('SMEMBERS', KEYS[14])) do
      if not redis.call('ZSCORE', KEYS[8], id) then redis.call('SREM', KEYS[14], id) end
    end
  end
  return redis.call('SCARD', KEYS[14])
end

local most_open, tokens_limit, tokens = tonumber(ARGV[22]), tonumber(ARGV[23]), tonumber(ARGV[24])
if most_open and open_jobs(most_open) >= most_open then return { 8 } end
if tokens_limit then
  local over = used_of(KEYS[16], 'tokens', tokens_limit, now) + tokens - tokens_limit
  if over > 0 then return { 7, math.ceil(over / tokens_limit * MINUTE_MS) } end
end

-- Less urgent work does not use up the places of the more urgent.
local waiting = redis.call('ZCARD', KEYS[2] .. ':resume')
for priority = 0, tonumber(ARGV[6]) do
  waiting = waiting + redis.call('ZCARD', KEYS[2] .. ':' .. priority)
end
-- Nor do those who fill the line lock out the others: who has few jobs open has a place behind it.
local most = tonumber(ARGV[16])
if waiting >= most and (waiting >= 2 * most or open_jobs(most / 10) >= most / 10) then
  return { 3, string.format('%.6f', per_s(KEYS[10], ARGV[2], now)) }
end

local class = KEYS[2] .. ':' .. ARGV[6]
redis.call('HSET', KEYS[1],
  'queue', ARGV[2], 'kind', ARGV[3], 'model', ARGV[4], 'owner', ARGV[5], 'priority', ARGV[6],
  'version', ARGV[7], 'body', ARGV[8], 'state', 'queued', 'attempt', 0, 'strikes', 0,
  'last_seq', 0, 'strike_seq', 0, 'accepted_ms', now, 'created_ms', ARGV[10],
  'keep_s', ARGV[13], 'listen_ms', ARGV[9], 'resume_ms', ARGV[14], 'webhook', ARGV[15])
if ARGV[19] ~= '' then redis.call('HSET', KEYS[1], 'metadata', ARGV[19]) end
if ARGV[20] ~= '' then
  redis.call('HSET', KEYS[1], 'sharers', 1)
  redis.call('SET', KEYS[13], ARGV[1], 'EX', 3600)
end
-- Fair among owners: start-time fair queueing. An owner's next job starts one virtual unit after
-- its last, yet never before the queue's own clock; equal tags go by job id, that is by age.
local clock = tonumber(redis.call('HGET', class .. ':fair', '') or '0')
local last = tonumber(redis.call('HGET', class .. ':fair', 'o' .. ARGV[5]) or '0')
local tag = math.max(clock, last)
redis.call('HSET', class .. ':fair', 'o' .. ARGV[5], tag + 1)
redis.call('ZADD', class, tag, ARGV[1])
redis.call('SADD', KEYS[3], ARGV[2])
-- A batch has thousands of them, and is listed itself.
if ARGV[21] ~= '' then
  redis.call('HSET', KEYS[1], 'batch', 1)
else
  redis.call('ZADD', KEYS[9], 0, ARGV[1])
  redis.call('SADD', KEYS[14], ARGV[1])
end
if tokens_limit then
  use(KEYS[16], 'tokens', tokens_limit, now, tokens)
  redis.call('HSET', KEYS[1], 'taken', ARGV[24] .. ' ' .. ARGV[23] .. ' ' .. ARGV[25])
end
local deadline = tonumber(ARGV[12])
redis.call('ZADD', KEYS[8], deadline > 0 and now + deadline or '+inf', ARGV[1])
local lease = tonumber(ARGV[9])
if lease > 0 then redis.call('ZADD', KEYS[4], now + lease, ARGV[1]) end
if ARGV[17] ~= '' then
  redis.call('HSET', KEYS[11], 'job', ARGV[1], 'fingerprint', ARGV[17])
  redis.call('EXPIRE', KEYS[11], ARGV[18])
end

local enough = tonumber(ARGV[11])
if enough == 0 then return { 1 } end
-- Somebody waits to be woken; or tickets lie there whose takers claim until nothing waits.
if redis.call('EXISTS', KEYS[5]) == 1 then
  if redis.call('EXISTS', KEYS[6]) == 0 then redis.call('LPUSH', KEYS[6], 1) end
  return { 2 }
end
return { redis.call('LLEN', KEYS[7]) >= enough and 2 or 1 }
