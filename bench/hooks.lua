-- wrk: POSTs signed deliveries, each body once as long as there are any. args: file of "signature body" lines, where to begin
local nth = 0
function setup(thread) thread:set("number", nth); nth = nth + 1 end
function init(args)
  rows, n = {}, tonumber(args[2])
  for line in io.lines(args[1]) do
    local sign, body = line:match("^(%x+) (.+)$")
    rows[#rows + 1] = wrk.format("POST", nil, { ["Content-Type"] = "application/json", ["X-Sign"] = sign }, body)
  end
end
function request() n = n + 1; return rows[n % #rows + 1] end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('JSON {"rps":%.1f,"p50":%.3f,"p99":%.3f,"n":%d,"errors":%d}\n',
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    summary.requests, e.connect + e.read + e.write + e.timeout + e.status))
end
