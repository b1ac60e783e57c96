-- http.url: URLs taken apart, put together, resolved, and what is in them encoded and decoded.
-- The reading is the core's (moonwire.h, mw_uri_resolve); this is its shape for scripts.
-- SPDX-License-Identifier: MIT

local core = require "http.core"
local check = require "http.fields.check"
local query = require "http.query"
local querystring = require "http.fields.querystring"

local M = {}

-- What stays as it is beside letters, digits and "-._~" (RFC 3986, 3; brackets are what all the world
-- sends). "%" is not among them: text is encoded, not what is encoded already.
local KEEP = {
  component = "",
  form = "",
  segment = "!$&'()*+,;=:@",
  path = "!$&'()*+,;=:@/",
  query = "!$&'()*+,;=:@/?[]",
  fragment = "!$&'()*+,;=:@/?[]",
}

--- The parts of an absolute URL, or of a reference that is resolved against `base`, as a table:
--- href (all but user and password), protocol ("https:"), user, password (both decoded), hostname, port
--- (a number, the protocol's own if none is named), path, query, fragment, origin. What the URL does not
--- have is nil. Returns nil and a message for text that is no URL; it is read as browsers do.
function M.parse(text, base)
  check.string(text, 1, "parse")
  check.optional_string(base, 2, "parse")
  return core.url_resolve(text, base)
end

--- The absolute URL that `reference` is, seen from the URL `base` (RFC 3986, 5), without user and
--- password; or nil and a message.
function M.resolve(base, reference)
  check.string(base, 1, "resolve")
  check.string(reference, 2, "resolve")
  local parts, message = core.url_resolve(reference, base)
  if not parts then
    return nil, message
  end
  return parts.href
end

-- ---- build --------------------------------------------------------------------------------------

-- The types of the parts; href and origin come of parse, say nothing more and are not read.
local PARTS = {
  protocol = "string", scheme = "string", user = "string", password = "string", hostname = "string",
  port = "number", path = "string", query = "string or table", fragment = "string",
  href = "string", origin = "string",
}

local function check_parts(parts)
  for name, value in pairs(parts) do
    local expected = PARTS[name]
    if not expected then
      local nearest = core.unknown_option(name, PARTS):match(" %(did you mean .*$") or ""
      error(("there is no part '%s' of a URL"):format(tostring(name)) .. nearest, 0)
    elseif not expected:find(type(value), 1, true) then
      error(("bad part '%s' (%s expected, got %s)"):format(name, expected, type(value)), 0)
    end
  end
end

local function scheme_of(parts)
  local protocol = (parts.protocol or parts.scheme or "http"):gsub(":$", "")
  local scheme = (parts.scheme or protocol):gsub(":$", "")
  if scheme:lower() ~= protocol:lower() then
    error(("protocol '%s' and scheme '%s' are two names of one part"):format(parts.protocol, parts.scheme), 0)
  elseif not protocol:find("^%a[%w+.-]*$") then
    error(("bad part 'protocol' ('%s' is not a scheme)"):format(parts.protocol or parts.scheme), 0)
  end
  return protocol
end

-- What would end a host, or be left out of it, must not come from a part.
local function host_of(hostname)
  local bare = hostname:match("^%[(.*)%]$") or hostname
  if bare:find("[%c%s/\\?#@%[%]]") then
    error(("bad part 'hostname' (%q is not a host)"):format(hostname), 0)
  elseif not bare:find(":", 1, true) then
    return bare
  end
  return "[" .. bare:gsub("%%", "%%25", 1) .. "]"
end

local function userinfo_of(parts)
  if not parts.user and not parts.password then
    return ""
  end
  local password = parts.password and ":" .. M.encode(parts.password) or ""
  return M.encode(parts.user or "") .. password .. "@"
end

local function authority_of(parts)
  if not parts.hostname then
    return nil
  end
  local port = parts.port
  if port and (port ~= math.floor(port) or port < 1 or port > 65535) then
    error(("bad part 'port' (integer from 1 to 65535 expected, got %s)"):format(tostring(port)), 0)
  end
  return host_of(parts.hostname) .. (port and (":%d"):format(port) or "")
end

-- What is encoded stays so; what cannot stand in the part is encoded.
local function encoded(mark, text, where)
  return text and mark .. core.url_encode(text, KEEP[where] .. "[]%") or ""
end

local function query_of(value)
  if type(value) ~= "table" then
    return value
  end
  local ok, text = pcall(query, value)
  if not ok then
    error(("bad part 'query' (%s)"):format(text), 0)
  end
  return text ~= "" and text or nil
end

local function path_of(parts, authority)
  local path = encoded("", parts.path or "", "path")
  if authority and path ~= "" and path:sub(1, 1) ~= "/" then
    error(("bad part 'path' (%q does not begin with \"/\")"):format(parts.path), 0)
  elseif not authority and path:find("^//") then
    return "/." .. path -- or else it would become a host
  end
  return path
end

local function compose(parts)
  check_parts(parts)
  local scheme, authority = scheme_of(parts), authority_of(parts)
  local userinfo = userinfo_of(parts)
  if not authority and (userinfo ~= "" or parts.port) then
    error("user, password and port need the part 'hostname'", 0)
  end
  local built, message = core.url_resolve(scheme .. ":" .. (authority and "//" .. userinfo .. authority or "")
    .. path_of(parts, authority) .. encoded("?", query_of(parts.query), "query")
    .. encoded("#", parts.fragment, "fragment"))
  if not built then
    error(message, 0)
  end
  local behind = #built.protocol + 2
  return userinfo == "" and built.href or built.href:sub(1, behind) .. userinfo .. built.href:sub(behind + 1)
end

--- The URL that the parts make, named as parse names them; `scheme` is another name for protocol, whose
--- default is "http:". `query` may be a table: keys are sorted, a list of pairs keeps its order. Bytes that
--- cannot stand in path, query and fragment are percent-encoded; escapes in them stay. user and password
--- are part of the result where they are given. Throws for parts that make no URL.
function M.build(parts)
  if type(parts) ~= "table" then
    error(("bad argument #1 to 'build' (table of parts expected, got %s)"):format(type(parts)), 2)
  end
  local ok, result = pcall(compose, parts)
  if not ok then
    error("bad argument #1 to 'build': " .. tostring(result), 2)
  end
  return result
end

-- ---- encode and decode --------------------------------------------------------------------------

--- Percent-encodes what may not stand in a component: "component" (the default: all but letters, digits
--- and "-._~"), "segment" (of a path), "path", "query", "fragment", or "form", whose blanks become "+".
function M.encode(text, component)
  check.string(text, 1, "encode")
  local keep = KEEP[component == nil and "component" or component]
  if not keep then
    error(("bad argument #2 to 'encode' (component, segment, path, query, fragment or form expected, got %s)")
      :format(tostring(component)), 2)
  end
  local result = core.url_encode(text, keep)
  return component == "form" and result:gsub("%%20", "+") or result
end

--- What was percent-encoded; in a "form" also the blanks that "+" stands for. Returns nil and a message
--- where a "%" has no two hex digits behind it.
function M.decode(text, component)
  check.string(text, 1, "decode")
  if component ~= nil and not KEEP[component] then
    error(("bad argument #2 to 'decode' (component, segment, path, query, fragment or form expected, got %s)")
      :format(tostring(component)), 2)
  end
  local result, at = core.url_decode(component == "form" and text:gsub("%+", " ") or text)
  if not result then
    return nil, ("bad escape at byte %d: \"%%\" stands before two hex digits"):format(at)
  end
  return result
end

--- The fields of a query, "a=1&b=2", as a table: strings by name, or lists of strings where a name comes
--- several times.
function M.parse_query(text, options)
  check.string(text, 1, "parse_query")
  return querystring.parse(text, options)
end

return M
