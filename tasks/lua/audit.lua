-- See that every open job among these is where its state says, and put it there if not. No script
-- leaves one elsewhere; a hand at the keys, or a Redis restored from an older copy, may.
-- KEYS: open, waiting prefix, running prefix, job prefix, prefix of owners' open jobs
-- ARGV: job id ...
-- Returns the ids that had to be put right.
local outcome = {}
for i = 1, #ARGV do
  local id = ARGV[i]
  local key = KEYS[4] .. id
  local job = redis.call('HMGET', key, 'state', 'queue', 'priority', 'accepted_ms', 'owner', 'batch')
  local right = true
  if job[1] == 'queued' then
    local line = KEYS[2] .. job[2]
    right = redis.call('ZSCORE', line .. ':' .. job[3], id) or redis.call('ZSCORE', line .. ':resume', id)
    if not right then redis.call('ZADD', line .. ':resume', job[4], id) end
  elseif job[1] == 'running' then
    right = redis.call('ZSCORE', KEYS[3] .. job[2], id)
    if not right then return_to_line(key, KEYS[2] .. job[2], id, job[4]) end
  else
    -- One that ended since the caller looked has left by itself.
    right = redis.call('ZREM', KEYS[1], id) == 0
  end
  -- Said of nobody: an older release accepts jobs that its owner's are not counted with.
  if (job[1] == 'queued' or job[1] == 'running') and not job[6] then
    redis.call('SADD', KEYS[5] .. job[5], id)
  end
  if not right then outcome[#outcome + 1] = id end
end
return outcome
