-- timeout_cancel.lua [URL]: gives up: after a time in all, after a silence, and by abort().
local server
if not arg[1] then -- a server of our own, whose pages never end
  server = assert(http.serve {
    handler = function(request, reply)
      local more = request.path == "/talk" and "and so on, " or "" -- "/silence": nothing any more
      reply:write("It began like this: ")
      while reply:write(more) do -- nil once the client has gone
        http.sleep(0.02)
      end
    end,
  })
end

local function url(path)
  return arg[1] or server.url .. path
end

local function show(what, response)
  local begin = http.now()
  response:await()
  local result = response.ok and "finished before that" or response.error_string
  print(("%-9s after %.1f s: %s"):format(what, http.now() - begin, result))
end

show("timeout", http.get { url = url "/talk", timeout = 0.3 })
show("idle", http.get { url = url "/silence", timeout = { idle = 0.2 } })

local response = http.get(url "/talk")
http.after(0.1, function()
  response:abort()
end)
show("abort", response)
if response.error == response.OPERATION_CANCELLED_ERROR then
  print(("what had arrived stays: %q"):format(response:read(19)))
end

if server then
  server:close()
end
