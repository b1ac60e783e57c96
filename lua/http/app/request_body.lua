-- http.app.request_body: the body of a request as what it says it is: JSON, a form, text.
-- SPDX-License-Identifier: MIT

local core = require "http.core"
local json = require "http.json"
local querystring = require "http.fields.querystring"
local type_is = require "http.fields.type_is"

local M = {}

local function limit_of(self, options, name)
  if options ~= nil and type(options) ~= "table" then
    error(("bad argument #1 to '%s' (table of options expected, got %s)"):format(name, type(options)), 3)
  end
  for option in pairs(options or {}) do
    if option ~= "limit" then
      error(core.unknown_option(option, { limit = true }), 3)
    end
  end
  local limit = options and options.limit or self.app.body_limit
  if type(limit) ~= "number" then
    error("bad option 'limit' (number of bytes expected)", 3)
  end
  return limit
end

-- What is left of the body, which stays to be read, or an error for the client.
local function read(self, limit)
  local stream = self.body
  if stream.bytes_available > limit then
    self.ctx:throw(413, ("the body is larger than %d bytes"):format(limit))
  end
  return stream:peek(stream.bytes_available) or ""
end

local function check_type(self, types, what)
  local given = self.type
  if given and not type_is.is(given, types) then
    self.ctx:throw(415, ("%s expected, got %s"):format(what, given))
  end
end

--- The body as text. options.limit, in bytes, stands in for app.body_limit; 413 beyond it.
function M:text(options)
  return read(self, limit_of(self, options, "text"))
end

--- The value that the body holds as JSON; `null` is http.null. 400 if it is no JSON, 415 if it says to be
--- something else, 413 beyond the limit.
function M:json(options)
  local limit = limit_of(self, options, "json")
  check_type(self, { "json", "+json" }, "JSON")
  local value, why = json.decode_body(read(self, limit), 2)
  if value == nil then
    self.ctx:throw(400, why)
  end
  return value
end

--- The fields of an HTML form (application/x-www-form-urlencoded): strings, and lists of them for names
--- that come again. 415 if it says to be something else, 413 beyond the limit.
function M:form(options)
  local limit = limit_of(self, options, "form")
  check_type(self, { "urlencoded" }, "a form (application/x-www-form-urlencoded)")
  return querystring.parse(read(self, limit))
end

return M
