-- http.stringify: JSON as JSON.stringify writes it, byte for byte, for the few values of an error's
-- payload. (cjson escapes "/" and DEL, rounds numbers, and leaves the order of keys to chance.)
-- SPDX-License-Identifier: MIT

local core = require "http.core"

local DEEPEST = 100 -- tables in tables; a cycle ends here

local ESCAPES = {
  ['"'] = '\\"',
  ["\\"] = "\\\\",
  ["\b"] = "\\b",
  ["\f"] = "\\f",
  ["\n"] = "\\n",
  ["\r"] = "\\r",
  ["\t"] = "\\t",
}
for byte = 0, 31 do
  local char = string.char(byte)
  ESCAPES[char] = ESCAPES[char] or ("\\u%04x"):format(byte)
end

-- What UTF-8 consists of beyond ASCII, RFC 3629, section 4.
local SEQUENCES = {
  "^[\194-\223][\128-\191]",
  "^\224[\160-\191][\128-\191]",
  "^[\225-\236\238\239][\128-\191][\128-\191]",
  "^\237[\128-\159][\128-\191]",
  "^\240[\144-\191][\128-\191][\128-\191]",
  "^[\241-\243][\128-\191][\128-\191][\128-\191]",
  "^\244[\128-\143][\128-\191][\128-\191]",
}
local REPLACEMENT = "\239\191\189" -- U+FFFD

local function sequence_end(text, from)
  for _, pattern in ipairs(SEQUENCES) do
    local _, last = text:find(pattern, from)
    if last then
      return last
    end
  end
  return nil
end

-- The text with U+FFFD for each byte that is no part of UTF-8, or what carries it would not be JSON.
local function valid_utf8(text)
  local parts, from = {}, 1
  while true do
    local at = text:find("[\128-\255]", from)
    if not at then
      parts[#parts + 1] = text:sub(from)
      return table.concat(parts)
    end
    local last = sequence_end(text, at)
    parts[#parts + 1] = text:sub(from, last or at - 1)
    if not last then
      parts[#parts + 1] = REPLACEMENT
    end
    from = (last or at) + 1
  end
end

local M = {}

--- A string in quotes.
function M.string(text)
  if text:find("[\128-\255]") then
    text = valid_utf8(text)
  end
  return '"' .. text:gsub('[%z\1-\31"\\]', ESCAPES) .. '"'
end

--- A finite number, laid out as ECMA-262 says (Number::toString): the fewest digits that tell it from
--- all others, and an exponent from 1e21 on and below 1e-6.
function M.number(number)
  if number - number ~= 0 then
    error(("a number that JSON does not have: %s"):format(number), 0)
  elseif number == 0 then
    return "0" -- -0 as well
  end
  local text
  for decimals = 0, 16 do
    text = ("%." .. decimals .. "e"):format(number)
    if tonumber(text) == number then
      break
    end
  end
  local sign, first, rest, exponent = text:match("^(%-?)(%d)%.?(%d*)e(.*)$")
  local digits = first .. rest
  local point = tonumber(exponent) + 1 -- digits in front of it
  if point > 21 or point <= -6 then
    return ("%s%s%se%+d"):format(sign, first, rest ~= "" and "." .. rest or "", point - 1)
  elseif point <= 0 then
    return sign .. "0." .. ("0"):rep(-point) .. digits
  elseif #digits <= point then
    return sign .. digits .. ("0"):rep(point - #digits)
  end
  return sign .. digits:sub(1, point) .. "." .. digits:sub(point + 1)
end

-- The keys of a table: those of `first`, in that order, as far as they are there, then the others.
local function keys_of(value, first)
  local keys, rest, seen = {}, {}, {}
  for _, key in ipairs(first) do
    if value[key] ~= nil and not seen[key] then
      keys[#keys + 1] = key
      seen[key] = true
    end
  end
  for key in pairs(value) do
    if type(key) ~= "string" then
      error(("a key that JSON does not have: a %s"):format(type(key)), 0)
    end
    if not seen[key] then
      rest[#rest + 1] = key
    end
  end
  table.sort(rest)
  for _, key in ipairs(rest) do
    keys[#keys + 1] = key
  end
  return keys
end

local encode

local function encode_table(value, order, depth)
  if depth > DEEPEST then
    error("tables too deep for JSON", 0)
  end
  local parts = {}
  if value[1] ~= nil then
    for i, item in ipairs(value) do
      parts[i] = encode(item, {}, depth + 1)
    end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for i, key in ipairs(keys_of(value, order)) do
    parts[i] = M.string(key) .. ":" .. encode(value[key], order[key] or {}, depth + 1)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

function encode(value, order, depth)
  local kind = type(value)
  if kind == "string" then
    return M.string(value)
  elseif kind == "number" then
    return M.number(value)
  elseif kind == "boolean" then
    return tostring(value)
  elseif value == core.null then
    return "null"
  elseif kind == "table" then
    return encode_table(value, order, depth)
  end
  error(("a value that JSON does not have: a %s"):format(kind), 0)
end

--- Any value made of strings, numbers, booleans, http.null and tables. Keys come sorted, after those
--- that `order` lists; order[key] is such a list for the table under that key.
function M.encode(value, order)
  return encode(value, order or {}, 1)
end

return M
