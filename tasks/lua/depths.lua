-- How much waits in a queue.
-- KEYS: waiting stem, running, tickets, paces, job prefix
-- ARGV: queue
-- Returns {waiting to go on, waiting by priority (3), running, tickets, age of the oldest head of
-- those lines in ms (-1: nothing waits), jobs a second of late}.
local now, answer, oldest = now_ms(), {}, -1
for i, line in ipairs({ ':resume', ':0', ':1', ':2' }) do
  answer[i] = redis.call('ZCARD', KEYS[1] .. line)
  local head = redis.call('ZRANGE', KEYS[1] .. line, 0, 0)[1]
  local since = head and redis.call('HGET', KEYS[5] .. head, 'accepted_ms')
  if since then oldest = math.max(oldest, now - tonumber(since)) end
end
answer[5] = redis.call('ZCARD', KEYS[2])
answer[6] = redis.call('LLEN', KEYS[3])
answer[7] = oldest
answer[8] = string.format('%.6f', per_s(KEYS[4], ARGV[1], now))
return answer
