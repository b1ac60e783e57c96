-- Servers of http.serve for a spec, and what a client of raw bytes gets from them. A describe block asks
-- for their end with after_each(servers.close), before helper.setup(), which looks for what is left.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")

local M = {
  GET = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
}

local open = {}

-- Serves until the test is over.
function M.serve(handler, options)
  options = options or {}
  options.handler = handler
  local server = assert(http.serve(options))
  open[#open + 1] = server
  return server
end

function M.close()
  for _, server in ipairs(open) do
    server:close()
  end
  open = {}
end

-- Sends bytes on a connection of its own and returns all that comes back until the server closes.
function M.talk(server, bytes)
  local conn = raw.connect({ port = server.port })
  conn:send(bytes or M.GET)
  helper.wait(function() return conn.closed end, nil, "the server to close")
  return conn.received
end

return M
