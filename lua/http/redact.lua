-- http.redact: texts without the secrets in them, for traces, HAR files and command lines.
-- SPDX-License-Identifier: MIT

local core = require "http.core"

local MARK = "***"

local function as_is(value)
  return value
end

local NOTHING = {
  text = as_is,
  form = as_is,
  field = function(_, value)
    return value
  end,
}

local function names_of(list, level)
  local names = {}
  for _, name in ipairs(list) do
    if type(name) ~= "string" then
      error(("bad option 'redact' (a list of names expected, with a %s in it)"):format(type(name)), level + 1)
    end
    names[name:lower()] = true
  end
  return names
end

-- "name" as it may be written in a query.
local function plain(name)
  name = name:gsub("+", " "):gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end)
  return name:lower()
end

-- The values of these names in what looks like a query, or is a form.
local function hide_parameters(text, names)
  return (text:gsub("([^?&;=#%s]+)=([^&;#%s]*)", function(name)
    return names[plain(name)] and name .. "=" .. MARK or nil
  end))
end

--- What takes secrets out, by an option `redact`: nil, those that are known to be some; a list of names,
--- these as well, of header fields and of fields in queries and forms; false, none. It has
--- field(name, value) for a header field, text(text) for URLs and words, and form(text) for a body of
--- fields. Throws at `level` for what is no such option.
return function(redact, level)
  if redact == false then
    return NOTHING
  elseif redact ~= nil and type(redact) ~= "table" then
    error(("bad option 'redact' (list of names or false expected, got %s)"):format(type(redact)), (level or 1) + 1)
  end
  local names = redact and next(redact) ~= nil and names_of(redact, (level or 1) + 1)

  local function parameters(text)
    return names and hide_parameters(text, names) or text
  end

  return {
    field = function(name, value)
      if names and names[name:lower()] then
        return MARK
      end
      return parameters(core.redact(name, value))
    end,
    text = function(text)
      return parameters(core.redact(nil, text))
    end,
    form = parameters,
  }
end
