-- http.app.redirect: where a redirect may lead, and what its body says.
-- SPDX-License-Identifier: MIT

local encode_url = require "http.fields.url_encode"
local html = require "http.fields.html"

local M = {}

local DEFAULT_PORTS = { http = "80", https = "443" }

-- "a/../b", as RFC 3986, 5.2.4 has it.
local function without_dots(path)
  local out = {}
  for segment, slash in path:gmatch("([^/]*)(/?)") do
    local plain = segment:gsub("%%2[eE]", ".")
    if plain == ".." then
      table.remove(out)
    elseif plain ~= "." and (segment ~= "" or slash ~= "") then
      out[#out + 1] = segment .. slash
    end
  end
  return table.concat(out)
end

-- An absolute URL as a browser would read it, so that what a check saw is what a client follows:
-- backslashes are slashes, tabs and line breaks are nothing, host and scheme are in lower case.
local function absolute(url)
  url = url:gsub("^[%z\1-\32]+", ""):gsub("[%z\1-\32]+$", ""):gsub("[\t\r\n]", "")
  local scheme, rest = url:match("^(%a+):(.*)$")
  scheme = scheme:lower()
  rest = rest:gsub("^[/\\]+", "")
  local front, fragment = rest:match("^([^#]*)(.*)$")
  local path_part, query = front:match("^([^?]*)(.*)$")
  path_part = path_part:gsub("\\", "/")
  local authority, path = path_part:match("^([^/]*)/?(.*)$")
  local userinfo, host = authority:match("^(.*@)(.*)$")
  host = (host or authority):lower()
  if host == "" then
    return nil
  end
  local name, port = host:match("^(.-):(%d*)$")
  if port == "" or port == DEFAULT_PORTS[scheme] then
    host = name
  end
  local encoded_path = without_dots(path):gsub('["<>`{}^]', function(c)
    return ("%%%02X"):format(c:byte())
  end)
  return scheme .. "://" .. (userinfo or "") .. host .. "/" .. encoded_path .. query .. fragment
end

--- The value of Location for a URL that a script gives, and how the body shows it; nil if it is no URL.
function M.location(url)
  if not url:find("^[Hh][Tt][Tt][Pp][Ss]?://") then
    return encode_url(url), url
  end
  local whole = absolute(url)
  if not whole then
    return nil
  end
  whole = encode_url(whole)
  return whole, whole
end

-- Scheme and host of a URL as a browser reads it; nil for what it does not name.
local function origin_of(url)
  local plain = url:gsub("[\t\r\n]", ""):gsub("\\", "/"):gsub("^[%z\1-\32]+", "")
  local scheme, rest = plain:match("^(%a[%w+.-]*):(.*)$")
  local authority = (scheme and rest or plain):match(scheme and "^/*([^/?#]*)" or "^//+([^/?#]*)")
  return scheme and scheme:lower(), authority and (authority:match("([^@]*)$")):lower()
end

--- Where "back" leads: to the Referrer if it is on this host (what another site sends must not choose
--- where we redirect to; its scheme may be that of a proxy before us), else to `alternative`, else to "/".
function M.back(ctx, alternative)
  local referrer = ctx:get("Referrer")
  if referrer and referrer ~= "" then
    local scheme, host = origin_of(referrer)
    local here = host == nil or (host ~= "" and host == ctx.host:lower())
    if here and (scheme == nil or scheme == "http" or scheme == "https") then
      return referrer
    end
  end
  return alternative or "/"
end

--- The type and text of a redirect's body.
function M.body(ctx, url)
  if ctx:accepts("html") then
    return "text/html; charset=utf-8", ("Redirecting to %s."):format(html.escape(url))
  end
  return "text/plain; charset=utf-8", ("Redirecting to %s."):format(url)
end

return M
