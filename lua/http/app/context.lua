-- http.app.context: ctx, what a middleware is given: its request and response, and shortcuts to both.
-- SPDX-License-Identifier: MIT

local boom = require "http.boom"
local http_error = require "http.app.error"
local properties = require "http.app.properties"
local request = require "http.app.request"
local respond = require "http.app.respond"
local response = require "http.app.response"

function response.methods:flush_headers()
  respond.flush_headers(self)
end
response.methods.flushHeaders = response.methods.flush_headers

-- ---- Boom's errors ----------------------------------------------------------------------------

-- Each ends the handler: response:not_found("no such user") throws http.boom.not_found("no such user").
local function thrower(make)
  return function(_, ...)
    local ok, err = pcall(make, ...)
    if not ok then -- misuse: told at the line of the script
      error(err, 2)
    end
    error(err, 0)
  end
end

local boom_names = {}
for name, make in pairs(boom) do
  if name ~= "is" and name ~= "payload_json" then
    boom_names[#boom_names + 1] = name
    response.methods[name] = thrower(make)
  end
end

-- ---- delegation, as Koa has it ----------------------------------------------------------------

local RESPONSE_METHODS = {
  "attachment", "redirect", "remove", "vary", "has", "set", "append", "flush_headers", "back",
  unpack(boom_names),
}
local RESPONSE_ACCESS = { "status", "message", "body", "length", "type", "last_modified", "etag" }
local RESPONSE_GETTERS = { "header_sent", "writable" }

local REQUEST_METHODS = { "accepts", "accepts_encodings", "accepts_charsets", "accepts_languages", "get", "is" }
local REQUEST_ACCESS = { "querystring", "search", "method", "query", "path", "url" }
local REQUEST_GETTERS = {
  "idempotent", "socket", "origin", "href", "subdomains", "protocol", "host", "hostname", "header", "headers", "secure",
  "stale", "fresh", "ips", "ip",
}

local getters, setters, methods = {}, {}, {}

local function delegate(half, class, names)
  for _, name in ipairs(names.methods) do
    local method = class.methods[name]
    methods[name] = function(self, ...)
      return method(self[half], ...)
    end
  end
  for _, list in ipairs { names.access, names.getters } do
    for _, name in ipairs(list) do
      local get = class.getters[name]
      getters[name] = function(self)
        return get(self[half])
      end
    end
  end
  for _, name in ipairs(names.access) do
    local set = class.setters[name]
    setters[name] = function(self, value)
      return set(self[half], value)
    end
  end
end

delegate("response", response, { methods = RESPONSE_METHODS, access = RESPONSE_ACCESS, getters = RESPONSE_GETTERS })
delegate("request", request, { methods = REQUEST_METHODS, access = REQUEST_ACCESS, getters = REQUEST_GETTERS })

-- ---- errors -----------------------------------------------------------------------------------

--- throw(status, message, fields): ends the handler with an error. Below 500 the client is told the
--- message. Fields such as `headers` and `expose` go onto the error object.
function methods:throw(...)
  error(http_error.new(...), 0)
end

--- Throws as above unless `value` is true; returns it.
function methods:assert(value, ...)
  if not value then
    error(http_error.new(...), 0)
  end
  return value
end

-- ---- the context ------------------------------------------------------------------------------

--- The target as it was first asked for, whatever middleware has made of ctx.url.
function getters:original_url()
  return self.request.original_url
end

--- A place for what middleware leaves.
function getters:state()
  local state = {}
  rawset(self, "state", state)
  return state
end

function setters:state(value)
  rawset(self, "state", value)
end

local class = properties.class {
  name = "http.Context",
  getters = getters,
  setters = setters,
  methods = methods,
  open = true, -- middleware may leave things for the next
  fallback = function(self, name)
    local app = rawget(self, "app")
    return app and app.context[name]
  end,
  tostring = function(self)
    return ("http.Context (%s %s: %d)"):format(self.method, self.url, self.status)
  end,
}

local M = {}

--- The context of one request: `wire` is the core's request, or one in memory.
function M.new(app, incoming, wire)
  local ctx = {
    app = app,
    request = false,
    response = false,
  }
  ctx.request = request.new(app, ctx, incoming)
  ctx.response = response.new(app, ctx, wire)
  ctx.request.response = ctx.response
  ctx.response.request = ctx.request
  return setmetatable(ctx, class)
end

return M
