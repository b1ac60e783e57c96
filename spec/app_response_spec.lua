-- http.app: ctx.response, row by row as the documents have it: through ctx.response and through ctx, in
-- both spellings.
-- SPDX-License-Identifier: MIT

local apps = require("apps")
local helper = require("helper")
local http = require("http")
local string_stream = require("http.string_stream")

local assert_misuse = apps.assert_misuse
local HTML, TEXT = "text/html; charset=utf-8", "text/plain; charset=utf-8"
local JSON, BYTES = "application/json; charset=utf-8", "application/octet-stream"

-- Runs fn(half, ctx) in two handlers, half being ctx.response and then ctx, and checks both replies:
-- status, message, body, and of the headers those that are told (false: must not be there).
local function check(row)
  for _, half in ipairs(row.only and { row.only } or { "ctx.response", "ctx" }) do
    local result
    local reply = apps.ask(function(ctx)
      result = row.run(half == "ctx" and ctx or ctx.response, ctx)
    end, row.request)
    local title = half
    if row.returns ~= nil then
      assert.same(row.returns, result, title)
    end
    for _, name in ipairs { "status", "message", "body" } do
      if row[name] ~= nil then
        assert.equal(row[name], reply[name], title .. " " .. name)
      end
    end
    apps.check_headers(assert, row.headers or {}, reply.headers, title)
  end
end

local function rows(list)
  for _, row in ipairs(list) do
    row.run = row.run or row[2]
    it(row[1], function()
      check(row)
    end)
  end
end

-- Pieces, one at a time, as a function gives them.
local function pieces(...)
  local list, i = { ... }, 0
  return function()
    i = i + 1
    return list[i]
  end
end

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
      ctx.response.headers["X-Lost"] = "a copy"
      assert.is_nil(ctx.response:get("X-Lost"))
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
        assert_misuse("the header 'Content-Type' must have exactly one value",
          function() half:set("Content-Type", { "a/b", "c/d" }) end)
        assert.is_nil(ctx.response:get("X-A"))
      end
    end)
  end)
end)

describe("response.type", function()
  helper.setup()

  local TYPES = {
    { "text/plain; charset=utf-8", "text/plain; charset=utf-8", "text/plain" },
    { "image/png", "image/png", "image/png" },
    { ".png", "image/png", "image/png" },
    { "png", "image/png", "image/png" },
    { "html", HTML, "text/html" },
    { ".html", HTML, "text/html" },
    { "text/html", HTML, "text/html" },
    { "json", JSON, "application/json" },
    { "txt", TEXT, "text/plain" },
    { "text", TEXT, "text/plain" },
    { "css", "text/css; charset=utf-8", "text/css" },
    { "bin", BYTES, "application/octet-stream" },
    { "text/html; charset=iso-8859-1", "text/html; charset=iso-8859-1", "text/html" },
    { "application/vnd.x+json", "application/vnd.x+json", "application/vnd.x+json" },
  }

  it("is a media type or an extension", function()
    for _, row in ipairs(TYPES) do
      check { run = function(r)
        r.type = row[1]
        r.body = "x"
        return r.type
      end, returns = row[3], headers = { ["Content-Type"] = row[2] } }
    end
  end)

  rows {
    { "is nil by default", function(r) return tostring(r.type) end, returns = "nil" },
    { "goes away for what is not known", function(r)
      r.type = "html"
      r.type = "no-such-extension"
      return tostring(r.type)
    end, returns = "nil" },
    { "goes away for nil", function(r)
      r.type = "html"
      r.type = nil
      return tostring(r.type)
    end, returns = "nil" },
    { "has another charset by set", function(r)
      r.body = "<p>"
      r:set("Content-Type", "text/html")
      return r.type
    end, returns = "text/html", headers = { ["Content-Type"] = "text/html" } },
    { "stays when a body follows", function(r)
      r.type = "application/xml"
      r.body = "<p>"
    end, headers = { ["Content-Type"] = "application/xml" } },
    { "of a table becomes JSON if it is another", function(r)
      r.type = "html"
      r.body = { 1 }
    end, headers = { ["Content-Type"] = JSON } },
    { "of a table stays if it is JSON of a kind", function(r)
      r.type = "application/vnd.api+json"
      r.body = { 1 }
    end, headers = { ["Content-Type"] = "application/vnd.api+json" } },
  }

  it("throws a line break", function()
    apps.inside({}, function(ctx)
      for _, half in ipairs { ctx, ctx.response } do
        assert_misuse("bad value of the header 'Content-Type'", function() half.type = "text/x\r\nX-Evil: 1" end)
      end
    end)
  end)
end)

describe("response.is", function()
  helper.setup()

  local PNG, VND = "image/png", "application/vnd.x+json"
  local ROWS = { -- type, arguments, result
    { HTML, { "html" }, "html" },
    { HTML, {}, "text/html" },
    { HTML, { "text/*" }, "text/html" },
    { HTML, { "text/html" }, "text/html" },
    { HTML, { "json" }, false },
    { HTML, { "json", "html" }, "html" },
    { HTML, { { "json", "html" } }, "html" },
    { HTML, { "application/*", "*/html" }, "text/html" },
    { PNG, { "png" }, "png" },
    { PNG, { "image/*" }, PNG },
    { PNG, { "text/*", "json" }, false },
    { VND, { "+json" }, VND },
    { VND, { "json" }, false },
    { nil, { "html" }, false },
    { nil, {}, false },
  }

  it("tells which of the types it is", function()
    for i, row in ipairs(ROWS) do
      check { run = function(r)
        r.type = row[1]
        return r:is(unpack(row[2]))
      end, returns = row[3], only = "ctx.response", title = "row " .. i }
    end
  end)

  it("throws what is no type", function()
    apps.inside({}, function(ctx)
      ctx.type = "html"
      assert_misuse("'is'", function() ctx.response:is(7) end)
      assert_misuse("'is'", function() ctx.response:is("html", {}) end)
    end)
  end)

  it("serves the documents' middleware", function()
    local app = apps.app(nil, function(ctx, next)
      next()
      if not ctx.response:is("html") then
        return
      end
      if type(ctx.body) == "string" then
        ctx.body = ctx.body:gsub("%s+", " ")
      end
    end, function(ctx)
      ctx.body = ctx.path == "/html" and "<p>a\n   b</p>" or "a\n   b"
    end)
    local call = app:callback()
    assert.equal("<p>a b</p>", call({ url = "/html" }).body)
    assert.equal("10", call({ url = "/html" }).headers["Content-Length"])
    assert.equal("a\n   b", call({ url = "/text" }).body)
  end)
end)

describe("response.length", function()
  helper.setup()

  rows {
    { "is nil by default", function(r) return tostring(r.length) end, returns = "nil" },
    { "is that of a string", function(r) r.body = "h\195\169"; return r.length end, returns = 3,
      headers = { ["Content-Length"] = "3" } },
    { "is that of bytes", function(r) r.body = http.bytes("abc"); return r.length end, returns = 3 },
    { "is that of a table as JSON", function(r) r.body = { foo = "bar" }; return r.length end, returns = 13,
      headers = { ["Content-Length"] = "13" } },
    { "is nil of a stream", function(r) r.body = pieces("a"); return tostring(r.length) end, returns = "nil",
      headers = { ["Content-Length"] = false } },
    { "is what it is set to, before the body", function(r)
      r.length = 5
      return r.length
    end, returns = 5 },
    { "is what a stream is said to have", function(r)
      r.body = pieces("ab", "cde")
      r.length = 5
    end, body = "abcde", headers = { ["Content-Length"] = "5" } },
    { "is corrected where it disagrees with the body", function(r)
      r.body = "abc"
      r.length = 5
    end, body = "abc", headers = { ["Content-Length"] = "3" } },
    { "is read out of the field", function(r) r:set("Content-Length", "12"); return r.length end, returns = 12 },
  }

  it("throws what is none", function()
    apps.inside({}, function(ctx)
      for _, half in ipairs { ctx, ctx.response } do
        for _, value in ipairs { -1, 1.5, "5", {}, 0 / 0, math.huge } do
          assert_misuse("bad length (number of bytes expected", function() half.length = value end)
        end
        assert_misuse("bad length (number of bytes expected, got nil)", function() half.length = nil end)
      end
    end)
  end)
end)

describe("response.body", function()
  helper.setup()

  rows {
    { "is nil by default", function(r) return tostring(r.body) end, returns = "nil", status = 404 },
    { "of a string is plain text", function(r) r.body = "hello"; return r.body end, returns = "hello",
      status = 200, message = "OK", body = "hello", headers = { ["Content-Type"] = TEXT, ["Content-Length"] = "5" } },
    { "of a string that starts with < is HTML", function(r) r.body = "<em>hi</em>" end, status = 200,
      body = "<em>hi</em>", headers = { ["Content-Type"] = HTML, ["Content-Length"] = "11" } },
    { "may have blanks in front of the <", function(r) r.body = " \n<em>" end, headers = { ["Content-Type"] = HTML } },
    { "with a < inside is plain text", function(r) r.body = "a < b" end, headers = { ["Content-Type"] = TEXT } },
    { "may be the empty string", function(r) r.body = "" end, status = 200, body = "",
      headers = { ["Content-Type"] = TEXT, ["Content-Length"] = "0" } },
    { "may be bytes", function(r) r.body = http.bytes("\0\1<") end, status = 200, body = "\0\1<",
      headers = { ["Content-Type"] = BYTES, ["Content-Length"] = "3" } },
    { "may be a list of bytes", function(r) r.body = http.bytes { 0, 65, 255 } end, status = 200, body = "\0A\255",
      headers = { ["Content-Type"] = BYTES, ["Content-Length"] = "3" } },
    { "may be a function that gives pieces", function(r) r.body = pieces("one ", "", "two") end, status = 200,
      body = "one two", headers = { ["Content-Type"] = BYTES, ["Content-Length"] = false } },
    { "may be a Stream", function(r) r.body = string_stream.new("streamed") end, status = 200,
      body = "streamed", headers = { ["Content-Type"] = BYTES, ["Content-Length"] = false } },
    { "may be an open file", function(r) r.body = assert(io.open("spec/support/run.lua", "rb")) end, status = 200,
      headers = { ["Content-Type"] = BYTES } },
    { "may be a table, as JSON", function(r) r.body = { foo = "bar" } end, status = 200, body = '{"foo":"bar"}',
      headers = { ["Content-Type"] = JSON, ["Content-Length"] = "13" } },
    { "may be a list, as JSON", function(r) r.body = { "foo", "bar" } end, status = 200, body = '["foo","bar"]',
      headers = { ["Content-Type"] = JSON, ["Content-Length"] = "13" } },
    { "may be a list with http.null", function(r) r.body = { 1, http.null, "a/b" } end, body = '[1,null,"a/b"]' },
    { "may be a boolean, as JSON", function(r) r.body = false end, status = 200, body = "false",
      headers = { ["Content-Type"] = JSON } },
    { "may be a number, as JSON", function(r) r.body = 42 end, status = 200, body = "42",
      headers = { ["Content-Type"] = JSON, ["Content-Length"] = "2" } },
    { "may be nil: no content", function(r) r.body = nil end, status = 204, message = "No Content", body = "",
      headers = { ["Content-Type"] = false, ["Content-Length"] = false } },
    { "may be http.null: no content", function(r) r.body = http.null end, status = 204, body = "",
      headers = { ["Content-Type"] = false, ["Content-Length"] = false } },
    { "may become nil", function(r)
      r.body = "text"
      r.body = nil
    end, status = 204, body = "", headers = { ["Content-Type"] = false, ["Content-Length"] = false } },
    { "of nil leaves an error without one", function(r)
      r.body = nil
      r.status = 404
    end, status = 404, body = "", headers = { ["Content-Type"] = false, ["Content-Length"] = "0" } },
    { "may be a string again after nil", function(r)
      r.body = nil
      r.body = "text"
      r.status = 200
    end, status = 200, body = "text", headers = { ["Content-Type"] = TEXT } },
    { "keeps a type that is set", function(r)
      r.type = "text/css"
      r.body = "<a>"
    end, headers = { ["Content-Type"] = "text/css; charset=utf-8" } },
    { "keeps the type of the body before", function(r)
      r.body = "<p>"
      r.body = "no tags"
    end, body = "no tags", headers = { ["Content-Type"] = HTML, ["Content-Length"] = "7" } },
    { "may replace a stream", function(r)
      r.body = pieces("never")
      r.body = "text"
    end, body = "text", headers = { ["Content-Length"] = "4" } },
    { "may be replaced by a stream", function(r)
      r.body = "text"
      r.body = pieces("streamed")
    end, body = "streamed", headers = { ["Content-Type"] = TEXT, ["Content-Length"] = false } },
    { "that streams nothing is empty", function(r) r.body = pieces() end, status = 200, body = "" },
  }

  it("is read back as it was given", function()
    apps.inside({}, function(ctx)
      for _, body in ipairs { "text", http.bytes("x"), { 1 }, pieces("x"), string_stream.new("x"), 7 } do
        ctx.body = body
        assert.is_true(rawequal(body, ctx.body))
        assert.is_true(rawequal(body, ctx.response.body))
      end
    end)
  end)

  it("closes the stream that it replaces", function()
    apps.inside({}, function(ctx)
      local stream = string_stream.new("x")
      ctx.body = stream
      ctx.body = "text"
      assert.is_false(stream.is_open)
      local file = io.open("spec/support/run.lua")
      ctx.body = file
      ctx.body = nil
      assert.equal("closed file", io.type(file))
    end)
  end)

  it("sends a file from where it stands, and closes it", function()
    local file = assert(io.open("spec/support/run.lua", "rb"))
    local whole = file:read("*a")
    file:seek("set", 3)
    local reply = apps.ask(function(ctx) ctx.body = file end)
    assert.equal(whole:sub(4), reply.body)
    assert.equal("closed file", io.type(file))
  end)

  it("throws what cannot be one", function()
    apps.inside({}, function(ctx)
      for _, half in ipairs { ctx, ctx.response } do
        assert_misuse("bad body (string, bytes, table, Stream, function or nil expected, got thread)",
          function() half.body = coroutine.create(print) end)
        assert_misuse("bad body", function() half.body = newproxy() end)
      end
      assert.equal(404, ctx.status)
    end)
    assert_misuse("bad argument #1 to 'bytes' (item 2 is not a byte, 0 to 255)", function() http.bytes { 1, 256 } end)
    assert_misuse("bad argument #1 to 'bytes' (string or list of bytes expected, got nil)",
      function() http.bytes() end)
  end)

  it("that is no JSON, and a stream that gives or throws nonsense, are a 500, told to the log", function()
    local cyclic = {}
    cyclic[1] = cyclic
    for words, body in pairs {
      ["the body cannot be written as JSON"] = { f = print },
      ["cannot be written as JSON: "] = cyclic,
      ["a stream gave a number in place of a string"] = pieces(7),
      ["out of pieces"] = function() error("out of pieces") end,
    } do
      local reply, app = apps.ask(function(ctx) ctx.body = body end, {}, { may_fail = true })
      assert.equal(500, reply.status)
      assert.equal("Internal Server Error", reply.body)
      assert.equal(TEXT, reply.headers["Content-Type"])
      assert.equal(1, #app.errors)
      assert.truthy(tostring(app.errors[1].err):find(words, 1, true), tostring(app.errors[1].err))
    end
  end)
end)

describe("response.redirect", function()
  helper.setup()

  local LINES = { ["/"] = "Redirecting to /." }
  local REFERRER = { -- Referrer, host, alternative, Location
    { nil, nil, nil, "/" },
    { nil, nil, "/index.html", "/index.html" },
    { "/login", nil, "/x", "/login" },
    { "http://localhost/a?b=c", nil, "/x", "http://localhost/a?b=c" },
    { "http://LOCALHOST/a", nil, "/x", "http://localhost/a" },
    { "http://evil.example/a", nil, nil, "/" },
    { "http://evil.example/a", nil, "/index.html", "/index.html" },
    { "//evil.example/a", nil, nil, "/" },
    { "\\\\evil.example/a", nil, nil, "/" },
    { "http:\\\\evil.example/a", nil, nil, "/" },
    { "http://localhost@evil.example/", nil, nil, "/" },
    { "http://evil.example/", "evil.example", nil, "http://evil.example/" },
    { "http://a.example:81/", "a.example", nil, "/" },
    { "javascript:alert(1)", nil, nil, "/" },
    { "data:text/html,x", nil, nil, "/" },
  }

  rows {
    { "is a 302 with a body", function(r) r:redirect("/login") end, status = 302, message = "Found",
      body = "Redirecting to /login.", headers = { Location = "/login", ["Content-Length"] = "22" } },
    { "goes to another site", function(r) r:redirect("http://google.com") end, status = 302,
      headers = { Location = "http://google.com/" } },
    { "says so as HTML where that is accepted", function(r) r:redirect("/?a=1&b=<script>\"'") end,
      request = { headers = { Accept = "text/html" } }, status = 302,
      body = "Redirecting to /?a=1&amp;b=&lt;script&gt;&quot;&#39;.", headers = { ["Content-Type"] = HTML } },
    { "says so as text elsewhere", function(r) r:redirect("/?a=1&b=<script>") end,
      request = { headers = { Accept = "text/plain" } }, body = "Redirecting to /?a=1&b=<script>.",
      headers = { ["Content-Type"] = TEXT, Location = "/?a=1&b=%3Cscript%3E" } },
    { "keeps a status of redirection set before", function(r)
      r.status = 301
      r:redirect("/cart")
      r.body = "Redirecting to shopping cart"
    end, status = 301, body = "Redirecting to shopping cart", headers = { Location = "/cart", ["Content-Length"] = "28" } },
    { "has the status set behind it", function(r)
      r:redirect("/cart")
      r.status = 307
    end, status = 307, body = "Redirecting to /cart." },
    { "does not keep another status", function(r)
      r.status = 404
      r:redirect("/")
    end, status = 302, body = LINES["/"] },
    { "encodes what is no URL", function(r) r:redirect("/gr\195\188n e") end, headers = { Location = "/gr%C3%BCn%20e" } },
    { "does not encode twice", function(r) r:redirect("/a%20b") end, headers = { Location = "/a%20b" } },
    { "takes the type of a body before", function(r)
      r.body = { 1 }
      r:redirect("/")
    end, status = 302, body = LINES["/"], request = { headers = { Accept = "text/plain" } },
      headers = { ["Content-Type"] = TEXT } },
    { "has back() for \"back\"", function(r) r:back("/up") end, status = 302, headers = { Location = "/up" } },
  }

  it("'back' follows a Referrer on this host alone", function()
    for i, row in ipairs(REFERRER) do
      for _, name in ipairs { "Referrer", "Referer" } do
        check { run = function(r) r:redirect("back", row[3]) end, status = 302, headers = { Location = row[4] },
          request = { headers = { [name] = row[1], Host = row[2] } }, title = "row " .. i }
      end
    end
  end)

  it("cannot break the head", function()
    local reply = apps.ask(function(ctx) ctx:redirect("/a\r\nX-Evil: 1") end)
    assert.is_nil(reply.headers["X-Evil"])
    assert.is_nil(reply.headers.Location:find("[\r\n]"))
    reply = apps.ask(function(ctx) ctx:redirect("back") end, { headers = { Referrer = "/a\r\nX-Evil: 1" } })
    assert.is_nil(reply.headers["X-Evil"])
  end)

  it("throws what is no URL", function()
    apps.inside({}, function(ctx)
      for _, half in ipairs { ctx, ctx.response } do
        assert_misuse("bad argument #1 to 'redirect' (URL expected, got nil)", function() half:redirect() end)
        assert_misuse("bad argument #1 to 'redirect' (URL expected, got table)", function() half:redirect {} end)
        assert_misuse("bad argument #2 to 'redirect' (URL expected, got number)",
          function() half:redirect("back", 7) end)
        assert_misuse("bad argument #1 to 'back' (URL expected, got number)", function() half:back(7) end)
      end
      assert.equal(404, ctx.status)
    end)
  end)
end)

describe("response.attachment", function()
  helper.setup()

  local ROWS = { -- name, options, Content-Disposition, Content-Type
    { nil, nil, "attachment", false },
    { "report.pdf", nil, 'attachment; filename="report.pdf"', "application/pdf" },
    { "a/b/c.html", nil, 'attachment; filename="c.html"', HTML },
    { "with \"quotes\".txt", nil, 'attachment; filename="with \\"quotes\\".txt"', TEXT },
    { "na\195\175ve.txt", nil, 'attachment; filename="na\239ve.txt"', TEXT },
    { "\226\130\172 rates.pdf", nil, "attachment; filename=\"? rates.pdf\"; filename*=UTF-8''%E2%82%AC%20rates.pdf",
      "application/pdf" },
    { "\226\130\172.pdf", { fallback = "euro.pdf" },
      "attachment; filename=\"euro.pdf\"; filename*=UTF-8''%E2%82%AC.pdf", "application/pdf" },
    { "\226\130\172.pdf", { fallback = false }, "attachment; filename*=UTF-8''%E2%82%AC.pdf", "application/pdf" },
    { "plan.pdf", { type = "inline" }, 'inline; filename="plan.pdf"', "application/pdf" },
    { "no-extension", nil, 'attachment; filename="no-extension"', false },
    { "a\r\nX-Evil: 1", nil, "attachment; filename=\"a??X-Evil: 1\"; filename*=UTF-8''a%0D%0AX-Evil%3A%201", false },
  }

  it("tells the client to prompt, with the name of the file", function()
    for _, row in ipairs(ROWS) do
      check { run = function(r)
        r:attachment(row[1], row[2])
        return tostring(r.type and r.type or false)
      end, headers = { ["Content-Disposition"] = row[3] },
        returns = row[4] and row[4]:match("^[^;]*") or "false" }
    end
  end)

  rows {
    { "does not change a type that is set", function(r)
      r.type = "text/css"
      r:attachment("a.html")
      r.body = "x"
    end, headers = { ["Content-Type"] = "text/css; charset=utf-8" } },
    { "goes with any body", function(r)
      r:attachment("a.html")
      r.body = "no tags"
    end, status = 200, body = "no tags", headers = { ["Content-Type"] = HTML } },
  }

  it("throws what is no name", function()
    apps.inside({}, function(ctx)
      for _, half in ipairs { ctx, ctx.response } do
        assert_misuse("bad argument #1 to 'attachment' (string expected, got number)", function() half:attachment(7) end)
        assert_misuse("bad argument #2 to 'attachment' (table or nil expected, got string)",
          function() half:attachment("a", "b") end)
        assert_misuse("bad argument #2 to 'attachment' (type: a token expected, got 'a b')",
          function() half:attachment("a", { type = "a b" }) end)
        assert_misuse("bad argument #2 to 'attachment' (fallback: ",
          function() half:attachment("a", { fallback = 7 }) end)
      end
    end)
  end)
end)

describe("response.last_modified, etag and vary", function()
  helper.setup()

  local DATE, SECONDS = "Sun, 06 Nov 1994 08:49:37 GMT", 784111777

  for _, name in ipairs { "last_modified", "lastModified" } do
    rows {
      { name .. " is nil by default", function(r) return tostring(r[name]) end, returns = "nil" },
      { name .. " takes seconds", function(r) r[name] = SECONDS; return r[name] end, returns = SECONDS,
        headers = { ["Last-Modified"] = DATE } },
      { name .. " takes fractions of seconds", function(r) r[name] = SECONDS + 0.7; return r[name] end,
        returns = SECONDS, headers = { ["Last-Modified"] = DATE } },
      { name .. " takes a date", function(r) r[name] = DATE; return r[name] end, returns = SECONDS,
        headers = { ["Last-Modified"] = DATE } },
      { name .. " takes a date in another form", function(r) r[name] = "1994-11-06T08:49:37Z" end,
        headers = { ["Last-Modified"] = DATE } },
      { name .. " is nil where the field is no date", function(r)
        r:set("Last-Modified", "yesterday")
        return tostring(r[name])
      end, returns = "nil" },
    }
    it(name .. " throws what is no date", function()
      apps.inside({}, function(ctx)
        for _, half in ipairs { ctx, ctx.response } do
          for _, value in ipairs { "yesterday", true, {}, 0 / 0, math.huge, 1e15 } do
            assert_misuse("bad last_modified (seconds since 1970 or a date expected, got ",
              function() half[name] = value end)
          end
          assert_misuse("bad last_modified", function() half[name] = nil end)
        end
      end)
    end)
  end

  rows {
    { "etag gets its quotes", function(r) r.etag = "md5-of-it" end, headers = { ETag = '"md5-of-it"' } },
    { "etag keeps the quotes that it has", function(r) r.etag = '"a"' end, headers = { ETag = '"a"' } },
    { "etag may be weak", function(r) r.etag = 'W/"a"' end, headers = { ETag = 'W/"a"' } },
    { "etag can be read", function(r) r.etag = "a"; return r.etag end, returns = '"a"' },
    { "vary adds a field", function(r) r:vary("Origin") end, headers = { Vary = "Origin" } },
    { "vary adds behind others, each once", function(r)
      r:vary("Accept")
      r:vary("Accept-Encoding, Origin")
      r:vary { "accept", "Cookie" }
    end, headers = { Vary = "Accept, Accept-Encoding, Origin, Cookie" } },
    { "vary knows the star", function(r)
      r:vary("Accept")
      r:vary("*")
      r:vary("Origin")
    end, headers = { Vary = "*" } },
  }

  it("etag and vary throw what they are not", function()
    apps.inside({}, function(ctx)
      for _, half in ipairs { ctx, ctx.response } do
        assert_misuse("bad etag (string expected, got number)", function() half.etag = 7 end)
        assert_misuse("bad etag (string expected, got nil)", function() half.etag = nil end)
        assert_misuse("bad value of the header 'ETag'", function() half.etag = "a\nb" end)
        assert_misuse("bad argument #1 to 'vary' (string or list of strings expected, got nil)",
          function() half:vary() end)
        assert_misuse("bad argument #1 to 'vary' (string or list of strings expected, got an empty string)",
          function() half:vary("") end)
        assert_misuse("bad argument #1 to 'vary' (names of header fields expected, got 'a b')",
          function() half:vary("a b") end)
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
