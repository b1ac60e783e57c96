-- await.lua [URL]: waits where the answer is needed: asks for a page, then whether it has changed.
local server
if not arg[1] then -- a server of our own, with a page that stays as it is
  server = assert(http.serve {
    handler = function(request, reply)
      local tag = '"monday"'
      reply.headers["ETag"] = tag
      if request.headers["If-None-Match"] == tag then
        reply.status = 304
      else
        reply.body = "<h1>Monday</h1>\n<p>Nothing happened.</p>\n"
      end
    end,
  })
end
local url = arg[1] or server.url .. "/diary"

-- Other tasks run while this one waits.
local function get(headers)
  local response = http.get({ url = url, headers = headers }):await()
  if not response.ok then
    io.stderr:write("await.lua: ", response.error_string, "\n")
    os.exit(1, true)
  end
  print(response.status_code, response.status_message, #response:read_all() .. " bytes")
  return response
end

local page = get()
local tag = page.headers["ETag"]
if tag then
  local again = get { ["If-None-Match"] = tag } -- the second request needs the first's answer
  print(again.status_code == 304 and "not changed since" or "changed meanwhile")
else
  print("the page has no ETag, by which to ask whether it has changed")
end

if server then
  server:close()
end
