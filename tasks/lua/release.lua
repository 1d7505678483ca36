-- A worker gives a job back unharmed (it drains): next in line, and no strike.
-- KEYS: job, log, waiting stem, and those of an end
-- ARGV: id, attempt, channel, cancelled event
-- Returns 1 when released, 0 when the attempt does not hold it.
local ends = ending(4)
local job = redis.call('HMGET', KEYS[1], 'attempt', 'state', 'accepted_ms', 'cancel', 'last_seq')
if job[1] ~= ARGV[2] or job[2] ~= 'running' then return 0 end
if job[4] then
  -- Nobody may come to work on it for long: what was asked of its worker is done here.
  end_with(ends, KEYS[1], KEYS[2], ARGV[1], ARGV[3], 'cancelled', ARGV[4], job[5])
  return 1
end
redis.call('ZREM', ends.running, ARGV[1])
return_to_line(KEYS[1], KEYS[3], ARGV[1], job[3])
return 1
