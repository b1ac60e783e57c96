-- http.repl.complete: what Tab puts in behind a name that was begun.
-- SPDX-License-Identifier: MIT

local KEYWORDS = {
  "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local", "nil", "not",
  "or", "repeat", "return", "then", "true", "until", "while",
}

-- Its class lists the methods, but not these, which are made when they are asked for.
local OF_RESPONSE = {
  "status_code", "status_message", "headers", "error", "error_string", "error_detail", "ok", "url", "finished",
  "bytes_available", "at_end", "read_buffer_size", "finished_handler", "error_handler", "ready_read_handler",
  "download_progress_handler", "upload_progress_handler",
}

-- A field without calling anything of the script's.
local function field(value, name)
  local kind = type(value)
  if kind == "userdata" and getmetatable(value) == "http.Response" then
    return value[name]
  elseif kind == "string" then
    return string[name]
  elseif kind ~= "table" then
    return nil
  end
  for _ = 1, 10 do
    local found = rawget(value, name)
    if found ~= nil then
      return found
    end
    local meta = debug.getmetatable(value)
    value = type(meta) == "table" and rawget(meta, "__index")
    if type(value) ~= "table" then
      return nil
    end
  end
end

-- Adds the names in a table, and in what it inherits from, that begin with `start`.
local function add_names(names, value, start, methods)
  for _ = 1, 10 do
    if type(value) ~= "table" then
      return
    end
    for name, member in next, value do
      local fits = type(name) == "string" and name:find("^[%a_][%w_]*$") and name:sub(1, #start) == start
      if fits and (start ~= "" or name:sub(1, 1) ~= "_") and (not methods or type(member) == "function") then
        names[name] = true
      end
    end
    local meta = debug.getmetatable(value)
    value = type(meta) == "table" and rawget(meta, "__index")
  end
end

local function add_list(names, list, start)
  for _, name in ipairs(list) do
    if name:sub(1, #start) == start then
      names[name] = true
    end
  end
end

-- The set of names that may follow.
local function candidates(text)
  local path, mark, start = text:match("([%a_][%w_%.]*)%s*([%.:])%s*([%w_]*)$")
  local names = {}
  if not path then
    start = text:match("[%a_][%w_]*$") or ""
    if start ~= "" then
      add_names(names, _G, start)
      add_list(names, KEYWORDS, start)
    end
    return names, start
  end
  local value = _G
  for name in path:gmatch("[^%.]+") do
    value = field(value, name)
  end
  if type(value) == "userdata" and getmetatable(value) == "http.Response" then
    add_names(names, require("http.core").Response, start, true)
    if mark == "." then
      add_list(names, OF_RESPONSE, start)
    end
  elseif type(value) == "string" then
    add_names(names, string, start, true)
  else
    add_names(names, value, start, mark == ":")
  end
  return names, start
end

-- In columns that fit a narrow terminal.
local function print_names(names)
  local line = ""
  for _, name in ipairs(names) do
    local cell = name .. (" "):rep(24 - #name % 24)
    if #line + #cell > 73 then
      print((line:gsub(" +$", "")))
      line = ""
    end
    line = line .. cell
  end
  print((line:gsub(" +$", "")))
end

local function common_beginning(names)
  local first, last = names[1], names[#names]
  local length = 0
  while length < #first and first:byte(length + 1) == last:byte(length + 1) do
    length = length + 1
  end
  return first:sub(1, length)
end

--- Returns what may be put in behind `text`, as far as it is certain; where nothing is, prints what
--- the choice is.
return function(text)
  if text:find("^%s*$") then
    return "  "
  end
  local set, start = candidates(text)
  local names = {}
  for name in pairs(set) do
    names[#names + 1] = name
  end
  if #names == 0 then
    return ""
  end
  table.sort(names)
  local rest = common_beginning(names):sub(#start + 1)
  if rest == "" and #names > 1 then
    print_names(names)
  end
  return rest
end
