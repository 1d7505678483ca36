-- Log events and publish them, if the attempt still holds the job; with a state, end the job in
-- the same call. Fencing, order and the news of a cancellation all come from this one call.
-- KEYS: job, log, and those of an end where there is a state
-- ARGV: id, channel, attempt, first seq, state ('' while it goes on), inline limit, event ...
-- Returns {status, last seq, cancelled}: status 1 logged, 0 fenced, 2 a gap (Redis lost its tail:
-- append again from last seq + 1).
local job = redis.call('HMGET', KEYS[1], 'attempt', 'state', 'last_seq', 'cancel')
if job[1] ~= ARGV[3] then return { 0, 0, 0 } end
local last, first = tonumber(job[3]), tonumber(ARGV[4])
local count = #ARGV - 6
if job[2] ~= 'running' then
  -- A retried call that had been applied: the same attempt ended the job with these entries.
  if job[2] == ARGV[5] and last >= first + count - 1 then return { 1, last, 0 } end
  return { 0, last, 0 }
end
if first > last + 1 then return { 2, last, 0 } end

for i = 1, count do
  local seq = first + i - 1
  if seq > last then log_event(KEYS[2], ARGV[2], seq, ARGV[6 + i], tonumber(ARGV[6])) end
end
last = math.max(last, first + count - 1)
redis.call('HSET', KEYS[1], 'last_seq', last)
if ARGV[5] ~= '' then end_job(ending(3), KEYS[1], KEYS[2], ARGV[1], ARGV[5]) end
return { 1, last, job[4] and 1 or 0 }
