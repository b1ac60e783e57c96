-- http.app.response: ctx.response, Koa's view of the answer, as its documents describe it.
-- SPDX-License-Identifier: MIT

local body = require "http.app.body"
local fields = require "http.app.response_fields"
local header_list = require "http.app.header_list"
local headers_mt = require "http.headers"
local mime = require "http.fields.mime"
local properties = require "http.app.properties"
local redirect = require "http.app.redirect"
local status = require "http.status"
local type_is = require "http.fields.type_is"

local getters, setters, methods = fields.getters, fields.setters, fields.methods

-- Once the head has been sent, changes to it are too late and do nothing, as in Koa.

-- ---- status -----------------------------------------------------------------------------------

--- The status: 404 until something sets it.
function getters:status()
  return self._status
end

local function set_status(self, code)
  self._explicit_status = true
  self._status = code
  self._message = false
  if self._body ~= nil and status.is_empty(code) then
    self.body = nil
  end
end

--- A registered code, as a number or a member of HTTPStatus. Any other throws, listing them.
function setters:status(code)
  code = status.check(code, 2)
  if not self._sent then
    set_status(self, code)
  end
end

--- The reason phrase: the registered one, unless another is set.
function getters:message()
  return self._message or status.phrase(self._status)
end

function setters:message(text)
  if type(text) ~= "string" or text:find("[%z\1-\8\10-\31\127]") then
    error(("bad message (string without control characters expected, got %s)"):format(type(text)), 2)
  end
  self._message = text
end

-- ---- header fields ----------------------------------------------------------------------------

local copy_mt = {
  __index = headers_mt.__index,
  __newindex = function(_, name)
    error(("the table of headers is a copy; use ctx:set(\"%s\", value)"):format(tostring(name)), 2)
  end,
}

--- A copy of the fields as a table; indexing it ignores case.
function getters:headers()
  return setmetatable(self._headers:copy(), copy_mt)
end
getters.header = getters.headers

local function check_field(name, field)
  if type(field) ~= "string" then
    error(("bad argument #1 to '%s' (string expected, got %s)"):format(name, type(field)), 3)
  end
end

--- The value of a field: a string, a list if there are several, nil if there is none.
function methods:get(field)
  check_field("get", field)
  return self._headers:get(field)
end

function methods:has(field)
  check_field("has", field)
  return self._headers:get(field) ~= nil
end

--- set(field, value) or set { field = value, … }. A list stands for several fields of one name.
function methods:set(field, value)
  if self._sent or field == nil then
    return
  end
  if type(field) ~= "table" then
    self._headers:set(field, value, 2)
    return
  end
  for name, item in pairs(field) do
    self._headers:set(name, item, 2)
  end
end

--- Adds a value, or a list of them, to those that the field has.
function methods:append(field, value)
  if self._sent then
    return
  end
  local before = self._headers:get(field)
  if before ~= nil then
    local all = type(before) == "table" and { unpack(before) } or { before }
    for _, item in ipairs(type(value) == "table" and value or { value }) do
      all[#all + 1] = item
    end
    value = all
  end
  self._headers:set(field, value, 2)
end

function methods:remove(field)
  check_field("remove", field)
  if not self._sent then
    self._headers:remove(field)
  end
end

-- ---- type and length --------------------------------------------------------------------------

--- The media type without its parameters, or nil.
function getters:type()
  local value = self._headers:get("Content-Type")
  return value and value:match("^[^;]*")
end

--- A media type or the extension of a file. Text gets a charset. What is not known removes the field.
function setters:type(name)
  if name ~= nil and type(name) ~= "string" then
    error(("bad type (string or nil expected, got %s)"):format(type(name)), 2)
  elseif self._sent then
    return
  end
  local full = name and mime.content_type(name)
  if full then
    self._headers:set("Content-Type", full, 2)
  else
    self._headers:remove("Content-Type")
  end
end

--- Whether the type is one of the given ("html", "text/*", …): the one that fits, or false. Without
--- any, the type itself.
function methods:is(...)
  local given = ...
  local types = type(given) == "table" and given or { ... }
  for i, name in ipairs(types) do
    if type(name) ~= "string" then
      local message = "bad argument #%d to 'is' (string or list of strings expected, got %s)"
      error(message:format(types == given and 1 or i, type(name)), 2)
    end
  end
  return type_is.is(self.type, types)
end

--- Content-Length as it is set, or as it follows from the body; nil if it is not known.
function getters:length()
  local value = self._headers:get("Content-Length")
  if value then
    return tonumber(value:match("^%d+")) or 0
  end
  local kind = body.kind(self._body, 2)
  if kind == "none" or kind == "stream" then
    return nil
  end
  return #body.content(kind, self._body, 2)
end

function setters:length(bytes)
  if type(bytes) ~= "number" or bytes < 0 or bytes % 1 ~= 0 then
    error(("bad length (number of bytes expected, got %s)"):format(tostring(bytes)), 2)
  end
  if not self._sent then
    self._headers:set("Content-Length", ("%d"):format(bytes))
  end
end

-- ---- body -------------------------------------------------------------------------------------

function getters:body()
  return self._body
end

local function set_nothing(self)
  if not status.is_empty(self._status) then
    if self.type == "application/json" then
      rawset(self, "_body", "null")
      return
    end
    set_status(self, 204)
  end
  self._null_body = true
  self._headers:remove("Content-Type")
  self._headers:remove("Content-Length")
end

-- Each kind of body: its type, if none has been set before, and its length.
local SET = {
  none = set_nothing,
  string = function(self, value, untyped)
    if untyped then
      local html = value:find("^%s*<")
      self._headers:put("content-type", "Content-Type", html and "text/html; charset=utf-8"
        or "text/plain; charset=utf-8")
    end
    self._headers:put("content-length", "Content-Length", tostring(#value))
  end,
  bytes = function(self, value, untyped)
    if untyped then
      self._headers:put("content-type", "Content-Type", "application/octet-stream")
    end
    self._headers:put("content-length", "Content-Length", tostring(#value.content))
  end,
  stream = function(self, value, untyped, before)
    if before ~= nil and before ~= value then
      self._headers:remove("Content-Length")
    end
    if untyped and not body.is_response(value) then -- it brings its own
      self._headers:put("content-type", "Content-Type", "application/octet-stream")
    end
  end,
  json = function(self)
    self._headers:remove("Content-Length")
    local kind = self.type
    if not kind or not kind:lower():find("%f[%w]json%f[%W]") then
      self._headers:put("content-type", "Content-Type", "application/json; charset=utf-8")
    end
  end,
}

--- A string, bytes (http.bytes), a table (sent as JSON), a Stream, a Response of the client, an open file,
--- a function that returns piece after piece and nil at the end, or nil for no content. Sets the status
--- to 200, or 204 for nil, unless it has been set.
function setters:body(value)
  local kind = body.kind(value, 2)
  if self._finished then
    return
  end
  local before = self._body
  if value == body.null then
    value = nil
  end
  rawset(self, "_body", value)
  if before ~= nil and before ~= value and body.kind(before, 1) == "stream" then
    body.close(before)
  end
  if self._sent then
    return -- the head is what it is
  end
  if kind ~= "none" and not self._explicit_status then
    self._status, self._message = 200, false
  end
  SET[kind](self, value, kind ~= "none" and self._headers:get("Content-Type") == nil, before)
end

-- ---- redirects --------------------------------------------------------------------------------

--- Redirects, with 302 unless a status of redirection is set. "back" is the Referrer if that is on this
--- host, else `alternative`, else "/".
function methods:redirect(url, alternative)
  if type(url) ~= "string" then
    error(("bad argument #1 to 'redirect' (URL expected, got %s)"):format(type(url)), 2)
  elseif alternative ~= nil and type(alternative) ~= "string" then
    error(("bad argument #2 to 'redirect' (URL expected, got %s)"):format(type(alternative)), 2)
  end
  if url == "back" then
    url = redirect.back(self.ctx, alternative)
  end
  local location, shown = redirect.location(url)
  if not location then
    error(("bad argument #1 to 'redirect' ('%s' has no host)"):format(url), 2)
  end
  self:set("Location", location)
  if self._sent then
    return
  end
  if not status.is_redirect(self._status) then
    set_status(self, 302)
  end
  local kind, text = redirect.body(self.ctx, shown)
  self._headers:set("Content-Type", kind)
  self.body = text
end

--- redirect("back", alternative)
function methods:back(alternative)
  if alternative ~= nil and type(alternative) ~= "string" then
    error(("bad argument #1 to 'back' (URL expected, got %s)"):format(type(alternative)), 2)
  end
  return self:redirect("back", alternative)
end

-- ---- what has become of it --------------------------------------------------------------------

function getters:header_sent()
  return self._sent
end

--- Whether something may still be written: the answer has not ended, and the client is there.
function getters:writable()
  return not self._finished and not self._wire:gone()
end

function getters:socket()
  return self.request.socket
end

local class = properties.class {
  name = "http.Response (of a server)",
  getters = getters,
  setters = setters,
  methods = methods,
  tostring = function(self)
    return ("http.Response (of a server: %d %s)"):format(self.status, self.message)
  end,
}

local M = { getters = class.getters, setters = class.setters, methods = class.methods }

--- `wire` is what the answer is written to: the core's request, or one in memory.
function M.new(app, ctx, wire)
  return setmetatable({
    app = app,
    ctx = ctx,
    request = false, -- its other half, soon
    _wire = wire,
    _status = 404,
    _message = false,
    _explicit_status = false,
    _headers = header_list.new(),
    _body = nil,
    _null_body = false,
    _sent = false, -- the head
    _promised = false, -- the length that it told
    _finished = false,
  }, class)
end

return M
