-- http.pool_retries: urllib3's Retry: what is tried again and which redirects are followed, checked, and made
-- into what the client takes. Everything here throws without a position: the caller knows whose line it was.
-- SPDX-License-Identifier: MIT

local core = require "http.core"

local M = {}

local R = core.Response
local DEFAULT = 3 -- of urllib3's managers
local DEFAULT_TOTAL = 10 -- of a table that does not say
local MOST_AFTER = 6 * 3600 -- seconds of a Retry-After
local MOST_WAIT = 120
local REDIRECTS = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

-- ---- what is given ----------------------------------------------------------------------------

local function whole(value)
  local fits = type(value) == "number" and value >= 0 and value <= 1000 and value % 1 == 0
  return not fits and "whole number from 0 to 1000" or nil
end

local function count(value)
  return value ~= false and whole(value) and "whole number from 0 to 1000, or false" or nil
end

local function boolean(value)
  return type(value) ~= "boolean" and "boolean" or nil
end

local function seconds(value)
  local fits = type(value) == "number" and value >= 0 and value <= 1e9
  return not fits and "number of seconds, 0 or more" or nil
end

local function list_of(kind)
  return function(value)
    local expected = "list of " .. kind .. "s"
    if type(value) ~= "table" then
      return expected
    end
    for _, item in ipairs(value) do
      if type(item) ~= kind then
        return expected
      end
    end
    return #value == 0 and next(value) ~= nil and expected or nil
  end
end

local function methods(value)
  return value ~= false and list_of "string"(value) and "list of strings, or false for any" or nil
end

-- The client never takes its secrets to another origin: more can be named, not fewer.
local function removed(value)
  local fits = not list_of "string"(value) and #value > 0
  return not fits and "list of names, beside Authorization, Cookie and Proxy-Authorization, which are always removed,"
    or nil
end

-- What is neither a failure to connect nor to read, such as a bad certificate, is not tried again here.
local function other(value)
  return value ~= false and value ~= 0 and "no other failures are tried again: false or 0" or nil
end

local FIELDS = {
  total = count,
  connect = count,
  read = count,
  redirect = count,
  status = count,
  other = other,
  backoff_factor = seconds,
  backoff_max = seconds,
  status_forcelist = list_of "number",
  allowed_methods = methods,
  respect_retry_after_header = boolean,
  raise_on_redirect = boolean,
  raise_on_status = boolean,
  remove_headers_on_redirect = removed,
}

--- Checks the option retries: returns what was expected, unless it is that.
function M.check(value)
  if value == false or not whole(value) then
    return nil
  elseif type(value) ~= "table" then
    return "false, whole number from 0 to 1000, or table"
  end
  for name, field in pairs(value) do
    if not FIELDS[name] then
      local words = core.unknown_option(tostring(name), FIELDS):gsub("option", "field of retries", 1)
      error(words, 0)
    end
    local expected = FIELDS[name](field)
    if expected then
      error(("bad option 'retries.%s' (%s expected, got %s)"):format(name, expected,
        type(field) == "table" and "table" or tostring(field)), 0)
    end
  end
  return nil
end

-- ---- what the client takes --------------------------------------------------------------------

local function number_of(value)
  return value or 0 -- false is none
end

local function limit(value)
  if value == nil then
    return nil
  end
  return number_of(value)
end

local function upper(names)
  local result = {}
  for i, name in ipairs(names) do
    result[i] = name:upper()
  end
  return result
end

-- How often a request may be sent again, for whatever reason, redirects among them.
local function retries_of(given, total)
  local heeds = given.respect_retry_after_header ~= false
  return {
    total = total,
    connect = limit(given.connect),
    read = limit(given.read),
    status = limit(given.status),
    redirects = true,
    at_once = true,
    jitter = false,
    backoff = given.backoff_factor or 0,
    most_wait = given.backoff_max or MOST_WAIT,
    most_after = MOST_AFTER,
    statuses = given.status_forcelist or {},
    where_asked = heeds,
    retry_after = heeds,
    any_method = given.allowed_methods == false,
    methods = given.allowed_methods and upper(given.allowed_methods) or nil,
  }
end

local function set_of(list)
  local set = {}
  for _, item in ipairs(list or {}) do
    set[item] = true
  end
  return set
end

--- Of the options retries and redirect: what the client takes for `retries`, `redirect` and `secret_headers`,
--- and for refuse() what makes a response none.
function M.plan(retries, redirect)
  if retries == nil then
    retries = DEFAULT
  end
  if retries == false then
    return { retries = false, redirect = false, statuses = {} }
  end
  local given = type(retries) == "table" and retries or { total = retries }
  local total = number_of(given.total == nil and DEFAULT_TOTAL or given.total)
  local most = math.min(total, limit(given.redirect) or total)
  local follow = redirect ~= false and given.redirect ~= false
  return {
    retries = retries_of(given, total),
    redirect = follow and most > 0 and most or false,
    secret_headers = given.remove_headers_on_redirect,
    refuse_redirect = follow and given.raise_on_redirect ~= false,
    statuses = given.raise_on_status ~= false and set_of(given.status_forcelist) or {},
    methods = given.allowed_methods and set_of(upper(given.allowed_methods)),
    any_method = given.allowed_methods == false,
  }
end

local IDEMPOTENT = set_of { "DELETE", "GET", "HEAD", "OPTIONS", "PUT", "TRACE" }

--- Words and a number where that response is one redirect or one try too many; nil: it counts.
function M.refuse(plan, response, method)
  local status = response.status_code
  if plan.refuse_redirect and REDIRECTS[status] and response.headers.location then
    return ("too many redirects; the last led to %s"):format(response.headers.location), R.TOO_MANY_REDIRECTS_ERROR
  elseif plan.statuses[status] and (plan.any_method or (plan.methods or IDEMPOTENT)[method]) then
    local code = response.error ~= R.NO_ERROR and response.error or R.UNKNOWN_SERVER_ERROR
    return ("too many responses with the status %d"):format(status), code
  end
  return nil
end

return M
