-- SPDX-License-Identifier: MIT
-- Uploads a large file to bench/sink.c, and with "memory" tells how much this grew the process. Exits
-- with 3 where the engine has no uploads from files.
-- usage: moonwire bench/upload.lua URL FILE CA_FILE [memory]

local memory = require "bench.memory"

local url, path, ca_file, look = arg[1], arg[2], arg[3], arg[4] == "memory"

-- The first request pays for what every script pays once.
local first = http.get({ url = url, ca_file = ca_file }):await()
if not first.ok then
  error("warm-up: " .. first.error_string, 0)
end

local before = look and memory.watch()
local response = http.put({ url = url, file = path, ca_file = ca_file }):await()
if response.error == response.PROTOCOL_INVALID_OPERATION_ERROR and response.status_code == 0 then
  io.stderr:write(response.error_string, "\n")
  os.exit(3)
end
if not response.ok then
  error(("status %d, error %d %s"):format(response.status_code, response.error, response.error_string), 0)
end
print(("bytes=%d growth=%d"):format(tonumber(response:read_all()), look and memory.growth(before) or 0))
