-- Return a queue's orphans (running, lease over) to waiting, at most 100 a call.
-- KEYS: running, listeners, waiting stem, job prefix, log prefix, channel prefix
-- ARGV: max strikes, ttl s, cancelled event, dead letter event
-- Returns pairs: id, what became of it ('queued', 'cancelled', 'failed', 'gone').
local outcome = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now_ms(), 'LIMIT', 0, 100)) do
  local key = KEYS[4] .. id
  local job = redis.call('HMGET', key, 'state', 'cancel', 'strikes', 'strike_seq', 'last_seq', 'accepted_ms')
  local became
  if job[1] ~= 'running' then
    redis.call('ZREM', KEYS[1], id)
    became = 'gone'
  elseif job[2] then
    end_with(key, KEYS[5] .. id, KEYS[1], KEYS[2], id, KEYS[6] .. id, 'cancelled', ARGV[2], ARGV[3], job[5])
    became = 'cancelled'
  else
    -- New tokens since the last death speak for the job: its strikes start again.
    local strikes = tonumber(job[3])
    if tonumber(job[5]) > tonumber(job[4]) then strikes = 0 end
    strikes = strikes + 1
    redis.call('HSET', key, 'strikes', strikes, 'strike_seq', job[5])
    if strikes >= tonumber(ARGV[1]) then
      end_with(key, KEYS[5] .. id, KEYS[1], KEYS[2], id, KEYS[6] .. id, 'failed', ARGV[2], ARGV[4], job[5])
      became = 'failed'
    else
      redis.call('ZREM', KEYS[1], id)
      redis.call('HSET', key, 'state', 'queued', 'holder', '')
      redis.call('ZADD', KEYS[3] .. ':resume', job[6], id)
      became = 'queued'
    end
  end
  outcome[#outcome + 1] = id
  outcome[#outcome + 1] = became
end
return outcome
