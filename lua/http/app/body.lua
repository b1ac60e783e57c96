-- http.app.body: what kind of body a value is, and how the pieces of one that streams are got.
-- SPDX-License-Identifier: MIT

local core = require "http.core"
local json = require "http.json"

local M = {}

M.null = core.null

-- ---- bytes ------------------------------------------------------------------------------------

local bytes_mt = { __name = "http.bytes" }

function bytes_mt.__tostring(self)
  return self.content
end

function bytes_mt.__len(self)
  return #self.content
end

--- A body of bytes that are no text: a string, or a list of byte values.
function M.bytes(content)
  if type(content) == "table" then
    local text = {}
    for i, byte in ipairs(content) do
      if type(byte) ~= "number" or byte < 0 or byte > 255 or byte % 1 ~= 0 then
        error(("bad argument #1 to 'bytes' (item %d is not a byte, 0 to 255)"):format(i), 2)
      end
      text[i] = string.char(byte)
    end
    content = table.concat(text)
  elseif type(content) ~= "string" then
    error(("bad argument #1 to 'bytes' (string or list of bytes expected, got %s)"):format(type(content)), 2)
  end
  return setmetatable({ content = content }, bytes_mt)
end

-- ---- kinds ------------------------------------------------------------------------------------

local function is_response(value)
  return type(value) == "userdata" and getmetatable(value) == "http.Response"
end
M.is_response = is_response

local function index(value, name)
  return value[name]
end

local function method_of(value, name)
  local kind = type(value)
  if kind == "table" and not getmetatable(value) then
    return type(value[name]) == "function" and value[name] or nil
  elseif kind == "table" or kind == "userdata" then
    local ok, method = pcall(index, value, name) -- its metatable may object
    return ok and type(method) == "function" and method or nil
  end
  return nil
end

-- Streams, and how a piece is read: nil is the end, an error what it says.
local function reader_of(value)
  if type(value) == "function" then
    return value
  elseif io.type(value) == "file" then
    return function()
      return value:read(16384)
    end
  elseif method_of(value, "chunks") then
    return value:chunks()
  end
  return nil
end

local KINDS = { string = "string", ["function"] = "stream", number = "json", boolean = "json", ["nil"] = "none" }

--- "none", "string", "bytes", "stream" or "json". Throws what cannot be a body.
function M.kind(value, level)
  if value == M.null then
    return "none"
  end
  local kind = KINDS[type(value)]
  if kind then
    return kind
  elseif getmetatable(value) == bytes_mt then
    return "bytes"
  elseif method_of(value, "chunks") or io.type(value) then
    return "stream"
  elseif type(value) == "table" then
    return "json"
  end
  error(("bad body (string, bytes, table, Stream, function or nil expected, got %s)"):format(type(value)), level + 1)
end

--- The bytes of a body that is all there.
function M.content(kind, value, level)
  if kind == "string" then
    return value
  elseif kind == "bytes" then
    return value.content
  elseif kind == "none" then
    return ""
  end
  local text, why = json.encode(value, (level or 1) + 1)
  if not text then
    error("the body cannot be written as JSON: " .. why, level and level + 1 or 0)
  end
  return text
end

--- What reads a stream: read() -> piece, or nil at the end, or nil and words for what broke it off.
function M.reader(value)
  local read = reader_of(value)
  return function()
    local chunk = read()
    if chunk == nil then
      if is_response(value) and value.error ~= 0 and core.transfer_error(value) then
        return nil, core.transfer_error(value)
      end
      return nil
    elseif type(chunk) ~= "string" then
      return nil, ("a stream gave a %s in place of a string"):format(type(chunk))
    end
    return chunk
  end
end

--- Ends a stream before its end.
function M.close(value)
  if type(value) ~= "function" and io.type(value) ~= "closed file" and method_of(value, "close") then
    pcall(value.close, value)
  end
end

return M
