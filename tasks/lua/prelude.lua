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

local function leave_line(waiting, priority, id)
  redis.call('ZREM', waiting .. ':resume', id)
  redis.call('ZREM', waiting .. ':' .. priority, id)
  forget_shares_if_empty(waiting .. ':' .. priority)
end

local function return_to_line(job, waiting, id, accepted_ms)
  redis.call('HSET', job, 'state', 'queued', 'holder', '')
  redis.call('ZADD', waiting .. ':resume', accepted_ms, id)
end

-- How many of a queue's jobs ended of late: a count that fades with a time constant of 30 s, the
-- time of its last change, and when it began. Young counts have not seen 30 s yet: `per_s` knows.
local PACE_MS = 30000

local function pace(paces, queue, now)
  local kept = redis.call('HGET', paces, queue) or ''
  local count, at, began = string.match(kept, '([^ ]+) ([^ ]+) ([^ ]+)')
  if not count then return 0, now end
  count = tonumber(count) * math.exp(-(now - tonumber(at)) / PACE_MS)
  if count < 0.05 then return 0, now end
  return count, tonumber(began)
end

local function per_s(paces, queue, now)
  local count, began = pace(paces, queue, now)
  local seen = 1 - math.exp(-math.max(now - began, 1000) / PACE_MS)
  return count / (PACE_MS / 1000 * seen)
end

-- A job's record outlives its log for so long: until then a reader is told that the log is gone,
-- and not that there never was a job. A webhook needs the record until its last try.
local RECORD_LONGER_S = 600
local WEBHOOK_S = 90000

-- The keys that a job's end touches, as every script that may end one has them from KEYS[first] on.
local function ending(first)
  return {
    running = KEYS[first], listeners = KEYS[first + 1], open = KEYS[first + 2],
    ended = KEYS[first + 3], paces = KEYS[first + 4], webhooks = KEYS[first + 5],
    batch_news = KEYS[first + 6],
  }
end

-- Wake whoever waits at a list of news: one entry says as much as many.
local function tell(news)
  if redis.call('EXISTS', news) == 0 then redis.call('RPUSH', news, 1) end
end

local function end_job(ends, job, log, id, state)
  local now = now_ms()
  local kept = redis.call('HMGET', job, 'queue', 'owner', 'keep_s', 'webhook', 'attempt', 'batch')
  redis.call('HSET', job, 'state', state, 'holder', '', 'finished_ms', now)
  redis.call('ZREM', ends.running, id)
  redis.call('ZREM', ends.listeners, id)
  redis.call('ZREM', ends.open, id)
  local keep_s = tonumber(kept[3] or '3600')
  local record_s = keep_s + RECORD_LONGER_S
  if kept[4] and kept[4] ~= '' then
    record_s = math.max(record_s, WEBHOOK_S)
    redis.call('ZADD', ends.webhooks, now, id)
  end
  redis.call('EXPIRE', log, keep_s)
  redis.call('EXPIRE', job, record_s)
  redis.call('ZADD', ends.ended, now + record_s * 1000, id .. ' ' .. kept[2])
  if kept[6] then tell(ends.batch_news) end
  -- What ended without ever being computed says nothing of the model's pace.
  if kept[5] ~= '0' then
    local count, began = pace(ends.paces, kept[1], now)
    redis.call('HSET', ends.paces, kept[1], string.format('%.3f %d %d', count + 1, now, began))
  end
end

local function end_with(ends, job, log, id, channel, state, event, last_seq)
  local seq = tonumber(last_seq) + 1
  log_event(log, channel, seq, event, 1048576)
  redis.call('HSET', job, 'last_seq', seq)
  end_job(ends, job, log, id, state)
end

