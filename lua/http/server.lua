-- http.server: listening, which http.serve and http.app do alike.
-- SPDX-License-Identifier: MIT

local check_self = require "http.check_self"
local core = require "http.core"
local task = require "http.task"

local M = {}

local OPTIONS = {
  host = "string",
  port = "number",
  unix = "string",
  origin = "string",
  backlog = "number",
  workers = "number",
  tls = "table",
  max_head_size = "number",
  max_body_size = "number",
  idle_timeout = "number",
  header_timeout = "number",
  min_rate = "number",
  reuse_port = "boolean",
}

local Server = {}
local mt = { __name = "http.Server", __index = Server }

function mt.__tostring(self)
  return "http.Server (" .. (self.listening and self.url or "closed") .. ")"
end

--- Stops listening and cuts the connections.
function Server:close()
  check_self(self, mt, 2)
  self.listening = false
  self._server:close()
  if self._cut then -- who waits in stop() would do so for ever
    core.after(0, self._cut)
  end
end

-- What options.tls and each of its hosts may hold.
local OWN = { cert_file = "string", key_file = "string" }
local TLS = { cert_file = "string", key_file = "string", client_ca_file = "string", hosts = "table" }

local function check_own(own, known, what, level)
  for name, value in pairs(own) do
    if not known[name] then
      error(core.unknown_option(name, known, what .. "."), level + 1)
    elseif type(value) ~= known[name] then
      error(("bad option '%s.%s' (%s expected, got %s)"):format(what, name, known[name], type(value)), level + 1)
    end
  end
  if not own.cert_file then
    error(("bad option '%s.cert_file' (string expected, got nil)"):format(what), level + 1)
  end
end

--- Stops in good order: takes nothing new, lets what runs come to its end, for at most `seconds` (for as
--- long as it takes, without), and closes. Waits for that. Returns true, or false if it had to cut
--- something.
function Server:stop(seconds)
  check_self(self, mt, 2)
  if seconds ~= nil and (type(seconds) ~= "number" or seconds < 0 or seconds ~= seconds) then
    error(("bad argument #1 to 'stop' (number of seconds expected, got %s)"):format(tostring(seconds)), 2)
  end
  if not self.listening then
    return true
  end
  local over, late, wake = false, false, nil
  local function done()
    over = true
    if wake then
      task.wake(wake)
    end
  end
  local ok, message = pcall(self._server.drain, self._server, done)
  if not ok then
    error(message, 2)
  end
  self.listening = false
  local function cut()
    late = late or not over
    done()
  end
  self._cut = cut
  local clock = seconds and core.after(seconds, cut)
  task.wait_until(function()
    return over
  end, function(resume)
    wake = resume
  end, 2)
  self._cut = nil
  if clock then
    clock:cancel()
  end
  self._server:close()
  return not late
end

local function check_tls(tls, level)
  check_own(tls, TLS, "tls", level + 1)
  for host, own in pairs(tls.hosts or {}) do
    if type(host) ~= "string" then
      error(("bad option 'tls.hosts' (names as keys expected, got a %s)"):format(type(host)), level + 1)
    elseif type(own) ~= "table" then
      error(("bad option 'tls.hosts' (table expected for '%s', got %s)"):format(host, type(own)), level + 1)
    end
    check_own(own, OWN, ("tls.hosts['%s']"):format(host), level + 1)
  end
end

-- As core.listen takes them.
local function certificates_of(tls)
  local list
  for host, own in pairs(tls.hosts or {}) do
    list = list or {}
    list[#list + 1] = { host, own.cert_file, own.key_file }
  end
  return list
end

local function both(some, more)
  local all = {}
  for _, names in ipairs { some, more } do
    for name, value in pairs(names) do
      all[name] = value
    end
  end
  return all
end

--- Checks the options of a call; `more` are those beyond the common ones, with their types. Throws at
--- `level`.
function M.check(options, call, more, level)
  level = level + 1
  if type(options) ~= "table" then
    error(("bad argument #1 to '%s' (table of options expected, got %s)"):format(call, type(options)), level)
  end
  for name, value in pairs(options) do
    local expected = OPTIONS[name] or more[name]
    if not expected then
      error(core.unknown_option(name, both(OPTIONS, more)), level)
    end
    if type(value) ~= expected then
      error(("bad option '%s' (%s expected, got %s)"):format(name, expected, type(value)), level)
    end
  end
  if options.port and options.port % 1 ~= 0 then
    error(("bad option 'port' (integer expected, got %s)"):format(options.port), level)
  end
  if options.unix and (options.host or options.port) then
    error("bad option 'unix' (it stands in place of host and port, not beside them)", level)
  end
  if options.origin then
    for _, name in ipairs { "host", "port", "unix", "tls", "reuse_port" } do
      if options[name] ~= nil then
        error(("bad option '%s' (a server in the process, which 'origin' makes, has no socket)"):format(name), level)
      end
    end
  end
  if options.workers and options.workers ~= 1 then
    error("bad option 'workers' (a server runs in one process: 1 expected)", level)
  end
  if options.tls then
    check_tls(options.tls, level)
  end
end

local function url_of(options, host, port)
  if options.origin then
    return (options.origin:gsub("/$", ""))
  end
  local scheme = options.tls and "https" or "http"
  if options.unix then
    return ("%s+unix:%s"):format(scheme, options.unix)
  end
  return ("%s://%s:%d"):format(scheme, host:find(":", 1, true) and "[" .. host .. "]" or host, port)
end

--- Listens; `on_request` is called with each of the core's requests. Returns the server (`host`, `port`,
--- `url`, `close()`), or nil, message and code.
function M.listen(options, on_request, level)
  local host = not options.origin and (options.host or "127.0.0.1") or nil
  local tls = options.tls or {}
  local ok, server, message, code = pcall(core.listen, {
    host = host,
    port = options.port,
    unix = options.unix,
    backlog = options.backlog,
    cert_file = tls.cert_file,
    key_file = tls.key_file,
    client_ca_file = tls.client_ca_file,
    certificates = certificates_of(tls),
    max_head_size = options.max_head_size,
    max_body_size = options.max_body_size,
    idle_timeout = options.idle_timeout,
    header_timeout = options.header_timeout,
    min_rate = options.min_rate,
    origin = options.origin,
    reuse_port = options.reuse_port,
    stream = options.stream,
  }, on_request)
  if not ok then
    error(server, level + 1)
  end
  if not server then
    return nil, message, code
  end
  local port = not options.origin and server:port() or nil
  return setmetatable({
    host = not options.unix and host or nil,
    port = port,
    unix = options.unix,
    origin = options.origin,
    url = url_of(options, host, port),
    listening = true,
    _server = server,
    _cut = nil, -- ends the wait of stop()
  }, mt)
end

return M
