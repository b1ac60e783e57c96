-- http.fields.content_type: the value of Content-Type, taken apart (RFC 9110, 8.3).
-- SPDX-License-Identifier: MIT

local check = require "http.fields.check"
local text = require "http.fields.text"

local M = {}

local TYPE = "^" .. text.TCHAR .. "+/" .. text.TCHAR .. "+$"
local NAME = "^; *(" .. text.TCHAR .. "+) *= *()"
local TOKEN = "^(" .. text.TCHAR .. "+) *()"

-- The quoted string that begins at `at`, without quotes and backslashes, and where it has ended.
local function quoted(value, at)
  local parts, from = {}, at + 1
  while true do
    local stop = value:find('[\\"%z\1-\8\11-\31\127]', from)
    local byte = stop and value:sub(stop, stop)
    if byte == '"' then
      parts[#parts + 1] = value:sub(from, stop - 1)
      return table.concat(parts), value:match("^ *()", stop + 1)
    elseif byte ~= "\\" or not value:find("^[\t\32-\255]", stop + 1) then
      return nil
    end
    parts[#parts + 1] = value:sub(from, stop - 1) .. value:sub(stop + 1, stop + 1)
    from = stop + 2
  end
end

--- The media type, in lower case and without parameters, and a table of the parameters by their names in
--- lower case: `"text/html", { charset = "utf-8" }`. Of what is malformed: nil and why.
function M.parse(value)
  check.string(value, 1, "parse")
  local at = value:find(";", 1, true) or #value + 1
  local media_type = text.trim(value:sub(1, at - 1)):lower()
  if not media_type:find(TYPE) then
    return nil, "invalid media type"
  end
  local parameters = {}
  while at <= #value do
    local name, behind = value:match(NAME, at)
    if not name then
      return nil, "invalid parameter format"
    end
    local content
    if value:sub(behind, behind) == '"' then
      content, at = quoted(value, behind)
    else
      content, at = value:match(TOKEN, behind)
    end
    if not content then
      return nil, "invalid parameter format"
    end
    parameters[name:lower()] = content
  end
  return media_type, parameters
end

return M
