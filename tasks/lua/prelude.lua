-- What the ledger's scripts share; put in front of each of them when it is loaded.
-- One clock for all hosts: Redis's own.
local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Logged and published in one call: no reader can see one without the other. A large event is
-- only announced; its reader fetches it from the log.
local function log_event(log, channel, seq, event, inline_limit)
  redis.call('XADD', log, string.format('%d-0', seq), 'e', event)
  if #event <= inline_limit then
    redis.call('PUBLISH', channel, string.format('%d ', seq) .. event)
  else
    redis.call('PUBLISH', channel, string.format('%d ', seq))
  end
end

-- Shares among owners count only while somebody waits: an empty set forgets them.
local function forget_shares_if_empty(class)
  if redis.call('EXISTS', class) == 0 then redis.call('DEL', class .. ':fair') end
end

local function end_job(job, log, running, listeners, id, state, ttl_s)
  redis.call('HSET', job, 'state', state, 'holder', '', 'finished_ms', now_ms())
  redis.call('ZREM', running, id)
  redis.call('ZREM', listeners, id)
  redis.call('EXPIRE', job, ttl_s)
  redis.call('EXPIRE', log, ttl_s)
end

local function end_with(job, log, running, listeners, id, channel, state, ttl_s, event, last_seq)
  local seq = tonumber(last_seq) + 1
  log_event(log, channel, seq, event, 1048576)
  redis.call('HSET', job, 'last_seq', seq)
  end_job(job, log, running, listeners, id, state, ttl_s)
end

