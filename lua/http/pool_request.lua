-- http.pool_request: what http.PoolManager and its request() take, checked, and made into what the client
-- takes. Everything here throws without a position: the caller knows whose line it was.
-- SPDX-License-Identifier: MIT

local core = require "http.core"
local json = require "http.json"
local multipart = require "http.multipart"
local pool_retries = require "http.pool_retries"
local query = require "http.query"

local M = {}

local READ_AHEAD = 256 * 1024 -- how much of a body waits that is not read at once

-- urllib3's methods whose fields go into the URL; those of the others are the body.
local IN_URL = { GET = true, HEAD = true, DELETE = true, OPTIONS = true }

-- ---- options ----------------------------------------------------------------------------------

-- Each returns what was expected, if the value is not that, and may say in words what it got.
local function of_type(name)
  return function(value)
    if type(value) ~= name then
      return name, type(value)
    end
  end
end

local function count(value)
  local fits = type(value) == "number" and value >= 1 and value % 1 == 0
  return not fits and "whole number above 0" or nil
end

local function seconds(value)
  local fits = value == false or (type(value) == "number" and value > 0)
  return not fits and "number of seconds above 0, or false for never" or nil
end

local CLOCKS = { connect = "connect", read = "idle", total = "total" } -- the client's names for urllib3's

local function timeout(value)
  if type(value) ~= "table" then
    return seconds(value) and "number of seconds above 0, false, or table with connect, read and total"
  end
  for name, number in pairs(value) do
    if not CLOCKS[name] then
      error(("bad option 'timeout' (connect, read and total are its fields; '%s' is not)"):format(tostring(name)), 0)
    elseif seconds(number) then
      error(("bad option 'timeout.%s' (%s expected, got %s)"):format(name, seconds(number), tostring(number)), 0)
    end
  end
  return nil
end

local function body(value)
  if type(value) ~= "string" and type(value) ~= "table" then
    return "string, table of bytes or Payload", type(value)
  end
end

local function anything() end

-- The client's own, which go to it as they are.
local CLIENT = {
  verify = of_type "boolean",
  ca_file = of_type "string",
  ca_path = of_type "string",
  ca_data = of_type "string",
  cert_file = of_type "string",
  key_file = of_type "string",
  pins = anything,
  resolve = of_type "table",
  local_address = of_type "string",
  unix = of_type "string",
  max_head_size = of_type "number",
  max_body_size = anything,
  read_buffer_size = of_type "number",
  decode = of_type "boolean",
  cookies = anything,
  auth = anything,
  netrc = anything,
  proxy = anything,
  no_proxy = anything,
}

local MANAGER = {
  headers = of_type "table",
  timeout = timeout,
  num_pools = count,
  maxsize = count,
  block = of_type "boolean",
  retries = pool_retries.check,
  redirect = of_type "boolean",
}

local REQUEST = {
  headers = of_type "table",
  timeout = timeout,
  fields = of_type "table",
  body = body,
  json = anything,
  preload_content = of_type "boolean",
  decode_content = of_type "boolean", -- urllib3's name for decode
  encode_multipart = of_type "boolean",
  multipart_boundary = of_type "string",
  retries = pool_retries.check,
  redirect = of_type "boolean",
}

for name, check in pairs(CLIENT) do
  MANAGER[name], REQUEST[name] = check, check
end

local function names_of(known)
  local names = {}
  for name in pairs(known) do
    names[#names + 1] = name
  end
  table.sort(names)
  return table.concat(names, ", ")
end

local function check(options, known, whose)
  for name, value in pairs(options) do
    if not known[name] then
      local words = core.unknown_option(name, known)
      error(words:find(" (", 1, true) and words or words .. (" (%s takes %s)"):format(whose, names_of(known)), 0)
    end
    local expected, got = known[name](value)
    if expected then
      got = got or (type(value) == "table" and "table" or tostring(value))
      error(("bad option '%s' (%s expected, got %s)"):format(name, expected, got), 0)
    end
  end
end

--- Checks the options of a manager.
function M.check_manager(options)
  if type(options) ~= "table" then
    error(("bad argument #1 to 'PoolManager' (table of options expected, got %s)"):format(type(options)), 0)
  elseif rawget(options, "Response") then
    error("call http.PoolManager with a dot, not with a colon", 0)
  end
  check(options, MANAGER, "PoolManager")
  local own = {}
  for name in pairs(CLIENT) do
    own[name] = options[name]
  end
  core.check_options(own)
end

local function check_arguments(method, url, options)
  for at, value in ipairs { method or false, url or false } do
    if type(value) ~= "string" then
      local got = type(value or nil)
      error(("bad argument #%d to 'request' (string expected, got %s)"):format(at, got), 0)
    end
  end
  if type(options) ~= "table" then
    error(("bad argument #3 to 'request' (table of options expected, got %s)"):format(type(options)), 0)
  end
  check(options, REQUEST, "request")
end

-- ---- body and URL -----------------------------------------------------------------------------

-- As a query: in the order of a list, or by the names.
local function encode(fields)
  local parts = {}
  for i, pair in ipairs(multipart.list(fields)) do
    parts[i] = query { [pair[1]] = pair[2] }
  end
  return table.concat(parts, "&")
end

-- Puts the fields behind a query that may be there, and in front of a fragment.
local function add_query(url, fields)
  local encoded = encode(fields)
  if encoded == "" then
    return url
  end
  local rest, fragment = url:match("^([^#]*)(.*)$")
  local glue = "?"
  if rest:find("?", 1, true) then
    glue = rest:find("[?&]$") and "" or "&"
  end
  return rest .. glue .. encoded .. fragment
end

-- The body that the fields are, and its type.
local function form(fields, options)
  if options.encode_multipart == false then
    return (encode(fields):gsub("%%20", "+")), "application/x-www-form-urlencoded"
  end
  return multipart.encode(fields, options.multipart_boundary)
end

local function named(option, fn, ...)
  local ok, a, b = pcall(fn, ...)
  if not ok then
    error(("bad option '%s' (%s)"):format(option, a), 0)
  end
  return a, b
end

local function to_json(value)
  local text, wrong = json.encode(value)
  if not text then
    error(("bad option 'json' (%s)"):format(wrong), 0)
  end
  return text, "application/json"
end

local function refuse_both(first, second)
  error(("the options '%s' and '%s' both give the body; only one can be sent"):format(first, second), 0)
end

-- Returns the URL, the body and its type as far as they come of options.
local function content(method, url, options)
  local fields = options.fields and next(options.fields) ~= nil and options.fields or nil
  if options.body ~= nil and options.json ~= nil then
    refuse_both("body", "json")
  end
  if fields and IN_URL[method] then
    url = named("fields", add_query, url, fields)
  elseif fields then
    if options.body ~= nil or options.json ~= nil then
      refuse_both("fields", options.body ~= nil and "body" or "json")
    end
    return url, named("fields", form, fields, options)
  end
  if options.json ~= nil then
    return url, to_json(options.json)
  end
  return url, options.body, nil
end

-- ---- all of it --------------------------------------------------------------------------------

local function has(headers, name)
  for key in pairs(headers) do
    if type(key) == "string" and key:lower() == name then
      return true
    end
  end
  return false
end

-- The table given, or a copy with the type of the body, unless that is stated there.
local function typed(headers, content_type)
  if not content_type or (headers and has(headers, "content-type")) then
    return headers
  end
  local copy = {}
  for name, value in pairs(headers or {}) do
    copy[name] = value
  end
  copy["Content-Type"] = content_type
  return copy
end

local function clocks(value)
  if type(value) ~= "table" then
    return value
  end
  local result = {}
  for name, number in pairs(value) do
    result[CLOCKS[name]] = number
  end
  return result
end

-- Of the request, or else of the manager.
local function either(options, defaults, name)
  if options[name] ~= nil then
    return options[name]
  end
  return defaults[name]
end

--- What the client takes for pool:request(method, url, options): its options, the body, and the plan of
--- http.pool_retries.
function M.build(defaults, headers, method, url, options)
  check_arguments(method, url, options)
  method = method:upper()
  local target, data, content_type = content(method, url, options)
  local request = {
    method = method,
    url = target,
    headers = typed(options.headers or headers, content_type),
    timeout = clocks(either(options, defaults, "timeout")),
  }
  for name in pairs(CLIENT) do
    request[name] = either(options, defaults, name)
  end
  local plan = pool_retries.plan(either(options, defaults, "retries"), either(options, defaults, "redirect"))
  request.retries, request.redirect, request.secret_headers = plan.retries, plan.redirect, plan.secret_headers
  if options.decode_content ~= nil then
    request.decode = options.decode_content
  end
  if options.preload_content == false and request.read_buffer_size == nil then
    request.read_buffer_size = READ_AHEAD
  end
  return request, data, plan
end

return M
