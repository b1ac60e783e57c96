-- http.multipart: named values and files as multipart/form-data (RFC 7578), as browsers write it.
-- SPDX-License-Identifier: MIT

local mime = require "http.fields.mime"

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

--- Fields as a list of pairs { name, value }: such a list as it is, a table by names in their order.
function M.list(fields)
  if fields[1] == nil then
    return list_of_map(fields)
  end
  for key in pairs(fields) do
    if type(key) ~= "number" or key % 1 ~= 0 or key < 1 or key > #fields then
      error(("a list of pairs has no field '%s'"):format(tostring(key)), 0)
    end
  end
  for at, pair in ipairs(fields) do
    check_pair(pair, at)
  end
  return fields
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

local FILE_KEYS = {
  filename = "filename",
  data = "data",
  content_type = "content_type",
  [1] = "filename",
  [2] = "data",
  [3] = "content_type",
}

-- { filename, data [, content_type] }, or the same by names, where the file name may be missing.
local function file_of(value, name)
  local file = {}
  for key, item in pairs(value) do
    local known = FILE_KEYS[key]
    if not known or file[known] ~= nil then
      error(("the file '%s' has filename, data and content_type; '%s' is not one of them"):format(name,
        tostring(key)), 0)
    end
    file[known] = item
  end
  for _, key in ipairs { "filename", "content_type" } do
    if file[key] ~= nil and type(file[key]) ~= "string" then
      error(("the %s of '%s' is a %s (string expected)"):format(key, name, type(file[key])), 0)
    end
  end
  if file.data == nil or (value[2] ~= nil and file.filename == nil) then
    error(("the file '%s' lacks its %s: { filename, data [, content_type] }"):format(name,
      file.data == nil and "data" or "filename"), 0)
  end
  if file.content_type and file.content_type:find("[%z\1-\8\10-\31\127]") then
    error(("the content_type of '%s' has a control character in it"):format(name), 0)
  end
  file.data = text_of(file.data, name)
  if file.filename and not file.content_type then
    file.content_type = mime.lookup(file.filename) or OTHER_TYPE
  end
  return file
end

local function quoted(text)
  return '"' .. text:gsub('[\r\n"]', ESCAPES) .. '"'
end

-- The header fields of a part, and its data.
local function part_of(name, value)
  local file = type(value) == "table" and file_of(value, name) or { data = text_of(value, name) }
  local head = "Content-Disposition: form-data; name=" .. quoted(name)
  if file.filename then
    head = head .. "; filename=" .. quoted(file.filename)
  end
  if file.content_type then
    head = head .. "\r\nContent-Type: " .. file.content_type
  end
  return head, file.data
end

-- ---- boundaries -------------------------------------------------------------------------------

local function random_boundary()
  local source = io.open("/dev/urandom", "rb")
  local bytes = source and source:read(16)
  if source then
    source:close()
  end
  if not bytes or #bytes < 16 then
    error("cannot read /dev/urandom for a boundary; give a multipart_boundary", 0)
  end
  return (bytes:gsub(".", function(byte)
    return ("%02x"):format(byte:byte())
  end))
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

--- The body for such fields (see M.list; a value is a string, a number, a boolean or a file) and its
--- Content-Type. The boundary is random unless it is given. Throws without a position.
function M.encode(fields, boundary)
  local pieces = {}
  for _, pair in ipairs(M.list(fields)) do
    local head, data = part_of(pair[1], pair[2])
    pieces[#pieces + 1] = head
    pieces[#pieces + 1] = data
  end
  boundary = boundary and check_boundary(boundary, pieces) or choose_boundary(pieces)
  local parts = {}
  for i = 1, #pieces, 2 do
    parts[#parts + 1] = "--" .. boundary .. "\r\n" .. pieces[i] .. "\r\n\r\n"
    parts[#parts + 1] = pieces[i + 1]
    parts[#parts + 1] = "\r\n"
  end
  parts[#parts + 1] = "--" .. boundary .. "--\r\n"
  local is_token = boundary:find("^[%w'+_%-.]+$")
  local parameter = is_token and boundary or '"' .. boundary .. '"'
  return table.concat(parts), "multipart/form-data; boundary=" .. parameter
end

return M
