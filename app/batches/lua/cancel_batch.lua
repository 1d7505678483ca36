-- Ask for a batch to be cancelled; its driver ends it.
-- KEYS: batch, news
-- ARGV: now s
-- Returns the status that it had ('' when there is no such batch).
local status = redis.call('HGET', KEYS[1], 'status')
if not status then return '' end
if status == 'validating' or status == 'in_progress' then
  redis.call('HSET', KEYS[1], 'status', 'cancelling', 'cancelling_at', ARGV[1])
  tell(KEYS[2])
end
return status
