-- http.content: the options json, form and multipart as the body of a request and its Content-Type.
-- SPDX-License-Identifier: MIT

local content_type = require "http.fields.content_type"
local form = require "http.form"
local json = require "http.json"
local multipart = require "http.multipart"

local encoders = {}

function encoders.json(value)
  local text, why = json.encode(value)
  if not text then
    error(why, 0)
  end
  return text, "application/json"
end

local function check_table(value)
  if type(value) ~= "table" then
    error(("table expected, got %s"):format(value == false and "false" or type(value)), 0)
  end
  return value
end

function encoders.form(value)
  return form.encode(check_table(value)), form.TYPE
end

-- A Content-Type that the script has set would not tell of a boundary that we choose.
local function boundary_of(stated)
  local media_type, parameters = content_type.parse(stated)
  if not media_type or not parameters.boundary then
    error(("the header Content-Type, '%s', names no boundary; without that header one is chosen"):format(stated), 0)
  end
  return parameters.boundary
end

function encoders.multipart(value, stated)
  return multipart.encode(check_table(value), stated and boundary_of(stated))
end

--- The body that the option of that name gives, and its Content-Type; `stated`: that of the script, if it has
--- set one. Throws without a position.
return function(name, value, stated)
  return encoders[name](value, stated)
end
