-- http.boom: HTTP errors as objects to throw: a status, a payload for the client, and what the log
-- shall know.
--
--   error(http.boom.not_found("no such item"))
--
-- A server application answers with err.output; of what is not in there the client sees nothing.
-- SPDX-License-Identifier: MIT

local core = require "http.core"
local json = require "http.json"
local status = require "http.status"

-- Each also has a name in camelCase: badRequest.
local METHODS = {
  bad_request = 400,
  unauthorized = 401,
  payment_required = 402,
  forbidden = 403,
  not_found = 404,
  method_not_allowed = 405,
  not_acceptable = 406,
  proxy_auth_required = 407,
  client_timeout = 408,
  conflict = 409,
  resource_gone = 410,
  length_required = 411,
  precondition_failed = 412,
  entity_too_large = 413,
  uri_too_long = 414,
  unsupported_media_type = 415,
  range_not_satisfiable = 416,
  expectation_failed = 417,
  teapot = 418,
  bad_data = 422,
  locked = 423,
  precondition_required = 428,
  too_many_requests = 429,
  illegal = 451,
  bad_implementation = 500,
  internal = 500,
  not_implemented = 501,
  bad_gateway = 502,
  server_unavailable = 503,
  gateway_timeout = 504,
}

-- Payloads keep the phrases of RFC 2616 where later ones differ.
local OLD_PHRASES = {
  [408] = "Request Time-out",
  [413] = "Request Entity Too Large",
  [414] = "Request-URI Too Large",
  [416] = "Requested Range Not Satisfiable",
  [504] = "Gateway Time-out",
}

local HIDDEN = "An internal server error occurred" -- what a client is told of a 500

local M = {}

-- ---- the object -------------------------------------------------------------------------------

local Boom = {}
local boom_mt = { __name = "http.Boom" }
local CAMEL = { isBoom = "is_boom", isServer = "is_server", isMissing = "is_missing", toJson = "to_json" }

function boom_mt.__index(err, name)
  local other = CAMEL[name]
  if other then
    return err[other]
  end
  return Boom[name]
end

function boom_mt.__tostring(err)
  return tostring(err.message or err.output.payload.error)
end

--- Whether a value, such as pcall gives it, is one of these errors.
function M.is(value)
  return type(value) == "table" and getmetatable(value) == boom_mt
end

local function encode(err, level)
  local order = { "statusCode", "error", "message", "attributes", attributes = err._order }
  local text, why = json.encode_ordered(err.output.payload, order, level + 1)
  if not text then
    error("the payload cannot be written as JSON: " .. why, level + 1)
  end
  return text
end

--- The payload as compact JSON: statusCode, error, message, attributes, then what a script has added.
function Boom:to_json()
  if not M.is(self) then
    error(("bad self (http.Boom expected, got %s); call it with a colon"):format(type(self)), 2)
  end
  return (encode(self, 2))
end

--- The same as a function.
function M.payload_json(err)
  if not M.is(err) then
    error(("bad argument #1 to 'payload_json' (http.Boom expected, got %s)"):format(type(err)), 2)
  end
  return (encode(err, 2))
end

-- ---- arguments --------------------------------------------------------------------------------

-- Levels count as in error(), from the function that calls these.

local function bad_argument(position, name, expected, got, level)
  error(("bad argument #%d to '%s' (%s expected, got %s)"):format(position, name, expected, got), level + 1)
end

local function has_control(text)
  return text:find("[%z\1-\8\10-\31\127]") ~= nil -- a tab may stand in a header
end

-- nil for what a script gives where it means nothing.
local function given(value)
  if value == core.null or value == "" then
    return nil
  end
  return value
end

-- A message that is there, or nil.
local function check_message(name, message, level)
  message = given(message)
  if message == nil then
    return nil
  elseif message == M then
    error(("call http.boom.%s with a dot, not with a colon"):format(name), level + 1)
  end
  if type(message) ~= "string" then
    bad_argument(1, name, "string or nil", type(message), level + 1)
  end
  return message
end

-- A string, or a list of them joined by commas, for a header.
local function check_list(position, name, value, level)
  local items = type(value) == "table" and value or { value }
  for key in pairs(items) do
    if type(key) ~= "number" then
      bad_argument(position, name, "string or list of strings", "table with names", level + 1)
    end
  end
  for _, item in ipairs(items) do
    if type(item) ~= "string" then
      local got = (type(value) == "table" and "list with a " or "") .. type(item)
      bad_argument(position, name, "string or list of strings", got, level + 1)
    elseif has_control(item) then
      bad_argument(position, name, "header value", "a control character", level + 1)
    end
  end
  return table.concat(items, ", ")
end

-- ---- WWW-Authenticate -------------------------------------------------------------------------

-- Attributes as a list of names and a table of values, null being "".
local function read_attributes(attributes, level)
  local names, values = {}, {}

  local function add(name, value)
    if type(name) ~= "string" or not name:find("^[%w!#$%%&'*+.^_`|~-]+$") then
      local shown = type(name) == "string" and name or type(name)
      error(("bad attribute '%s' (a name must be a token)"):format(shown), level + 2)
    end
    if value == nil or value == core.null then
      value = ""
    end
    local kind = type(value)
    if kind ~= "string" and kind ~= "boolean" and (kind ~= "number" or value - value ~= 0) then
      local message = "bad attribute '%s' (string, finite number, boolean or http.null expected, got %s)"
      error(message:format(name, kind == "number" and tostring(value) or kind), level + 2)
    elseif kind == "string" and has_control(value) then
      error(("bad attribute '%s' (it has a control character)"):format(name), level + 2)
    elseif values[name] ~= nil then
      error(("bad attribute '%s' (it is given twice)"):format(name), level + 2)
    end
    names[#names + 1] = name
    values[name] = value
  end

  if attributes[1] ~= nil then -- { { name, value }, … }: in the order of the list
    for i, pair in ipairs(attributes) do
      if type(pair) ~= "table" then
        error(("bad attribute %d (a pair of name and value expected, got %s)"):format(i, type(pair)), level + 1)
      end
      add(pair[1], pair[2])
    end
  else
    for name, value in pairs(attributes) do
      add(name, value)
    end
    table.sort(names)
  end
  return names, values
end

local function quoted(value)
  local text = tostring(value)
  return '"' .. text:gsub('["\\]', "\\%0") .. '"'
end

-- The header and what the payload shows of it. The message is the error; it comes last in the header
-- and first in the payload.
local function challenge(err, scheme, attributes, level)
  local message = err.message
  if message and has_control(message) then
    bad_argument(1, "unauthorized", "header value", "a control character", level + 1)
  end
  local names, values = {}, {}
  if attributes then
    names, values = read_attributes(attributes, level + 1)
  end
  local parts, order = {}, {}
  for _, name in ipairs(names) do
    if not (message and name == "error") then
      parts[#parts + 1] = name .. "=" .. quoted(values[name])
      order[#order + 1] = name
    end
  end
  if message then
    parts[#parts + 1] = "error=" .. quoted(message)
    values.error = message
    table.insert(order, 1, "error")
  end
  if #order > 0 then
    err.output.payload.attributes = values
    err._order = order
  end
  return #parts > 0 and scheme .. " " .. table.concat(parts, ", ") or scheme
end

local function token_challenge(err, scheme, token, level)
  if err.message then
    bad_argument(1, "unauthorized", "nil beside attributes that are a string", "string", level + 1)
  elseif has_control(token) then
    bad_argument(3, "unauthorized", "header value", "a control character", level + 1)
  end
  err.output.payload.attributes = token
  return scheme .. " " .. token
end

local function authenticate(err, scheme, attributes, level)
  local value
  level = level + 1
  if scheme == nil then
    if attributes ~= nil then
      bad_argument(2, "unauthorized", "scheme for the attributes", "nil", level)
    end
    return
  elseif type(scheme) == "table" and next(scheme) == nil then
    bad_argument(2, "unauthorized", "scheme or list of schemes", "an empty list", level)
  end
  value = check_list(2, "unauthorized", scheme, level)
  if type(scheme) == "string" then
    if type(attributes) == "string" then
      value = token_challenge(err, scheme, attributes, level)
    elseif type(attributes) == "table" or attributes == nil then
      value = challenge(err, scheme, attributes, level)
    else
      bad_argument(3, "unauthorized", "table, string or nil", type(attributes), level)
    end
  end
  err.is_missing = err.message == nil
  err.output.headers["WWW-Authenticate"] = value
end

-- ---- the constructors -------------------------------------------------------------------------

local function create(name, message, data, level)
  local code = METHODS[name]
  message = check_message(name, message, level + 1)
  return setmetatable({
    is_boom = true,
    is_server = code >= 500,
    is_missing = false, -- a 401 that asks for credentials and finds no fault with any
    message = message, -- for the log, too, where the payload hides it
    status = code,
    data = data, -- never sent
    output = {
      status_code = code,
      payload = {
        statusCode = code,
        error = OLD_PHRASES[code] or status.phrase(code),
        message = code == 500 and HIDDEN or message,
      },
      headers = {},
    },
    _order = {}, -- of the attributes
  }, boom_mt)
end

local function constructor(name)
  return function(message, data)
    return (create(name, message, data, 2)) -- no tail call, or the levels would not count
  end
end

for name in pairs(METHODS) do
  M[name] = constructor(name)
end

--- unauthorized([message [, scheme [, attributes]]]): with a scheme, WWW-Authenticate is set. The
--- scheme may be a list of whole challenges, then there are no attributes. They are a table, whose
--- names come sorted, or a list of pairs { { name, value }, … }, which keeps its order; or a string,
--- which follows the scheme, without a message then. The message becomes the attribute `error`.
function M.unauthorized(message, scheme, attributes)
  local err = create("unauthorized", message, nil, 2)
  authenticate(err, given(scheme), given(attributes), 2)
  return err
end

--- method_not_allowed([message [, data [, allow]]]): allow is a method or a list of them.
function M.method_not_allowed(message, data, allow)
  local err = create("method_not_allowed", message, data, 2)
  allow = given(allow)
  if allow ~= nil then
    err.output.headers["Allow"] = check_list(3, "method_not_allowed", allow, 2)
  end
  return err
end

local camel = {}
for name in pairs(METHODS) do
  camel[name:gsub("_(%l)", string.upper)] = M[name]
end
for name, fn in pairs(camel) do
  M[name] = fn
end

return M
