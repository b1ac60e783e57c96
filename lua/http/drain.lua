-- http.drain: writing a reply no faster than its client reads it.
-- SPDX-License-Identifier: MIT

local task = require "http.task"

local M = {}

local MOST_PENDING = 64 * 1024 -- bytes that may wait for the client to read

--- Watches a wire (the core's request, or one in memory). `on_gone()`, if given, is called once the client
--- has gone. Returns what wait() needs.
function M.watch(wire, on_gone)
  local state = { wake = nil }
  wire:watch(function()
    local wake = state.wake
    state.wake = nil
    if on_gone and wire:gone() then
      on_gone()
    end
    if wake then
      task.wake(wake)
    end
  end)
  return state
end

function M.is_full(wire)
  return wire:pending() > MOST_PENDING
end

--- Suspends the running task while too much of what was written has not been read.
function M.wait(wire, state)
  task.wait_until(function()
    return not M.is_full(wire) or wire:gone()
  end, function(wake)
    state.wake = wake
  end, 1)
end

return M
