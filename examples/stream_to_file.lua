-- stream_to_file.lua [URL FILE]: writes a body to a new file as it arrives, in constant memory.
local url, path, server = arg[1], arg[2], nil
if not url then -- a server of our own, which sends 16 MiB bit by bit
  server = assert(http.serve {
    handler = function(_, reply)
      local block = ("0123456789abcdef"):rep(4096)
      for _ = 1, 256 do
        reply:write(block) -- waits, if the client does not read
      end
    end,
  })
  url, path = server.url .. "/large", os.tmpname()
  os.remove(path) -- only the name is wanted
elseif not path then
  io.stderr:write("usage: stream_to_file.lua [URL FILE]\n")
  os.exit(2, true)
end

local function fail(why)
  io.stderr:write("stream_to_file.lua: ", why, "\n")
  os.exit(1, true)
end

local file, refused = io.open(path, "wbx") -- x: must not exist, for it is removed on failure
if not file then
  fail(refused)
end

-- Returns what went wrong, with the network or with the disk; nil if nothing did.
local size = 0
local function save(response)
  for chunk in response:chunks() do
    local written, why = file:write(chunk)
    if not written then
      return path .. ": " .. why
    end
    size = size + #chunk
  end
  local closed, why = file:close() -- the last bytes reach the disk here
  if not closed then
    return path .. ": " .. why
  end
  return not response.ok and response.error_string or nil
end

-- Only what waits to be read takes memory, so that the body may have any size.
local wrong = save(http.get { url = url, max_body_size = 1e15 })
if wrong then
  os.remove(path)
  fail(wrong)
end
print("saved " .. size .. " bytes")

if server then
  os.remove(path)
  server:close()
end
