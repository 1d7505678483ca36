-- Forget a job that has ended, before its time; one that has not is forgotten when it ends.
-- KEYS: job, log, owner's index, dead letters
-- ARGV: id
-- Returns 1 when it is forgotten, 0 when it is to be.
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'queued' or state == 'running' then
  -- Its record is left then, for as long as readers are told that the log is gone.
  redis.call('HSET', KEYS[1], 'keep_s', 0)
  return 0
end
-- Its entry among those that have ended goes when it is due, as those of expired records do.
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[1])
return 1
