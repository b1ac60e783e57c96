-- http.parts: a body that is put together of strings, files and what gives pieces, one behind the other. It is
-- read as it goes out.
-- SPDX-License-Identifier: MIT

local body_source = require "http.body_source"

local M = {}

local PIECE = 64 * 1024

local Parts = {}
local mt = { __name = "http.Parts", __index = Parts }

-- ---- reading ----------------------------------------------------------------------------------

local function of_string(text)
  local done = false
  return function()
    if done then
      return nil
    end
    done = true
    return text
  end
end

-- A file that was measured when it was opened: so much of it goes, whatever happens to it meanwhile.
local function of_file(item)
  local at = 0
  return function()
    if at == item.length then
      return nil
    end
    local piece, why = item.file:read(at, math.min(PIECE, item.length - at))
    if not piece then
      return nil, ("%s: %s"):format(item.name, why)
    end
    at = at + #piece
    return piece
  end
end

local function of_source(item)
  local read, left = body_source.reader(item.source), item.length
  return function()
    local piece, message = body_source.check(read())
    if not left or (piece == nil and message) then
      return piece, message
    end
    left = left - (piece and #piece or 0)
    if left < 0 or (piece == nil and left > 0) then
      return nil, ("%s is %s than its length was said to be"):format(item.name, left < 0 and "longer" or "shorter")
    end
    return piece
  end
end

local function reader(item)
  if type(item) == "string" then
    return of_string(item)
  end
  return item.file and of_file(item) or of_source(item)
end

--- for piece in parts:chunks() do … end: from the beginning; nil and words where it breaks off.
function Parts:chunks()
  local at, read = 0, nil
  return function()
    while true do
      local piece, message
      if read then
        piece, message = read()
      end
      if piece or message then
        return piece, message
      elseif at == #self._items then
        return nil
      end
      at = at + 1
      read = reader(self._items[at])
    end
  end
end

-- It can be read again where nothing but its beginning is needed for that.
local function rewind() end

-- Files that were opened for it are closed.
function Parts:_let_go()
  for _, item in ipairs(self._items) do
    if type(item) == "table" then
      if item.file then
        item.file:close()
      else
        body_source.let_go(item.source)
      end
    end
  end
end

-- ---- making -----------------------------------------------------------------------------------

-- Neighbouring strings become one, unless that would copy much.
local function joined(items)
  local result = {}
  for _, item in ipairs(items) do
    local last = result[#result]
    if type(item) == "string" and type(last) == "string" and #last + #item <= PIECE then
      result[#result] = last .. item
    elseif item ~= "" then
      result[#result + 1] = item
    end
  end
  return result
end

--- The body for a list of items: strings; { file =, length =, name = } with a file of core.open_part;
--- { source =, length =, name = } with what http.body_source takes, where the length may be missing. All
--- strings: a string.
function M.new(items)
  local length, again, strings = 0, true, true
  for _, item in ipairs(items) do
    local size = #item
    if type(item) ~= "string" then
      size, strings = item.length, false
      again = again and item.file ~= nil
    end
    length = length and size and length + size
  end
  if strings then
    return table.concat(items)
  end
  return setmetatable({
    _items = joined(items),
    body_length = length, -- nil: nobody knows
    rewind = again and rewind or nil,
  }, mt)
end

--- In place of a body one of whose files cannot be opened: the request fails with the reason.
function M.unreadable(path)
  return setmetatable({ _items = {}, unreadable_file = path }, mt)
end

return M
