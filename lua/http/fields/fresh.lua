-- http.fields.fresh: whether a client's cached copy is still good, so that 304 answers its request.
-- SPDX-License-Identifier: MIT

local date = require "http.fields.date"
local text = require "http.fields.text"

-- Any of the tags in If-None-Match; weak comparison (RFC 9110, 8.8.3.2): "W/" on either side is ignored.
local function matches(if_none_match, etag)
  local bare = etag:gsub("^W/", "", 1)
  for _, tag in ipairs(text.split(if_none_match, ",")) do
    if tag == etag or tag == bare or tag == "W/" .. bare then
      return true
    end
  end
  return false
end

local function unmodified(if_modified_since, last_modified)
  local modified, since = date.parse(last_modified), date.parse(if_modified_since)
  return modified ~= nil and since ~= nil and modified <= since
end

-- "Reload" in a browser: the client wants it anew, whatever it holds.
local function wants_anew(cache_control)
  for _, directive in ipairs(text.split(cache_control, ",")) do
    if directive == "no-cache" then
      return true
    end
  end
  return false
end

local function field(get, name)
  local value = get(name)
  return type(value) == "string" and value ~= "" and value or nil
end

--- Whether the copy is fresh. Both arguments are functions that give a header field, or nil, by its name
--- in lower case: those of the request, and those which the response would have. A request without
--- If-None-Match and If-Modified-Since never is fresh; one with both has to pass both.
local function fresh(get_request, get_response)
  if type(get_request) ~= "function" then
    error(("bad argument #1 to 'fresh' (function expected, got %s)"):format(type(get_request)), 2)
  elseif type(get_response) ~= "function" then
    error(("bad argument #2 to 'fresh' (function expected, got %s)"):format(type(get_response)), 2)
  end
  local none_match = field(get_request, "if-none-match")
  local modified_since = field(get_request, "if-modified-since")
  if not none_match and not modified_since then
    return false
  end
  if wants_anew(field(get_request, "cache-control") or "") then
    return false
  end
  if none_match and none_match ~= "*" then
    local etag = field(get_response, "etag")
    if not etag or not matches(none_match, etag) then
      return false
    end
  end
  if modified_since then
    local last_modified = field(get_response, "last-modified")
    return last_modified ~= nil and unmodified(modified_since, last_modified)
  end
  return true
end

return fresh
