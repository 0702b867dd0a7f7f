-- The request of bench/parts/wrk.mjs, and its outcome as one line of JSON. Without a function for each request
-- or response, wrk sends a ready-made text and does not slow down for ours.
wrk.method = "POST"
wrk.body = os.getenv("BENCH_BODY")
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_TOKEN")

function done(summary, latency)
  local e = summary.errors
  print(string.format(
    'bench {"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "errors": %d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.status + e.connect + e.read + e.write + e.timeout))
end
