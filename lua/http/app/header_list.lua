-- http.app.header_list: the header fields of a reply: case-insensitive, in the order they were set.
-- SPDX-License-Identifier: MIT

local M = {}

local mt = { __index = M }

-- values: by the name in lower case. The array part: that, and the name as it was spelled, of one field
-- after the other.
function M.new()
  return setmetatable({ n = 0, values = {} }, mt)
end

-- Valid names and their lower case: a script uses the same few all the time.
local lower_of, remembered = {}, 0
local MOST_REMEMBERED = 256

local function lower(name)
  local key = lower_of[name]
  if key then
    return key
  end
  -- RFC 9110, 5.1: a name is a token.
  if type(name) ~= "string" or not name:find("^[%w!#$%%&'*+%-.^_`|~]+$") then
    return nil
  end
  key = name:lower()
  if remembered == MOST_REMEMBERED then
    lower_of, remembered = {}, 0
  end
  lower_of[name] = key
  remembered = remembered + 1
  return key
end

-- RFC 9110, 5.5: a value has no control character but tab.
local function check_value(name, value, level)
  local kind = type(value)
  if kind == "number" or kind == "boolean" then
    value = tostring(value)
  elseif kind ~= "string" then
    error(("bad value of the header '%s' (string, number or list expected, got %s)"):format(name, kind), level + 1)
  end
  if value:find("[%z\1-\8\10-\31\127]") then
    error(("bad value of the header '%s': it has a control character (a line break, perhaps)"):format(name), level + 1)
  elseif name:lower() == "content-length" and not value:find("^%d+$") then
    error(("bad value of the header '%s' (number of bytes expected, got '%s')"):format(name, value), level + 1)
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

local function place_of(self, key)
  for i = 1, self.n, 2 do
    if self[i] == key then
      return i
    end
  end
end

--- Sets a field to what is known to be good: its name in lower case, its name, a string or list of them.
function M:put(key, name, value)
  local values = self.values
  if values[key] == nil then
    local n = self.n
    self[n + 1], self[n + 2] = key, name
    self.n = n + 2
  else
    self[place_of(self, key) + 1] = name
  end
  values[key] = value
end

--- Sets a field to a string, a number, or a list of them (a field for each). Throws what is no field.
function M:set(name, value, level)
  level = (level or 1) + 1
  local key = lower(name)
  if not key then
    error(("bad header name '%s'"):format(tostring(name)), level)
  end
  if type(value) == "table" then
    value = check_list(name, value, level)
  else
    value = check_value(name, value, level)
  end
  self:put(key, name, value)
end

--- A string, a list of strings, or nil.
function M:get(name)
  local key = lower(name)
  return key and self.values[key]
end

function M:remove(name)
  local key = lower(name)
  if not key or self.values[key] == nil then
    return
  end
  self.values[key] = nil
  for at = place_of(self, key), self.n - 2 do
    self[at] = self[at + 2]
  end
  self.n = self.n - 2
end

function M:clear()
  self.n, self.values = 0, {}
end

--- As the core takes them: { name, value, name, value … }.
function M:list()
  local list, n, values = {}, 0, self.values
  for i = 1, self.n, 2 do
    local name, value = self[i + 1], values[self[i]]
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
