-- http.app: ctx.response, row by row as the documents have it: status, message, fields, and what was sent.
-- Each through ctx.response and through ctx, in both spellings.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

local apps = require("apps")
local helper = require("helper")
local http = require("http")

local assert_misuse = apps.assert_misuse
local pieces, rows = apps.pieces, apps.rows
local TEXT = "text/plain; charset=utf-8"

describe("response.status", function()
  helper.setup()

  -- The list of the documents.
  local CODES = {
    [100] = "continue", [101] = "switching protocols", [102] = "processing", [200] = "ok", [201] = "created",
    [202] = "accepted", [203] = "non-authoritative information", [204] = "no content", [205] = "reset content",
    [206] = "partial content", [207] = "multi-status", [208] = "already reported", [226] = "im used",
    [300] = "multiple choices", [301] = "moved permanently", [302] = "found", [303] = "see other",
    [304] = "not modified", [305] = "use proxy", [307] = "temporary redirect", [308] = "permanent redirect",
    [400] = "bad request", [401] = "unauthorized", [402] = "payment required", [403] = "forbidden",
    [404] = "not found", [405] = "method not allowed", [406] = "not acceptable",
    [407] = "proxy authentication required", [408] = "request timeout", [409] = "conflict", [410] = "gone",
    [411] = "length required", [412] = "precondition failed", [413] = "payload too large",
    [414] = "uri too long", [415] = "unsupported media type", [416] = "range not satisfiable",
    [417] = "expectation failed", [418] = "i'm a teapot", [422] = "unprocessable entity", [423] = "locked",
    [424] = "failed dependency", [426] = "upgrade required", [428] = "precondition required",
    [429] = "too many requests", [431] = "request header fields too large", [500] = "internal server error",
    [501] = "not implemented", [502] = "bad gateway", [503] = "service unavailable", [504] = "gateway timeout",
    [505] = "http version not supported", [506] = "variant also negotiates", [507] = "insufficient storage",
    [508] = "loop detected", [510] = "not extended", [511] = "network authentication required",
  }
  local EMPTY = { [204] = true, [205] = true, [304] = true }

  it("is each of the documented codes, with its message", function()
    for code, phrase in pairs(CODES) do
      apps.inside({}, function(ctx)
        ctx.response.status = code
        assert.equal(code, ctx.response.status)
        assert.equal(code, ctx.status)
        assert.equal(phrase, ctx.response.message:lower())
        ctx.status = 200 -- what is below 200 cannot be answered with
      end)
    end
  end)

  it("goes to the client with its phrase as the body, where there is no other", function()
    for code, phrase in pairs(CODES) do
      if code >= 200 then
        local reply = apps.ask(function(ctx) ctx.status = code end)
        assert.equal(code, reply.status)
        assert.equal(phrase, reply.message:lower())
        assert.equal(EMPTY[code] and "" or reply.message, reply.body)
        assert.equal(not EMPTY[code] and TEXT or nil, reply.headers["content-type"])
      end
    end
  end)

  it("cannot end in one below 200", function()
    for _, code in ipairs { 100, 101, 102, 103 } do
      local reply, app = apps.ask(function(ctx) ctx.status = code end, {}, { may_fail = true })
      assert.equal(500, reply.status)
      assert.equal("Internal Server Error", reply.body)
      assert.matches("the status " .. code .. " is no final one", tostring(app.errors[1].err))
    end
  end)

  rows {
    { "is 404 by default", function(r) return r.status end, returns = 404, status = 404, message = "Not Found",
      body = "Not Found", headers = { ["Content-Type"] = TEXT, ["Content-Length"] = "9" } },
    { "is a member of HTTPStatus", function(r) r.status = http.HTTPStatus.CREATED; return r.status end,
      returns = 201, status = 201, body = "Created" },
    { "is a constant of http", function(r) r.status = http.NOT_FOUND; return r.status end, returns = 404 },
    { "takes the body away if it is an empty one", function(r)
      r.body = "hello"
      r.status = 204
      return tostring(r.body)
    end, returns = "nil", status = 204, body = "", headers = { ["Content-Type"] = false, ["Content-Length"] = false } },
    { "304 carries neither body nor type", function(r)
      r.body = { 1 }
      r.status = 304
    end, status = 304, body = "", headers = { ["Content-Type"] = false } },
    { "205 says that its body has no length", function(r)
      r.body = "hello"
      r.status = 205
    end, status = 205, body = "", headers = { ["Content-Type"] = false, ["Content-Length"] = "0" } },
    { "stays when it was set before the body", function(r)
      r.status = 201
      r.body = "made"
    end, status = 201, body = "made" },
    { "stays when it was set behind the body", function(r)
      r.body = "made"
      r.status = 202
    end, status = 202, body = "made" },
    { "brings its own message", function(r)
      r.message = "Fine"
      r.status = 202
      return r.message
    end, returns = "Accepted", message = "Accepted" },
  }

  it("throws for a typo, and displays the list", function()
    apps.inside({}, function(ctx)
      for _, half in ipairs { ctx, ctx.response } do
        assert_misuse("unknown status 999; these are known:", function() half.status = 999 end)
        assert_misuse("unknown status 20;", function() half.status = 20 end)
        assert_misuse("bad status (integer or HTTPStatus expected, got string)", function() half.status = "200" end)
        assert_misuse("bad status (integer or HTTPStatus expected, got nil)", function() half.status = nil end)
        assert_misuse("bad status (integer or HTTPStatus expected, got 200.5)", function() half.status = 200.5 end)
        local _, message = pcall(function() half.status = 600 end)
        for code, phrase in pairs(CODES) do
          local line = ('\n%d "%s"'):format(code, phrase == "i'm a teapot" and "I'm a teapot" or phrase)
          assert.truthy(message:find(line, 1, true), line)
        end
        assert.equal(404, half.status)
      end
    end)
  end)
end)

describe("response.message", function()
  helper.setup()

  rows {
    { "is that of the status", function(r) r.status = 418; return r.message end, returns = "I'm a Teapot",
      message = "I'm a Teapot", body = "I'm a Teapot" },
    { "is what it is set to", function(r)
      r.status = 200
      r.message = "As you like it"
      return r.message
    end, returns = "As you like it", status = 200, message = "As you like it", body = "As you like it",
      headers = { ["Content-Length"] = "14" } },
    { "stays beside a body", function(r)
      r.status = 200
      r.message = "Fine"
      r.body = "text"
    end, message = "Fine", body = "text" },
  }

  it("throws what is none", function()
    apps.inside({}, function(ctx)
      for _, half in ipairs { ctx, ctx.response } do
        assert_misuse("bad message", function() half.message = "a\r\nX: y" end)
        assert_misuse("bad message", function() half.message = "a\0" end)
        assert_misuse("bad message (string without control characters expected, got number)",
          function() half.message = 7 end)
      end
    end)
  end)
end)

describe("response.header and response.headers", function()
  helper.setup()

  rows {
    { "are the fields, whatever the case", function(r)
      r:set("X-One", "1")
      r:set("X-Two", { "a", "b" })
      return { r.headers["x-one"], r.header["X-ONE"], r.headers["X-Two"][2], tostring(r.headers["x-three"]) }
    end, returns = { "1", "1", "b", "nil" }, only = "ctx.response" },
  }

  it("are those of the request on ctx", function()
    apps.inside({ headers = { ["X-In"] = "in" } }, function(ctx)
      ctx:set("X-Out", "out")
      assert.equal("in", ctx.headers["X-In"])
      assert.equal("in", ctx.header["x-in"])
      assert.is_nil(ctx.headers["X-Out"])
      assert.equal("out", ctx.response.headers["X-Out"])
    end)
  end)

  it("can only be read", function()
    apps.inside({}, function(ctx)
      for _, name in ipairs { "header", "headers", "socket", "headerSent", "header_sent", "writable", "get", "set" } do
        assert_misuse(("'%s' can only be read"):format(name), function() ctx.response[name] = "x" end)
      end
      assert_misuse("the table of headers is a copy; use ctx:set(\"X-Lost\", value)",
        function() ctx.response.headers["X-Lost"] = "x" end)
      assert_misuse("has no property 'contentType'", function() ctx.response.contentType = "x" end)
      assert_misuse("'header_sent' can only be read", function() ctx.header_sent = true end)
    end)
  end)
end)

describe("response.get, set, append, remove and has", function()
  helper.setup()

  rows {
    { "get ignores case", function(r) r:set("ETag", '"x"'); return { r:get("etag"), r:get("ETAG") } end,
      returns = { '"x"', '"x"' }, only = "ctx.response" },
    { "get is nil without the field", function(r) return tostring(r:get("X")) end, returns = "nil" },
    { "get is a list of several", function(r) r:set("Link", { "a", "b" }); return r:get("Link") end,
      returns = { "a", "b" }, only = "ctx.response" },
    { "set sets", function(r) r:set("Cache-Control", "no-cache") end, headers = { ["Cache-Control"] = "no-cache" } },
    { "set replaces", function(r)
      r:set("X-A", "1")
      r:set("x-a", "2")
    end, headers = { ["X-A"] = "2" } },
    { "set takes numbers and booleans", function(r)
      r:set("X-A", 12)
      r:set("X-B", true)
    end, headers = { ["X-A"] = "12", ["X-B"] = "true" } },
    { "set takes several", function(r)
      r:set { Etag = "1234", ["Last-Modified"] = "Sun, 06 Nov 1994 08:49:37 GMT" }
    end, headers = { ETag = "1234", ["Last-Modified"] = "Sun, 06 Nov 1994 08:49:37 GMT" } },
    { "append adds", function(r)
      r:append("Link", "<http://127.0.0.1/>")
      r:append("Link", "<http://localhost/>")
    end, headers = { Link = "<http://127.0.0.1/>, <http://localhost/>" } },
    { "append takes a list", function(r)
      r:append("Set-Cookie", { "a=1", "b=2" })
      r:append("set-cookie", "c=3")
    end, headers = { ["Set-Cookie"] = { "a=1", "b=2", "c=3" } } },
    { "append behind set, and set behind append", function(r)
      r:set("X-A", "1")
      r:append("X-A", "2")
      r:append("X-B", "1")
      r:set("X-B", "2")
    end, headers = { ["X-A"] = "1, 2", ["X-B"] = "2" } },
    { "remove removes", function(r)
      r:set("X-A", "1")
      r:remove("x-a")
      r:remove("x-none")
    end, headers = { ["X-A"] = false } },
    { "has tells", function(r)
      r:set("X-A", "1")
      return { r:has("x-a"), r:has("x-b") }
    end, returns = { true, false } },
  }

  it("throw what is no field", function()
    apps.inside({}, function(ctx)
      for _, half in ipairs { ctx, ctx.response } do
        for _, name in ipairs { "set", "append" } do
          for _, value in ipairs { "a\r\nX-Evil: 1", "a\n", "a\rb", "a\0b", "\127" } do
            assert_misuse("bad value of the header 'X-A': it has a control character",
              function() half[name](half, "X-A", value) end)
          end
          assert_misuse("bad value of the header 'X-A'", function() half[name](half, "X-A", { "ok", "a\nb" }) end)
          assert_misuse("bad header name 'X A'", function() half[name](half, "X A", "1") end)
          assert_misuse("bad header name 'X\r\nY'", function() half[name](half, "X\r\nY", "1") end)
          assert_misuse("bad header name ''", function() half[name](half, "", "1") end)
          assert_misuse("bad value of the header 'X-A' (string, number or list expected, got nil)",
            function() half[name](half, "X-A") end)
          assert_misuse("bad value of the header 'X-A' (string, number or list expected, got function)",
            function() half[name](half, "X-A", print) end)
        end
        assert_misuse("bad value of the header 'X-A'", function() half:set { ["X-A"] = "\n" } end)
        for _, value in ipairs { "abc", "-1", "1, 1", "", 1.5, -1, true } do
          assert_misuse("bad value of the header 'Content-Length' (number of bytes expected, got '",
            function() half:set("Content-Length", value) end)
        end
        for _, name in ipairs { "get", "has", "remove" } do
          assert_misuse(("bad argument #1 to '%s' (string expected, got nil)"):format(name),
            function() half[name](half) end)
        end
        assert_misuse("the header 'Content-Type' must have exactly one value",
          function() half:set("Content-Type", { "a/b", "c/d" }) end)
        assert.is_nil(ctx.response:get("X-A"))
      end
    end)
  end)
end)

describe("response.header_sent, flush_headers, writable and socket", function()
  helper.setup()

  for _, sent in ipairs { "header_sent", "headerSent" } do
    for _, flush in ipairs { "flush_headers", "flushHeaders" } do
      rows {
        { sent .. " tells that " .. flush .. " has sent the head", function(r)
          local before = r[sent]
          r:set("X-A", "1")
          r.body = pieces("x")
          r[flush](r)
          return { before, r[sent] }
        end, returns = { false, true }, status = 200, body = "x", headers = { ["X-A"] = "1" } },
        { "changes after " .. flush .. " are too late (" .. sent .. ")", function(r)
          r.status = 202
          r:set("X-A", "1")
          r[flush](r)
          r[flush](r)
          r.status = 500
          r:set("X-A", "2")
          r:set { ["X-B"] = "2" }
          r:append("X-A", "2")
          r:vary("X")
          r:remove("X-A")
          r.type = "html"
          r.length = 7
          r.etag = "x"
          r.last_modified = 0
          r:attachment("a.txt")
          r:redirect("/")
          return { r.status, r[sent] }
        end, returns = { 202, true }, status = 202,
          headers = { ["X-A"] = "1", ["X-B"] = false, Vary = false, ["Content-Type"] = false, ETag = false,
            ["Last-Modified"] = false, ["Content-Disposition"] = false, Location = false } },
        { "a body after " .. flush .. " is sent (" .. sent .. ")", function(r)
          r[flush](r)
          r.body = "late"
        end, body = "late" },
      }
    end
  end

  rows {
    { "writable is true until the end", function(r) return r.writable end, returns = true },
    { "socket tells of the client", function(r)
      local socket = r.socket
      return { socket.remote_address, socket.remoteAddress, socket.encrypted }
    end, request = { ip = "10.0.0.7", secure = true }, returns = { "10.0.0.7", "10.0.0.7", true } },
    { "socket of a plain connection is not encrypted", function(r) return r.socket.encrypted end, returns = false },
  }

  it("nothing is writable, and nothing changes, behind the end", function()
    local kept
    local reply = apps.ask(function(ctx)
      kept = ctx
      ctx.body = "text"
    end)
    assert.is_false(kept.writable)
    assert.is_true(kept.header_sent)
    kept.status, kept.body = 500, "later"
    kept:set("X", "y")
    assert.same({ 200, "text" }, { reply.status, reply.body })
    assert.is_nil(kept.response:get("X"))
  end)
end)
