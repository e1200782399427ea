-- Sends the bodies of a file (a line each) in turn; prints what came of it as one JSON line.
local requests, place = {}, 0

function init(arguments)
   wrk.method = "POST"
   wrk.headers["Content-Type"] = "application/json"
   for line in io.lines(arguments[1]) do
      requests[#requests + 1] = wrk.format(nil, nil, nil, line)
   end
   place = math.floor(math.random() * #requests)
end

function request()
   place = place % #requests + 1
   return requests[place]
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '{"requests":%d,"seconds":%.6f,"not_ok":%d,"connect":%d,"broken":%d,"late":%d,"p50_ms":%.4f,"p99_ms":%.4f}\n',
      summary.requests, summary.duration / 1e6, errors.status, errors.connect, errors.read + errors.write,
      errors.timeout, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
