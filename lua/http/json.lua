-- http.json: JSON by lua-cjson, which is loaded when it is first needed.
-- SPDX-License-Identifier: MIT

local M = {}

local codec

-- An instance of our own: a script's settings of its cjson are not ours, nor ours its.
local function load_codec(level)
  if not codec then
    local found, cjson = pcall(require, "cjson.safe")
    if not found then
      error("JSON needs the Lua module cjson (Debian: lua-cjson)", level + 1)
    end
    codec = cjson.new()
  end
  return codec
end

-- cjson escapes slashes, as nobody else does.
local UNESCAPED = { ["/"] = "/" }

--- The value as JSON, or nil and words.
function M.encode(value, level)
  local text, why = load_codec((level or 1) + 1).encode(value)
  if not text then
    return nil, why
  end
  return (text:gsub("\\(.)", UNESCAPED))
end

--- The value that the text holds, or nil and words. `null` is http.null.
function M.decode(text, level)
  local value, why = load_codec((level or 1) + 1).decode(text)
  if value == nil then
    return nil, why
  end
  return value
end

return M
