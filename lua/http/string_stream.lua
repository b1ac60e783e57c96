-- http.string_stream: a readable Stream over a string that is all there: the reads of a Response
-- without the waiting.
-- SPDX-License-Identifier: MIT

local check_self = require "http.check_self"
local core = require "http.core"

local M = {}

local methods = {}
local mt = { __name = "http.Stream" }

function mt.__index(self, name)
  if name == "bytes_available" then
    return self._closed and 0 or #self._text - self._at + 1
  elseif name == "at_end" then
    return self._closed or self._at > #self._text
  elseif name == "is_open" then
    return not self._closed
  elseif name == "can_read_line" then
    return not self._closed and self._text:find("\n", self._at, true) ~= nil
  end
  return methods[name]
end

function mt.__tostring(self)
  return ("http.Stream (%d bytes to read)"):format(self.bytes_available)
end

function M.new(text)
  return setmetatable({ _text = text, _at = 1, _closed = false }, mt)
end

function M.is(value)
  return getmetatable(value) == mt
end

-- peek alone has to be told how much.
local function check(self, name, max)
  check_self(self, mt, 3)
  if (max ~= nil or name:find("^peek")) and (type(max) ~= "number" or max < 0 or max ~= max) then
    error(("bad argument #1 to '%s' (number of bytes expected, 0 or more)"):format(name), 3)
  end
end

local function look(self, count)
  return self._text:sub(self._at, self._at + math.min(count, #self._text) - 1)
end

local function take(self, count)
  local bytes = look(self, count)
  self._at = self._at + #bytes
  return bytes
end

local function line_length(self, max)
  local stop = self._text:find("\n", self._at, true) or #self._text
  return math.min(stop - self._at + 1, max or math.huge)
end

-- Each read by name: how many bytes it would return.
local READS = {
  read = function(self, max)
    return max or #self._text
  end,
  peek = function(_, max)
    return max
  end,
  read_line = line_length,
  read_all = function(self)
    return #self._text
  end,
}

local function to_bytes(text)
  local bytes = {}
  for i = 1, #text do
    bytes[i] = text:byte(i)
  end
  return bytes
end

local function as_is(text)
  return text
end

for family, length in pairs(READS) do
  local step = family == "peek" and look or take
  for suffix, convert in pairs { [""] = as_is, _string = as_is, _bytes = to_bytes } do
    local name = family .. suffix
    methods[name] = function(self, max)
      check(self, name, max)
      if self._closed then
        return nil, "closed"
      end
      return convert(step(self, length(self, max)))
    end
  end
end

--- for chunk in stream:chunks() do … end
function methods:chunks()
  check(self, "chunks")
  return function()
    local chunk = not self._closed and take(self, 65536)
    return chunk and chunk ~= "" and chunk or nil
  end
end

--- for line in stream:lines() do … end: without their line ends.
function methods:lines()
  check(self, "lines")
  return function()
    if self.at_end then
      return nil
    end
    return (take(self, line_length(self)):gsub("\r?\n$", ""))
  end
end

function methods:close()
  check(self, "close")
  self._closed = true
end

-- The twins of a Response, for code that takes either: the callback is called from the loop.
for name in pairs(READS) do
  for _, form in ipairs { "", "_string", "_bytes" } do
    local read = methods[name .. form]
    methods[name .. form .. "_async"] = function(self, max, callback)
      if callback == nil and type(max) == "function" and name ~= "peek" then
        max, callback = nil, max
      end
      check(self, name .. form .. "_async", max)
      if type(callback) ~= "function" then
        error(("bad argument #2 to '%s_async' (function expected, got %s)"):format(name .. form, type(callback)), 2)
      end
      core.after(0, function()
        callback(self, read(self, max))
      end)
    end
  end
end

return M
