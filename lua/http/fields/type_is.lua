-- http.fields.type_is: whether a Content-Type is one of some types, told in short or in full.
-- SPDX-License-Identifier: MIT

local check = require "http.fields.check"
local mime = require "http.fields.mime"
local text = require "http.fields.text"

local M = {}

-- RFC 6838, 4.2: the names of types and subtypes are letters and digits and few signs, at most 127 of them.
local MEDIA_TYPE = "^([%w][%w!#$&^_%-]*)/([%w][%w!#$&^_.+%-]*)$"
local LONGEST_NAME = 127

-- The media type of a Content-Type, without parameters and in lower case, or nil.
local function media_type(value)
  local end_ = value:find(";", 1, true) or #value + 1
  local name = text.trim(value:sub(1, end_ - 1)):lower()
  local first, second = name:match(MEDIA_TYPE)
  if not first or #first > LONGEST_NAME or #second > LONGEST_NAME then
    return nil
  end
  return name
end

--- The media type, perhaps with "*" in it, that `name` is short for: "urlencoded", "multipart", a suffix as
--- "+json", an extension; false for an unknown one. What has a "/" stays as it is.
function M.normalize(name)
  check.string(name, 1, "normalize")
  if name == "urlencoded" then
    return "application/x-www-form-urlencoded"
  elseif name == "multipart" then
    return "multipart/*"
  elseif name:sub(1, 1) == "+" then
    return "*/*" .. name
  elseif name:find("/", 1, true) then
    return name
  end
  return mime.lookup(name) or false
end

-- Whether the media type is the expected one, which may be "*/*", "text/*", "*/json" or "*/*+json".
local function matches(expected, actual)
  local type_, subtype = expected:match("^([^/]*)/([^/]*)$")
  local actual_type, actual_subtype = actual:match("^(.-)/(.*)$")
  if not type_ or type_ ~= "*" and type_ ~= actual_type then
    return false
  end
  if subtype:sub(1, 2) == "*+" then
    local suffix = subtype:sub(2)
    return actual_subtype:sub(-#suffix) == suffix
  end
  return subtype == "*" or subtype == actual_subtype
end

--- The first of `types` (a list, or a string) that the Content-Type `value` is; the media type itself if
--- that one has a "*" or begins with "+", and if there are no types. False if it is none of them, or no
--- media type at all.
function M.is(value, types)
  check.optional_string(value, 1, "is")
  types = check.strings(types, 2, "is")
  local actual = value and media_type(value)
  if not actual then
    return false
  elseif #types == 0 then
    return actual
  end
  for _, name in ipairs(types) do
    local expected = M.normalize(name)
    if expected and matches(expected, actual) then
      local is_pattern = name:sub(1, 1) == "+" or name:find("*", 1, true)
      return is_pattern and actual or name
    end
  end
  return false
end

return M
