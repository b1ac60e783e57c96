-- http.fields.mime: media types by file name extension, and back.
-- SPDX-License-Identifier: MIT

local check = require "http.fields.check"
local common = require "http.fields.mime_types"
local text = require "http.fields.text"

local M = {}

local SYSTEM = "/etc/mime.types"

-- Types beyond text/* whose registrations say UTF-8, or which are UTF-8 in practice.
local UTF8 = {}
for name in ([[
  3gpdash-qoe-report+xml beep+xml cda+xml elm+json emergencycalldata.cap+xml fhir+json fhir+xml hl7v2+xml
  im-iscomposing+xml javascript json manifest+json msc-ivr+xml msc-mixer+xml pidf+xml pidf-diff+xml
  poc-settings+xml vnd.omads-email+xml vnd.omads-file+xml vnd.omads-folder+xml vnd.syncml+xml
  vnd.syncml.dm+wbxml vnd.syncml.dm+xml vnd.syncml.dmddf+xml vnd.syncml.dmtnds+xml vnd.wap.wbxml
]]):gmatch("%S+") do
  UTF8["application/" .. name] = true
end

local type_of, extension_of -- filled at first need

-- Adds lines of a type and its extensions; what is known already stays.
local function add(lines)
  for line in lines:gmatch("[^\r\n]+") do
    local words = line:gsub("#.*", ""):lower():gmatch("%S+")
    local media_type = words() or ""
    for extension in words do
      type_of[extension] = type_of[extension] or media_type
      extension_of[media_type] = extension_of[media_type] or extension
    end
  end
end

local function read(path)
  local file, message = io.open(path, "rb")
  if not file then
    return nil, message
  end
  local content, why = file:read("*a")
  file:close()
  return content, why
end

-- The built-in types first, so that on every machine those of the web are the same.
local function tables()
  if not type_of then
    type_of, extension_of = {}, {}
    add(common)
    add(read(SYSTEM) or "")
  end
  return type_of, extension_of
end

--- Adds the types of a file in the form of /etc/mime.types, which has been read at the first look-up
--- already, where it exists. Known extensions keep their type. True, or nil and why it cannot be read.
function M.load(path)
  check.string(path, 1, "load")
  tables()
  local content, why = read(path)
  if not content then
    return nil, why
  end
  add(content)
  return true
end

--- The type of a file by its name, a path, or the extension alone ("html", ".html", "dir/a.HTML"); nil if
--- that is unknown.
function M.lookup(path)
  check.string(path, 1, "lookup")
  -- In front of an extension, so that it is one; in front of a path it changes nothing.
  path = "x." .. path
  local last = path:sub(1, #path - #path:reverse():match("^/*"))
  local dot, extension = last:match("()%.([^./]*)$")
  -- A name such as ".profile" has no extension.
  if not dot or last:sub(dot - 1, dot - 1) == "/" then
    return nil
  end
  return (tables())[extension:lower()]
end

local function bare(media_type)
  return text.trim(media_type):match("^[^;%s]*"):lower()
end

--- "UTF-8" if the type is text that is so by default, or nil. Parameters are ignored.
function M.charset(media_type)
  check.string(media_type, 1, "charset")
  media_type = bare(media_type)
  return (UTF8[media_type] or media_type:find("^text/")) and "UTF-8" or nil
end

--- The value of Content-Type for a type (what has a "/") or for what `lookup` takes: with the default charset
--- unless it names one. Nil if the extension is unknown.
function M.content_type(name)
  check.string(name, 1, "content_type")
  local media_type = name:find("/", 1, true) and name or M.lookup(name)
  if not media_type or media_type:find("charset", 1, true) or not M.charset(media_type) then
    return media_type
  end
  return media_type .. "; charset=utf-8"
end

--- The usual extension of a type, without a dot, or nil. Parameters are ignored.
function M.extension(media_type)
  check.string(media_type, 1, "extension")
  local _, extensions = tables()
  return extensions[bare(media_type)]
end

return M
