-- SPDX-License-Identifier: MIT
-- Downloads a large file, discards it as it arrives, and with "memory" tells how much this grew the
-- process. Looking at memory costs CPU, so that a run without it is the one to time.
-- usage: moonwire bench/download.lua PORT BYTES [memory]

local READ_BUFFER_SIZE = 262144
local SAMPLE_EVERY = 1024 * 1024

local port, expected, look = tonumber(arg[1]), tonumber(arg[2]), arg[3] == "memory"

-- KiB of one line of /proc/self/status.
local function memory(name)
  for line in io.lines("/proc/self/status") do
    local kib = line:match("^" .. name .. ":%s*(%d+) kB")
    if kib then
      return tonumber(kib)
    end
  end
  error("no " .. name .. " in /proc/self/status")
end

-- Lets VmHWM start anew from what is resident now. Where the kernel refuses, VmHWM tells of the
-- whole life of the process, which is an upper bound.
local function reset_peak()
  local file = io.open("/proc/self/clear_refs", "w")
  if file then
    file:write("5")
    file:close()
  end
end

local function download()
  local received, sampled, before, peak = 0, 0, 0, 0

  if look then
    collectgarbage()
    collectgarbage()
    reset_peak()
    before = memory("VmRSS")
  end

  local function take(response)
    received = received + #response:read_string()
    if look and received - sampled >= SAMPLE_EVERY then
      sampled = received
      peak = math.max(peak, memory("VmRSS"))
    end
  end

  local response = http.get({
    hostname = "127.0.0.1",
    port = port,
    path = "/large",
    read_buffer_size = READ_BUFFER_SIZE,
  }, function(response)
    take(response)
    if response.status_code ~= 200 or response.error ~= 0 or received ~= expected then
      error(("status %d, %d of %d bytes, error %d %s"):format(
        response.status_code, received, expected, response.error, response.error_string), 0)
    end
    if look then
      local high = memory("VmHWM")
      print(("bytes=%d before=%d sampled=%d high=%d growth=%d"):format(
        received, before, peak, high, math.max(peak, high) - before))
    else
      print(("bytes=%d"):format(received))
    end
  end)
  response.ready_read_handler = take
end

-- The first request pays for what every script pays once.
http.get({ hostname = "127.0.0.1", port = port, path = "/" }, function(response)
  if #response:read_string() ~= 13 then
    error("warm-up: " .. response.error_string, 0)
  end
  download()
end)
