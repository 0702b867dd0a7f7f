local held = redis.call('GETRANGE', KEYS[1], 0, 63)
if held ~= '' then
  local event, created = string.match(held, '^%[(%-?%d+),([^,]+),')
  local newEvent, newCreated = string.match(ARGV[1], '^%[(%-?%d+),([^,]+),')
  event, newEvent = tonumber(event), tonumber(newEvent)
  created, newCreated = tonumber(created) or -math.huge, tonumber(newCreated) or -math.huge
  if newEvent < event or (newEvent == event and newCreated < created) then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1])
if ARGV[2] ~= '0' then redis.call('PEXPIREAT', KEYS[1], ARGV[2]) end
return held == '' and 2 or 1
