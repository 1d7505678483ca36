-- End waiting jobs that somebody listens to, because nobody can serve their queue. Those that nobody
-- listens to wait on.
-- KEYS: waiting stem, job prefix, log prefix, channel prefix, and those of an end
-- ARGV: line (':resume', ':0' ...), how many of it to pass over, how many to look at, how many may
-- end, final event
-- Returns {how many of those looked at stay, id that ended ...}.
local ends = ending(5)
local first = tonumber(ARGV[2])
local stay, outcome = 0, {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1] .. ARGV[1], first, first + tonumber(ARGV[3]) - 1)) do
  if #outcome >= tonumber(ARGV[4]) then break end
  local key = KEYS[2] .. id
  local job = redis.call('HMGET', key, 'state', 'priority', 'last_seq', 'owner')
  if job[1] == 'queued' and redis.call('ZSCORE', ends.listeners, id) then
    leave_line(KEYS[1], job[2], id, job[4])
    end_with(ends, key, KEYS[3] .. id, id, KEYS[4] .. id, 'failed', ARGV[5], job[3])
    outcome[#outcome + 1] = id
  else
    stay = stay + 1
  end
end
return { stay, unpack(outcome) }
