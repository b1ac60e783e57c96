-- http.json: JSON by lua-cjson, which is loaded when it is first needed.
-- SPDX-License-Identifier: MIT

local random = require "http.random"

local M = {}

local codec

-- cjson makes "{}" of every empty table. This one holds what no other data does, which becomes "[]" behind
-- cjson's back.
local MARK = "empty array " .. (random(16) or "of http")

--- An array without items, for encode: "[]" where an empty table is "{}". It is a constant, not to be filled.
M.empty_array = setmetatable({ MARK }, { __name = "http.empty_array" })

-- An instance of our own: a script's settings of its cjson are not ours, nor ours its.
local function load_codec(level)
  if not codec then
    local found, cjson = pcall(require, "cjson.safe")
    if not found then
      error("JSON needs the Lua module cjson (Debian: lua-cjson)", level + 1)
    end
    codec = cjson.new()
    codec.decode_invalid_numbers(false) -- NaN, 0x10 and the like, which are not JSON
  end
  return codec
end

-- ---- numbers ----------------------------------------------------------------------------------

-- cjson writes 14 digits of a number and drops the others: those of an integer beyond 1e14, a time with
-- microseconds. Such a number goes as a text that no other data holds, whose marks are taken off afterwards.
local NUMBER = "number " .. (random(16) or "of http") .. " "
local DEEPEST = 1000 -- as cjson's

local function survives(number)
  if number % 1 == 0 and number > -1e14 and number < 1e14 then
    return true
  end
  return number ~= number or tonumber(("%.14g"):format(number)) == number -- cjson refuses what is not finite
end

local function marked(number)
  for digits = 15, 17 do
    local text = ("%." .. digits .. "g"):format(number)
    if tonumber(text) == number then
      return NUMBER .. text
    end
  end
end

-- The value, or a copy of it where a number in it would not survive. `path`: the tables that it lies in.
local function with_numbers(value, path, depth)
  if type(value) == "number" then
    return survives(value) and value or marked(value)
  elseif type(value) ~= "table" or path[value] or depth > DEEPEST then
    return value
  end
  local copy
  path[value] = true
  for key, item in next, value do
    local kept = item
    if type(item) == "number" or type(item) == "table" then
      kept = with_numbers(item, path, depth + 1)
    end
    if not rawequal(kept, item) then
      copy = copy or {}
      rawset(copy, key, kept)
    end
  end
  path[value] = nil
  for key, item in next, copy and value or {} do
    if rawget(copy, key) == nil then
      rawset(copy, key, item)
    end
  end
  return copy or value
end

-- ---- encoding ---------------------------------------------------------------------------------

-- cjson escapes slashes, as nobody else does.
local UNESCAPED = { ["/"] = "/" }

--- The value as JSON, or nil and words.
function M.encode(value, level)
  local text, why = load_codec((level or 1) + 1).encode(with_numbers(value, {}, 0))
  if not text then
    return nil, why
  end
  if text:find(NUMBER, 1, true) then
    text = text:gsub('"' .. NUMBER .. '([^"]*)"', "%1")
  end
  if text:find("\\/", 1, true) then
    text = text:gsub("\\(.)", UNESCAPED)
  end
  if text:find(MARK, 1, true) then
    text = text:gsub('%["' .. MARK .. '"%]', "[]")
  end
  return text
end

-- The keys of a table: those of `order` that it has, then the others, sorted.
local function ordered_keys(value, order)
  local keys, listed = {}, {}
  for _, key in ipairs(order) do
    if value[key] ~= nil and not listed[key] then
      keys[#keys + 1], listed[key] = key, true
    end
  end
  local first_other = #keys + 1
  for key in pairs(value) do
    if not listed[key] then
      keys[#keys + 1] = key
    end
  end
  local others = { unpack(keys, first_other) }
  table.sort(others, function(a, b)
    return tostring(a) < tostring(b)
  end)
  for i, key in ipairs(others) do
    keys[first_other + i - 1] = key
  end
  return keys
end

--- An object as JSON, its keys in the order of a list, which cjson leaves to chance; order[key] is such a
--- list for the object under that key. Or nil and words.
function M.encode_ordered(value, order, level)
  level = (level or 1) + 1
  local parts = {}
  for i, key in ipairs(ordered_keys(value, order)) do
    local item = value[key]
    local text, why
    if type(item) == "table" and order[key] then
      text, why = M.encode_ordered(item, order[key], level)
    else
      text, why = M.encode(item, level)
    end
    if not text then
      return nil, why
    end
    parts[i] = M.encode(tostring(key), level) .. ":" .. text
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

local BYTE_ORDER_MARK = "\239\187\191"
local UTF16 = { ["\254\255"] = true, ["\255\254"] = true }

-- cjson counts characters and means bytes; it says what it expected in words of its own.
local function wrong(why, text, skipped)
  if not text:find("[^ \t\r\n]") then
    return "the body is not JSON: " .. (skipped + #text == 0 and "it is empty" or "it is blank")
  elseif UTF16[text:sub(1, 2)] or text:find("^[^%z]?%z") then
    return "the body is not JSON: it is not UTF-8 (RFC 8259, 8.1), but seems to be UTF-16"
  end
  why = why:gsub("at character (%d+)$", function(at)
    return ("at byte %d"):format(tonumber(at) + skipped)
  end)
  return "the body is not JSON: " .. why:gsub("T_END", "its end")
end

--- The value that a body holds as JSON, or nil and words. `null` is http.null. A byte order mark is skipped.
function M.decode_body(text, level)
  local decode = load_codec((level or 1) + 1).decode
  local skipped = text:sub(1, 3) == BYTE_ORDER_MARK and 3 or 0
  local value, why = decode(skipped > 0 and text:sub(4) or text)
  if value == nil then
    return nil, wrong(why, text:sub(skipped + 1), skipped)
  end
  return value
end

return M
