-- http.query: a query string from a table, in a stable order: keys sorted, lists in their order; a list
-- of pairs, { { "b", 1 }, { "a", 2 } }, keeps its own.
-- SPDX-License-Identifier: MIT

-- RFC 3986, 2.3: what is not unreserved is percent-encoded.
local function encode(text)
  return (tostring(text):gsub("[^%w%-%._~]", function(c)
    return ("%%%02X"):format(c:byte())
  end))
end

local function check(value, key)
  local kind = type(value)
  if kind ~= "string" and kind ~= "number" and kind ~= "boolean" then
    error(("the value of '%s' is a %s; strings, numbers and booleans can be sent"):format(key, kind), 0)
  end
  return value
end

local function list_of(value, key)
  if type(value) ~= "table" then
    return { value }
  end
  for index in pairs(value) do
    if type(index) ~= "number" then
      error(("the value of '%s' is a table, but no list"):format(key), 0)
    end
  end
  return value
end

local function add(parts, key, value)
  for _, item in ipairs(list_of(value, key)) do
    parts[#parts + 1] = encode(key) .. "=" .. encode(check(item, key))
  end
end

local function add_pairs(parts, list)
  local count = 0
  for _ in pairs(list) do
    count = count + 1
  end
  if count ~= #list then
    error("its keys must be strings, or it must be a list of pairs", 0)
  end
  for index, pair in ipairs(list) do
    if type(pair) ~= "table" or type(pair[1]) ~= "string" or pair[2] == nil then
      error(("item %d of the list is no pair of a name and a value"):format(index), 0)
    end
    add(parts, pair[1], pair[2])
  end
end

local function query(fields)
  local keys, parts = {}, {}
  if rawget(fields, 1) ~= nil then -- a table that gives what it is asked for has no list
    add_pairs(parts, fields)
    return table.concat(parts, "&")
  end
  for key in pairs(fields) do
    if type(key) ~= "string" then
      error("its keys must be strings, or it must be a list of pairs", 0)
    end
    keys[#keys + 1] = key
  end
  table.sort(keys)
  for _, key in ipairs(keys) do
    add(parts, key, fields[key])
  end
  return table.concat(parts, "&")
end

return query
