-- Take a request from an API key's budget, or only look at it. A retried call takes nothing again.
-- KEYS: budget, mark of this request
-- ARGV: requests to take (0: look), requests a minute ('' for any number), tokens a minute ('' too),
-- how long the mark stands in ms
-- Returns {taken (0: a request is not there yet), requests used, tokens used}; '' where no limit is.
local now = now_ms()
local wanted, requests, tokens = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local taken = 1
if wanted > 0 and requests and redis.call('EXISTS', KEYS[2]) == 0 then
  if used_of(KEYS[1], 'requests', requests, now) + wanted > requests then
    taken = 0
  else
    use(KEYS[1], 'requests', requests, now, wanted)
    redis.call('SET', KEYS[2], 1, 'PX', ARGV[4])
  end
end

local function said(what, limit)
  return limit and string.format('%.6f', used_of(KEYS[1], what, limit, now)) or ''
end
return { taken, said('requests', requests), said('tokens', tokens) }
