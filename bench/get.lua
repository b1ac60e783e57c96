-- SPDX-License-Identifier: MIT
-- N GETs by chains, 64 unless told, each starting its next request in the callback of the one before.
-- usage: moonwire bench/get.lua PORT REQUESTS [CHAINS]

local BODY_LENGTH = 13

local port, wanted, chains = tonumber(arg[1]), tonumber(arg[2]), tonumber(arg[3] or 64)
local started, finished, failed = 0, 0, 0
local options = { hostname = "127.0.0.1", port = port, path = "/" } -- as libcurl's handles keep theirs
local start

local function done(response)
  finished = finished + 1
  local body = response:read_string()
  if response.status_code ~= 200 or #body ~= BODY_LENGTH then
    failed = failed + 1
    if failed == 1 then
      io.stderr:write(("get.lua: status %d, %d bytes, error %d %s\n"):format(
        response.status_code, #body, response.error, response.error_string))
    end
  end
  if started < wanted then
    start()
  elseif finished == wanted then
    print(("requests=%d failed=%d"):format(finished, failed))
    if failed > 0 then
      error("a request failed", 0)
    end
  end
end

function start()
  started = started + 1
  http.get(options, done)
end

for _ = 1, math.min(chains, wanted) do
  start()
end
