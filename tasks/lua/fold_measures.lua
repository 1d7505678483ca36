-- Add what a process that is gone had counted to the past, and take its entry out.
-- KEYS: measures, past
-- ARGV: process, its entry as it was read, then pairs: '#' and a family with what it means, or a
-- sample with what to add to it, in millionths
-- Returns 1, or 0 when the entry is another by now: somebody else folded it, or it lives.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
for i = 3, #ARGV, 2 do
  if string.sub(ARGV[i], 1, 1) == '#' then
    redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
  else
    -- What another release wrote there is no whole number: it begins anew. An error here would leave
    -- a part of the entry added and the entry in its place, to be added again.
    local added = redis.pcall('HINCRBY', KEYS[2], ARGV[i], ARGV[i + 1])
    if type(added) == 'table' then redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
  end
end
redis.call('HDEL', KEYS[1], ARGV[1])
return 1
