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

-- A turn that is not taken is given back: who cancels a hundred jobs is not put a hundred behind.
local function leave_line(waiting, priority, id, owner)
  local class = waiting .. ':' .. priority
  redis.call('ZREM', waiting .. ':resume', id)
  if redis.call('ZREM', class, id) == 0 then return end
  redis.call('HINCRBY', class .. ':fair', 'o' .. owner, -1)
  forget_shares_if_empty(class)
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

-- What an API key has used of what it may ask for in a minute: requests, or tokens. It comes back
-- evenly, a minute's worth in a minute; what was never used has no entry.
local MINUTE_MS = 60000

local function used_of(budget, what, limit, now)
  local kept = redis.call('HMGET', budget, what, what .. '_ms')
  if not kept[1] then return 0 end
  local passed_ms = math.max(now - tonumber(kept[2]), 0)
  return math.max(tonumber(kept[1]) - passed_ms * limit / MINUTE_MS, 0)
end

local function use(budget, what, limit, now, amount)
  local used = math.max(used_of(budget, what, limit, now) + amount, 0)
  redis.call('HSET', budget, what, string.format('%.6f', used), what .. '_ms', now)
  local whole_in_ms = math.ceil(used / limit * MINUTE_MS)
  if whole_in_ms + MINUTE_MS > redis.call('PTTL', budget) then
    redis.call('PEXPIRE', budget, whole_in_ms + MINUTE_MS)
  end
end

-- How many tokens a job came to, by its log: what its last event says; where it was stopped before
-- that, its prompt and what it said. One that failed came to none. nil when the log does not tell.
local function tokens_of(log, state)
  if state == 'failed' then return 0 end
  if state == 'done' then
    local last = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
    local usage = last and cmsgpack.unpack(last[2][2])[2]
    return usage and usage[1] + usage[2]
  end
  local tokens, from = 0, '-'
  repeat
    local rows = redis.call('XRANGE', log, from, '+', 'COUNT', 1000)
    for _, row in ipairs(rows) do
      local event = cmsgpack.unpack(row[2][2])
      if event[1] == 's' then tokens = tokens + event[2] end
      if event[1] == 't' then tokens = tokens + #event[3] end
    end
    from = #rows > 0 and '(' .. rows[#rows][1]
  until #rows < 1000
  return tokens
end

-- Tokens were taken by an estimate when the job was accepted: from its end on they are exact.
local function settle(budgets, log, state, taken, now)
  local estimate, limit, key_id = string.match(taken, '^(%d+) (%d+) (.*)$')
  local tokens = tokens_of(log, state)
  if tokens then use(budgets .. key_id, 'tokens', tonumber(limit), now, tokens - estimate) end
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
    batch_news = KEYS[first + 6], open_of = KEYS[first + 7], budgets = KEYS[first + 8],
  }
end

-- Wake whoever waits at a list of news: one entry says as much as many.
local function tell(news)
  if redis.call('EXISTS', news) == 0 then redis.call('RPUSH', news, 1) end
end

local function end_job(ends, job, log, id, state)
  local now = now_ms()
  local kept = redis.call('HMGET', job, 'queue', 'owner', 'keep_s', 'webhook', 'attempt', 'batch', 'taken')
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
  if kept[7] then
    redis.call('HDEL', job, 'taken')
    -- Before the log may go, for it tells the tokens. What cannot be read there, or is no budget,
    -- costs nobody the end of a job: the estimate stays taken.
    pcall(settle, ends.budgets, log, state, kept[7], now)
  end
  redis.call('EXPIRE', log, keep_s)
  redis.call('EXPIRE', job, record_s)
  redis.call('ZADD', ends.ended, now + record_s * 1000, id .. ' ' .. kept[2])
  if kept[6] then tell(ends.batch_news) else redis.call('SREM', ends.open_of .. kept[2], id) end
  -- How many ended so, ever: here, because this is done once for each job, whoever ends it.
  redis.call('HINCRBY', ends.paces, state .. ' ' .. kept[1], 1)
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

