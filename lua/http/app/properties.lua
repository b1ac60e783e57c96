-- http.app.properties: objects whose fields are computed: getters, setters and methods by name, each in
-- snake_case and in the camelCase of Koa's documents.
-- SPDX-License-Identifier: MIT

local M = {}

--- "last_modified" -> "lastModified"
function M.camel(name)
  return (name:gsub("_(%l)", string.upper))
end

-- The same functions under both spellings.
local function both(functions)
  local all = {}
  for name, fn in pairs(functions or {}) do
    all[name] = fn
    all[M.camel(name)] = fn
  end
  return all
end

-- Methods that know a call with a dot in place of the colon; made when they are first asked for.
local function with_self(class, meta, methods)
  return setmetatable({}, { __index = function(checked, name)
    local fn = methods[name]
    checked[name] = fn and function(self, ...)
      if getmetatable(self) ~= meta then
        error(("bad self (%s expected, got %s); call it with a colon"):format(class.name, type(self)), 2)
      end
      return fn(self, ...)
    end
    return rawget(checked, name)
  end })
end

-- Tail calls: an error at level 2 is then told at the line of the script that used the property.

local function make_index(getters, methods, fallback)
  return function(self, name)
    local get = getters[name]
    if get then
      return get(self)
    end
    local method = methods[name]
    if method == nil and fallback then
      return fallback(self, name)
    end
    return method
  end
end

local function make_newindex(class, getters, setters, methods)
  return function(self, name, value)
    local set = setters[name]
    if set then
      return set(self, value)
    elseif getters[name] or methods[name] then
      error(("%s: '%s' can only be read"):format(class.name, tostring(name)), 2)
    elseif not class.open then
      error(("%s has no property '%s'"):format(class.name, tostring(name)), 2)
    end
    rawset(self, name, value)
  end
end

--- Makes a metatable from { name=, getters=, setters=, methods= }. With `open` a script may add fields of
--- its own; `fallback(self, name)` is asked for what is not there.
function M.class(class)
  local getters, setters, methods = both(class.getters), both(class.setters), both(class.methods)
  local meta = {
    __name = class.name,
    __newindex = make_newindex(class, getters, setters, methods),
    __tostring = class.tostring,
    getters = getters,
    setters = setters,
    methods = methods,
  }
  meta.__index = make_index(getters, with_self(class, meta, methods), class.fallback)
  return meta
end

return M
