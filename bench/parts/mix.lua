-- Requests for many models, most of them for the first few: bodies a line each in the file BENCH_BODIES, of which the
-- first BENCH_HOT get all but one of BENCH_COLD_EVERY requests. Made before the first one is sent.
dofile(os.getenv("BENCH_REPORT"))

local requests = {}
local hot, every = tonumber(os.getenv("BENCH_HOT")), tonumber(os.getenv("BENCH_COLD_EVERY"))

function init()
  for body in io.lines(os.getenv("BENCH_BODIES")) do
    table.insert(requests, wrk.format(nil, nil, nil, body))
  end
end

function request()
  if math.random(every) == 1 then return requests[math.random(hot + 1, #requests)] end
  return requests[math.random(hot)]
end
