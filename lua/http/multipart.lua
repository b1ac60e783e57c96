-- http.multipart: named values and files as multipart/form-data (RFC 7578), as browsers write it.
-- SPDX-License-Identifier: MIT

local body_source = require "http.body_source"
local core = require "http.core"
local mime = require "http.fields.mime"
local body_parts = require "http.parts"
local random = require "http.random"

local M = {}

local OTHER_TYPE = "application/octet-stream" -- RFC 7578, 4.4: of a file of which nothing is known
local LONGEST = 70 -- RFC 2046, 5.1.1: the longest boundary
local ESCAPES = { ['"'] = "%22", ["\r"] = "%0D", ["\n"] = "%0A" }

-- ---- fields -----------------------------------------------------------------------------------

local function list_of_map(fields)
  local list = {}
  for name, value in pairs(fields) do
    if type(name) ~= "string" then
      error(("its names must be strings, or it a list of pairs; got a %s"):format(type(name)), 0)
    end
    list[#list + 1] = { name, value }
  end
  table.sort(list, function(a, b)
    return a[1] < b[1]
  end)
  return list
end

local function check_pair(pair, at)
  local is_pair = type(pair) == "table" and type(pair[1]) == "string" and pair[2] ~= nil
  for key in pairs(is_pair and pair or {}) do
    is_pair = is_pair and (key == 1 or key == 2)
  end
  if not is_pair then
    error(('item %d is no pair of a name and a value, as {"name", "value"}'):format(at), 0)
  end
end

-- A list as it is, a table by names in their order.
local function list_of(fields)
  if fields[1] == nil then
    return list_of_map(fields)
  end
  for key in pairs(fields) do
    if type(key) ~= "number" or key % 1 ~= 0 or key < 1 or key > #fields then
      error(("a list of pairs has no field '%s'"):format(tostring(key)), 0)
    end
  end
  return fields
end

--- Fields as a list of pairs { name, value }: such a list as it is, a table by names in their order.
function M.list(fields)
  local list = list_of(fields)
  for at, pair in ipairs(list) do
    check_pair(pair, at)
  end
  return list
end

-- ---- parts ------------------------------------------------------------------------------------

local function text_of(value, name)
  local kind = type(value)
  if kind ~= "string" and kind ~= "number" and kind ~= "boolean" then
    local message = "the value of '%s' is a %s; strings, numbers, booleans and files can be sent"
    error(message:format(name, kind), 0)
  end
  return tostring(value)
end

local KEYS = {
  filename = "filename",
  data = "data",
  file = "file",
  stream = "stream",
  length = "length",
  content_type = "content_type",
  [1] = "filename",
  [2] = "data",
  [3] = "content_type",
}
local SOURCES = { "data", "file", "stream" }

local function check_text(part, key, name)
  local value = part[key]
  if value ~= nil and type(value) ~= "string" then
    error(("the %s of '%s' is a %s (string expected)"):format(key, name, type(value)), 0)
  end
  return value
end

local function check_length(part, name)
  local length = part.length
  if length == nil then
    return
  elseif part.stream == nil then
    error(("the length of '%s' stands beside no stream, whose it would be"):format(name), 0)
  elseif type(length) ~= "number" or length < 0 or length % 1 ~= 0 or length > 1e15 then
    error(("the length of '%s' is %s (number of bytes expected)"):format(name, tostring(length)), 0)
  end
end

-- What the part is made of is one of three.
local function check_source(part, name, lacks_filename)
  local found
  for _, key in ipairs(SOURCES) do
    if part[key] ~= nil and found then
      error(("the part '%s' has both %s and %s; only one can be sent"):format(name, found, key), 0)
    end
    found = part[key] ~= nil and key or found
  end
  if not found or lacks_filename then
    error(("the file '%s' lacks its %s: { filename, data [, content_type] }, or data, file or stream by name")
      :format(name, found and "filename" or "data"), 0)
  end
end

-- { filename, data [, content_type] }, or by names, with a file or a stream in place of the data.
local function check_part(value, name)
  local part = { name = name }
  for key, item in pairs(value) do
    local known = KEYS[key]
    if not known or part[known] ~= nil then
      error(("the file '%s' has filename, data, file, stream, length and content_type; '%s' is not one of them")
        :format(name, tostring(key)), 0)
    end
    part[known] = item
  end
  check_source(part, name, value[2] ~= nil and part.filename == nil)
  check_length(part, name)
  check_text(part, "file", name)
  if part.data ~= nil then
    part.data = text_of(part.data, name)
  elseif part.stream ~= nil and not body_source.is(part.stream) then
    error(("the stream of '%s' is a %s (function, Response, open file or Stream expected)"):format(name,
      type(part.stream)), 0)
  end
  return part
end

-- The name and the type that go with a file's bytes; false: none.
local function name_file(part)
  if part.filename == nil and part.file then
    part.filename = part.file:match("[^/]*$")
  end
  part.filename = part.filename or nil
  local filename = check_text(part, "filename", part.name)
  if part.content_type == nil and filename then
    part.content_type = mime.lookup("/" .. filename) or OTHER_TYPE -- a file "png" has no extension
  end
  part.content_type = part.content_type or nil
  local content_type = check_text(part, "content_type", part.name)
  if content_type and content_type:find("[%z\1-\8\10-\31\127]") then
    error(("the content_type of '%s' has a control character in it"):format(part.name), 0)
  end
  return part
end

local function part_of(name, value)
  if type(value) == "table" then
    return name_file(check_part(value, name))
  end
  return { name = name, data = text_of(value, name) }
end

-- { name = "a", data = "b" } for { "a", { data = "b" } }.
local function of_named(item)
  local value = {}
  for key, content in pairs(item) do
    if key ~= "name" then
      value[key] = content
    end
  end
  return part_of(item.name, value)
end

local function parts_of(fields)
  local list, result = list_of(fields), {}
  for at, item in ipairs(list) do
    if type(item) == "table" and type(item.name) == "string" and item[1] == nil then
      result[at] = of_named(item)
    else
      check_pair(item, at)
      result[at] = part_of(item[1], item[2])
    end
  end
  return result
end

local function quoted(text)
  return '"' .. text:gsub('[\r\n"]', ESCAPES) .. '"'
end

-- Line ends of names, not those of file names, become "\r\n" as in every form of a browser's.
local function with_line_ends(name)
  return (name:gsub("\r\n", "\n"):gsub("\r", "\n"):gsub("\n", "\r\n"))
end

local function head_of(part)
  local head = "Content-Disposition: form-data; name=" .. quoted(with_line_ends(part.name))
  if part.filename then
    head = head .. "; filename=" .. quoted(part.filename)
  end
  if part.content_type then
    head = head .. "\r\nContent-Type: " .. part.content_type
  end
  return head
end

-- ---- files ------------------------------------------------------------------------------------

local function item_of(part)
  if part.data then
    return part.data
  elseif part.stream and io.type(part.stream) == nil then
    return { source = part.stream, length = part.length, name = ("the part '%s'"):format(part.name) }
  end
  local file, size = core.open_part(part.file or part.stream)
  local name = part.file or ("the file of the part '%s'"):format(part.name)
  if not file then
    -- of an open file: a pipe, a terminal
    return not part.file and { source = part.stream, length = part.length, name = name } or nil
  elseif part.length and part.length ~= size then
    file:close()
    error(("the length of '%s' is %.0f, but its file has %.0f bytes left"):format(part.name, part.length, size), 0)
  end
  return { file = file, length = size, name = name }
end

local function close_all(items)
  for _, item in pairs(items) do
    if type(item) == "table" and item.file then
      item.file:close()
    end
  end
end

-- What the parts hold; or nil and the path of a file that cannot be opened.
local function open_all(list)
  local items = {}
  for at, part in ipairs(list) do
    local ok, item = pcall(item_of, part)
    if not ok or not item then
      close_all(items)
    end
    if not ok then
      error(item, 0)
    elseif not item then
      return nil, part.file
    end
    items[at] = item
  end
  return items
end

-- ---- boundaries -------------------------------------------------------------------------------

local function random_boundary()
  local digits = random(16)
  if not digits then
    error("cannot read /dev/urandom for a boundary; give a multipart_boundary", 0)
  end
  return digits
end

local function occurs(boundary, pieces)
  for _, piece in ipairs(pieces) do
    if piece:find("--" .. boundary, 1, true) then
      return true
    end
  end
  return false
end

-- RFC 2046, 5.1.1.
local function check_boundary(boundary, pieces)
  if #boundary > LONGEST or not boundary:find("^[%w'()+_,%-./:=? ]*[%w'()+_,%-./:=?]$") then
    error(("a boundary is 1 to %d letters, digits, spaces and '()+_,-./:=?, and does not end in a space")
      :format(LONGEST), 0)
  elseif occurs(boundary, pieces) then
    error(("the boundary '%s' occurs in what it would part"):format(boundary), 0)
  end
  return boundary
end

local function choose_boundary(pieces)
  local boundary
  repeat
    boundary = random_boundary()
  until not occurs(boundary, pieces)
  return boundary
end

local function lay_out(heads, items, boundary)
  local all = {}
  for at, head in ipairs(heads) do
    all[#all + 1] = "--" .. boundary .. "\r\n" .. head .. "\r\n\r\n"
    all[#all + 1] = items[at]
    all[#all + 1] = "\r\n"
  end
  all[#all + 1] = "--" .. boundary .. "--\r\n"
  return body_parts.new(all)
end

--- The body for such fields, and its Content-Type. Fields are as M.list takes them, and such a list may also
--- hold parts by names: { name = "a", data = "b" }. A value is a string, a number, a boolean, or a table of
--- `data`, `file` (a path) or `stream` (see http.body_source; with its `length` where that is known), with
--- `filename` and `content_type`. The body is a string, or what core.request reads as it goes out where there
--- are files and streams. The boundary is random unless it is given. Throws without a position.
function M.encode(fields, boundary)
  local heads, texts = {}, {}
  local list = parts_of(fields)
  for at, part in ipairs(list) do
    heads[at] = head_of(part)
    texts[2 * at - 1], texts[2 * at] = heads[at], part.data or ""
  end
  boundary = boundary and check_boundary(boundary, texts) or choose_boundary(texts)
  local items, unreadable = open_all(list)
  local is_token = boundary:find("^[%w'+_%-.]+$")
  local content_type = "multipart/form-data; boundary=" .. (is_token and boundary or '"' .. boundary .. '"')
  return items and lay_out(heads, items, boundary) or body_parts.unreadable(unreadable), content_type
end

return M
