-- http.fields.querystring: query strings and URL-encoded forms, both ways.
-- SPDX-License-Identifier: MIT

local check = require "http.fields.check"
local query = require "http.query"

local M = {}

local MAX_KEYS = 1000

local function from_hex(digits)
  return string.char(tonumber(digits, 16))
end

-- A "%" without two hex digits behind it stands for itself. The bytes need not be UTF-8.
local function decode(text)
  return (text:gsub("%+", " "):gsub("%%(%x%x)", from_hex))
end

local function add(fields, key, value)
  local there = fields[key]
  if there == nil then
    fields[key] = value
  elseif type(there) == "table" then
    there[#there + 1] = value
  else
    fields[key] = { there, value }
  end
end

--- The fields of "a=1&b=2" as a table: strings by name, or lists of strings where a name comes several
--- times. A name without "=" has the value "". After `options.max_keys` fields (default 1000; 0: no bound)
--- the rest is left out, so that a long text makes no huge table.
function M.parse(text, options)
  check.string(text, 1, "parse")
  local left = options and options.max_keys or MAX_KEYS
  if type(left) ~= "number" then
    error(("bad argument #2 to 'parse' (max_keys: number expected, got %s)"):format(type(left)), 2)
  end
  if left <= 0 then
    left = math.huge
  end
  local fields = {}
  -- Empty pieces give no field, but count, lest a text of nothing but "&" be searched in full.
  for pair in (text .. "&"):gmatch("([^&]*)&") do
    if left < 1 then
      break
    end
    left = left - 1
    if pair ~= "" then
      local equals = pair:find("=", 1, true) or #pair + 1
      add(fields, decode(pair:sub(1, equals - 1)), decode(pair:sub(equals + 1)))
    end
  end
  return fields
end

--- The query string of such a table, keys in order, blanks as "%20". Values may be strings, numbers,
--- booleans and lists of them; anything else throws.
function M.stringify(fields)
  if type(fields) ~= "table" then
    error(("bad argument #1 to 'stringify' (table expected, got %s)"):format(type(fields)), 2)
  end
  local ok, result = pcall(query, fields)
  if not ok then
    error(("bad argument #1 to 'stringify' (%s)"):format(tostring(result)), 2)
  end
  return result
end

return M
