-- http.fields.disposition: the value of Content-Disposition (RFC 6266), names of files in any script.
-- SPDX-License-Identifier: MIT

local check = require "http.fields.check"
local text = require "http.fields.text"

local M = {}

local TOKEN = "^" .. text.TCHAR .. "+$"

-- What is well-formed beyond ASCII (RFC 3629, 4). No sequence can begin inside another one.
local SEQUENCES = {
  "[\194-\223][\128-\191]",
  "\224[\160-\191][\128-\191]",
  "[\225-\236\238\239][\128-\191][\128-\191]",
  "\237[\128-\159][\128-\191]",
  "\240[\144-\191][\128-\191][\128-\191]",
  "[\241-\243][\128-\191][\128-\191][\128-\191]",
  "\244[\128-\143][\128-\191][\128-\191]",
}

local function is_utf8(name)
  for _, sequence in ipairs(SEQUENCES) do
    name = name:gsub(sequence, ".")
  end
  return not name:find("[\128-\255]")
end

-- A name that is no UTF-8 is taken for Latin-1, of which every byte is a character.
local function to_utf8(name)
  if is_utf8(name) then
    return name
  end
  return (name:gsub("[\128-\255]", function(byte)
    local code = byte:byte()
    return string.char(code < 192 and 194 or 195, code < 192 and code or code - 64)
  end))
end

-- Valid UTF-8 as Latin-1. "?" stands for what Latin-1 has not: one for each unit of UTF-16, as Koa has it.
local function to_latin1(name)
  return (name:gsub("[\194-\244][\128-\191]+", function(sequence)
    local lead, last = sequence:byte(1, 2)
    if lead > 195 then
      return #sequence == 4 and "??" or "?"
    end
    return string.char(lead == 194 and last or last + 64)
  end))
end

local function to_printable(latin1)
  return (latin1:gsub("[%z\1-\31\127-\159]", "?"))
end

local function basename(path)
  path = path:sub(1, #path - #path:reverse():match("^/*"))
  return path:match("[^/]*$", (path:find("/[^/]*$")) or 1)
end

-- RFC 6266, 4.1: a quoted string of printable characters of Latin-1. Such a name needs no other form.
local function is_quotable(name)
  return name ~= "" and not name:find("[%z\1-\31\127\196-\255]")
end

local function quote(latin1)
  return '"' .. latin1:gsub('[\\"]', "\\%0") .. '"'
end

-- RFC 8187, 3.2.
local function extend(name)
  return "UTF-8''" .. name:gsub("[^%w%-_.!~]", function(byte)
    return ("%%%02X"):format(byte:byte())
  end)
end

-- The name in Latin-1 for those who do not know filename*, or nil if they get none; or false and why the
-- option is wrong.
local function fallback_of(fallback, latin1)
  if fallback == nil or fallback == true then
    return to_printable(latin1)
  elseif fallback == false then
    return nil
  elseif type(fallback) ~= "string" then
    return false, ("fallback: string or boolean expected, got %s"):format(type(fallback))
  end
  fallback = to_utf8(fallback)
  local given = to_latin1(fallback)
  if fallback:find("[\196-\244]") or given ~= to_printable(given) then
    return false, "fallback: a printable text in ISO-8859-1 expected"
  end
  return basename(given)
end

local function parameters(filename, fallback)
  local name = basename(to_utf8(filename))
  local latin1 = to_latin1(name)
  local other, why = fallback_of(fallback, latin1)
  if other == false then
    return nil, why
  end
  local quotable = is_quotable(name)
  local differs = other ~= nil and not (quotable and other == latin1 or other == name)
  local result = ""
  if quotable or differs then
    result = "; filename=" .. quote(differs and other or latin1)
  end
  -- Some clients would decode "%20" in a plain filename.
  if differs or not quotable or name:find("%%%x%x") then
    result = result .. "; filename*=" .. extend(name)
  end
  return result
end

--- The field for a file of that name (nil: without a name). Of a path, its last part counts; a name that is
--- not UTF-8 is taken for Latin-1. The result is what goes on the wire, and so may hold bytes of Latin-1.
--- `options.type` is "attachment" unless told otherwise; `options.fallback` says what old clients see of a
--- name which is not in Latin-1: true (default) a copy with "?" in it, false nothing, a string that name.
--- A type that is no token throws, and so does a fallback outside Latin-1.
function M.format(filename, options)
  check.optional_string(filename, 1, "format")
  if options ~= nil and type(options) ~= "table" then
    error(("bad argument #2 to 'format' (table or nil expected, got %s)"):format(type(options)), 2)
  end
  local kind = options and options.type or "attachment"
  if type(kind) ~= "string" or not kind:find(TOKEN) then
    error(("bad argument #2 to 'format' (type: a token expected, got '%s')"):format(tostring(kind)), 2)
  end
  if not filename then
    return kind:lower()
  end
  local rest, why = parameters(filename, options and options.fallback)
  if not rest then
    error(("bad argument #2 to 'format' (%s)"):format(why), 2)
  end
  return kind:lower() .. rest
end

return M
