-- http.app: middleware and the context.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

local apps = require("apps")
local helper = require("helper")
local http = require("http")

local assert_misuse = apps.assert_misuse

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
