-- SPDX-License-Identifier: MIT
-- Downloads a large file, discards it as it arrives, and with "memory" tells how much this grew the
-- process. usage: moonwire bench/download.lua URL BYTES CA_FILE [memory]

local memory = require "bench.memory"

local READ_BUFFER_SIZE = 262144
local PIECE = 16384 -- as curl's are at most

local url, expected, ca_file, look = arg[1], tonumber(arg[2]), arg[3], arg[4] == "memory"

-- The first request pays for what every script pays once.
local first = http.get({ url = url:match("^%w+://[^/]+/"), ca_file = ca_file }):await()
if #first:read_all() ~= 13 then
  error("warm-up: " .. first.error_string, 0)
end

local before = look and memory.watch()
local received = 0

local function take(response)
  repeat
    local length = #response:read_string(PIECE)
    received = received + length
  until length < PIECE
end

local response = http.get({ url = url, ca_file = ca_file, max_body_size = false, read_buffer_size = READ_BUFFER_SIZE })
response.ready_read_handler = take
response:await()
take(response)
if response.status_code ~= 200 or not response.ok or received ~= expected then
  error(("status %d, %d of %d bytes, error %d %s"):format(
    response.status_code, received, expected, response.error, response.error_string), 0)
end
print(("bytes=%d growth=%d"):format(received, look and memory.growth(before) or 0))
