-- download.lua [URL FILE [SHA256]]: fetches a file, or the rest of it; run it again when it broke off.
local url, path, sha256, server = arg[1], arg[2], arg[3], nil
if not url then -- a server of our own, which breaks off at the first try
  local body, tries = ("0123456789abcdef"):rep(65536), 0
  server = assert(http.serve {
    handler = function(request, reply)
      tries = tries + 1
      local from = tonumber((request.headers.Range or ""):match("^bytes=(%d+)-$")) or 0
      reply.headers = { ETag = '"1"', ["Content-Length"] = #body - from }
      if from > 0 then
        reply.status = 206
        reply.headers["Content-Range"] = ("bytes %d-%d/%d"):format(from, #body - 1, #body)
      end
      reply:write(body:sub(from + 1, tries == 1 and #body / 2 or -1))
    end,
  })
  url, path = server.url .. "/big", os.tmpname()
elseif not path then
  io.stderr:write("usage: download.lua [URL FILE [SHA256]]\n")
  os.exit(2, true)
end

local function show(received, total, rate, eta)
  io.stderr:write(("\r%s %.1f of %s MiB, %.1f MiB/s, %s s left "):format(path, received / 2 ^ 20,
    total and ("%.1f"):format(total / 2 ^ 20) or "?", rate / 2 ^ 20, eta and math.ceil(eta) or "?"))
end

local file, message, code
for try = 1, 3 do
  file, message, code = http.download(url, path, { sha256 = sha256 or true, progress = show })
  io.stderr:write("\n")
  if file or code ~= "remote_host_closed" then
    break
  end
  print(("try %d: %s"):format(try, message))
end
if not file then
  io.stderr:write("download.lua: ", message, "\n")
  os.exit(1, true)
end
print(("%s: %d bytes, %d of them from before, sha256 %s"):format(file.path, file.size, file.resumed_from, file.sha256))

if server then
  os.remove(path)
  server:close()
end
