-- http.app: middleware, the context, settings, listening, and calls without a socket.
-- SPDX-License-Identifier: MIT

local apps = require("apps")
local helper = require("helper")
local http = require("http")
local raw = require("raw")

local assert_misuse = apps.assert_misuse
local TEXT = "text/plain; charset=utf-8"

local function call(app, request)
  return app:callback()(request or {})
end

describe("app:use", function()
  helper.setup()

  it("runs middleware as an onion", function()
    local order = {}
    local function add(word)
      order[#order + 1] = word
    end
    local app = http.app()
    assert.equal(app, app:use(function(_, next)
      add(1)
      next()
      add(6)
    end):use(function(_, next)
      add(2)
      next()
      add(5)
    end):use(function(ctx, next)
      add(3)
      ctx.body = "in the middle"
      next()
      add(4)
    end))
    assert.equal("in the middle", call(app).body)
    assert.same({ 1, 2, 3, 4, 5, 6 }, order)
    call(app)
    assert.equal(12, #order)
  end)

  it("ends the row where next is not called", function()
    local reached = false
    local app = apps.app(nil, function(ctx) ctx.status = 403 end, function() reached = true end)
    assert.equal(403, call(app).status)
    assert.is_false(reached)
  end)

  it("gives what the next ones return", function()
    local app = apps.app(nil, function(ctx, next)
      local a, b = next()
      ctx.body = a .. b
    end, function(_, next)
      return next()
    end, function()
      return "one ", "two"
    end)
    assert.equal("one two", call(app).body)
  end)

  it("lets a middleware change what the inner ones have set", function()
    local app = apps.app(nil, function(ctx, next)
      next()
      ctx.body = ctx.body:upper()
      ctx.status = 201
    end, function(ctx)
      ctx.body = "text"
    end)
    local reply = call(app)
    assert.same({ 201, "TEXT" }, { reply.status, reply.body })
  end)

  it("lets a middleware catch what the inner ones throw", function()
    local app = apps.app(nil, function(ctx, next)
      local ok, err = pcall(next)
      ctx.body = ("%s %s"):format(tostring(ok), err.message)
    end, function(ctx, next)
      next()
      ctx.body = "not reached"
    end, function(ctx)
      ctx:throw(418, "caught")
    end)
    local reply = call(app)
    assert.same({ 200, "false caught" }, { reply.status, reply.body })
    assert.same({}, app.errors)
  end)

  it("throws where next is called twice", function()
    local app = apps.app(nil, function(_, next)
      next()
      next()
    end, function(ctx)
      ctx.body = "text"
    end)
    assert.equal(500, call(app).status)
    assert.matches("^spec/app_spec%.lua:%d+: next%(%) was called a second time$", app.errors[1].err.message)
  end)

  it("adds middleware at any time", function()
    local app = http.app()
    assert.equal(404, call(app).status)
    app:use(function(ctx) ctx.body = "now" end)
    assert.equal("now", call(app).body)
  end)

  it("lets middleware wait, and requests run side by side", function()
    local app = apps.app(nil, function(ctx, next)
      http.sleep(0)
      next()
      http.sleep(0)
      ctx:set("X-After", "yes")
    end, function(ctx)
      http.sleep(ctx.query.slow and 0.05 or 0)
      ctx.body = ctx.path
    end)
    local ask, order = app:callback(), {}
    local replies = http.all {
      function()
        local reply = ask { url = "/slow?slow" }
        order[#order + 1] = "slow"
        return reply
      end,
      function()
        local reply = ask { url = "/quick" }
        order[#order + 1] = "quick"
        return reply
      end,
    }
    assert.same({ "quick", "slow" }, order)
    assert.same({ "/slow", "/quick" }, { replies[1].body, replies[2].body })
    assert.equal("yes", replies[1].headers["X-After"])
  end)

  it("serves the documents' first example", function()
    local app = apps.app(nil, function(ctx, next)
      local start = http.now()
      next()
      ctx:set("X-Response-Time", ("%dms"):format((http.now() - start) * 1000))
    end, function(ctx)
      ctx.body = "Hello, " .. ctx.path
    end)
    local reply = call(app, { url = "/world" })
    assert.equal("Hello, /world", reply.body)
    assert.matches("^%d+ms$", reply.headers["X-Response-Time"])
  end)

  it("throws what is no middleware", function()
    local app = http.app()
    assert_misuse("bad argument #1 to 'use' (function expected, got nil)", function() app:use() end)
    assert_misuse("bad argument #1 to 'use' (function expected, got table)", function() app:use {} end)
    assert_misuse("bad self (http.App expected, got function); call it with a colon", function() app.use(print) end)
  end)
end)

describe("ctx", function()
  helper.setup()

  it("has the application, both halves, a state of its own, and the original URL", function()
    local seen = {}
    local app = apps.app(nil, function(ctx)
      seen[#seen + 1] = ctx
      ctx.path = "/rewritten"
    end)
    call(app, { url = "/a?b" })
    call(app)
    local ctx = seen[1]
    assert.equal(app, ctx.app)
    assert.equal(app, ctx.request.app)
    assert.equal(app, ctx.response.app)
    assert.equal(ctx, ctx.request.ctx)
    assert.equal(ctx, ctx.response.ctx)
    assert.equal(ctx.response, ctx.request.response)
    assert.equal(ctx.request, ctx.response.request)
    assert.same({}, ctx.state)
    assert.are_not.equal(ctx.state, seen[2].state)
    assert.same({ "/a?b", "/a?b", "/rewritten?b" }, { ctx.original_url, ctx.originalUrl, ctx.url })
    assert.equal("http.Context (GET /rewritten?b: 404)", tostring(ctx))
    assert.equal("http.Request (GET /rewritten?b)", tostring(ctx.request))
    assert.equal("http.Response (of a server: 404 Not Found)", tostring(ctx.response))
  end)

  it("takes fields of the middleware's own, each request by itself", function()
    local app = apps.app(nil, function(ctx, next)
      assert.is_nil(ctx.user)
      ctx.user = "jane"
      ctx.timer = "mine"
      ctx.state.role = "admin"
      next()
    end, function(ctx)
      ctx.body = ctx.user .. " " .. ctx.state.role
    end)
    assert.equal("jane admin", call(app).body)
    assert.equal("jane admin", call(app).body)
    assert.same({}, app.errors)
  end)

  it("takes a field of any name while it waits", function()
    local app = apps.app(nil, function(ctx)
      ctx.timer = 7
      http.sleep(0)
      ctx.body = "still answered"
    end)
    assert.equal("still answered", call(app).body)
  end)

  it("has what app.context has", function()
    local app = apps.app(nil, function(ctx)
      ctx.body = ctx:greet() .. ctx.version
    end)
    app.context.version = 2
    function app.context:greet()
      return "hello " .. self.path .. " "
    end
    assert.equal("hello /x 2", call(app, { url = "/x" }).body)
    assert.is_nil(http.app().context.version)
  end)

  -- What Koa delegates, and what it does not.
  local BOTH = {
    response = {
      "status", "message", "body", "length", "type", "last_modified", "lastModified", "etag", "header_sent",
      "headerSent", "writable",
    },
    request = {
      "method", "url", "path", "querystring", "search", "query", "idempotent", "origin", "href", "subdomains",
      "protocol", "host", "hostname", "secure", "stale", "fresh", "ips", "ip", "socket", "header", "headers",
    },
  }
  it("has the properties of its halves", function()
    apps.inside({ url = "/p?q=1", headers = { Origin = "http://o", ["X-A"] = "1" }, ip = "10.0.0.1" }, function(ctx)
      ctx.body = "text"
      ctx.etag = "x"
      ctx.last_modified = 0
      for half, names in pairs(BOTH) do
        for _, name in ipairs(names) do
          assert.is_not_nil(ctx[half][name], name)
          assert.same(ctx[half][name], ctx[name], name)
        end
      end
      assert.is_nil(ctx.charset)
    end)
  end)

  it("has the methods of its halves", function()
    local METHODS = {
      response = { "attachment", "redirect", "remove", "vary", "has", "set", "append", "flush_headers", "flushHeaders",
        "back" },
      request = { "accepts", "accepts_encodings", "acceptsEncodings", "accepts_charsets", "acceptsCharsets",
        "accepts_languages", "acceptsLanguages", "get", "is" },
    }
    apps.inside({}, function(ctx)
      for half, names in pairs(METHODS) do
        for _, name in ipairs(names) do
          assert.is_function(ctx[name], name)
          assert.is_function(ctx[half][name], name)
        end
      end
      for _, half in ipairs { ctx, ctx.response, ctx.request } do
        assert_misuse("call it with a colon", function() half.get("X") end)
        assert_misuse("'get' can only be read", function() half.get = print end)
        assert_misuse("'is' can only be read", function() half.is = print end)
      end
      assert_misuse("bad self (http.Context expected, got string); call it with a colon",
        function() ctx.set("X-A", "1") end)
      assert_misuse("bad self (http.Response (of a server) expected, got table)",
        function() ctx.response.set(ctx, "X-A", "1") end)
    end)
  end)

  it("is nil where there is nothing", function()
    apps.inside({}, function(ctx)
      for _, object in ipairs { ctx, ctx.request, ctx.response } do
        assert.is_nil(object.nothing)
        assert.is_nil(object[1])
      end
    end)
  end)
end)

describe("http.app", function()
  helper.setup()

  local DEFAULTS = { proxy = false, proxy_ip_header = "X-Forwarded-For", max_ips_count = 0, subdomain_offset = 2,
    body_limit = 1048576, timeout = 120, silent = false }

  it("has its settings as fields", function()
    local app = http.app()
    for name, value in pairs(DEFAULTS) do
      assert.equal(value, app[name], name)
    end
    assert.equal(3, http.app({ subdomain_offset = 3 }).subdomain_offset)
    assert.equal("http.App (0 middleware, 0 servers)", tostring(app))
  end)

  it("takes settings later", function()
    local app = apps.app(nil, function(ctx) ctx.body = ctx.host end)
    local request = { headers = { Host = "inside", ["X-Forwarded-Host"] = "outside" } }
    assert.equal("inside", call(app, request).body)
    app.proxy = true
    assert.equal("outside", call(app, request).body)
  end)

  it("throws what are none", function()
    for name, value in pairs(DEFAULTS) do
      assert_misuse(("bad setting '%s' (%s expected, got table)"):format(name, type(value)),
        function() http.app { [name] = {} } end)
    end
    assert_misuse("unknown setting 'porxy'", function() http.app { porxy = true } end)
    assert_misuse("unknown setting '1'", function() http.app { print } end)
    assert_misuse("bad argument #1 to 'app' (table of settings expected, got number)", function() http.app(8080) end)
  end)

  it("gives up a handler that does not answer", function()
    local ended, kept = false, nil
    local app = apps.app({ timeout = 0.02 }, function(ctx)
      kept = ctx
      while not ended do
        http.sleep(0.01)
      end
      ctx.body = "too late"
      ctx:set("X-Late", "1")
      ended = "wholly"
    end)
    local reply = call(app, { url = "/slow?x" })
    assert.same({ 503, "Service Unavailable", TEXT },
      { reply.status, reply.body, reply.headers["Content-Type"] })
    assert.equal(1, #app.errors)
    assert.equal(503, app.errors[1].err.status)
    assert.equal("GET /slow?x: the handler has not answered for 0.02 s", app.errors[1].err.message)
    assert.is_false(kept.writable)
    ended = true
    helper.wait(function() return ended == "wholly" end)
    http.poll(0)
    assert.equal("Service Unavailable", reply.body)
    assert.is_nil(kept.response:get("X-Late"))
    assert.equal(1, #app.errors)
  end)

  it("tells of what a handler throws that was given up", function()
    local ended = false
    local app = apps.app({ timeout = 0.02 }, function()
      while not ended do
        http.sleep(0.01)
      end
      error("thrown too late")
    end)
    assert.equal(503, call(app).status)
    ended = true
    helper.wait(function() return #app.errors == 2 end)
    assert.matches("thrown too late", app.errors[2].err.message)
  end)

  it("waits for as long as it takes where the timeout is 0", function()
    local app = apps.app({ timeout = 0 }, function(ctx)
      http.sleep(0.03)
      ctx.body = "at last"
    end)
    assert.equal("at last", call(app).body)
  end)
end)

describe("app:callback", function()
  helper.setup()

  it("answers by itself where nobody else does", function()
    local reply = call(http.app())
    assert.same({ 404, "Not Found", "Not Found", TEXT, "9" }, { reply.status, reply.message, reply.body,
      reply.headers["content-type"], reply.headers["Content-Length"] })
  end)

  it("gives the handler the request, and fills in what is missing", function()
    local app = apps.app(nil, function(ctx)
      ctx.body = table.concat({ ctx.method, ctx.url, ctx.host, ctx.ip, ctx.protocol, ctx.request:text() }, " ")
    end)
    assert.equal("GET / localhost 127.0.0.1 http ", call(app).body)
    assert.equal("PUT /a?b h 10.0.0.1 https text",
      call(app, { method = "PUT", url = "/a?b", headers = { host = "h" }, ip = "10.0.0.1", secure = true,
        body = "text" }).body)
  end)

  it("gives several Set-Cookie as a list", function()
    local app = apps.app(nil, function(ctx)
      ctx:append("Set-Cookie", "a=1")
      ctx:append("Set-Cookie", "b=2")
    end)
    assert.same({ "a=1", "b=2" }, call(app).headers["Set-Cookie"])
  end)

  it("tells of an answer that broke off", function()
    local count = 0
    local app = apps.app(nil, function(ctx)
      ctx.body = function()
        count = count + 1
        return count == 1 and "piece" or error("no more")
      end
    end)
    local reply, why = call(app)
    assert.same({ nil, "the answer broke off" }, { reply, why })
    assert.matches("no more", app.errors[1].err.message)
  end)

  it("throws what is no request", function()
    local ask = http.app():callback()
    assert_misuse("bad argument #1 (table with method, url, headers, body expected, got string)",
      function() ask("/") end)
    assert_misuse("unknown field 'path' of a request", function() ask { path = "/" } end)
    assert_misuse("bad field 'url' (string expected, got number)", function() ask { url = 7 } end)
    assert_misuse("bad field 'headers' (table expected, got string)", function() ask { headers = "a: b" } end)
    assert_misuse("bad field 'body' (string expected, got table)", function() ask { body = {} } end)
    assert_misuse("call it with a colon", function() http.app().callback() end)
  end)
end)

describe("HEAD", function()
  helper.setup()

  for i, row in ipairs {
    { function(ctx) ctx.body = "hello" end, 200, "5", TEXT },
    { function(ctx) ctx.body = { foo = "bar" } end, 200, "13", "application/json; charset=utf-8" },
    { function(ctx) ctx.body = http.bytes("abc") end, 200, "3", "application/octet-stream" },
    { function(ctx) ctx.body = "" end, 200, "0", TEXT },
    { function(ctx) ctx.body = function() error("is not read") end end, 200, nil, "application/octet-stream" },
    { function(ctx) ctx.length = 1234 end, 404, "1234", nil },
    { function(ctx) ctx.body = nil end, 204, nil, nil },
    { function(ctx) ctx:redirect("/x") end, 302, "18", "text/html; charset=utf-8" },
  } do
    it("has the head of GET and no body, row " .. i, function()
      local reply = apps.ask(row[1], { method = "HEAD" })
      assert.same({ row[2], "", row[3], row[4] },
        { reply.status, reply.body, reply.headers["Content-Length"], reply.headers["Content-Type"] })
    end)
  end

  it("of an error has no body either", function()
    local reply = apps.ask(function(ctx) ctx:not_found("missing") end, { method = "HEAD" }, { may_fail = true })
    assert.same({ 404, "", "58" }, { reply.status, reply.body, reply.headers["Content-Length"] })
  end)

  it("closes a stream that it does not read", function()
    local file = assert(io.open("spec/support/run.lua"))
    apps.ask(function(ctx) ctx.body = file end, { method = "HEAD" })
    assert.equal("closed file", io.type(file))
  end)
end)

describe("app:listen", function()
  local opened = {}
  after_each(function() -- before helper looks for what is left
    for _, app in ipairs(opened) do
      app:close()
    end
    opened = {}
  end)
  helper.setup()

  local function hello()
    local app = apps.app(nil, function(ctx) ctx.body = "hello" end)
    opened[#opened + 1] = app
    return app
  end

  for name, listen in pairs {
    ["a port"] = function(app) return app:listen(0) end,
    ["a port and a host"] = function(app) return app:listen(0, "127.0.0.1") end,
    ["nothing"] = function(app) return app:listen() end,
    ["a table"] = function(app) return app:listen { port = 0, host = "127.0.0.1" } end,
    ["a table with limits"] = function(app) return app:listen { max_body_size = 10, idle_timeout = 5 } end,
  } do
    it("takes " .. name, function()
      local app = hello()
      local server = assert(listen(app))
      assert.same({ "127.0.0.1", "http://127.0.0.1:" .. server.port, true },
        { server.host, server.url, server.listening })
      assert.equal("hello", http.get(server.url):await():read_string())
      assert.equal("http.App (1 middleware, 1 servers)", tostring(app))
    end)
  end

  it("may be called twice, and close ends both", function()
    local app = hello()
    local one, two = app:listen(0), app:listen(0)
    assert.equal("hello", http.get(one.url):await():read_string())
    assert.equal("hello", http.get(two.url):await():read_string())
    app:close()
    app:close()
    assert.same({ false, false }, { one.listening, two.listening })
    assert.equal(http.Response.CONNECTION_REFUSED_ERROR, http.get(one.url):await().error)
    local again = assert(app:listen(one.port))
    assert.equal("hello", http.get(again.url):await():read_string())
  end)

  it("returns nil, words and a code where the port is taken", function()
    local taken = raw.listen({})
    local app = hello()
    local server, message, code = app:listen(taken.port)
    assert.is_nil(server)
    assert.matches("in use", message)
    assert.equal("system", code)
    assert.equal("http.App (1 middleware, 0 servers)", tostring(app))
  end)

  it("throws what are no options", function()
    local app = http.app()
    assert_misuse("unknown option 'prot'", function() app:listen { prot = 1 } end)
    assert_misuse("bad option 'port' (number expected, got string)", function() app:listen { port = "80" } end)
    assert_misuse("bad argument #1 to 'listen' (table of options expected, got string)",
      function() app:listen("80") end)
    assert_misuse("bad option 'port' (integer expected, got 80.5)", function() app:listen(80.5) end)
    assert_misuse("port", function() app:listen(70000) end)
    assert_misuse("port", function() app:listen(-1) end)
    assert_misuse("bad option 'host' (string expected, got number)", function() app:listen(0, 7) end)
    assert_misuse("call it with a colon", function() app.listen(0) end)
    assert_misuse("call it with a colon", function() app.close() end)
  end)
end)
