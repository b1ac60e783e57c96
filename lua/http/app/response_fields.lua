-- http.app.response_fields: the parts of ctx.response that are one header field each.
-- SPDX-License-Identifier: MIT

local date = require "http.fields.date"
local disposition = require "http.fields.disposition"
local vary = require "http.fields.vary"

local getters, setters, methods = {}, {}, {}

--- Adds a field to Vary.
function methods:vary(field)
  if self._sent then
    return
  end
  local before = self._headers:get("Vary")
  if type(before) == "table" then
    before = table.concat(before, ", ")
  end
  local ok, value = pcall(vary.append, before, field)
  if not ok then
    error((tostring(value):gsub("^[^:]+:%d+: ", ""):gsub("#2 to 'append'", "#1 to 'vary'")), 2)
  end
  self._headers:set("Vary", value, 2)
end

--- Content-Disposition: attachment, with a file name if it is given; its extension sets the type, if none
--- is set. Options: `type` in place of "attachment", `fallback` (true, false, or a name for old clients).
function methods:attachment(filename, options)
  if filename ~= nil and type(filename) ~= "string" then
    error(("bad argument #1 to 'attachment' (string expected, got %s)"):format(type(filename)), 2)
  end
  if filename and not self:has("Content-Type") then
    self.type = filename:match("%.[^./\\]*$") or ""
  end
  local ok, value = pcall(disposition.format, filename, options)
  if not ok then
    error((tostring(value):gsub("^[^:]+:%d+: ", ""):gsub("'format'", "'attachment'")), 2)
  end
  self:set("Content-Disposition", value)
end

--- Last-Modified in seconds since 1970, or nil.
function getters:last_modified()
  local value = self._headers:get("Last-Modified")
  return value and date.parse(value)
end

--- Seconds since 1970, or a date as text.
function setters:last_modified(value)
  local seconds = type(value) == "string" and date.parse(value) or value
  local ok, text = pcall(date.format, seconds)
  if not ok then
    error(("bad last_modified (seconds since 1970 or a date expected, got %s)"):format(tostring(value)), 2)
  end
  self:set("Last-Modified", text)
end

function getters:etag()
  return self._headers:get("ETag")
end

--- The quotes are put around it unless they are there.
function setters:etag(value)
  if type(value) ~= "string" then
    error(("bad etag (string expected, got %s)"):format(type(value)), 2)
  end
  if not value:find('^"') and not value:find('^W/"') then
    value = '"' .. value .. '"'
  end
  self._headers:set("ETag", value, 2)
end

return { getters = getters, setters = setters, methods = methods }
