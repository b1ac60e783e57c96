-- SPDX-License-Identifier: MIT
-- The smallest server: 13 bytes with a Content-Type. Prints its port.

local server = assert(http.serve {
  handler = function(_, response)
    response.headers["Content-Type"] = "text/plain"
    response.body = "Hello, World!"
  end,
})

io.stdout:setvbuf("no") -- a script reads it
print(server.port)
