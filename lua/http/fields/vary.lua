-- http.fields.vary: the value of Vary, grown field by field (RFC 9110, 12.5.5).
-- SPDX-License-Identifier: MIT

local text = require "http.fields.text"

local M = {}

local TOKEN = "^" .. text.TCHAR .. "+$"

-- The names to add: those of a list, or those between the commas of a string.
local function names_of(fields)
  local kind = type(fields)
  if kind == "string" and fields ~= "" then
    return text.split(fields, ",")
  elseif kind == "table" then
    return fields
  end
  return nil, kind == "string" and "an empty string" or kind
end

local function check_names(names)
  for _, name in ipairs(names) do
    if type(name) ~= "string" or not name:find(TOKEN) then
      return nil, type(name) == "string" and ("'%s'"):format(name) or "a " .. type(name)
    end
  end
  return true
end

--- `current` (the value so far, or nil) with the names of `fields` (a string, commas between names, or a
--- list) behind it, save those that are there already in whatever case. "*", on either side, swallows all.
--- A name that is no token throws: it could not be sent.
function M.append(current, fields)
  if current ~= nil and type(current) ~= "string" then
    error(("bad argument #1 to 'append' (string or nil expected, got %s)"):format(type(current)), 2)
  end
  local names, got = names_of(fields)
  if not names then
    error(("bad argument #2 to 'append' (string or list of strings expected, got %s)"):format(got), 2)
  end
  local ok, culprit = check_names(names)
  if not ok then
    error(("bad argument #2 to 'append' (names of header fields expected, got %s)"):format(culprit), 2)
  end

  current = current or ""
  local seen, parts = {}, {}
  for _, name in ipairs(text.split(current:lower(), ",")) do
    seen[name] = true
  end
  parts[1] = current ~= "" and current or nil
  for _, name in ipairs(names) do
    local lower = name:lower()
    if not seen[lower] then
      seen[lower] = true
      parts[#parts + 1] = name
    end
  end
  return seen["*"] and "*" or table.concat(parts, ", ")
end

return M
