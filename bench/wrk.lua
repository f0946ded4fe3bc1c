-- One slice of load: the requests of the file that BENCH_PLAN names, in turn, from BENCH_FROM on.
-- What came of it is one line of JSON at the end; times are in µs.
local prepared = {}
local at = 0

function setup(thread)
	only = thread
end

function init()
	for i, one in ipairs(dofile(os.getenv("BENCH_PLAN"))) do
		prepared[i] = wrk.format(one[1], one[2], one[3], one[4])
	end
	at = tonumber(os.getenv("BENCH_FROM")) % #prepared
	began = os.clock()
end

function request()
	at = at % #prepared + 1
	return prepared[at]
end

function done(summary, latency)
	local errors = summary.errors
	io.write(string.format(
		'\nBENCH {"requests":%d,"micros":%d,"refused":%d,"sockets":%d,"timeouts":%d,"p50":%d,"p99":%d,"cpu":%d}\n',
		summary.requests, summary.duration, errors.status, errors.connect + errors.read + errors.write,
		errors.timeout, latency:percentile(50), latency:percentile(99),
		(os.clock() - only:get("began")) * 1e6
	))
end
