-- SPDX-License-Identifier: MIT
-- A server whose idle connections are to be weighed, and another, of its own port, that tells what is
-- resident: KiB without garbage. Prints both ports. usage: moonwire bench/idle.lua [CERTIFICATE KEY]

local memory = require "bench.memory"

local server = assert(http.serve {
  tls = arg[2] and { cert_file = arg[1], key_file = arg[2] } or nil,
  idle_timeout = 600,
  handler = function(_, response)
    response.headers["Content-Type"] = "text/plain"
    response.body = "Hello, World!"
  end,
})
local control = assert(http.serve {
  handler = function(_, response)
    response.body = tostring(memory.resident())
  end,
})

io.stdout:setvbuf("no") -- a script reads it
print(server.port .. " " .. control.port)
