-- Return a queue's orphans to waiting, at most 100 a call: running ones whose lease is over, or
-- whose holder is known to be dead.
-- KEYS: waiting stem, job prefix, log prefix, channel prefix, dead letters, and those of an end
-- ARGV: max strikes, cancelled event, dead letter event, dead letter ttl s, whether leases that are
-- over count ('1'), holders that are dead ...
-- Returns pairs: id, what became of it ('queued', 'cancelled', 'failed', 'gone').
local ends = ending(6)
local now = now_ms()

local function orphans()
  local lapsed = ARGV[5] == '1'
  local found = lapsed and redis.call('ZRANGEBYSCORE', ends.running, '-inf', now, 'LIMIT', 0, 100) or {}
  if #ARGV == 5 then return found end
  local dead = {}
  for i = 6, #ARGV do dead[ARGV[i]] = true end
  local others = lapsed and '(' .. now or '-inf'
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', ends.running, others, '+inf', 'LIMIT', 0, 1000)) do
    if #found < 100 and dead[redis.call('HGET', KEYS[2] .. id, 'holder')] then
      found[#found + 1] = id
    end
  end
  return found
end

local outcome = {}
for _, id in ipairs(orphans()) do
  local key, log = KEYS[2] .. id, KEYS[3] .. id
  local job = redis.call('HMGET', key, 'state', 'cancel', 'strikes', 'strike_seq', 'last_seq', 'accepted_ms')
  local became
  if job[1] ~= 'running' then
    redis.call('ZREM', ends.running, id)
    became = 'gone'
  elseif job[2] then
    end_with(ends, key, log, id, KEYS[4] .. id, 'cancelled', ARGV[2], job[5])
    became = 'cancelled'
  else
    -- New tokens since the last death speak for the job: its strikes start again.
    local strikes = tonumber(job[3])
    if tonumber(job[5]) > tonumber(job[4]) then strikes = 0 end
    strikes = strikes + 1
    redis.call('HSET', key, 'strikes', strikes, 'strike_seq', job[5])
    if strikes >= tonumber(ARGV[1]) then
      redis.call('HSET', key, 'keep_s', ARGV[4])
      end_with(ends, key, log, id, KEYS[4] .. id, 'failed', ARGV[3], job[5])
      redis.call('ZADD', KEYS[5], now, id)
      became = 'failed'
    else
      redis.call('ZREM', ends.running, id)
      return_to_line(key, KEYS[1], id, job[6])
      became = 'queued'
    end
  end
  outcome[#outcome + 1] = id
  outcome[#outcome + 1] = became
end
return outcome
