-- http.app.error: what a handler may throw, and what the client is told of it.
-- SPDX-License-Identifier: MIT

local boom = require "http.boom"
local core = require "http.core"
local failure = require "http.failure"
local status = require "http.status"

local M = {}

-- ---- errors with a status ---------------------------------------------------------------------

local mt = { __name = "http.Error" }

function mt.__tostring(self)
  return self.message
end

-- What ctx:throw was given, as the npm module http-errors takes it: status, message or error, fields.
local function read(arguments)
  local err = { status = nil, message = nil }
  local props
  for i = 1, arguments.n do
    local value = arguments[i]
    local kind = type(value)
    if i == 1 and (kind == "number" or kind == "cdata") then
      err.status = value
    elseif kind == "string" then
      err.message = value
    elseif kind == "table" and getmetatable(value) then
      err.cause, err.message = value, err.message or core.words(value)
      local code = status.number(value.status)
      err.status = err.status or (type(code) == "number" and code or nil)
    elseif kind == "table" then
      props = value
    elseif value ~= nil then
      error(("bad argument #%d to 'throw' (status, message or table of fields expected, got %s)"):format(i, kind), 4)
    end
  end
  return err, props
end

--- An error object: new(404), new(400, "name required"), new(401, "who?", { headers = { … } }). The
--- message is told to the client if `expose` is true, which it is below 500.
function M.new(...)
  local err, props = read { n = select("#", ...), ... }
  if err.status == nil then
    err.status = 500
  end
  err.status = status.check(err.status, 3)
  if err.status < 400 then -- what is thrown is an error
    err.status = 500
  end
  err.message = err.message or status.phrase(err.status)
  err.expose = err.status < 500
  for name, value in pairs(props or {}) do
    err[name] = value
  end
  return setmetatable(err, mt)
end

-- ---- what was thrown --------------------------------------------------------------------------

--- A field of something thrown; nil, too, where the value throws when it is asked.
local function field(value, name)
  local ok, found = pcall(function()
    return type(value) == "table" and value[name] or nil
  end)
  return ok and found or nil
end
M.field = field

-- What an error says of itself; a plain table says it in `message`.
local function words(value)
  local message = type(value) == "table" and not getmetatable(value) and value.message
  return type(message) == "string" and message or core.words(value)
end

-- A handler for xpcall: keeps the value beside the traceback.
function M.trap(value)
  return { value = value, trace = debug.traceback(words(value), 2) }
end

-- Anything becomes an error object with status, message, expose and trace.
local function normalize(thrown)
  local value = thrown.value
  local code = status.number(field(value, "status") or field(value, "status_code"))
  if type(value) == "table" and (getmetatable(value) or type(code) == "number") then
    return value, code
  end
  local message = core.words(value)
  if type(value) ~= "string" then
    message = "something that is no error was thrown: " .. message
  end
  return setmetatable({ status = 500, message = message, expose = false, thrown = value }, mt), 500
end

-- False if what a script has made of its output cannot be sent.
local function describe_boom(err, reply)
  local output = field(err, "output")
  local code = field(output, "status_code")
  local ok, text = pcall(boom.payload_json, err)
  if not ok or not status.is_known(code) or code < 400 then
    return false
  end
  reply.status, reply.headers = code, field(output, "headers")
  reply.type, reply.body = "json", text
  reply.expose = code ~= 500 -- the others tell all that there is
  return true
end

--- What to do about something thrown: { error=, status=, expose=, body=, type=, headers=, trace= }.
function M.describe(thrown)
  local err, code = normalize(thrown)
  if type(code) ~= "number" or not status.is_known(code) or code < 400 then
    code = 500
  end
  local reply = { error = err, status = code, trace = thrown.trace, headers = field(err, "headers"), type = "text" }
  if boom.is(err) and describe_boom(err, reply) then
    return reply
  end
  reply.expose = failure.is(err) or field(err, "expose") == true
  local told = reply.expose and (getmetatable(err) or field(err, "message"))
  reply.body = told and words(err) or status.phrase(code)
  return reply
end

return M
