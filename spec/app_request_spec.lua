-- http.app: ctx.request, row by row as Koa has it: through ctx.request and through ctx, in both
-- spellings.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

local apps = require("apps")
local helper = require("helper")

local assert_misuse = apps.assert_misuse
local EPOCH, LATER = "Thu, 01 Jan 1970 00:00:00 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"

local function check(row)
  apps.check(row, "request")
end

local function rows(list)
  for _, row in ipairs(list) do
    row.run = row.run or row[2]
    it(row[1], function()
      check(row)
    end)
  end
end

-- Rows of { what is sent, what the property is }; `request` makes a request of the former.
local function property(name, request, list, settings)
  for i, row in ipairs(list) do
    it(("%s, row %d"):format(name, i), function()
      check { run = function(r) return r[name] == nil and "nil" or r[name] end, request = request(row[1]),
        returns = row[2], settings = settings and { proxy = settings.proxy } }
    end)
  end
end

local function header(name)
  return function(value)
    return { headers = { [name] = value } }
  end
end

local function url(value)
  return { url = value }
end

describe("request.method", function()
  helper.setup()

  property("method", function(method) return { method = method } end, {
    { nil, "GET" }, { "GET", "GET" }, { "POST", "POST" }, { "DELETE", "DELETE" }, { "PROPFIND", "PROPFIND" },
  })
  property("idempotent", function(method) return { method = method } end, {
    { "GET", true }, { "HEAD", true }, { "PUT", true }, { "DELETE", true }, { "OPTIONS", true }, { "TRACE", true },
    { "POST", false }, { "PATCH", false },
  })
  rows {
    { "can be set", function(r, ctx)
      r.method = "PUT"
      return { ctx.method, ctx.request.method }
    end, returns = { "PUT", "PUT" } },
  }
end)

describe("request.url and its parts", function()
  helper.setup()

  local LONG = "/a/b%20c?x=1&y=2"
  property("url", url, { { "/", "/" }, { LONG, LONG }, { "http://h/a?b", "http://h/a?b" } })
  property("path", url, {
    { "/", "/" }, { LONG, "/a/b%20c" }, { "/a?", "/a" }, { "/?a", "/" }, { "http://h:1/a?b", "/a" },
    { "http://h", "/" }, { "/a?b?c", "/a" }, { "//a/b", "//a/b" }, { "*", "*" },
  })
  property("querystring", url, {
    { "/", "" }, { LONG, "x=1&y=2" }, { "/a?", "" }, { "/a?b?c", "b?c" }, { "http://h/a?b", "b" },
  })
  property("search", url, { { "/", "" }, { LONG, "?x=1&y=2" }, { "/a?", "" }, { "/a?b?c", "?b?c" } })
  property("query", url, {
    { "/", {} }, { LONG, { x = "1", y = "2" } }, { "/?a=1&a=2&b", { a = { "1", "2" }, b = "" } },
    { "/?a+b=c+d&e%3D=%26", { ["a b"] = "c d", ["e="] = "&" } }, { "/?=1&&a=", { [""] = "1", a = "" } },
  })
  property("originalUrl", url, { { LONG, LONG } })
  property("original_url", url, { { LONG, LONG } })
  property("href", header("Host"), { { "example.com", "http://example.com/" }, { "h:81", "http://h:81/" } })
  property("href", function(target) return { url = target, secure = true, headers = { Host = "h" } } end, {
    { LONG, "https://h" .. LONG }, { "http://other/a?b", "http://other/a?b" },
  })

  rows {
    { "path can be set, the query stays", function(r)
      r.path = "/new"
      return { r.url, r.path, r.querystring, r.original_url }
    end, request = { url = "/old?a=1" }, returns = { "/new?a=1", "/new", "a=1", "/old?a=1" } },
    { "path of an absolute target can be set", function(r)
      r.path = "/new"
      return r.url
    end, request = { url = "http://h/old?a" }, returns = "http://h/new?a" },
    { "querystring can be set, the path stays", function(r)
      r.querystring = "b=2"
      return { r.url, r.search, r.query.b }
    end, request = { url = "/p?a=1" }, returns = { "/p?b=2", "?b=2", "2" } },
    { "search can be set", function(r)
      r.search = "?b=2"
      return { r.url, r.querystring }
    end, request = { url = "/p" }, returns = { "/p?b=2", "b=2" } },
    { "search can be set without its mark, and to nothing", function(r)
      r.search = "b=2"
      local before = r.url
      r.search = ""
      return { before, r.url }
    end, request = { url = "/p?a" }, returns = { "/p?b=2", "/p" } },
    { "query can be set", function(r)
      r.query = { name = "a b", list = { "1", "2" } }
      return { r.query.name, r.query.list, r.path, #r.querystring }
    end, request = { url = "/p?old" }, returns = { "a b", { "1", "2" }, "/p", #"name=a%20b&list=1&list=2" } },
    { "query is the same table each time", function(r)
      r.query.seen = "yes"
      return r.query.seen
    end, request = { url = "/?a=1" }, returns = "yes" },
    { "url can be set, the original stays", function(r)
      r.url = "/b?c"
      return { r.path, r.query.c, r.original_url }
    end, request = { url = "/a" }, returns = { "/b", "", "/a" } },
  }

  it("throw what they are not", function()
    apps.inside({}, function(ctx)
      for _, half in ipairs { ctx, ctx.request } do
        for _, name in ipairs { "url", "path", "querystring", "search", "method" } do
          assert_misuse(("bad %s (string expected, got nil)"):format(name), function() half[name] = nil end)
          assert_misuse(("bad %s (string expected, got table)"):format(name), function() half[name] = {} end)
        end
        assert_misuse("bad query (table expected, got string)", function() half.query = "a=1" end)
        assert_misuse("bad query (the value of 'a' is a function;", function() half.query = { a = print } end)
        assert_misuse("'href' can only be read", function() half.href = "http://x/" end)
        assert_misuse("'host' can only be read", function() half.host = "x" end)
      end
      assert_misuse("has no property 'pathname'", function() ctx.request.pathname = "/" end)
      assert.equal("/", ctx.url)
    end)
  end)
end)

describe("a path that nobody means well by", function()
  helper.setup()

  for _, target in ipairs {
    "/a%00b", "/%00", "/../etc/passwd", "/a/../../b", "/a/..", "/%2e%2e/a", "/.%2E/a", "/a\\..\\b", "http://h/../a",
  } do
    it("is a 400: " .. target, function()
      local called = false
      local reply, app = apps.ask(function() called = true end, { url = target }, { may_fail = true })
      assert.equal(400, reply.status)
      assert.is_false(called)
      assert.matches("^the path has a ", reply.body)
      assert.equal(400, app.errors[1].err.status)
    end)
  end

  for _, target in ipairs { "/a..b", "/...", "/a?b=../c", "/a?%00", "/.well-known/x", "/%2e%2ea" } do
    it("is not " .. target, function()
      assert.equal(200, apps.ask(function(ctx) ctx.body = "in" end, { url = target }).status)
    end)
  end
end)

describe("request.get, header and headers", function()
  helper.setup()

  local SENT = { headers = { ["X-One"] = "1", Referer = "/from", Cookie = "a=1" } }
  rows {
    { "get ignores case", function(r) return { r:get("x-one"), r:get("X-ONE") } end, request = SENT,
      returns = { "1", "1" } },
    { "get is nil without the field", function(r) return tostring(r:get("X-Two")) end, request = SENT,
      returns = "nil" },
    { "get knows both names of Referer", function(r)
      return { r:get("Referer"), r:get("referrer"), r:get("Referrer") }
    end, request = SENT, returns = { "/from", "/from", "/from" } },
    { "header and headers hold them, whatever the case", function(r)
      return { r.header["x-one"], r.headers["X-One"], r.headers.cookie, tostring(r.headers["x-two"]) }
    end, request = SENT, returns = { "1", "1", "a=1", "nil" } },
  }

  it("get throws what is no name", function()
    apps.inside({}, function(ctx)
      for _, half in ipairs { ctx, ctx.request } do
        assert_misuse("bad argument #1 to 'get' (string expected, got nil)", function() half:get() end)
      end
      assert_misuse("'headers' can only be read", function() ctx.headers = {} end)
    end)
  end)
end)

describe("request.host, hostname, origin, protocol, secure, ip, ips and subdomains", function()
  helper.setup()

  property("host", header("Host"), { { "foo.com:3000", "foo.com:3000" }, { "[::1]:80", "[::1]:80" }, { "x", "x" } })
  property("hostname", header("Host"), {
    { "foo.com:3000", "foo.com" }, { "[::1]:80", "[::1]" }, { "[::1]", "[::1]" }, { "10.0.0.1:1", "10.0.0.1" },
  })
  property("origin", header("Origin"), { { "http://a:1", "http://a:1" }, { nil, "nil" } })
  property("subdomains", header("Host"), {
    { "tobi.ferrets.example.com", { "ferrets", "tobi" } }, { "tobi.ferrets.example.com:3000", { "ferrets", "tobi" } },
    { "example.com", {} }, { "localhost", {} }, { "127.0.0.1", {} }, { "[::1]", {} },
  })
  property("protocol", function(secure) return { secure = secure } end, { { true, "https" }, { nil, "http" } })
  property("secure", function(secure) return { secure = secure } end, { { true, true }, { nil, false } })
  property("ip", function(ip) return { ip = ip } end, { { "10.1.2.3", "10.1.2.3" }, { "::1", "::1" } })

  local FORWARDED = {
    ip = "10.0.0.9",
    headers = {
      Host = "inside", ["X-Forwarded-Host"] = "foo.com:1, bar.com", ["X-Forwarded-Proto"] = "HTTPS, http",
      ["X-Forwarded-For"] = "127.0.0.1, 127.0.0.2,127.0.0.3", ["X-Real-IP"] = "1.2.3.4",
    },
  }
  local function all(r)
    return { r.host, r.hostname, r.protocol, r.secure, r.ip, r.ips, r.href }
  end
  local THREE = { "127.0.0.1", "127.0.0.2", "127.0.0.3" }
  rows {
    { "do not believe a proxy that nobody has announced", all, request = FORWARDED,
      returns = { "inside", "inside", "http", false, "10.0.0.9", {}, "http://inside/" } },
    { "believe a proxy where app.proxy is set", all, request = FORWARDED, settings = { proxy = true },
      returns = { "foo.com:1", "foo.com", "https", true, "127.0.0.1", THREE, "https://foo.com:1/" } },
    { "take ips of another field", function(r) return { r.ip, r.ips } end, request = FORWARDED,
      settings = { proxy = true, proxy_ip_header = "X-Real-IP" }, returns = { "1.2.3.4", { "1.2.3.4" } } },
    { "take the last addresses, so many", function(r) return { r.ip, r.ips } end, request = FORWARDED,
      settings = { proxy = true, max_ips_count = 2 }, returns = { "127.0.0.2", { "127.0.0.2", "127.0.0.3" } } },
    { "are those of the connection behind a silent proxy", all, request = { ip = "10.0.0.9", headers = { Host = "h" } },
      settings = { proxy = true }, returns = { "h", "h", "http", false, "10.0.0.9", {}, "http://h/" } },
    { "ip can be set", function(r, ctx)
      ctx.request.ip = "9.9.9.9"
      return r.ip
    end, returns = "9.9.9.9" },
    { "subdomains start at an offset", function(r) return r.subdomains end, settings = { subdomain_offset = 3 },
      request = { headers = { Host = "tobi.ferrets.example.com" } }, returns = { "tobi" } },
    { "socket tells of the connection", function(r) return r.socket end, request = { ip = "10.0.0.9" },
      returns = { remote_address = "10.0.0.9", remoteAddress = "10.0.0.9", encrypted = false } },
  }
end)

describe("request.type, charset, length and is", function()
  helper.setup()

  local function of(name, headers)
    return { name, run = function(r) return r[name] == nil and "nil" or r[name] end, only = "ctx.request",
      request = { headers = headers } }
  end
  local ROWS = {
    { "type", { ["Content-Type"] = "text/html; charset=utf-8" }, "text/html" },
    { "type", { ["Content-Type"] = "image/png" }, "image/png" },
    { "type", {}, "nil" },
    { "charset", { ["Content-Type"] = "text/html; charset=utf-8" }, "utf-8" },
    { "charset", { ["Content-Type"] = 'text/html; a=b; Charset="iso-8859-1"' }, "iso-8859-1" },
    { "charset", { ["Content-Type"] = "text/html" }, "nil" },
    { "charset", {}, "nil" },
    { "length", { ["Content-Length"] = "12" }, 12 },
    { "length", {}, "nil" },
  }
  for i, row in ipairs(ROWS) do
    it(("%s, row %d"):format(row[1], i), function()
      local case = of(row[1], row[2])
      case.returns = row[3]
      check(case)
    end)
  end

  local HTML, JSON = "text/html; charset=utf-8", "application/json"
  local IS = { -- Content-Type, arguments, result
    { HTML, { "html" }, "html" }, { HTML, { "text/html" }, "text/html" },
    { HTML, { "text/*", "text/html" }, "text/html" },
    { HTML, {}, "text/html" }, { HTML, { "json" }, false }, { JSON, { "json", "urlencoded" }, "json" },
    { JSON, { "html", "application/*" }, JSON }, { JSON, { "html" }, false }, { JSON, { { "html", "json" } }, "json" },
    { "multipart/form-data; boundary=x", { "multipart" }, "multipart" },
    { "application/x-www-form-urlencoded", { "urlencoded" }, "urlencoded" },
    { "application/vnd.a+json", { "+json" }, "application/vnd.a+json" },
    { nil, { "html" }, false }, { "nonsense", { "html" }, false },
  }
  it("is tells which of the types the body is", function()
    for _, row in ipairs(IS) do
      check { run = function(r) return r:is(unpack(row[2])) end, returns = row[3],
        request = { method = "POST", body = "x", headers = { ["Content-Type"] = row[1] } } }
    end
  end)
  it("is throws what is no type", function()
    apps.inside({ method = "POST", body = "x" }, function(ctx)
      for _, half in ipairs { ctx, ctx.request } do
        assert_misuse("bad argument #2 to 'is' (string or list of strings expected, got number)",
          function() half:is("html", 7) end)
      end
    end)
  end)
  rows {
    { "is is nil without a body", function(r) return tostring(r:is("html")) end, returns = "nil",
      request = { headers = { ["Content-Type"] = HTML } } },
    { "is knows a body in chunks", function(r) return r:is("html") end, returns = "html",
      request = { headers = { ["Content-Type"] = HTML, ["Transfer-Encoding"] = "chunked" } } },
  }
end)

describe("request.accepts", function()
  helper.setup()

  local SPELLINGS = {
    accepts = { "accepts" },
    encodings = { "accepts_encodings", "acceptsEncodings" },
    charsets = { "accepts_charsets", "acceptsCharsets" },
    languages = { "accepts_languages", "acceptsLanguages" },
  }
  local FIELDS = { accepts = "Accept", encodings = "Accept-Encoding", charsets = "Accept-Charset",
    languages = "Accept-Language" }
  local MIX, CHARSETS = "text/*;q=.5, application/json", "utf-8, iso-8859-1;q=0.2, utf-7;q=0.5"
  local LANGUAGES = "en;q=0.8, es, pt"
  local ROWS = { -- kind, field, arguments, result
    { "accepts", "text/html", { "html" }, "html" },
    { "accepts", "text/*, application/json", { "html" }, "html" },
    { "accepts", "text/*, application/json", { "text/html" }, "text/html" },
    { "accepts", "text/*, application/json", { "json", "text" }, "json" },
    { "accepts", "text/*, application/json", { "application/json" }, "application/json" },
    { "accepts", "text/*, application/json", { "image/png" }, false },
    { "accepts", "text/*, application/json", { "png" }, false },
    { "accepts", MIX, { { "html", "json" } }, "json" },
    { "accepts", MIX, { "html", "json" }, "json" },
    { "accepts", "application/*;q=0.2, image/jpeg;q=0.8, text/html, text/plain", {},
      { "text/html", "text/plain", "image/jpeg", "application/*" } },
    { "accepts", nil, { "html", "json" }, "html" },
    { "accepts", nil, {}, { "*/*" } },
    { "encodings", "gzip", { "gzip", "deflate", "identity" }, "gzip" },
    { "encodings", "gzip", { { "gzip", "deflate", "identity" } }, "gzip" },
    { "encodings", "gzip", {}, { "gzip", "identity" } },
    { "encodings", nil, { "gzip", "identity" }, "identity" },
    { "encodings", "gzip, identity;q=0", { "deflate" }, false },
    { "charsets", CHARSETS, { "utf-8", "utf-7" }, "utf-8" },
    { "charsets", CHARSETS, { { "utf-7", "utf-8" } }, "utf-8" },
    { "charsets", CHARSETS, {}, { "utf-8", "utf-7", "iso-8859-1" } },
    { "charsets", CHARSETS, { "koi8-r" }, false },
    { "languages", LANGUAGES, { "es", "en" }, "es" },
    { "languages", LANGUAGES, { { "en", "es" } }, "es" },
    { "languages", LANGUAGES, {}, { "es", "pt", "en" } },
    { "languages", LANGUAGES, { "de" }, false },
  }

  it("chooses what the client wants", function()
    for _, row in ipairs(ROWS) do
      for _, name in ipairs(SPELLINGS[row[1]]) do
        check { run = function(r) return r[name](r, unpack(row[3])) end, returns = row[4],
          request = { headers = { [FIELDS[row[1]]] = row[2] } } }
      end
    end
  end)

  it("throws what is no type", function()
    apps.inside({}, function(ctx)
      for _, half in ipairs { ctx, ctx.request } do
        for _, names in pairs(SPELLINGS) do
          for _, name in ipairs(names) do
            local own = name:gsub("%u", function(c) return "_" .. c:lower() end)
            assert_misuse(("bad argument #1 to '%s' (string or list of strings expected, got number)"):format(own),
              function() half[name](half, 7) end)
            assert_misuse(("bad argument #2 to '%s' (string or list of strings expected, got boolean)"):format(own),
              function() half[name](half, "a", true) end)
            assert_misuse(("bad argument #1 to '%s' (string or list of strings expected, got table)"):format(own),
              function() half[name](half, { "a", {} }) end)
          end
        end
      end
    end)
  end)
end)

describe("request.fresh and stale", function()
  helper.setup()

  local ROWS = { -- method, fields of the request, status and fields of the response, fresh
    { "GET", { ["If-None-Match"] = '"123"' }, 200, { ETag = '"123"' }, true },
    { "GET", { ["If-None-Match"] = 'W/"123"' }, 200, { ETag = '"123"' }, true },
    { "HEAD", { ["If-None-Match"] = '"a", "123"' }, 200, { ETag = '"123"' }, true },
    { "GET", { ["If-None-Match"] = "*" }, 200, { ETag = '"123"' }, true },
    { "GET", { ["If-None-Match"] = '"123"' }, 304, { ETag = '"123"' }, true },
    { "GET", { ["If-None-Match"] = '"123"' }, 200, { ETag = '"hey"' }, false },
    { "GET", { ["If-None-Match"] = '"123"' }, 200, {}, false },
    { "GET", { ["If-None-Match"] = '"123"' }, 404, { ETag = '"123"' }, false },
    { "POST", { ["If-None-Match"] = '"123"' }, 200, { ETag = '"123"' }, false },
    { "GET", { ["If-None-Match"] = '"123"', ["Cache-Control"] = "no-cache" }, 200, { ETag = '"123"' }, false },
    { "GET", { ["If-Modified-Since"] = LATER }, 200, { ["Last-Modified"] = EPOCH }, true },
    { "GET", { ["If-Modified-Since"] = EPOCH }, 200, { ["Last-Modified"] = LATER }, false },
    { "GET", {}, 200, { ETag = '"123"' }, false },
  }

  it("tell whether the copy of the client is good", function()
    for i, row in ipairs(ROWS) do
      for _, name in ipairs { "ctx", "ctx.request" } do
        local fresh, stale = apps.inside({ method = row[1], headers = row[2] }, function(ctx)
          local half = name == "ctx" and ctx or ctx.request
          ctx.status = row[3]
          ctx:set(row[4])
          return half.fresh, half.stale
        end)
        assert.same({ row[5], not row[5] }, { fresh, stale }, "row " .. i)
      end
    end
  end)
end)

