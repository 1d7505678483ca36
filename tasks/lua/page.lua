-- One stretch of an owner's jobs that are in a state, or of a model.
-- KEYS: owner's index, job prefix
-- ARGV: bound ('-' or '+' to begin with, else the id to go on after), newest first ('1'), state (''
-- for any), model (''), most to find, most to look at
-- Returns {the id to go on after ('' at the end), id ...}.
local newest = ARGV[2] == '1'
local from = (ARGV[1] == '-' or ARGV[1] == '+') and ARGV[1] or '(' .. ARGV[1]
local ids
if newest then
  ids = redis.call('ZREVRANGEBYLEX', KEYS[1], from, '-', 'LIMIT', 0, ARGV[6])
else
  ids = redis.call('ZRANGEBYLEX', KEYS[1], from, '+', 'LIMIT', 0, ARGV[6])
end
local answer, last = { '' }, ''
for _, id in ipairs(ids) do
  if #answer > tonumber(ARGV[5]) then
    answer[1] = last
    return answer
  end
  local job = redis.call('HMGET', KEYS[2] .. id, 'state', 'model')
  if job[1] and (ARGV[3] == '' or job[1] == ARGV[3]) and (ARGV[4] == '' or job[2] == ARGV[4]) then
    answer[#answer + 1] = id
  end
  last = id
end
if #ids == tonumber(ARGV[6]) then answer[1] = last end
return answer
