-- The request of bench/parts/wrk.mjs. Without a function for each request or response, wrk sends a ready-made text and
-- does not slow down for ours.
dofile(os.getenv("BENCH_REPORT"))
wrk.body = os.getenv("BENCH_BODY")
