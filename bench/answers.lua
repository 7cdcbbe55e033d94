-- wrk: POSTs answers with external ids never used before. args: run tag, rows a request, contacts, Authorization, body form
local nth = 0
function setup(thread) thread:set("number", nth); nth = nth + 1 end
function init(args)
  tag, rows, contacts, form = args[1], tonumber(args[2]), tonumber(args[3]), args[5] or "one"
  math.randomseed(os.time() * 13 + number); sent = 0
  headers = { ["Content-Type"] = "application/json", ["Authorization"] = args[4] }
end
local function answer()
  sent = sent + 1
  return string.format(
    '{"external_id":"%s-%d-%d","survey":%d,"email":"user%d@customer.example","score":%d,"responded_at":"2026-%02d-%02dT12:%02d:%02d+00:00","comment":"Works well, the export could be quicker"}',
    tag, number, sent, math.random(1, 5), math.random(1, contacts), math.random(0, 10), math.random(1, 9), math.random(1, 28), math.random(0, 59), math.random(0, 59))
end
function request()
  if form == "one" then return wrk.format("POST", nil, headers, answer()) end
  local list = {}
  for i = 1, rows do list[i] = answer() end
  return wrk.format("POST", nil, headers, "[" .. table.concat(list, ",") .. "]")
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
