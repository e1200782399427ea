-- Sends the bodies of a file (a line each; in hexadecimal where its name ends in .hex) in turn;
-- prints what came of it as one JSON line.
local requests, place = {}, 0

local function binary(line)
   return (line:gsub("%x%x", function(digits) return string.char(tonumber(digits, 16)) end))
end

function init(arguments)
   wrk.method = "POST"
   wrk.headers["Content-Type"] = wrk.headers["Content-Type"] or "application/json"
   local packed = arguments[1]:sub(-4) == ".hex"
   for line in io.lines(arguments[1]) do
      if packed then line = binary(line) end
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
