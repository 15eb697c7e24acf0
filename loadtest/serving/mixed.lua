-- Sends the requests of a file one after another for ever, a line each (METHOD, PATH and BODY between tabs), and prints
-- what wrk counted, with the answers of each status, as a line of JSON: wrk -s mixed.lua URL -- REQUESTS [pause MS]

local requests, place, threads = {}, 0, {}
statuses = {}

function setup(thread)
   threads[#threads + 1] = thread
end

function init(args)
   wrk.headers["Content-Type"] = "application/json"
   if args[2] == "pause" then
      local pause = tonumber(args[3])
      delay = function() return math.random(0, 2 * pause) end -- milliseconds, the pause on average
   end
   for line in io.lines(args[1]) do
      local method, path, body = line:match("^(%S+)\t(%S+)\t(.*)$")
      requests[#requests + 1] = wrk.format(method, path, nil, body ~= "" and body or nil)
   end
end

function request()
   place = place % #requests + 1
   return requests[place]
end

function response(status)
   statuses[status] = (statuses[status] or 0) + 1
end

function done(summary, latency)
   local errors = summary.errors
   local figures = {
      { "requests", summary.requests }, { "microseconds", summary.duration }, { "refused", errors.status },
      { "connect", errors.connect }, { "read", errors.read }, { "write", errors.write }, { "timeout", errors.timeout },
      { "mean", latency.mean }, { "p50", latency:percentile(50) }, { "p90", latency:percentile(90) },
      { "p99", latency:percentile(99) }, { "p999", latency:percentile(99.9) },
   }
   for number, figure in ipairs(figures) do
      local value = figure[2] == figure[2] and figure[2] or 0 -- the mean of nothing is no number
      figures[number] = string.format('"%s": %.3f', figure[1], value)
   end
   local counted = {}
   for _, thread in ipairs(threads) do
      for status, count in pairs(thread:get("statuses")) do
         counted[#counted + 1] = string.format('"%d": %d', status, count)
      end
   end
   print("{" .. table.concat(figures, ", ") .. ', "statuses": {' .. table.concat(counted, ", ") .. "}}")
end
