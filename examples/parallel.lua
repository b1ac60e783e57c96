-- parallel.lua [URL...]: several requests at once take as long as the slowest, not as their sum.
local urls, server = arg, nil
if #urls == 0 then -- a server of our own, which takes as many seconds as the path says
  server = assert(http.serve {
    handler = function(request, reply)
      http.sleep(tonumber(request.path:match("[%d.]+$")))
      reply.body = "sorry for the delay\n"
    end,
  })
  urls = { server.url .. "/0.3", server.url .. "/0.1", server.url .. "/0.2" }
end

local begin = http.now()
local requests = {}
for i, url in ipairs(urls) do
  requests[i] = http.get(url, function(response)
    response.seconds = http.now() - begin -- a Response keeps what a script puts there
  end)
end

local sum = 0
for i, response in ipairs(http.all(requests)) do -- in the order of the list, whoever came first
  local result = response.ok and response.status_code or response.error_string
  print(("%.1f s  %s  %s"):format(response.seconds, urls[i], result))
  sum = sum + response.seconds
end
print(("%.1f s  all of them; one after the other: %.1f s"):format(http.now() - begin, sum))

if server then
  server:close()
end
