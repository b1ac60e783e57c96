-- http.Client: requests that have options in common, and a URL that theirs are relative to.
--
--   local api = http.Client { base_url = "https://api.example.com/v2/", headers = { Accept = "application/json" } }
--   local user = api:get("users/1"):json()
-- SPDX-License-Identifier: MIT

local check_self = require "http.check_self"
local core = require "http.core"

local M = {}

local Client = {}
local mt = { __name = "http.Client", __index = Client }

-- What is of one request, so that it cannot be a default, and what there is in its place.
local OF_ONE = {
  method = "each of its methods has its own",
  url = "it has base_url",
  protocol = "it has base_url",
  hostname = "it has base_url",
  port = "it has base_url",
  path = "it has base_url",
  query = "it has base_url",
  json = "a body is of one request",
  form = "a body is of one request",
  multipart = "a body is of one request",
  file = "a body is of one request",
  length = "a body is of one request",
}

-- What is never sent to another origin than that of base_url, as after a redirect.
local SECRETS = { auth = true, cert_file = true, key_file = true }
local SECRET_HEADERS = { authorization = true, cookie = true, ["proxy-authorization"] = true }

-- ---- what a request is made of ----------------------------------------------------------------

-- The client's headers and those of the request, which win. A name that is false there is not sent.
local function merge_headers(defaults, own, foreign)
  local given, merged = {}, {}
  for name in pairs(own or {}) do
    if type(name) == "string" then
      given[name:lower()] = true
    end
  end
  for name, value in pairs(defaults) do
    local lower = name:lower()
    if not given[lower] and not (foreign and SECRET_HEADERS[lower]) then
      merged[name] = value
    end
  end
  for name, value in pairs(own or {}) do
    merged[name] = value
  end
  return merged
end

local function query_of(query)
  if type(query) ~= "table" then
    return query
  end
  local ok, text = pcall(require "http.query", query)
  if not ok then
    error(("bad option 'query' (%s)"):format(text), 0)
  end
  return text
end

-- The whole URL, user and password in it, and its origin; or nil and words. Browsers drop line ends; in a
-- request they are a mistake, or somebody's attempt at another one.
local function resolve_url(base, text)
  if text:find("[%z%c]") then
    return nil, "a control character is not allowed there"
  end
  local parts, why = core.url_resolve(text, base)
  if not parts then
    return nil, why
  elseif not parts.user then
    return parts.href, parts.origin
  end
  local behind = #parts.protocol + 2
  local password = parts.password and ":" .. core.url_encode(parts.password, "") or ""
  return parts.href:sub(1, behind) .. core.url_encode(parts.user, "") .. password .. "@"
    .. parts.href:sub(behind + 1), parts.origin
end

-- With the password, as resolve_url wrote it; nil: none.
local function user_of(url)
  return url:match("^[^/]*//([^/?#@]*)@")
end

-- The URL behind the base: of `url`, or of `path` and `query`.
local function reference(options)
  if options.url ~= nil then
    return options.url
  end
  local path, query = options.path or "", query_of(options.query)
  if query and type(path) == "string" and path:find("[?#]") then
    error(("bad option 'path' (\"%s\" holds a query or a fragment already)"):format(path:sub(1, 60)), 0)
  end
  return query and path .. "?" .. query or path
end

-- Puts the URL into `merged`; returns whether it leads to another origin than the base, and whether it names a
-- user of its own.
local function resolve(self, merged)
  if not self._base then
    return false
  elseif merged.url == nil and (merged.hostname ~= nil or merged.protocol ~= nil or merged.port ~= nil) then
    return true
  elseif merged.url ~= nil and (merged.path ~= nil or merged.query ~= nil) then
    return false -- misuse, of which the request tells
  end
  local text = reference(merged)
  if type(text) ~= "string" then
    return false -- the same
  end
  local url, origin = resolve_url(self._base, text)
  if not url then
    error(("bad option '%s' (%s)"):format(merged.url and "url" or "path", origin), 0)
  end
  merged.url, merged.path, merged.query = url, nil, nil
  local user = user_of(url)
  return origin ~= self._origin, user ~= nil and user ~= user_of(self._base)
end

-- A table for the core, which nobody else has.
local function merge(self, options)
  local merged, own = {}, options
  if type(options) ~= "table" then
    own = { url = options }
  end
  for name, value in pairs(own) do
    merged[name] = value
  end
  local foreign, has_user = resolve(self, merged)
  for name, value in pairs(self._options) do
    if merged[name] == nil and not (foreign and SECRETS[name]) and not (has_user and name == "auth") then
      merged[name] = value
    end
  end
  if self._headers and (own.headers == nil or type(own.headers) == "table") then
    merged.headers = merge_headers(self._headers, own.headers, foreign)
  end
  return merged
end

-- ---- calls ------------------------------------------------------------------------------------

local function call(name, self, options, ...)
  if options ~= nil and type(options) ~= "string" and type(options) ~= "table" then
    error(("bad argument #1 to '%s' (table of options or URL expected, got %s)"):format(name, type(options)), 0)
  end
  return core[name](merge(self, options), ...)
end

--- client:request(options, data, callback), client:get(options, callback) and so on: as http.request and
--- http.get, where `options` may also be missing or a URL, relative to base_url. What they say wins over what
--- the client says.
for _, name in ipairs { "request", "get", "head", "put", "post", "patch", "delete", "options" } do
  Client[name] = function(self, options, ...)
    check_self(self, mt, 2)
    local ok, response = pcall(call, name, self, options, ...)
    if not ok then
      error(response, 2)
    end
    return response
  end
end

function mt.__tostring(self)
  return self._origin and ("http.Client (%s)"):format(self._origin) or "http.Client"
end

-- ---- the client -------------------------------------------------------------------------------

local function check_names(options)
  local known = core.option_names()
  known.base_url = true
  for name in pairs(options) do
    if not known[name] then
      error(core.unknown_option(name, known), 0)
    elseif OF_ONE[name] then
      error(("bad option '%s' (no default of a Client: %s)"):format(name, OF_ONE[name]), 0)
    end
  end
end

local function check_base(base)
  if base == nil then
    return nil
  elseif type(base) ~= "string" then
    error(("bad option 'base_url' (string expected, got %s)"):format(type(base)), 0)
  end
  local url, origin = resolve_url(nil, base)
  if not url then
    error(("bad option 'base_url' (%s)"):format(origin), 0)
  elseif not url:find("^https?://") then
    error("bad option 'base_url' (http or https expected)", 0)
  end
  return url, origin
end

local function copy(from)
  local to = {}
  for name, value in pairs(from) do
    to[name] = value
  end
  return to
end

local function create(options)
  if options == nil then
    options = {}
  elseif type(options) ~= "table" then
    error(("bad argument #1 to 'Client' (table of options expected, got %s)"):format(type(options)), 0)
  elseif rawget(options, "Response") then
    error("call http.Client with a dot, not with a colon", 0)
  end
  check_names(options)
  local kept = copy(options)
  kept.base_url = nil
  local ok, why = pcall(core.check_options, kept)
  if not ok then
    error(why, 0)
  end
  kept.headers = nil
  local base, origin = check_base(options.base_url)
  return setmetatable({
    _options = kept,
    _headers = options.headers and copy(options.headers) or nil,
    _base = base,
    _origin = origin,
  }, mt)
end

--- A client: any option of a request but those of one request alone (its method, URL and body), as defaults of
--- its requests, and base_url. The tables are copied: what becomes of them later is nothing to it.
function M.new(options)
  local ok, client = pcall(create, options)
  if not ok then
    error(client, 2)
  end
  return client
end

--- Makes it the one that http.get and its kin use; nil: none. Returns it.
function M.use(client)
  if client ~= nil and getmetatable(client) ~= mt then
    error(("bad http.client (an http.Client or nil expected, got %s)"):format(type(client)), 3)
  end
  core.use_defaults(client and function(options)
    return merge(client, options)
  end)
  return client
end

return M
