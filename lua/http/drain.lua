-- http.drain: waiting on a wire (the core's request or connection, or one in memory): for room to write, so
-- that nothing is written faster than the other side reads it; for whatever else it tells of.
-- SPDX-License-Identifier: MIT

local task = require "http.task"

local M = {}

local MOST_PENDING = 64 * 1024 -- bytes that may wait for the other side to read

local function wake_all(state)
  local waiters = state.waiters
  if waiters[1] then
    state.waiters = {}
    for _, wake in ipairs(waiters) do
      task.wake(wake)
    end
  end
end

--- Watches a wire. `on_gone()`, if given, is called once the other side has gone. Returns what the others
--- here need.
function M.watch(wire, on_gone)
  local state = { waiters = {} }
  wire:watch(function()
    if on_gone and wire:gone() then
      on_gone()
    end
    wake_all(state)
  end)
  return state
end

--- Lets all that wait look again.
M.wake_all = wake_all

--- Suspends the running task until ready() is true.
function M.wait_until(state, ready, level)
  task.wait_until(ready, function(wake)
    state.waiters[#state.waiters + 1] = wake
  end, level + 1)
end

function M.is_full(wire)
  return wire:pending() > MOST_PENDING
end

--- Suspends the running task while too much of what was written has not been read.
function M.wait(wire, state)
  M.wait_until(state, function()
    return not M.is_full(wire) or wire:gone()
  end, 1)
end

return M
