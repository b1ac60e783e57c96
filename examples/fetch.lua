-- fetch.lua [URL]: fetches in callbacks, with a progress bar on a terminal and lines elsewhere.
local ffi = require "ffi"
ffi.cdef "int isatty(int descriptor);"
local terminal = ffi.C.isatty(1) == 1
local wipe = terminal and "\r\27[K" or "" -- takes the bar away

local url, server = arg[1], nil
if not url then -- none given: fetch from a server of our own
  server = assert(http.serve {
    handler = function(_, reply)
      reply.headers["Content-Type"] = "text/plain"
      reply.body = ("The quick brown fox jumps over the lazy dog.\n"):rep(200000)
    end,
  })
  url = server.url .. "/fox.txt"
elseif not url:find("://", 1, true) then
  url = "http://" .. url
end

local response = http.get(url) -- calls nothing before this script has ended: time for handlers

local quarters = 0
response.download_progress_handler = function(_, received, total)
  local part = total > 0 and received / total or 0 -- total is -1 where the server does not say it
  local text = received .. " bytes"
  if total > 0 then
    text = ("%3d %% of %d bytes"):format(100 * part, total)
  end
  if terminal then
    io.write(("\r[%-40s] %s"):format(("#"):rep(40 * part), text))
    io.flush()
  elseif math.floor(4 * part) > quarters then
    quarters = math.floor(4 * part)
    print(text)
  end
end

response.error_handler = function(_, code)
  io.write(wipe)
  io.flush()
  io.stderr:write("fetch.lua: ", response.error_string, " (error ", code, ")\n")
end

response.finished_handler = function()
  if server then
    server:close()
  end
  if not response.ok then
    os.exit(1, true)
  end
  print(wipe .. "status    " .. response.status_code .. " " .. response.status_message)
  print("type      " .. (response.headers["Content-Type"] or "not said"))
  print("size      " .. #response:read_all() .. " bytes")
  if response.headers["Location"] then
    print("moved to  " .. response.headers["Location"])
  end
end
