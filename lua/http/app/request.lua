-- http.app.request: ctx.request, Koa's view of what the client sent.
--
-- What a field of the head would tell is nil where there is none; what is a part of the target
-- (path, querystring, search) is always a string.
-- SPDX-License-Identifier: MIT

local accepts = require "http.fields.accepts"
local fresh = require "http.fields.fresh"
local properties = require "http.app.properties"
local querystring = require "http.fields.querystring"
local request_body = require "http.app.request_body"
local string_stream = require "http.string_stream"
local type_is = require "http.fields.type_is"

local getters, setters, methods = {}, {}, {}

-- Of a setter, at the line of the script that assigned.
local function check_string(name, value)
  if type(value) ~= "string" then
    error(("bad %s (string expected, got %s)"):format(name, type(value)), 3)
  end
end

-- ---- the head ---------------------------------------------------------------------------------

function getters:headers()
  return self._in.headers
end
getters.header = getters.headers

local function get(self, field)
  local headers = self._in.headers
  field = field:lower()
  if field == "referer" or field == "referrer" then
    return headers.referrer or headers.referer
  end
  return headers[field]
end

--- The value of a field, or nil. Referer has both its spellings.
function methods:get(field)
  if type(field) ~= "string" then
    error(("bad argument #1 to 'get' (string expected, got %s)"):format(type(field)), 2)
  end
  return get(self, field)
end

function getters:method()
  return self._in.method
end

function setters:method(value)
  check_string("method", value)
  self._in.method = value
end

local IDEMPOTENT = { GET = true, HEAD = true, PUT = true, DELETE = true, OPTIONS = true, TRACE = true }

function getters:idempotent()
  return IDEMPOTENT[self._in.method] == true
end

-- ---- the target -------------------------------------------------------------------------------

-- The parts of a target: what comes before the path in the absolute form, the path, the query.
local function split(target)
  if not target:find("?", 1, true) and not target:find("#", 1, true) and target:sub(1, 1) == "/" then
    return "", target, "" -- as most are
  end
  local before, rest = target:match("^(%a[%w+.-]*://[^/?#]*)(.*)$")
  rest = (rest or target):gsub("#.*$", "")
  local path, query = rest:match("^([^?]*)%??(.*)$")
  return before or "", path ~= "" and path or "/", query
end

--- The target as it was first asked for.
function getters:original_url()
  return self._in.original_url
end

--- The target, as it was sent unless a middleware has changed it: path and query.
function getters:url()
  return self._in.target
end

function setters:url(value)
  check_string("url", value)
  self._in.target = value
end

function getters:path()
  local _, path = split(self._in.target)
  return path
end

local function with_query(path, query)
  return query ~= "" and path .. "?" .. query or path
end

function setters:path(value)
  check_string("path", value)
  local before, _, query = split(self._in.target)
  self._in.target = before .. with_query(value, query)
end

function getters:querystring()
  local _, _, query = split(self._in.target)
  return query
end

function setters:querystring(value)
  check_string("querystring", value)
  local before, path = split(self._in.target)
  self._in.target = before .. with_query(path, (value:gsub("^%?", "")))
end

function getters:search()
  local query = self.querystring
  return query ~= "" and "?" .. query or ""
end

function setters:search(value)
  check_string("search", value)
  self.querystring = value
end

--- The query as a table: strings, and lists of them for names that come again.
function getters:query()
  local text = self.querystring
  if self._in.query_text ~= text then
    self._in.query_text, self._in.query = text, querystring.parse(text)
  end
  return self._in.query
end

function setters:query(fields)
  if type(fields) ~= "table" then
    error(("bad query (table expected, got %s)"):format(type(fields)), 2)
  end
  local ok, text = pcall(querystring.stringify, fields)
  if not ok then
    error("bad query " .. text:match("%b()"), 2)
  end
  self.querystring = text
end

-- ---- where it came from and went to -----------------------------------------------------------

-- The first of a list with commas.
local function first(value)
  return value:match("^%s*([^,]-)%s*,") or value:match("^%s*(.-)%s*$")
end

local function from_proxy(self, field)
  local value = self.app.proxy and get(self, field)
  return value and value ~= "" and value or nil
end

--- Host of the Host field (of X-Forwarded-Host where app.proxy is set), with its port; "" if none.
function getters:host()
  local host = first(from_proxy(self, "X-Forwarded-Host") or get(self, "Host") or "")
  return host:match("@([^@]*)$") or host -- it might have been user@host
end

function getters:hostname()
  local host = self.host
  return host:match("^%[[%x:.]+%]") or host:match("^[^:%[]*")
end

function getters:protocol()
  if self._in.secure then
    return "https"
  end
  return first(from_proxy(self, "X-Forwarded-Proto") or "http"):lower()
end

function getters:secure()
  return self.protocol == "https"
end

--- What the Origin field says; nil without one.
function getters:origin()
  return get(self, "Origin")
end

--- The whole URL as it was first asked for.
function getters:href()
  local url = self.original_url
  if url:find("^https?://") then
    return url
  end
  return self.protocol .. "://" .. self.host .. url
end

--- The addresses that proxies tell of, the client's first; empty unless app.proxy is set.
function getters:ips()
  local list = {}
  for address in (from_proxy(self, self.app.proxy_ip_header) or ""):gmatch("[^,%s]+") do
    list[#list + 1] = address
  end
  local most = self.app.max_ips_count
  while most > 0 and #list > most do
    table.remove(list, 1)
  end
  return list
end

function getters:ip()
  return self._in.ip or self.ips[1] or self._in.peer
end

function setters:ip(value)
  check_string("ip", value)
  self._in.ip = value
end

--- The labels in front of the host's last two (app.subdomain_offset), the nearest first.
function getters:subdomains()
  local host, labels, list = self.hostname, {}, {}
  if host:find("^%[") or host:find("^%d+%.%d+%.%d+%.%d+$") then
    return list
  end
  for label in (host .. "."):gmatch("([^.]*)%.") do
    table.insert(labels, 1, label)
  end
  for i = self.app.subdomain_offset + 1, #labels do
    list[#list + 1] = labels[i]
  end
  return list
end

--- { remote_address=, encrypted= }
function getters:socket()
  local address, encrypted = self._in.peer, self._in.secure == true
  return { remote_address = address, remoteAddress = address, encrypted = encrypted }
end

-- ---- the body ---------------------------------------------------------------------------------

--- The media type of the body, without parameters; nil if none is told.
function getters:type()
  local value = get(self, "Content-Type")
  return value and value:match("^[^;]*")
end

function getters:charset()
  local value = get(self, "Content-Type")
  return value and (value:match(';%s*[Cc][Hh][Aa][Rr][Ss][Ee][Tt]="?([^";%s]+)'))
end

--- The body's Content-Length, or nil.
function getters:length()
  local value = get(self, "Content-Length")
  return value and tonumber(value:match("^%s*%d+"))
end

--- The body as a Stream to read.
function getters:body()
  if not self._in.stream then
    self._in.stream = string_stream.new(self._in.body or "")
  end
  return self._in.stream
end

methods.json = request_body.json
methods.form = request_body.form
methods.text = request_body.text

-- ---- negotiation ------------------------------------------------------------------------------

-- The types that a method of that name was given: strings, or one list of them; nil if none.
local function list_of(name, ...)
  local given = ...
  local list = type(given) == "table" and given or { ... }
  for i, item in ipairs(list) do
    if type(item) ~= "string" then
      local message = "bad argument #%d to '%s' (string or list of strings expected, got %s)"
      error(message:format(list == given and 1 or i, name, type(item)), 3)
    end
  end
  return list[1] ~= nil and list or nil
end

--- Whether the body is of one of the types ("json", "text/*", …): the one that fits, false if none does,
--- nil if there is no body.
function methods:is(...)
  local headers = self._in.headers
  if not headers["transfer-encoding"] and not headers["content-length"] then
    return nil
  end
  return type_is.is(headers["content-type"], list_of("is", ...) or {})
end

--- The best of the given types for the client, or false; without any, all that it takes, best first.
function methods:accepts(...)
  return accepts.types(get(self, "Accept"), list_of("accepts", ...))
end

function methods:accepts_encodings(...)
  return accepts.encodings(get(self, "Accept-Encoding"), list_of("accepts_encodings", ...))
end

function methods:accepts_charsets(...)
  return accepts.charsets(get(self, "Accept-Charset"), list_of("accepts_charsets", ...))
end

function methods:accepts_languages(...)
  return accepts.languages(get(self, "Accept-Language"), list_of("accepts_languages", ...))
end

--- Whether what the client has is still good, by If-None-Match and If-Modified-Since: set the reply's
--- ETag and Last-Modified first.
function getters:fresh()
  local method, code = self._in.method, self.response.status
  if (method ~= "GET" and method ~= "HEAD") or not ((code >= 200 and code < 300) or code == 304) then
    return false
  end
  return fresh(function(name)
    return get(self, name)
  end, function(name)
    return self.response:get(name)
  end)
end

function getters:stale()
  return not self.fresh
end

local class = properties.class {
  name = "http.Request",
  getters = getters,
  setters = setters,
  methods = methods,
  tostring = function(self)
    return ("http.Request (%s %s)"):format(self._in.method, self._in.target)
  end,
}

local M = { getters = class.getters, setters = class.setters, methods = class.methods }

--- `incoming` is { method=, target=, original_url=, peer=, headers=, body=, secure= }.
function M.new(app, ctx, incoming)
  return setmetatable({
    app = app,
    ctx = ctx,
    response = false, -- its other half, soon
    _in = incoming,
  }, class)
end

return M
