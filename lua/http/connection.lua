-- http.connection: a connection that HTTP was left on, behind an upgrade: bytes in, bytes out.
-- SPDX-License-Identifier: MIT

local check_self = require "http.check_self"
local core = require "http.core"
local drain = require "http.drain"
local reader = require "http.reader"
local task = require "http.task"

local Connection = {}
local mt = { __name = "http.Connection", __index = Connection }

function mt.__tostring(self)
  return "http.Connection (" .. (self._wire:gone() and "closed" or "open") .. ")"
end

local M = {}

--- Of the core's connection.
function M.new(wire)
  local state = drain.watch(wire)
  return setmetatable({ _wire = wire, _state = state, _reader = reader.new(wire, state) }, mt)
end

-- read, read_line, read_all, chunks and lines, as those of a reader.
for name, method in pairs(reader.methods) do
  Connection[name] = function(self, ...)
    check_self(self, mt, 2)
    return method(self._reader, ...)
  end
end

--- Sends bytes behind those that were sent before. In a task it waits while the other side reads slowly.
--- Returns true, or nil, message and code ("closed" once the connection has gone).
function Connection:write(bytes)
  check_self(self, mt, 2)
  if type(bytes) ~= "string" then
    error(("bad argument #1 to 'write' (string expected, got %s)"):format(type(bytes)), 2)
  end
  local ok, message, code = self._wire:write(bytes)
  if ok and task.current() and drain.is_full(self._wire) then
    drain.wait(self._wire, self._state)
  end
  return ok, message, code
end

-- Who waits for it is told, but not from inside the call.
local function tell(self)
  core.after(0, function()
    drain.wake_all(self._state)
  end)
end

--- Closes it once all that was written is on its way.
function Connection:close()
  check_self(self, mt, 2)
  self._wire:close()
  tell(self)
end

--- Closes it at once: what was not sent is lost.
function Connection:abort()
  check_self(self, mt, 2)
  self._wire:abort()
  tell(self)
end

--- Whether nothing can be sent any more: it was closed, or broke.
function Connection:gone()
  check_self(self, mt, 2)
  return self._wire:gone()
end

--- Of a Response that has finished: its connection, or nil, message and code.
function M.of_response(response)
  local failure = core.transfer_error(response)
  if failure then
    return nil, failure, "failed"
  end
  local wire, message = core.connection(response)
  if wire then
    return M.new(wire)
  end
  if message == "the exchange was not upgraded" then
    message = ("the server did not upgrade the connection: it answered %d %s"):format(
      response.status_code, response.status_message)
    return nil, message, "refused"
  end
  return nil, message, "closed"
end

return M
