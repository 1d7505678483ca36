-- Take the webhooks that are to be called now; each comes again later unless somebody settles it.
-- KEYS: webhooks
-- ARGV: again after ms, most
-- Returns job ids.
local now = now_ms()
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[2])
for _, id in ipairs(ids) do redis.call('ZADD', KEYS[1], now + tonumber(ARGV[1]), id) end
return ids
