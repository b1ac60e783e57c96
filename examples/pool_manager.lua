-- pool_manager.lua [URL]: urllib3's PoolManager: a page in three lines, a form with a file, a long body.
local server
if not arg[1] then -- a server of our own
  local pages = {
    ["/robots.txt"] = function(_, reply)
      reply.body = "User-agent: *\nDisallow: /tmp\n"
    end,
    ["/upload"] = function(request, reply)
      reply.body = ("%d bytes of %s\n"):format(#request.body, request.headers["Content-Type"]:match("^[^;]+"))
    end,
    ["/long"] = function(_, reply)
      for _ = 1, 100 do
        reply:write(("0123456789abcdef"):rep(4096))
        http.sleep(0) -- what was written may leave before there is more
      end
    end,
  }
  server = assert(http.serve {
    handler = function(request, reply)
      local page = pages[request.path]
      if page then
        return page(request, reply)
      end
      reply.status = 403
      reply.body = "You don't have permission to access " .. request.path .. " on this server.\n"
    end,
  })
end
local base = arg[1] or server.url

local pool = http.PoolManager { headers = { ["User-Agent"] = "pool_manager.lua" }, timeout = 10 }
local response = assert(pool:request("GET", base .. "/robots.txt"))
io.write(response.data)
print(response.status)

response = assert(pool:request("GET", base .. "/robot.txt")) -- a status is no failure
io.write(response.data)
print(response.status, response.reason)

response = assert(pool:request("POST", base .. "/upload", {
  fields = { title = "notes", file = { "notes.txt", "Nothing happened.\n", "text/plain" } },
}))
io.write(response.data)

-- The head first, then the body as it arrives; what is not read makes the server wait.
response = assert(pool:request("GET", base .. "/long", { preload_content = false }))
local size = 0
for piece in response:stream() do
  size = size + #piece
end
print(size .. " bytes", response.error_string ~= "" and response.error_string or "all of them")

local nothing, message, code = pool:request("GET", "http://127.0.0.1:1/") -- nobody listens there
print(nothing, message, code)

if server then
  server:close()
end
