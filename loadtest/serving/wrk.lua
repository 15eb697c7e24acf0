-- Sends the bodies of a file, a JSON body a line, one after another for ever, and prints what wrk counted as a line of
-- JSON: wrk -s wrk.lua URL -- BODIES [close] [pause MS]

local requests, place = {}, 0

function init(args)
   wrk.method = "POST"
   wrk.headers["Content-Type"] = "application/json"
   for place = 2, #args do
      if args[place] == "close" then
         wrk.headers["Connection"] = "close"
      elseif args[place] == "pause" then
         local pause = tonumber(args[place + 1])
         delay = function() return math.random(0, 2 * pause) end -- milliseconds, the pause on average
      end
   end
   for body in io.lines(args[1]) do
      requests[#requests + 1] = wrk.format(nil, nil, nil, body)
   end
end

function request()
   place = place % #requests + 1
   return requests[place]
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
   print("{" .. table.concat(figures, ", ") .. "}")
end
