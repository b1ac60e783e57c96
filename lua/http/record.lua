-- http.record: real exchanges kept in a file, and answered from it without the network.
--
--   local tape = assert(http.record("spec/users.tape"))
--   … the script under test: the first time it asks the network, from then on the file …
--   tape:close()
--
-- It is a server in the process for every origin. What it records are the requests on the wire: each leg
-- of a redirect for itself, bodies as they came, so that all which the client makes of them is made anew.
-- SPDX-License-Identifier: MIT

local check_self = require "http.check_self"
local core = require "http.core"
local matcher = require "http.mock.matcher"
local take_all = require "http.mock.server"
local tape = require "http.record.tape"

local REDACTED = "[redacted]"

-- ---- what is written ----------------------------------------------------------------------------

local function set_of(list)
  local set = {}
  for _, name in ipairs(list) do
    set[name:lower()] = true
  end
  return set
end

local function redact_url(self, url)
  local base, query, fragment = url:match("^([^?#]*)%?([^#]*)(.*)$")
  if not query or not next(self._redact_query) then
    return url
  end
  query = query:gsub("([^&=]+)=([^&]*)", function(name)
    return self._redact_query[name:lower()] and name .. "=" .. REDACTED or nil
  end)
  return base .. "?" .. query .. fragment
end

-- Fields that hold a URL, which may be the one that was just redacted.
local URLS = { location = true, ["content-location"] = true, referer = true }

local function redact_value(self, name, value)
  if self._redact[name] then
    return REDACTED
  elseif URLS[name] and type(value) == "string" then
    return redact_url(self, value)
  end
  return value
end

local function redact_headers(self, headers)
  local kept = {}
  for name, value in pairs(headers) do
    kept[name] = redact_value(self, name:lower(), value)
  end
  return kept
end

local function recorded_request(self, call)
  return {
    method = call.method,
    url = redact_url(self, call.url),
    headers = redact_headers(self, call.headers),
    body = call.body ~= "" and call.body or nil,
  }
end

-- Every value of a field that came several times.
local function all_headers(response)
  local headers = {}
  for name in pairs(response.headers) do
    local values = response:header_values(name)
    headers[name] = #values == 1 and values[1] or values
  end
  return headers
end

local function error_name(number)
  for name, value in pairs(core.Response) do
    if value == number and type(name) == "string" and name:find("^%u[%u_]+$") and name:find("_ERROR$") then
      return name
    end
  end
  return ("%d"):format(number)
end

-- ---- asking the network -------------------------------------------------------------------------

-- The request goes as it is, and its reply stays as it came: whatever is done to either, the client does.
local VERBATIM = {
  redirect = false,
  retries = false,
  decode = false,
  cookies = false,
  auth = false,
  timeout = false,
  max_body_size = false,
}

-- Framing is made anew.
local NOT_FORWARDED = { ["transfer-encoding"] = true, expect = true, connection = true, ["keep-alive"] = true }

local function ask(call, request)
  local options = { method = call.method, url = call.url, headers = {}, forward = request }
  for name, value in pairs(call.headers) do
    if not NOT_FORWARDED[name:lower()] then
      options.headers[name] = value
    end
  end
  for name, value in pairs(VERBATIM) do
    if core.option_names()[name] then
      options[name] = value
    end
  end
  local body = (call.body ~= "" or call.headers["content-length"]) and call.body or nil
  return core.request(options, body):await()
end

local function entry_of(self, call, response)
  local entry = { request = recorded_request(self, call) }
  if response.status_code > 0 then
    entry.response = {
      status = response.status_code,
      reason = response.status_message,
      headers = redact_headers(self, all_headers(response)),
      body = response:read_all(),
    }
  end
  -- an error of the status is one of the reply, and follows from it
  if response.error ~= 0 and (response.error < 200 or response.status_code < 400) then
    entry.error = { name = error_name(response.error), message = response.error_string }
  end
  return entry
end

local function record(self, call, response)
  local reply = ask(call, response._request)
  local entry = entry_of(self, call, reply)
  local whole = entry.response and { -- the client gets what is redacted in the file
    status = entry.response.status,
    reason = entry.response.reason,
    headers = all_headers(reply),
    body = entry.response.body,
  }
  if self._scrub then
    entry = self._scrub(entry) or entry
  end
  if self.closed then -- meanwhile
    return { response = whole, error = entry.error }
  end
  self._entries[#self._entries + 1] = entry
  self._used[entry] = true
  local ok, why = tape.save(self.file, self._entries)
  if not ok then
    core.report(("http.record: %s"):format(why))
  end
  return { response = whole, error = entry.error }
end

-- ---- answering ----------------------------------------------------------------------------------

local HOP = { connection = true, ["keep-alive"] = true, ["transfer-encoding"] = true }

local function end_badly(response, failure, began)
  local number = tonumber(failure.name) or core.Response[failure.name]
  if began and not response.sent then
    response:write("")
  end
  response:fail(number, failure.message)
end

local function answer(call, response, entry)
  local reply = entry.response
  if response:gone() then
    return
  elseif not reply then
    end_badly(response, entry.error)
    return
  end
  response.status = reply.status
  response.reason = reply.reason
  for name, value in pairs(reply.headers) do
    if value ~= REDACTED and not HOP[name:lower()] then
      response.headers[name] = value
    end
  end
  local body = reply.body or ""
  if entry.error or call.method == "HEAD" then -- its length is not that of what is there
    response:write(call.method == "HEAD" and "" or body)
    if entry.error then
      end_badly(response, entry.error, true)
    end
  else
    response.body = body
  end
end

local function default_match(self, request, call)
  return request.method == call.method and request.url == redact_url(self, call.url)
    and (request.body or "") == call.body
end

local BY = {
  method = function(_, request, call)
    return request.method == call.method
  end,
  url = function(self, request, call)
    return request.url == redact_url(self, call.url)
  end,
  path = function(_, request, call)
    return request.url:match("^[^?]*") == call.url:match("^[^?]*")
  end,
  body = function(_, request, call)
    return (request.body or "") == call.body
  end,
}

local function match_by(list)
  return function(self, request, call)
    for _, what in ipairs(list) do
      if not BY[what](self, request, call) then
        return false
      end
    end
    return true
  end
end

-- The first that was not used; or, where they may be used again, the last.
local function find(self, call)
  local count, last = 0, nil
  for _, entry in ipairs(self._entries) do
    if self._match(self, entry.request, call) then
      if not self._used[entry] then
        return entry
      end
      count, last = count + 1, entry
    end
  end
  return self._repeats and last or nil, count
end

local function missing_words(self, call, count)
  local asked = ("%s %s"):format(call.method, redact_url(self, call.url))
  if count > 0 then
    return ("%s holds %s %s, and it was asked again; record it anew with mode = \"record\""):format(self.file,
      asked, count == 1 and "once" or count .. " times")
  end
  return ("%s holds no %s%s; record it with mode = \"record\""):format(self.file, asked,
    call.body ~= "" and " with that body" or "")
end

local function handle(self, request, response)
  local call = matcher.describe(request)
  if self.mode == "record" then
    answer(call, response, record(self, call, response))
    return
  end
  local entry, count = find(self, call)
  if entry then
    self._used[entry] = true
    answer(call, response, entry)
    return
  end
  local words = missing_words(self, call, count)
  self._missing[#self._missing + 1] = words
  response:fail(core.Response.PROTOCOL_INVALID_OPERATION_ERROR, words)
end

-- ---- the recorder -------------------------------------------------------------------------------

local Recorder = {}
local mt = { __name = "http.Recorder", __index = Recorder }

function mt:__tostring()
  return ("http.Recorder (%s, %s, %d exchanges%s)"):format(self.file, self.mode, #self._entries,
    self.closed and ", closed" or "")
end

--- The recorded exchanges: a list of { request =, response = or error = }, as in the file.
function Recorder:entries()
  check_self(self, mt, 2)
  return { unpack(self._entries) }
end

--- Those that were not asked for, in words.
function Recorder:unused()
  check_self(self, mt, 2)
  local list = {}
  for _, entry in ipairs(self._entries) do
    if not self._used[entry] then
      list[#list + 1] = ("%s %s"):format(entry.request.method, entry.request.url)
    end
  end
  return list
end

--- Throws unless each recorded exchange was asked for, and nothing that was not recorded.
function Recorder:assert_done()
  check_self(self, mt, 2)
  local words = { unpack(self._missing) }
  for _, unused in ipairs(self:unused()) do
    words[#words + 1] = "not asked: " .. unused
  end
  if #words > 0 then
    error(table.concat(words, "\n"), 2)
  end
  return true
end

--- Gives the network back. True; or nil and words where what was recorded cannot be written.
function Recorder:close()
  check_self(self, mt, 2)
  if self.closed then
    return true
  end
  self.closed = true
  self._server:close()
  if self.mode == "record" then
    return tape.save(self.file, self._entries)
  end
  return true
end

-- ---- its making -------------------------------------------------------------------------------

local MODES = { auto = true, record = true, replay = true }

local OPTIONS = {
  mode = "string",
  redact = "table",
  redact_query = "table",
  scrub = "function",
  match = "any",
  repeats = "boolean",
  origin = "string",
}

local function check_names(name, list, known, level)
  for _, item in ipairs(list) do
    if type(item) ~= "string" or (known and not known[item]) then
      error(("bad option '%s' (%s is not one of its names)"):format(name, tostring(item)), level + 1)
    end
  end
end

local function check(file, options, level)
  if type(file) ~= "string" or file == "" then
    error(("bad argument #1 to 'record' (name of a file expected, got %s)"):format(type(file)), level + 1)
  elseif options ~= nil and type(options) ~= "table" then
    error(("bad argument #2 to 'record' (table expected, got %s)"):format(type(options)), level + 1)
  end
  options = options or {}
  for name, value in pairs(options) do
    local wanted = OPTIONS[name]
    if not wanted then
      error(("unknown option '%s' of http.record"):format(tostring(name)), level + 1)
    elseif wanted ~= "any" and type(value) ~= wanted then
      error(("bad option '%s' (%s expected, got %s)"):format(name, wanted, type(value)), level + 1)
    end
  end
  if options.mode and not MODES[options.mode] then
    error(("bad option 'mode' (auto, record or replay expected, got %s)"):format(options.mode), level + 1)
  end
  check_names("redact", options.redact or {}, nil, level + 1)
  check_names("redact_query", options.redact_query or {}, nil, level + 1)
  if type(options.match) == "table" then
    check_names("match", options.match, BY, level + 1)
  elseif options.match ~= nil and type(options.match) ~= "function" then
    error(("bad option 'match' (list or function expected, got %s)"):format(type(options.match)), level + 1)
  end
  return options
end

local function matching(match)
  if type(match) == "table" then
    return match_by({ unpack(match) })
  elseif match then
    return function(_, request, call)
      return match(request, call)
    end
  end
  return default_match
end

local SECRETS = { "authorization", "proxy-authorization", "cookie", "set-cookie" }

--- Records into a file, or answers from it: options.mode is "record", "replay" or "auto" (default), which
--- records only where there is no file yet. Returns the recorder; or nil, words and "missing", "system" or
--- "malformed".
return function(file, options)
  options = check(file, options, 2)
  local entries
  local mode = options.mode or "auto"
  if mode ~= "record" then
    local why, code
    entries, why, code = tape.load(file)
    if not entries and (code ~= "missing" or mode == "replay") then
      return nil, why, code
    end
    mode = entries and "replay" or "record"
  end
  local self = setmetatable({
    file = file,
    mode = mode,
    closed = false,
    _entries = entries or {},
    _used = {}, -- which of them were
    _missing = {},
    _match = matching(options.match),
    _repeats = options.repeats,
    _scrub = options.scrub,
    _redact = set_of(options.redact or SECRETS),
    _redact_query = set_of(options.redact_query or {}),
  }, mt)
  self._server = take_all(options.origin, function(request, response)
    handle(self, request, response)
  end, 2)
  return self
end
