-- http.mock.answer: what a mock answers with: checked when it is given, sent when it is asked for.
-- SPDX-License-Identifier: MIT

local core = require "http.core"
local json = require "http.json"
local task = require "http.task"

local M = {}

local FIELDS = {
  status = "number",
  reason = "string",
  headers = "table",
  body = "string",
  json = "any",
  delay = "number",
  error = "any",
  error_string = "string",
  cut = "number",
  passthrough = "boolean",
}

-- The number of "TIMEOUT_ERROR", or of 4.
local function error_number(value)
  if type(value) == "string" and value:find("^%u[%u_]+$") and type(core.Response[value]) == "number" then
    return core.Response[value]
  end
  return type(value) == "number" and value % 1 == 0 and value > 0 and value or nil
end

local function check_fields(reply, level)
  for name, value in pairs(reply) do
    local wanted = FIELDS[name]
    if not wanted then
      error(("unknown field '%s' of a reply (it has status, reason, headers, body, json, delay, error, "
        .. "error_string, cut and passthrough)"):format(tostring(name)), level + 1)
    elseif wanted ~= "any" and type(value) ~= wanted then
      error(("bad field '%s' of a reply (%s expected, got %s)"):format(name, wanted, type(value)), level + 1)
    end
  end
end

local function check_table(reply, level)
  check_fields(reply, level + 1)
  local status = reply.status
  if status and (status % 1 ~= 0 or status < 200 or status > 999) then
    error(("bad field 'status' of a reply (%s is not between 200 and 999)"):format(tostring(status)), level + 1)
  elseif reply.error ~= nil and not error_number(reply.error) then
    error(("bad field 'error' of a reply (%s is no error of http.Response, TIMEOUT_ERROR for one)"):format(
      core.words(reply.error)), level + 1)
  elseif reply.body and reply.json ~= nil then
    error("bad field 'json' of a reply (it stands in place of body, not beside it)", level + 1)
  elseif reply.delay and (reply.delay < 0 or reply.delay ~= reply.delay) then
    error("bad field 'delay' of a reply (number of seconds expected, 0 or more)", level + 1)
  elseif reply.cut and (reply.cut < 0 or reply.cut ~= reply.cut) then
    error("bad field 'cut' of a reply (number of bytes expected, 0 or more)", level + 1)
  end
end

--- Throws, at `level`, for what is no reply: a table of fields, a status, a body, or a function that
--- returns one of these. A list of replies is checked item by item.
function M.check(reply, level)
  local kind = type(reply)
  if kind == "table" and reply[1] ~= nil then
    for _, item in ipairs(reply) do
      if type(item) == "table" and item[1] ~= nil then
        error("bad reply (a list of lists)", level + 1)
      end
      M.check(item, level + 1)
    end
  elseif kind == "table" then
    check_table(reply, level + 1)
  elseif kind == "number" then
    check_table({ status = reply }, level + 1)
  elseif kind ~= "string" and kind ~= "function" and kind ~= "nil" then
    error(("bad reply (table, status, body or function expected, got %s)"):format(kind), level + 1)
  end
end

local function fields_of(reply)
  if type(reply) == "number" then
    return { status = reply }
  elseif type(reply) == "string" then
    return { body = reply }
  end
  return reply or {}
end

local function has(headers, name)
  for other in pairs(headers) do
    if type(other) == "string" and other:lower() == name then
      return true
    end
  end
  return false
end

local function fill(response, reply)
  response.status = reply.status or 200
  response.reason = reply.reason
  for name, value in pairs(reply.headers or {}) do
    response.headers[name] = value
  end
  local body = reply.body or ""
  if reply.json ~= nil then
    local why
    body, why = json.encode(reply.json)
    if not body then
      error("bad field 'json' of a reply: " .. why, 0)
    elseif not has(response.headers, "content-type") then
      response.headers["Content-Type"] = "application/json"
    end
  end
  return body
end

-- A body that breaks off in its middle.
local function send_part(response, reply, body)
  if not has(response.headers, "content-length") then
    response.headers["Content-Length"] = #body
  end
  response:write(body:sub(1, reply.cut))
  response:fail(error_number(reply.error) or core.Response.REMOTE_HOST_CLOSED_ERROR, reply.error_string
    or ("the mock cut its reply after %d of %d bytes"):format(math.min(reply.cut, #body), #body))
end

--- Answers with a reply that M.check has let pass: fills the response in, or ends it. In a task.
function M.send(reply, request, response)
  local calls = 0
  while type(reply) == "function" do
    reply, calls = reply(request), calls + 1
    if type(reply) == "table" and reply[1] ~= nil or calls > 10 then
      error("bad reply (a function returns one, and no list of them)", 0)
    end
    M.check(reply, 0)
  end
  reply = fields_of(reply)
  if reply.delay then
    task.sleep(reply.delay)
  end
  if response:gone() then
    return
  elseif reply.passthrough then
    response:pass_on()
  elseif reply.error and not reply.cut then
    local number = error_number(reply.error)
    response:fail(number, reply.error_string or ("the mock answers with %s"):format(tostring(reply.error)))
  else
    local body = fill(response, reply)
    if reply.cut then
      send_part(response, reply, body)
    else
      response.body = body
    end
  end
end

return M
