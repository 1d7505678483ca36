-- What was stored counts from now on; its jobs leave the plan, and are forgotten.
-- KEYS: batch, plan, output pieces, error pieces, job prefix, log prefix, ended jobs, dead letters
-- ARGV: epoch, output piece, error piece, completed, failed, prompt tokens, completion tokens,
-- cached tokens, number of jobs, owner, job id ..., then job id and piece for each that joins the plan
-- Returns 1, or 0 when the driver does not have the batch as it was any more. A call that was
-- applied already (none of its jobs is in the plan) changes nothing.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return 0 end
local jobs = tonumber(ARGV[9])
local known = 0
for i = 11, 10 + jobs do known = known + redis.call('HEXISTS', KEYS[2], ARGV[i]) end
if jobs > 0 and known == 0 then return 1 end
-- Only some of them: a Redis that lost its last second has forgotten who planned the others, and
-- their lines will be planned again.
if known < jobs then return 0 end
if ARGV[2] ~= '' then redis.call('RPUSH', KEYS[3], ARGV[2]) end
if ARGV[3] ~= '' then redis.call('RPUSH', KEYS[4], ARGV[3]) end
for i, name in ipairs({ 'completed', 'failed', 'prompt_tokens', 'completion_tokens', 'cached_tokens' }) do
  redis.call('HINCRBY', KEYS[1], name, ARGV[3 + i])
end
for i = 11, 10 + jobs do
  redis.call('HDEL', KEYS[2], ARGV[i])
  redis.call('ZREM', KEYS[7], ARGV[i] .. ' ' .. ARGV[10])
  redis.call('ZREM', KEYS[8], ARGV[i])
  redis.call('UNLINK', KEYS[5] .. ARGV[i], KEYS[6] .. ARGV[i])
end
for i = 11 + jobs, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
return 1
