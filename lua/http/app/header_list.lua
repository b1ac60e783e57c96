-- http.app.header_list: the header fields of a reply: case-insensitive, in the order they were set.
-- SPDX-License-Identifier: MIT

local M = {}

local mt = { __index = M }

function M.new()
  return setmetatable({ names = {}, values = {}, order = {} }, mt)
end

-- RFC 9110, 5.1 and 5.5: a name is a token; a value has no control character but tab.
local function check_name(name, level)
  if type(name) ~= "string" or not name:find("^[%w!#$%%&'*+%-.^_`|~]+$") then
    error(("bad header name '%s'"):format(tostring(name)), level + 1)
  end
end

local function check_value(name, value, level)
  local kind = type(value)
  if kind == "number" or kind == "boolean" then
    return tostring(value)
  elseif kind ~= "string" then
    error(("bad value of the header '%s' (string, number or list expected, got %s)"):format(name, kind), level + 1)
  elseif value:find("[%z\1-\8\10-\31\127]") then
    error(("bad value of the header '%s': it has a control character (a line break, perhaps)"):format(name), level + 1)
  end
  return value
end

local SINGLE = { ["content-type"] = true, ["content-length"] = true }

local function check_list(name, list, level)
  if SINGLE[name:lower()] then
    if #list ~= 1 then
      error(("the header '%s' must have exactly one value"):format(name), level + 1)
    end
    return check_value(name, list[1], level + 1)
  end
  local values = {}
  for i, value in ipairs(list) do
    values[i] = check_value(name, value, level + 1)
  end
  return values
end

--- Sets a field to a string, a number, or a list of them (a field for each). Throws what is no field.
function M:set(name, value, level)
  level = (level or 1) + 1
  check_name(name, level)
  if type(value) == "table" then
    value = check_list(name, value, level)
  else
    value = check_value(name, value, level)
  end
  local key = name:lower()
  if self.values[key] == nil then
    self.order[#self.order + 1] = key
  end
  self.names[key] = name
  self.values[key] = value
end

--- A string, a list of strings, or nil.
function M:get(name)
  return self.values[tostring(name):lower()]
end

function M:remove(name)
  local key = tostring(name):lower()
  if self.values[key] == nil then
    return
  end
  self.values[key] = nil
  for i, other in ipairs(self.order) do
    if other == key then
      table.remove(self.order, i)
      return
    end
  end
end

function M:clear()
  self.names, self.values, self.order = {}, {}, {}
end

--- As the core takes them: { name, value, name, value … }.
function M:list()
  local list, n = {}, 0
  for _, key in ipairs(self.order) do
    local name, value = self.names[key], self.values[key]
    if type(value) == "table" then
      for _, item in ipairs(value) do
        list[n + 1], list[n + 2] = name, item
        n = n + 2
      end
    else
      list[n + 1], list[n + 2] = name, value
      n = n + 2
    end
  end
  return list
end

--- A table of them by name in lower case.
function M:copy()
  local copy = {}
  for key, value in pairs(self.values) do
    copy[key] = value
  end
  return copy
end

return M
