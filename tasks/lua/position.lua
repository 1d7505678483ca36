-- Where a job stands in its queue's line, were it claimed from now on in the order that holds now.
-- KEYS: waiting stem
-- ARGV: id, priority
-- Returns its place from 1; 0 when it does not wait.
local resuming = redis.call('ZRANK', KEYS[1] .. ':resume', ARGV[1])
if resuming then return resuming + 1 end
local priority = tonumber(ARGV[2])
local rank = redis.call('ZRANK', KEYS[1] .. ':' .. priority, ARGV[1])
if not rank then return 0 end
local place = rank + 1 + redis.call('ZCARD', KEYS[1] .. ':resume')
for more_urgent = 0, priority - 1 do
  place = place + redis.call('ZCARD', KEYS[1] .. ':' .. more_urgent)
end
return place
