-- http.repl.show: values as the prompt prints them: short enough for a screen, and not addresses.
-- SPDX-License-Identifier: MIT

local core = require "http.core"
local M = {}

local LONGEST_STRING = 400 -- bytes
local MOST_ITEMS = 50      -- of a table
local MOST_SORTED = 10000  -- to find the first ones among
local DEEPEST = 4          -- tables within tables
local MOST_LINES = 100

local found, inspect = pcall(require, "inspect") -- Debian: lua-inspect
local told_of_inspect = false

-- The first bytes of a string, without a torn character at the end.
local function beginning(text)
  local cut = LONGEST_STRING
  while cut > LONGEST_STRING - 4 and (text:byte(cut + 1) or 0) >= 0x80 and text:byte(cut + 1) < 0xc0 do
    cut = cut - 1
  end
  return text:sub(1, cut)
end

local ESCAPES = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ["\\"] = "\\\\", ["\27"] = "\\27" }

-- A string as one writes it in Lua, and its length where that is cut.
local function quoted(text)
  local part = #text > LONGEST_STRING and beginning(text) or text
  local mark = part:find('"', 1, true) and not part:find("'", 1, true) and "'" or '"'
  part = part:gsub("[%c\\\127]", function(c)
    return ESCAPES[c] or ("\\%03d"):format(c:byte())
  end)
  if mark == '"' then
    part = part:gsub('"', '\\"')
  end
  part = mark .. part .. mark
  return #text > LONGEST_STRING and ("%s… (%d bytes)"):format(part, #text) or part
end

-- What tostring says of a Response, and what there is to read of it.
local function of_response(response)
  local words = tostring(response)
  local more = {}
  local kind = response.headers["Content-Type"]
  if response.error ~= 0 and not words:find(response.error_string, 1, true) then
    more[#more + 1] = "error " .. response.error
  end
  more[#more + 1] = kind
  if response.is_open and (response.status_code ~= 0 or response.bytes_available > 0) then
    more[#more + 1] = ("%d bytes to read"):format(response.bytes_available)
  end
  if #more == 0 then
    return words
  end
  return words:sub(1, -2) .. ", " .. table.concat(more, ", ") .. ")"
end

local function of_function(fn)
  local info = debug.getinfo(fn, "S")
  if info.what == "C" then
    return "function (built in)"
  end
  return ("function (%s:%d)"):format(info.short_src, info.linedefined)
end

local function metafield(value, name)
  local meta = debug.getmetatable(value)
  return type(meta) == "table" and rawget(meta, name) or nil
end

-- Words for what is no plain table, or nil.
local function of_opaque(value)
  local kind = type(value)
  if kind == "string" then
    return quoted(value)
  elseif kind == "userdata" and getmetatable(value) == "http.Response" then
    return of_response(value)
  elseif kind == "function" then
    return of_function(value)
  elseif kind == "cdata" or kind == "userdata" or kind == "thread" or metafield(value, "__tostring") then
    return tostring(value)
  end
  if kind == "table" and next(value) == nil and metafield(value, "__call") then
    return "function (a table that can be called)"
  end
  return kind ~= "table" and tostring(value) or nil
end

local RANKS = { number = 1, string = 2 }

local function before(a, b)
  local kind_a, kind_b = type(a), type(b)
  if kind_a == kind_b then
    return RANKS[kind_a] ~= nil and a < b
  end
  return (RANKS[kind_a] or 3) < (RANKS[kind_b] or 3)
end

-- The keys of a table that are shown, and how many it has.
local function first_keys(t)
  local keys, count = {}, 0
  for key in next, t do
    count = count + 1
    keys[count <= MOST_SORTED and count or MOST_SORTED] = key
  end
  if count > MOST_ITEMS then
    table.sort(keys, before)
  end
  for i = #keys, MOST_ITEMS + 1, -1 do
    keys[i] = nil
  end
  return keys, count
end

-- inspect writes tables and nothing else of its own: whatever is no plain table is handed to it as a
-- unique word, which is replaced in what it has written.
local function inspector()
  local words = {}
  local tag = "~" .. tostring(words) .. ":" -- sorted behind names

  local function word(text)
    words[#words + 1] = text
    return ("%s%d"):format(tag, #words)
  end

  local function part(t)
    local copy = {}
    local keys, count = first_keys(t)
    for _, key in ipairs(keys) do
      copy[key] = rawget(t, key)
    end
    if count > #keys then
      copy[word(("… %d more"):format(count - #keys))] = word("")
    end
    return copy
  end

  local function process(item, path)
    if path[#path] == inspect.METATABLE then
      return nil
    end
    local kind = type(item)
    if kind == "number" or kind == "boolean" then
      return item
    elseif kind == "string" and (item:sub(1, #tag) == tag or path[#path] == inspect.KEY and #item < 80) then
      return item
    end
    local hidden = #path >= DEEPEST or path[#path] == inspect.KEY
    local text = of_opaque(item) or hidden and "{…}"
    return text and word(text) or part(item)
  end

  local function restore(text)
    local pattern = '"' .. tag:gsub("%p", "%%%0") .. '(%d+)"'
    local function back(i)
      return words[tonumber(i)]
    end
    text = text:gsub("%[" .. pattern .. "%] = " .. pattern, back) -- "… more" has no value
    return (text:gsub(pattern, back))
  end

  return process, restore
end

local function cut(text)
  local lines, at = 0, 0
  repeat
    at = text:find("\n", at + 1, true)
    lines = lines + 1
  until not at or lines == MOST_LINES
  if not at then
    return text
  end
  local _, left = text:sub(at + 1):gsub("\n", "")
  return ("%s\n… %d more lines"):format(text:sub(1, at - 1), left + 1)
end

local function of_table(t)
  if not found then
    if not told_of_inspect then
      told_of_inspect = true
      print "(to see what is in a table, install lua-inspect)"
    end
    return tostring(t)
  end
  local process, restore = inspector()
  return cut(restore(inspect.inspect(t, { process = process })))
end

--- A value in words.
function M.value(value)
  return of_opaque(value) or of_table(value)
end

--- Prints values as the results of a line: side by side, or below each other where one of them takes
--- several lines. What their own __tostring throws is printed in their place.
function M.print(...)
  local texts, separator = {}, "\t"
  for i = 1, select("#", ...) do
    local _, text = pcall(M.value, (select(i, ...)))
    texts[i] = type(text) == "string" and text or core.words(text)
    separator = texts[i]:find("\n", 1, true) and "\n" or separator
  end
  print(table.concat(texts, separator))
end

return M
