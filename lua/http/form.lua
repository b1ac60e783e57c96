-- http.form: fields as application/x-www-form-urlencoded, as browsers write it (WHATWG URL, 5.2).
-- SPDX-License-Identifier: MIT

local multipart = require "http.multipart"

local M = { TYPE = "application/x-www-form-urlencoded" }

local function escape(byte)
  return byte == " " and "+" or ("%%%02X"):format(byte:byte())
end

local function encode(text)
  return (text:gsub("[^%w*%-._]", escape))
end

local function text_of(value, name)
  local kind = type(value)
  if kind ~= "string" and kind ~= "number" and kind ~= "boolean" then
    error(("the value of '%s' is a %s; strings, numbers, booleans and lists of them can be sent"):format(name, kind), 0)
  end
  return encode(tostring(value))
end

local function values_of(value, name)
  if type(value) ~= "table" then
    return { value }
  end
  for key in pairs(value) do
    if type(key) ~= "number" or key % 1 ~= 0 or key < 1 or key > #value then
      error(("the value of '%s' is a table, but no list"):format(name), 0)
    end
  end
  return value
end

--- The body for such fields: values by name, in the order of the names, or a list of pairs { name, value } in
--- its own. A value that is a list gives its name as often as it has items. Throws without a position.
function M.encode(fields)
  local parts = {}
  for _, pair in ipairs(multipart.list(fields)) do
    local name = pair[1]
    for _, value in ipairs(values_of(pair[2], name)) do
      parts[#parts + 1] = encode(name) .. "=" .. text_of(value, name)
    end
  end
  return table.concat(parts, "&")
end

return M
