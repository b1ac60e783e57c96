-- http.app: an application of middleware, as Koa has it.
--
--   local app = http.app()
--   app:use(function(ctx, next) … next() … end)
--   app:use(function(ctx) ctx.body = "Hello, " .. ctx.path end)
--   app:listen(8080)
-- SPDX-License-Identifier: MIT

local check_self = require "http.check_self"
local context = require "http.app.context"
local core = require "http.core"
local http_error = require "http.app.error"
local memory = require "http.app.memory"
local respond = require "http.app.respond"
local server = require "http.server"
local task = require "http.task"

local methods = {}
local mt = { __name = "http.App", __index = methods }

-- What may be set, on the application or in the call that makes it.
local SETTINGS = {
  proxy = false, -- whether X-Forwarded-* fields are believed
  proxy_ip_header = "X-Forwarded-For",
  max_ips_count = 0, -- addresses taken from it, from its end; 0: all
  subdomain_offset = 2,
  body_limit = 1024 * 1024, -- bytes that ctx.request:json(), form() and text() take
  timeout = 120, -- seconds after which a handler that has not begun to answer is given up
  silent = false, -- true: errors are not logged
}

-- ---- middleware -------------------------------------------------------------------------------

--- Adds a middleware, fn(ctx, next). next() runs the rest and returns when that has. Returns the app.
function methods:use(fn)
  check_self(self, mt, 2)
  if type(fn) ~= "function" then
    error(("bad argument #1 to 'use' (function expected, got %s)"):format(type(fn)), 2)
  end
  self.middleware[#self.middleware + 1] = fn
  return self
end

local function dispatch(middleware, ctx, i)
  local fn = middleware[i]
  if not fn then
    return
  end
  local called = false
  return fn(ctx, function()
    if called then
      error("next() was called a second time", 2)
    end
    called = true
    return dispatch(middleware, ctx, i + 1)
  end)
end

-- ---- one request ------------------------------------------------------------------------------

-- What nobody means well by: bytes that end a name for C, and ways out of a folder. Clients take dots out
-- of a URL before they send it (RFC 3986, 5.2.4).
local function check_path(ctx)
  if not ctx.url:find("[%%.]") then
    return
  end
  local path = ctx.path
  if path:find("%%00") then
    ctx:throw(400, "the path has a NUL (%00)")
  end
  local decoded = path:gsub("%%2[eE]", "."):gsub("%%2[fF]", "/"):gsub("%%5[cC]", "\\")
  for segment in decoded:gmatch("[^/\\]+") do
    if segment == ".." then
      ctx:throw(400, "the path has a segment '..'")
    end
  end
end

local function serve(app, ctx)
  check_path(ctx)
  dispatch(app.middleware, ctx, 1)
  respond.respond(ctx)
end

--- Called with every error of a handler, and its context. By default it logs those that the client is not
--- told of, with their tracebacks. Assign another to do otherwise.
function methods.on_error(err, ctx)
  if ctx.app.silent or http_error.field(err, "status") == 404 or ctx.exposed then
    return
  end
  core.report(("%s %s: %s"):format(ctx.method, ctx.original_url, ctx.trace or core.words(err)))
end

local function fail(app, ctx, thrown)
  local reply = http_error.describe(thrown)
  rawset(ctx, "trace", reply.trace)
  rawset(ctx, "exposed", reply.expose)
  if not task.protect(respond.fail, ctx, reply) then -- its headers cannot be sent, say
    reply.headers = nil
    respond.fail(ctx, reply)
  end
  task.protect(app.on_error, reply.error, ctx) -- it may wait: the client need not
end

local function run(app, ctx, clock)
  local ok, thrown = xpcall(serve, http_error.trap, app, ctx)
  clock.over = true
  if clock.timer then
    clock.timer:cancel()
  end
  if not ok then
    fail(app, ctx, thrown)
  end
end

-- The log is told where the handler waits.
local function give_up(app, ctx, running)
  if ctx.response.header_sent or not ctx.writable then
    return
  end
  local words = ("the handler has not answered for %g s"):format(app.timeout)
  task.spawn(fail, app, ctx, { value = http_error.new(503, words), trace = debug.traceback(running.co, words) })
end

local function handle(app, wire, secure)
  local method, target, peer, headers, body, url = wire:read()
  local ctx = context.new(app, {
    method = method,
    target = target,
    original_url = target,
    peer = peer,
    headers = headers,
    body = body,
    secure = secure or (url ~= nil and url:find("^https:") ~= nil),
  }, wire)
  local clock = { timer = nil, over = false }
  local running = task.guard(function()
    respond.abandon(ctx.response) -- not even the error could be told
  end, run, app, ctx, clock)
  if not clock.over and not running.finished and app.timeout > 0 then
    clock.timer = core.after(app.timeout, function()
      give_up(app, ctx, running)
    end)
  end
end

-- ---- serving ----------------------------------------------------------------------------------

--- listen(port [, host]), or listen { host=, port=, tls=, … } as http.serve takes them. Returns the server
--- (`host`, `port`, `url`, `close()`), or nil, message and code.
function methods:listen(options, host)
  check_self(self, mt, 2)
  if type(options) == "number" or options == nil then
    options = { port = options, host = host }
  end
  server.check(options, "listen", {}, 2)
  local secure = options.tls ~= nil
  local listening, message, code = server.listen(options, function(wire)
    handle(self, wire, secure)
  end, 2)
  if not listening then
    return nil, message, code
  end
  self.servers[#self.servers + 1] = listening
  return listening
end

--- Closes every server that it listens with.
function methods:close()
  check_self(self, mt, 2)
  for _, listening in ipairs(self.servers) do
    listening:close()
  end
  self.servers = {}
end

--- A function that answers requests without a socket: call { method=, url=, headers=, body=, ip= } returns
--- { status=, message=, headers=, body= }, or nil and words if the answer broke off.
function methods:callback()
  check_self(self, mt, 2)
  return function(request)
    memory.check(request, 2)
    local done, reply, wake_up = false, nil, nil
    handle(self, memory.new(request, function(answer)
      done, reply = true, answer
      if wake_up then
        task.wake(wake_up)
      end
    end), request.secure == true)
    task.wait_until(function()
      return done
    end, function(wake)
      wake_up = wake
    end, 2)
    if not reply then
      return nil, "the answer broke off"
    end
    return reply
  end
end

function mt.__tostring(self)
  return ("http.App (%d middleware, %d servers)"):format(#self.middleware, #self.servers)
end

--- Makes an application; the settings are fields of it.
local function new(settings)
  if settings ~= nil and type(settings) ~= "table" then
    error(("bad argument #1 to 'app' (table of settings expected, got %s)"):format(type(settings)), 2)
  end
  local app = { middleware = {}, servers = {}, context = {} }
  for name, default in pairs(SETTINGS) do
    app[name] = default
  end
  for name, value in pairs(settings or {}) do
    if SETTINGS[name] == nil then
      error(("unknown setting '%s'"):format(tostring(name)), 2)
    elseif type(value) ~= type(SETTINGS[name]) then
      error(("bad setting '%s' (%s expected, got %s)"):format(name, type(SETTINGS[name]), type(value)), 2)
    end
    app[name] = value
  end
  return setmetatable(app, mt)
end

return new
