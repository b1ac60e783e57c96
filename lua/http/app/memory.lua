-- http.app.memory: the wire of a call without a socket: holds a request, and keeps the answer.
-- SPDX-License-Identifier: MIT

local headers_mt = require "http.headers"

local M = {}

local methods = {}
local mt = { __name = "http.app.memory", __index = methods }

local FIELDS = {
  method = "string",
  url = "string",
  headers = "table",
  body = "string",
  ip = "string",
  secure = "boolean",
}

--- Throws, at `level`, what is no request for new().
function M.check(request, level)
  if type(request) ~= "table" then
    error(("bad argument #1 (table with method, url, headers, body expected, got %s)"):format(type(request)), level + 1)
  end
  for name, value in pairs(request) do
    if not FIELDS[name] then
      error(("unknown field '%s' of a request"):format(tostring(name)), level + 1)
    elseif type(value) ~= FIELDS[name] then
      error(("bad field '%s' (%s expected, got %s)"):format(name, FIELDS[name], type(value)), level + 1)
    end
  end
end

--- A wire for { method=, url=, headers=, body=, ip= }. `done(reply)` is called once, with { status=,
--- message=, headers=, body= }, or with nil if the answer broke off.
function M.new(request, done)
  return setmetatable({ request = request, done = done, pieces = {}, reply = nil }, mt)
end

--- What a request of the core gives: method, target, peer, headers, body.
function methods:read()
  local given = self.request
  local headers = setmetatable({}, headers_mt)
  for name, value in pairs(given.headers or {}) do
    headers[name] = tostring(value)
  end
  local body = given.body or ""
  if body ~= "" and not headers["content-length"] then
    headers["Content-Length"] = tostring(#body)
  end
  if not headers.host then
    headers.Host = "localhost"
  end
  return given.method or "GET", given.url or "/", given.ip or "127.0.0.1", headers, body
end

-- As a client gets them: fields of one name are one, but for Set-Cookie, which is a list.
local function collect(list)
  local headers = setmetatable({}, headers_mt)
  for i = 1, #list, 2 do
    local name, value = list[i], list[i + 1]
    local before = headers[name]
    if before == nil then
      headers[name] = name:lower() == "set-cookie" and { value } or value
    elseif type(before) == "table" then
      before[#before + 1] = value
    else
      headers[name] = before .. ", " .. value
    end
  end
  return headers
end

function methods:head(status, reason, fields, length)
  local headers = collect(fields)
  if length and status ~= 204 then
    headers["Content-Length"] = ("%d"):format(length)
  end
  self.reply = { status = status, message = reason, headers = headers }
  return true
end

function methods:write(bytes)
  if self.request.method ~= "HEAD" then
    self.pieces[#self.pieces + 1] = bytes
  end
  return true
end

function methods:finish()
  local reply = self.reply
  if reply then
    reply.body = table.concat(self.pieces)
  end
  self.done(reply)
end

function methods:abort()
  self.done(nil)
end

function methods:pending()
  return 0
end

function methods:gone()
  return false
end

function methods:watch()
end

return M
