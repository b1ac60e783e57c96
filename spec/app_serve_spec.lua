-- http.app: settings, listening, calls without a socket, HEAD.
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
    assert.equal("the handler has not answered for 0.02 s", app.errors[1].err.message)
    assert.matches("^the handler .*\nstack traceback:.*app_serve_spec%.lua:%d+: in ", kept.trace)
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
