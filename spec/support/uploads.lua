-- What specs of request bodies share: files to send, chunks undone, a server that dies once.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")

local M = {
  OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
}

local folder

-- In a describe block: its tests have a folder of their own (folder(), write_file).
function M.use_folder()
  local env = getfenv(2) -- busted gives its functions to the spec alone
  env.before_each(function() folder = raw.mkdtemp() end)
  env.after_each(function() raw.remove_tree(folder) end)
end

function M.folder()
  return folder
end

-- Returns the file's path.
function M.write_file(name, bytes)
  local path = folder .. "/" .. name
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
  return path
end

-- A body as it came on the wire, without its chunks, behind which nothing must stand.
function M.unchunk(bytes)
  local parts, at = {}, 1
  while true do
    local size, from = bytes:match("^(%x+)\r\n()", at)
    size = tonumber(assert(size, "no chunk at " .. at), 16)
    if size == 0 then
      assert(bytes:sub(at) == "0\r\n\r\n", "something stands behind the last chunk")
      return table.concat(parts)
    end
    parts[#parts + 1] = bytes:sub(from, from + size - 1)
    assert(bytes:sub(from + size, from + size + 1) == "\r\n", "a chunk does not end with a line")
    at = from + size + 2
  end
end

-- A server whose first connection, which has answered once by now, dies with the second request; the next
-- ones answer. And the list of what was asked.
function M.dying()
  local seen, connections = {}, 0
  local server = raw.listen({ on_connect = function(conn)
    connections = connections + 1
    local first, from, count = connections == 1, 1, 0
    conn.on_data = function()
      local request, next_from = helper.parse_request(conn.received, from)
      if not request then
        return
      end
      from, count = next_from, count + 1
      seen[#seen + 1] = request
      if first and count == 2 then
        return conn:reset()
      end
      conn:send(M.OK)
    end
  end })
  http.get(helper.url(server)):await()
  return server, seen
end

return M
