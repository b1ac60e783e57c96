-- The server in the process that a mock or a recording stands on.
-- SPDX-License-Identifier: MIT

local serve = require "http.serve"

local NO_BOUND = 1e15 -- bytes: the limits are those of the client

-- Takes what goes to the origin, "*" for everything. Throws what http.serve throws, at that level.
return function(origin, handler, level)
  local ok, server = pcall(serve, {
    origin = origin or "*",
    max_head_size = NO_BOUND,
    max_body_size = NO_BOUND,
    handler = handler,
  })
  if not ok then
    error((tostring(server):gsub("^[^:]+:%d+: ", "")), level + 1)
  end
  return server
end
