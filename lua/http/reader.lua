-- http.reader: reads that wait for what comes on a wire: the body of a request, a connection.
--
-- The wire gives what has come with take() ("" for nothing yet), tells with ended() that nothing more will,
-- and with failure() why, unless that was in order: words and a code.
-- SPDX-License-Identifier: MIT

local check_self = require "http.check_self"
local drain = require "http.drain"

local methods = {}
local mt = { __name = "http.Reader", __index = methods }

local M = { methods = methods }

--- `state` is what drain.watch() of the wire returned.
function M.new(wire, state)
  return setmetatable({
    _wire = wire,
    _state = state,
    _taken = "", -- taken from the wire, and read up to:
    _at = 1,
  }, mt)
end

-- Waits until there is something to read; false at the end.
local function fill(self, level)
  if self._at <= #self._taken then
    return true
  end
  local wire = self._wire
  local bytes
  drain.wait_until(self._state, function()
    bytes = wire:take()
    return bytes ~= "" or wire:ended()
  end, level + 1)
  self._taken, self._at = bytes, 1
  return bytes ~= ""
end

local function take(self, last)
  local bytes = self._taken:sub(self._at, last)
  self._at = self._at + #bytes
  return bytes
end

local function at_end(self)
  local message, code = self._wire:failure()
  if message then
    return nil, message, code
  end
  return nil
end

local function check_max(name, max)
  if max ~= nil and (type(max) ~= "number" or max < 1 or max ~= max) then
    error(("bad argument #1 to '%s' (number of bytes expected, 1 or more)"):format(name), 3)
  end
  return max or math.huge
end

--- What has come, at most `max` bytes of it; waits for the first. nil at the end; nil, message and code
--- where it broke off.
function methods:read(max)
  check_self(self, mt, 2)
  max = check_max("read", max)
  if not fill(self, 2) then
    return at_end(self)
  end
  return take(self, self._at + math.min(max, #self._taken) - 1)
end

-- Up to the line's end, or the end; or `max` bytes.
local function read_line(self, max, level)
  local pieces, length = {}, 0
  while length < max and fill(self, level + 1) do
    local stop = self._taken:find("\n", self._at, true)
    local piece = take(self, math.min(stop or #self._taken, self._at + max - length - 1))
    pieces[#pieces + 1] = piece
    length = length + #piece
    if piece:byte(-1) == 10 then
      break
    end
  end
  if length == 0 then
    return at_end(self)
  end
  return table.concat(pieces)
end

--- The next line with its "\n", which the last may lack; of a longer one the first `max` bytes. nil as of
--- read().
function methods:read_line(max)
  check_self(self, mt, 2)
  return read_line(self, check_max("read_line", max), 2)
end

--- All that is left; nil, message and code where it broke off.
function methods:read_all()
  check_self(self, mt, 2)
  local pieces = {}
  while fill(self, 2) do
    pieces[#pieces + 1] = take(self)
  end
  local message, code = self._wire:failure()
  if message then
    return nil, message, code
  end
  return table.concat(pieces)
end

--- for chunk in reader:chunks() do … end: as it comes, until the end.
function methods:chunks()
  check_self(self, mt, 2)
  return function()
    if not fill(self, 2) then
      return at_end(self)
    end
    return take(self)
  end
end

--- for line in reader:lines() do … end: without their line ends ("\n" or "\r\n").
function methods:lines()
  check_self(self, mt, 2)
  return function()
    local line, message, code = read_line(self, math.huge, 2)
    if not line then
      return nil, message, code
    end
    return (line:gsub("\r?\n$", ""))
  end
end

return M
