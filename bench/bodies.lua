-- wrk: POSTs the lines of a file in turn. args: file, Origin
local nth = 0
function setup(thread) thread:set("number", nth); nth = nth + 1 end
function init(args)
  bodies = {}
  for line in io.lines(args[1]) do bodies[#bodies + 1] = line end
  math.randomseed(os.time() * 13 + number); at = math.random(1, #bodies)
  headers = { ["Content-Type"] = "text/plain", ["Origin"] = args[2] }
end
function request()
  at = at % #bodies + 1
  return wrk.format("POST", nil, headers, bodies[at])
end
local shown = 0
function response(status, _, body)
  if status >= 300 and shown < 2 then shown = shown + 1; io.stderr:write(status, " ", string.sub(body, 1, 300), "\n") end
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('JSON {"rps":%.1f,"p50":%.3f,"p99":%.3f,"n":%d,"errors":%d}\n',
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    summary.requests, e.connect + e.read + e.write + e.timeout + e.status))
end
