-- SPDX-License-Identifier: MIT
-- Downloads a body and throws it away as it arrives, decoded or, with "keep", as it comes.
-- usage: moonwire bench/decode.lua URL BYTES [keep]

local url, expected, keep = arg[1], tonumber(arg[2]), arg[3] == "keep"
local received = 0

local response = http.get({ url = url, max_body_size = false, decode = not keep })
for chunk in response:chunks() do
  received = received + #chunk
end
if not response.ok or received ~= expected then
  error(("status %d, %d of %d bytes, error %d %s"):format(
    response.status_code, received, expected, response.error, response.error_string), 0)
end
print(("bytes=%d"):format(received))
