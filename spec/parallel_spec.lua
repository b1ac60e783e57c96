-- Many requests at once: as many connections as are allowed to each origin, and little memory.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")

local ORIGINS, EACH, REQUESTS = 10, 6, 1000
local MEMORY = 32 -- MiB that the client may grow

-- Prints how many requests went well, and how many MiB the process grew at most.
local SCRIPT = [[
  local ports = { ... }
  local function largest()
    for line in io.lines("/proc/self/status") do
      local kib = line:match("^VmHWM:%%s*(%%d+)")
      if kib then
        return kib / 1024
      end
    end
  end
  http.configure { max_connections_per_origin = %d }
  local before, good, all = largest(), 0, {}
  for i = 1, %d do
    all[i] = http.get(("http://127.0.0.1:%%s/"):format(ports[i %% #ports + 1]), function(response)
      good = good + (response.ok and #response:read_string() == 1000 and 1 or 0)
    end)
  end
  for _, response in ipairs(all) do
    response:await()
  end
  print(good, ("%%.1f"):format(largest() - before))
]]

-- Answers after a while, so that all connections are wanted at once.
local function origin(count)
  local server
  server = raw.listen {
    on_connect = function(conn)
      count.open = count.open + 1
      count.most = math.max(count.most, count.open)
      conn.on_data = function(_, bytes)
        local _, asked = bytes:gsub("\r\n\r\n", "")
        for _ = 1, asked do
          http.after(0.01, function()
            conn:send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" .. ("x"):rep(1000))
          end)
        end
      end
      conn.on_close = function() count.open = count.open - 1 end
    end,
  }
  return server
end

describe("a thousand requests at once", function()
  helper.setup()

  helper.it_can("connect_anyhow", "to ten origins take six connections to each, and little memory", function()
    local count, ports = { open = 0, most = 0 }, {}
    for i = 1, ORIGINS do
      ports[i] = tostring(origin(count).port)
    end
    local status, output = helper.run_script(SCRIPT:format(EACH, REQUESTS), unpack(ports))
    assert.equal(0, status, output)
    local good, grown = output:match("(%d+)%s+([%d.]+)")
    assert.equal(REQUESTS, tonumber(good), output)
    assert.equal(ORIGINS * EACH, count.most)
    if not helper.under then -- asan and valgrind keep what was freed
      assert.is_true(tonumber(grown) <= MEMORY, grown .. " MiB")
    end
  end)
end)
