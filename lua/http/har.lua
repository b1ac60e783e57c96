-- http.har: what happens to requests, as an HTTP archive (HAR 1.2), which browsers and many tools read.
-- SPDX-License-Identifier: MIT

local core = require "http.core"
local new_redactor = require "http.redact"
local trace = require "http.trace"

local M = {}

-- ---- JSON: in a stable order, with lists that stay lists where they are empty ---------------------

local LISTS = { entries = true, headers = true, cookies = true, queryString = true, params = true }
local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function escape(byte)
  return ESCAPES[byte] or ("\\u%04x"):format(byte:byte())
end

local function encode(value, name)
  if type(value) == "string" then
    return '"' .. value:gsub('[%z\1-\31\127"\\]', escape) .. '"'
  elseif type(value) == "number" then
    return (("%.3f"):format(value):gsub("%.?0+$", ""))
  elseif type(value) ~= "table" then
    return tostring(value)
  end
  local parts = {}
  if LISTS[name] then
    for i, item in ipairs(value) do
      parts[i] = encode(item)
    end
    return "[" .. table.concat(parts, name == "entries" and ",\n" or ",") .. "]"
  end
  local keys = {}
  for key in pairs(value) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  for i, key in ipairs(keys) do
    parts[i] = encode(key) .. ":" .. encode(value[key], key)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

-- ---- text ---------------------------------------------------------------------------------------

-- Of UTF-8: the length of the sequence at a byte, and what its second byte must be.
local function sequence(text, at)
  local first = text:byte(at)
  local length = first < 0x80 and 1 or first >= 0xC2 and first < 0xE0 and 2 or first >= 0xE0 and first < 0xF0 and 3
    or first >= 0xF0 and first < 0xF5 and 4
  if not length then
    return nil
  end
  for i = 1, length - 1 do
    local byte = text:byte(at + i) or 0
    local least = i == 1 and (first == 0xE0 and 0xA0 or first == 0xF0 and 0x90) or 0x80
    local most = i == 1 and (first == 0xED and 0x9F or first == 0xF4 and 0x8F) or 0xBF
    if byte < least or byte > most then
      return nil
    end
  end
  return length
end

local function is_utf8(text)
  local at = text:find("[\128-\255]")
  while at do
    local length = sequence(text, at)
    if not length then
      return false
    end
    at = text:find("[\128-\255]", at + length)
  end
  return true
end

-- Header fields that are no UTF-8 are read as ISO 8859-1, in which HTTP began.
local function to_utf8(text)
  if is_utf8(text) then
    return text
  end
  return (text:gsub("[\128-\255]", function(byte)
    local code = byte:byte()
    return string.char(code < 0xC0 and 0xC2 or 0xC3, code < 0xC0 and code or code - 0x40)
  end))
end

local BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(bytes)
  local out = {}
  for i = 1, #bytes, 3 do
    local a, b, c = bytes:byte(i, i + 2)
    local n = a * 65536 + (b or 0) * 256 + (c or 0)
    for shift = 18, 0, -6 do
      local digit = math.floor(n / 2 ^ shift) % 64 + 1
      out[#out + 1] = (shift == 6 and not b or shift == 0 and not c) and "=" or BASE64:sub(digit, digit)
    end
  end
  return table.concat(out)
end

local function decode(text)
  return to_utf8((text:gsub("+", " "):gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end)))
end

-- A wall clock's seconds as ISO 8601 has them.
local function iso(seconds)
  local ms = math.floor(seconds * 1000 + 0.5)
  return os.date("!%Y-%m-%dT%H:%M:%S", math.floor(ms / 1000)) .. (".%03dZ"):format(ms % 1000)
end

-- ---- the parts of an entry ----------------------------------------------------------------------

local function fields_of(fields)
  local list = {}
  for i, field in ipairs(fields or {}) do
    list[i] = { name = field.name, value = to_utf8(field.value) }
  end
  return list
end

local function value_of(fields, name)
  for _, field in ipairs(fields or {}) do
    if field.name:lower() == name then
      return to_utf8(field.value)
    end
  end
end

local function query_of(url)
  local list = {}
  for piece in (url:match("%?([^#]*)") or ""):gmatch("[^&]+") do
    local name, value = piece:match("^(.-)=(.*)$")
    list[#list + 1] = { name = decode(name or piece), value = decode(value or "") }
  end
  return list
end

local function sent_cookies(fields)
  local list = {}
  for _, field in ipairs(fields or {}) do
    for piece in (field.name:lower() == "cookie" and field.value or ""):gmatch("[^;]+") do
      local name, value = piece:match("^%s*(.-)=(.*)$")
      list[#list + 1] = { name = to_utf8(name or ""), value = to_utf8(value or piece:match("^%s*(.*)$")) }
    end
  end
  return list
end

local MONTHS = { jan = 1, feb = 2, mar = 3, apr = 4, may = 5, jun = 6, jul = 7, aug = 8, sep = 9, oct = 10,
  nov = 11, dec = 12 }

-- "Wed, 09 Jun 2027 10:18:14 GMT", with "-" in older ones; nil for what is no such date.
local function cookie_date(text)
  local day, month, year, clock = text:match("(%d%d?)[ -](%a%a%a)[ -](%d%d%d%d) (%d%d:%d%d:%d%d)")
  month = month and MONTHS[month:lower()]
  return month and ("%s-%02d-%02dT%s.000Z"):format(year, month, tonumber(day), clock)
end

local function received_cookie(value)
  local first, rest = value:match("^([^;]*)(.*)$")
  local name, text = first:match("^%s*(.-)%s*=%s*(.-)%s*$")
  local cookie = { name = to_utf8(name or ""), value = to_utf8(text or first), httpOnly = false, secure = false }
  for piece in rest:gmatch("[^;]+") do
    local key, what = piece:match("^%s*([^=]-)%s*=%s*(.-)%s*$")
    key = (key or piece:match("^%s*(.-)%s*$")):lower()
    if key == "path" or key == "domain" then
      cookie[key] = to_utf8(what or "")
    elseif key == "expires" then
      cookie.expires = cookie_date(what or "")
    elseif key == "httponly" then
      cookie.httpOnly = true
    elseif key == "secure" then
      cookie.secure = true
    end
  end
  return cookie
end

local function received_cookies(fields)
  local list = {}
  for _, field in ipairs(fields or {}) do
    if field.name:lower() == "set-cookie" then
      list[#list + 1] = received_cookie(field.value)
    end
  end
  return list
end

local FORM = "application/x-www-form-urlencoded"

-- Text where it is text, or base64; and a comment where it is not all there.
local function set_text(into, body, total, key)
  if not is_utf8(body) then
    into.text, into[key] = base64(body), "base64"
  else
    into.text = body
  end
  if total and #body < total then
    into.comment = ("the first %.0f of %.0f bytes"):format(#body, total)
  end
end

-- A piece that was cut may end within a character.
local function whole_characters(body, total)
  if not total or #body >= total then
    return body
  end
  for cut = 0, 3 do
    local shorter = body:sub(1, #body - cut)
    if is_utf8(shorter) then
      return shorter
    end
  end
  return body
end

local function post_data(event, redactor)
  if not event.body_length and not event.body then
    local chunked = value_of(event.fields, "transfer-encoding")
    return chunked and { mimeType = value_of(event.fields, "content-type") or "", text = "",
      comment = "the body was sent as it was made, and is not recorded" } or nil
  end
  local data = { mimeType = value_of(event.fields, "content-type") or "" }
  if not event.body then
    data.text, data.comment = "", ("a body of %.0f bytes, not recorded"):format(event.body_length)
    return data
  end
  local body = whole_characters(event.body, event.body_length)
  if data.mimeType:lower():sub(1, #FORM) == FORM then
    body = redactor.form(body)
  end
  set_text(data, body, event.body_length, "_encoding")
  return data
end

local function new_entry(event, offset)
  return {
    at = event.at,
    entry = {
      startedDateTime = iso(event.at + offset),
      time = 0,
      cache = {},
      request = {
        method = event.method, url = event.url, httpVersion = "HTTP/1.1", headers = {}, cookies = {},
        queryString = query_of(event.url), headersSize = -1, bodySize = 0,
      },
      response = {
        status = 0, statusText = "", httpVersion = "", headers = {}, cookies = {}, redirectURL = "",
        content = { size = 0, mimeType = "x-unknown" }, headersSize = -1, bodySize = -1,
      },
      timings = { blocked = -1, dns = -1, connect = -1, ssl = -1, send = 0, wait = 0, receive = 0 },
      comment = "not finished",
    },
  }
end

local function take_send(state, event, redactor)
  local request = state.entry.request
  request.method, request.url, request.queryString = event.method, event.url, query_of(event.url)
  request.headers, request.cookies = fields_of(event.fields), sent_cookies(event.fields)
  request.bodySize = event.body_length or 0
  request.postData = post_data(event, redactor)
  if request.postData and not event.body_length then
    request.bodySize = -1
  end
end

local function take_head(state, event)
  local response = state.entry.response
  response.status, response.statusText = event.status_code, to_utf8(event.status_message or "")
  response.httpVersion = "HTTP/1.1"
  response.headers, response.cookies = fields_of(event.fields), received_cookies(event.fields)
  response.redirectURL = value_of(event.fields, "location") or ""
  response.content.mimeType = value_of(event.fields, "content-type") or "x-unknown"
end

local function ms(seconds)
  return math.max(0, math.floor(seconds * 1e6 + 0.5) / 1000)
end

-- HAR counts the handshake as a part of the connection too.
local function set_timings(state, timings)
  local t, seen, sum = state.entry.timings, state.seen or {}, 0
  t.blocked = timings.queue > 0 and ms(timings.queue) or -1
  t.dns = seen.resolve and ms(timings.resolve) or -1
  t.connect = seen.connect and ms(timings.connect + timings.proxy + timings.tls) or -1
  t.ssl = seen.tls and ms(timings.tls) or -1
  t.send, t.wait, t.receive = ms(timings.send), ms(timings.first_byte), ms(timings.body)
  for _, part in ipairs { t.blocked, t.dns, t.connect, t.send, t.wait, t.receive } do
    sum = sum + math.max(0, part)
  end
  state.entry.time = sum
end

local function take_end(state, event)
  local entry = state.entry
  local response = entry.response
  set_timings(state, event.timings)
  entry.comment = event.error_string and to_utf8(event.error_string) or nil
  if response.status ~= 0 then
    response.content.size, response.bodySize = event.body_length or event.received, event.received
  end
  if event.body then
    set_text(response.content, whole_characters(event.body, event.body_length), event.body_length, "encoding")
  end
end

-- ---- the recorder -------------------------------------------------------------------------------

local Recorder = {}
Recorder.__index = Recorder
Recorder.__name = "http.har.Recorder"

local PHASES = { resolve = true, connect = true, tls = true }
local ENDS = { redirect = true, authenticate = true, retry = true, done = true }

local function record(self, event)
  local state = self._open[event.id]
  if not state then
    if event.what == "done" then
      return -- it waited for another request, which never went out
    end
    state = new_entry(event, self._offset)
    self._open[event.id] = state
    self._states[#self._states + 1] = state
  end
  local address = event.address and event.address:match("^%[?(.-)%]?:%d+$")
  if address then
    state.entry.serverIPAddress = address:gsub("%%.*$", "")
    state.entry.connection = event.address:match("(%d+)$")
  end
  if PHASES[event.what] then
    state.seen = state.seen or {}
    state.seen[event.what] = true
  elseif event.what == "send" then
    take_send(state, event, self._redactor)
  elseif event.what == "head" then
    take_head(state, event)
  elseif ENDS[event.what] then
    take_end(state, event)
    self._open[event.id] = nil
  end
end

local function har_of(self)
  local entries = {}
  for i, state in ipairs(self._states) do
    entries[i] = state.entry
  end
  return {
    log = { version = "1.2", creator = { name = "moonwire", version = core.version }, entries = entries },
  }
end

local function check_self(self, name)
  if getmetatable(self) ~= Recorder then
    error(("bad self (http.har.Recorder expected, got %s); call %s with a colon"):format(type(self), name), 3)
  end
end

--- Ends the recording. Returns all of it as a table, in the form of HAR.
function Recorder:stop()
  check_self(self, "stop")
  if self._stop then
    core.trace_flush()
    self._stop()
    self._stop = nil
  end
  return har_of(self)
end

local function write(path, text)
  local file, message = io.open(path, "wb")
  if not file then
    return nil, message
  end
  local ok, why = file:write(text)
  local closed, why_not = file:close()
  if not ok or not closed then
    return nil, ("%s: %s"):format(path, why or why_not)
  end
  return true
end

--- Writes what was recorded until now to a file. Returns true; or nil, a message and "system".
function Recorder:save(path)
  check_self(self, "save")
  if type(path) ~= "string" then
    error(("bad argument #1 to 'save' (string expected, got %s)"):format(type(path)), 2)
  end
  if self._stop then
    core.trace_flush()
  end
  local ok, message = write(path, encode(har_of(self)) .. "\n")
  if not ok then
    return nil, message, "system"
  end
  return true
end

function Recorder:__tostring()
  return ("http.har.Recorder (%d entries%s)"):format(#self._states, self._stop and "" or ", stopped")
end

local POST_LIMIT = 64 * 1024

local function check_limit(options, name)
  local value = options[name]
  if value ~= nil and (type(value) ~= "number" or value < 0 or value ~= math.floor(value) or value > 2 ^ 31) then
    error(("bad option '%s' (number of bytes expected)"):format(name), 3)
  end
  return value
end

local KNOWN = { redact = true, post_limit = true, content_limit = true }

--- Begins to record all requests. Options: redact (see http.redact); post_limit, bytes of the bodies of
--- requests to keep, 64 KiB by default; content_limit, bytes of the bodies of responses, 0 by default.
--- Those are kept only where nobody has read of them before the end.
function M.record(options)
  if options ~= nil and type(options) ~= "table" then
    error(("bad argument #1 to 'record' (table of options or nil expected, got %s)"):format(type(options)), 2)
  end
  options = options or {}
  for name in pairs(options) do
    if not KNOWN[name] then
      error(("unknown option '%s' (there are redact, post_limit and content_limit)"):format(tostring(name)), 2)
    end
  end
  local post_limit = check_limit(options, "post_limit") or POST_LIMIT
  local content_limit = check_limit(options, "content_limit") or 0
  local self = setmetatable({
    _open = {}, -- by the number of the exchange
    _states = {},
    _offset = core.wall_clock() - core.now(),
    _redactor = new_redactor(options.redact, 2),
    _stop = nil,
  }, Recorder)
  local function on_event(event)
    local limit = event.what == "send" and post_limit or content_limit
    event.body = event.body and limit > 0 and event.body:sub(1, limit) or nil
    record(self, event)
  end
  self._stop = trace._listen(on_event, {
    redact = options.redact,
    body_limit = math.max(post_limit, content_limit),
  }, 2)
  return self
end

-- For the command: records until the function that this returns is called, which writes the file once. The
-- script may end the process by itself.
function M._command(path)
  local ok, message = write(path, "")
  if not ok then
    return nil, message
  end
  local recorder = M.record()
  local exit = os.exit
  local function save()
    if not recorder then
      return true
    end
    local last = recorder
    recorder = nil
    last:stop()
    return last:save(path)
  end
  os.exit = function(...) -- luacheck: ignore 122
    local saved, why = save()
    if not saved then
      io.stderr:write("moonwire: ", why, "\n")
    end
    return exit(...)
  end
  return save
end

return M
