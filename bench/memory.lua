-- SPDX-License-Identifier: MIT
-- How much a process grows: resident memory at its highest, above what it was before.

local memory = {}

-- KiB of one line of /proc/self/status.
local function status(name)
  for line in io.lines("/proc/self/status") do
    local kib = line:match("^" .. name .. ":%s*(%d+) kB")
    if kib then
      return tonumber(kib)
    end
  end
  error("no " .. name .. " in /proc/self/status")
end

-- What is resident when garbage is gone.
function memory.resident()
  collectgarbage()
  collectgarbage()
  return status("VmRSS")
end

-- Begins to watch. VmHWM starts anew from what is resident now; where the kernel refuses that, it tells
-- of the whole life of the process, which is an upper bound.
function memory.watch()
  local before = memory.resident()
  local file = io.open("/proc/self/clear_refs", "w")
  if file then
    file:write("5")
    file:close()
  end
  return before
end

-- KiB by which the process has ever been larger since.
function memory.growth(before)
  return status("VmHWM") - before
end

return memory
