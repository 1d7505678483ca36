-- What is left of `append` when nothing is to survive: tokens are only published. No log, no
-- numbers kept, no fence. Same arguments; the end of a job is written as ever, once.
for i = 7, #ARGV do
  redis.call('PUBLISH', ARGV[2], string.format('%d ', ARGV[4] + i - 7) .. ARGV[i])
end
if ARGV[5] ~= '' then end_job(ending(3), KEYS[1], KEYS[2], ARGV[1], ARGV[5]) end
return { 1, ARGV[4] + #ARGV - 7, 0 }
