-- http.mock.matcher: which requests a mock answers: by method, URL, query, headers and body.
-- SPDX-License-Identifier: MIT

local json = require "http.json"
local querystring = require "http.fields.querystring"

local M = {}

local FIELDS = {
  method = { string = true },
  url = { string = true, ["function"] = true },
  pattern = { string = true },
  query = { table = true, ["function"] = true },
  headers = { table = true },
  body = { string = true, ["function"] = true },
  json = { table = true, string = true, number = true, boolean = true },
}

-- ---- URLs -------------------------------------------------------------------------------------

local OWN_PORT = { http = "80", https = "443" }

-- "HTTP://A.test:80" -> "http://a.test", as the URL of a request has it.
local function normal_origin(origin)
  local scheme, host, port = origin:lower():match("^(%a[%w+.-]*)://(.-):?(%d*)$")
  if not scheme then
    return origin:lower()
  end
  return ("%s://%s%s"):format(scheme, host, (port == "" or port == OWN_PORT[scheme]) and "" or ":" .. port)
end

local function split(url)
  local origin, rest = url:match("^(%a[%w+.-]*://[^/?#]*)(.*)$")
  local target = (rest or url):gsub("#.*$", "")
  local path, query = target:match("^([^?]*)%??(.*)$")
  return origin and normal_origin(origin), path == "" and "/" or path, target:find("?", 1, true) and query
end

local function escape(text)
  return (text:gsub("%W", "%%%0"))
end

-- "/users/:id/*" as a Lua pattern, and the names of its captures.
local function compile_path(path)
  local names = {}
  local pattern = path:gsub("[^/]+", function(segment)
    local name = segment:match("^:([%a_][%w_]*)$")
    if name then
      names[#names + 1] = name
      return "([^/]+)"
    end
    return (escape(segment):gsub("%%%*", ".*"))
  end)
  return "^" .. pattern .. "$", names
end

local function from_hex(digits)
  return string.char(tonumber(digits, 16))
end

local function params_of(names, captures)
  local params = {}
  for i, name in ipairs(names) do
    params[name] = captures[i]:gsub("%%(%x%x)", from_hex)
  end
  return params
end

-- A function(request) -> params, or nil; and, without one, how near the URL comes.
local function url_matcher(url)
  if url == "*" then
    return function()
      return {}
    end
  end
  local origin, path, query = split(url)
  local pattern, names = compile_path(path)
  local wanted = query and querystring.parse(query)
  return function(request)
    if origin and origin ~= request.origin then
      return nil
    end
    local captures = { request.path:match(pattern) }
    if #captures == 0 or (wanted and not M.same(wanted, request.fields)) then
      return nil
    end
    return params_of(names, captures)
  end
end

local function pattern_matcher(pattern)
  return function(request)
    local captures = { request.url:match(pattern) }
    return #captures > 0 and captures or nil
  end
end

local function function_matcher(fn)
  return function(request)
    local found = fn(request.url, request)
    if type(found) == "table" then
      return found
    end
    return found and {} or nil
  end
end

-- ---- values -----------------------------------------------------------------------------------

--- Whether two values are the same, tables by what is in them.
function M.same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b
  end
  for key, value in pairs(a) do
    if not M.same(value, b[key]) then
      return false
    end
  end
  for key in pairs(b) do
    if a[key] == nil then
      return false
    end
  end
  return true
end

-- true: there at all; false: not there; a function decides; a list is every value of several.
local function holds(wanted, value)
  if type(wanted) == "boolean" then
    return (value ~= nil) == wanted
  elseif type(wanted) == "function" then
    return wanted(value) and true or false
  elseif type(wanted) == "table" then
    local texts = {}
    for i, item in ipairs(wanted) do
      texts[i] = tostring(item)
    end
    return M.same(texts, value)
  end
  return value == tostring(wanted)
end

local function all_hold(wanted, values)
  for name, value in pairs(wanted) do
    if not holds(value, values[name]) then
      return false, name
    end
  end
  return true
end

-- ---- matchers ---------------------------------------------------------------------------------

local methods = {}
local mt = { __index = methods }

local function check(spec, level)
  for name, value in pairs(spec) do
    local types = FIELDS[name]
    if not types then
      error(("unknown field '%s' of a mock (it has method, url, pattern, query, headers, body and json)"):format(
        tostring(name)), level + 1)
    elseif not types[type(value)] then
      error(("bad field '%s' of a mock (got a %s)"):format(name, type(value)), level + 1)
    end
  end
  if spec.url and spec.pattern then
    error("bad field 'pattern' of a mock (it stands in place of url, not beside it)", level + 1)
  elseif spec.body ~= nil and spec.json ~= nil then
    error("bad field 'json' of a mock (it stands in place of body, not beside it)", level + 1)
  elseif spec.pattern and not pcall(string.find, "", spec.pattern) then
    error(("bad field 'pattern' of a mock (\"%s\" is not a Lua pattern)"):format(spec.pattern), level + 1)
  end
end

--- A matcher of { method=, url= or pattern=, query=, headers=, body= or json= }; what is not given does not
--- matter. Throws at `level` for what is none.
function M.new(spec, level)
  check(spec, level + 1)
  local find_url
  if spec.pattern then
    find_url = pattern_matcher(spec.pattern)
  elseif type(spec.url) == "function" then
    find_url = function_matcher(spec.url)
  else
    find_url = url_matcher(spec.url or "*")
  end
  return setmetatable({
    spec = spec,
    method = spec.method and spec.method:upper(),
    find_url = find_url,
  }, mt)
end

local function body_holds(spec, request)
  if spec.json ~= nil then
    local value = json.decode_body(request.body)
    return value ~= nil and M.same(spec.json, value)
  elseif type(spec.body) == "function" then
    return spec.body(request.body, request) and true or false
  end
  return spec.body == nil or spec.body == request.body
end

--- The parameters of the URL where it matches; or nil, what does not, and how much of it did.
function methods:match(request)
  local spec = self.spec
  local right_method = self.method == nil or self.method == request.method
  local params = self.find_url(request)
  if not params then
    return nil, right_method and "another URL" or "another method and URL", right_method and 1 or 0
  elseif not right_method then
    return nil, "another method", 2
  end
  if type(spec.query) == "function" then
    if not spec.query(request.fields, request) then
      return nil, "another query", 3
    end
  elseif spec.query then
    local ok, name = all_hold(spec.query, request.fields)
    if not ok then
      return nil, ("another query: '%s'"):format(name), 3
    end
  end
  local ok, name = all_hold(spec.headers or {}, request.headers)
  if not ok then
    return nil, ("other headers: '%s'"):format(name), 4
  elseif not body_holds(spec, request) then
    return nil, "another body", 5
  end
  return params
end

--- "GET http://api.test/users/:id"
function methods:words()
  local spec = self.spec
  local url = spec.pattern and "/" .. spec.pattern .. "/" or spec.url or "*"
  return ("%s %s"):format(self.method or "*", type(url) == "string" and url or "(a function)")
end

--- What matchers look at: the request of http.serve, with `origin`, `fields` (of its query) and an
--- absolute URL.
function M.describe(request)
  local origin = request.url:match("^(%a[%w+.-]*://[^/?#]*)")
  return {
    method = request.method,
    url = request.url,
    origin = origin,
    path = request.path,
    query = request.query,
    fields = querystring.parse(request.query),
    headers = request.headers,
    body = request.body,
    params = nil, -- set where a mock matches
  }
end

return M
