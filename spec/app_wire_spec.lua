-- http.app: the bytes on the wire. (How a server listens, and rude clients, are in server_spec.lua.)
-- SPDX-License-Identifier: MIT

local apps = require("apps")
local certs = require("certs") -- made with raw, which lives on the loop of http
local helper = require("helper")
local http = require("http")
local raw = require("raw")
local string_stream = require("http.string_stream")

local pieces = apps.pieces
local opened = {}

local function close_all()
  for _, app in ipairs(opened) do
    app:close()
  end
  opened = {}
end

-- A server of one handler until the test is over, and its application.
local function serve(handler, options, settings)
  local app = apps.app(settings, handler)
  opened[#opened + 1] = app
  return assert(app:listen(options or 0)), app
end

-- Sends bytes on a connection of its own and returns all that comes back until the server closes.
local function talk(server, bytes)
  local conn = raw.connect({ port = server.port })
  conn:send(bytes)
  helper.wait(function() return conn.closed end, nil, "the server to close")
  return conn.received
end

local function request(method, path, more)
  return ("%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n"):format(method, path or "/", more or "")
end

-- A reply of HTTP/1.1: its first line, its fields by name in lower case (a list each), and what follows.
local function parse(bytes)
  local line, fields, body = bytes:match("^([^\r\n]*)\r\n(.-\r\n)\r\n(.*)$")
  assert(line, "no reply: " .. bytes)
  local headers = {}
  for name, value in fields:gmatch("([^:\r\n]+): ?([^\r\n]*)\r\n") do
    name = name:lower()
    headers[name] = headers[name] or {}
    table.insert(headers[name], value)
  end
  return { line = line, headers = headers, body = body }
end

local function ask(server, method, path, more)
  return parse(talk(server, request(method or "GET", path, more)))
end

-- The reply to one GET that a handler gives.
local function answer_of(handler)
  local server = serve(handler)
  return ask(server)
end

describe("on the wire, a reply", function()
  after_each(close_all)
  helper.setup()

  local CHUNKED = { "chunked" }
  local ROWS = { -- what, handler, first line, Content-Length, Transfer-Encoding, what follows the head of GET
    { "of a string", function(ctx) ctx.body = "hello" end, "200 OK", { "5" }, nil, "hello" },
    { "of a table", function(ctx) ctx.body = { "a" } end, "200 OK", { "5" }, nil, '["a"]' },
    { "of bytes", function(ctx) ctx.body = http.bytes("\0\r\n\255") end, "200 OK", { "4" }, nil, "\0\r\n\255" },
    { "of nothing set", function() end, "404 Not Found", { "9" }, nil, "Not Found" },
    { "of an empty string", function(ctx) ctx.body = "" end, "200 OK", { "0" }, nil, "" },
    { "of a function", function(ctx) ctx.body = pieces("one ", "", "two") end, "200 OK", nil, CHUNKED,
      "4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n" },
    { "of a Stream", function(ctx) ctx.body = string_stream.new("streamed") end, "200 OK", nil, CHUNKED,
      "8\r\nstreamed\r\n0\r\n\r\n" },
    { "of a file", function(ctx)
      local file = assert(io.tmpfile())
      file:write("in a file")
      file:seek("set")
      ctx.body = file
    end, "200 OK", nil, CHUNKED, "9\r\nin a file\r\n0\r\n\r\n" },
    { "of a stream of known length", function(ctx)
      ctx.body = pieces("one ", "two")
      ctx.length = 7
    end, "200 OK", { "7" }, nil, "one two" },
    { "with a message of its own", function(ctx)
      ctx.status = 200
      ctx.message = "Fine"
      ctx.body = "x"
    end, "200 Fine", { "1" }, nil, "x" },
    { "with a length that is wrong", function(ctx)
      ctx.body = "abc"
      ctx:set("Content-Length", "99")
    end, "200 OK", { "3" }, nil, "abc" },
    { "of 204", function(ctx) ctx.body = nil end, "204 No Content", nil, nil, "" },
    { "of 204 with a stream", function(ctx)
      ctx.status = 204
      ctx.body = pieces("lost")
    end, "204 No Content", nil, nil, "" },
    { "of 205", function(ctx)
      ctx.body = "lost"
      ctx.status = 205
    end, "205 Reset Content", { "0" }, nil, "" },
    { "of 304", function(ctx)
      ctx.body = "lost"
      ctx.status = 304
      ctx.etag = "x"
    end, "304 Not Modified", nil, nil, "" },
    { "of Boom", function(ctx) ctx:not_found("missing") end, "404 Not Found", { "58" }, nil,
      '{"statusCode":404,"error":"Not Found","message":"missing"}' },
    { "of an error", function() error("secret") end, "500 Internal Server Error", { "21" }, nil,
      "Internal Server Error" },
    { "of a stream that fails at once", function(ctx) ctx.body = function() error("secret") end end,
      "500 Internal Server Error", { "21" }, nil, "Internal Server Error" },
  }

  for _, row in ipairs(ROWS) do
    it(row[1] .. " is what it should be", function()
      local reply = answer_of(row[2])
      assert.equal("HTTP/1.1 " .. row[3], reply.line)
      assert.same(row[4], reply.headers["content-length"])
      assert.same(row[5], reply.headers["transfer-encoding"])
      assert.equal(row[6], reply.body)
      assert.equal(1, #reply.headers.date)
    end)

    it(row[1] .. " leaves a connection on which another one follows", function()
      local server = serve(function(ctx)
        if ctx.path == "/last" then
          ctx.body = "the last"
          return
        end
        row[2](ctx)
      end)
      local bytes = talk(server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n" .. request("GET", "/last"))
      local first = parse(bytes)
      assert.equal(row[6], first.body:sub(1, #row[6]))
      local second = parse(first.body:sub(#row[6] + 1))
      assert.same({ "HTTP/1.1 200 OK", "the last" }, { second.line, second.body })
    end)
  end

  for _, row in ipairs(ROWS) do
    if row[1] ~= "of a stream that fails at once" then -- it is not read
      it(row[1] .. " has no body for HEAD", function()
        local server = serve(function(ctx)
          if ctx.path ~= "/last" then
            row[2](ctx)
          end
        end)
        local bytes = talk(server, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" .. request("HEAD", "/last"))
        local first = parse(bytes)
        assert.equal("HTTP/1.1 " .. row[3], first.line)
        if row[1] ~= "of nothing set" then -- Koa tells none there
          assert.same(row[4], first.headers["content-length"])
        end
        local second = parse(first.body)
        assert.same({ "HTTP/1.1 404 Not Found", "" }, { second.line, second.body })
      end)
    end
  end

  it("has its fields as they were set, each of a list in a line of its own", function()
    local reply = answer_of(function(ctx)
      ctx:set("X-One", 1)
      ctx:append("Set-Cookie", "a=1")
      ctx:append("Set-Cookie", "b=2; Path=/")
      ctx:vary("Origin")
      ctx.body = "x"
    end)
    assert.same({ { "1" }, { "a=1", "b=2; Path=/" }, { "Origin" }, { "text/plain; charset=utf-8" } }, {
      reply.headers["x-one"], reply.headers["set-cookie"], reply.headers.vary, reply.headers["content-type"],
    })
  end)

  it("of a stream has no chunks for HTTP/1.0", function()
    local server = serve(function(ctx) ctx.body = pieces("one ", "two") end)
    local reply = parse(talk(server, "GET / HTTP/1.0\r\n\r\n"))
    assert.matches("^HTTP/1%.[01] 200 OK$", reply.line)
    assert.is_nil(reply.headers["transfer-encoding"])
    assert.equal("one two", reply.body)
  end)

  it("whose stream breaks off is cut: no last chunk", function()
    local count = 0
    local server, app = serve(function(ctx)
      ctx.body = function()
        count = count + 1
        return count == 1 and "piece" or error("no more")
      end
    end)
    local reply = ask(server)
    assert.equal("5\r\npiece\r\n", reply.body)
    assert.matches("no more", app.errors[1].err.message)
  end)

  it("begins with flush_headers, before there is a body", function()
    local go_on = false
    local server = serve(function(ctx)
      ctx.status = 202
      ctx:set("X-Early", "yes")
      ctx:flush_headers()
      assert.is_true(ctx.header_sent)
      while not go_on do
        http.sleep(0.01)
      end
      ctx:set("X-Late", "lost")
      ctx.body = "behind"
    end)
    local conn = raw.connect({ port = server.port })
    conn:send(request("GET", "/"))
    helper.wait(function() return conn.received:find("\r\n\r\n", 1, true) end, nil, "the head")
    local head = conn.received
    assert.matches("^HTTP/1%.1 202 Accepted\r\n", head)
    assert.matches("\r\nX%-Early: yes\r\n", head)
    assert.equal("\r\n\r\n", head:sub(-4))
    go_on = true
    helper.wait(function() return conn.closed end)
    assert.equal("6\r\nbehind\r\n0\r\n\r\n", conn.received:sub(#head + 1))
  end)

  it("begins with flush_headers, whose length is set where it is known", function()
    local reply = answer_of(function(ctx)
      ctx.body = "known"
      ctx:flush_headers()
    end)
    assert.same({ { "5" }, "known" }, { reply.headers["content-length"], reply.body })
    assert.is_nil(reply.headers["transfer-encoding"])
  end)

  for i, row in ipairs {
    { "shorter", "the body has 1 bytes, and the Content-Length that was sent is 5", function(ctx)
      ctx.body = "known"
      ctx:flush_headers()
      ctx.body = "k"
    end },
    { "longer", "the body is longer than its Content-Length, 5", function(ctx)
      ctx.body = "known"
      ctx:flush_headers()
      ctx.body = "much longer"
    end },
    { "shorter", "the body has 3 bytes, and the Content-Length that was sent is 5", function(ctx)
      ctx.length = 5
      ctx.body = pieces("a", "bc")
    end },
    { "longer", "the body is longer than its Content-Length, 5", function(ctx)
      ctx.length = 5
      ctx.body = pieces("abc", "def")
    end },
  } do
    it(("that is %s than it was said to be is cut, and the script told, row %d"):format(row[1], i), function()
      local server, app = serve(row[3])
      talk(server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") -- the server closes
      assert.equal(1, #app.errors)
      assert.truthy(app.errors[1].err.message:find(row[2], 1, true), app.errors[1].err.message)
    end)
  end

  it("that was begun is cut by an error", function()
    local server, app = serve(function(ctx)
      ctx:flush_headers()
      ctx:throw(400, "too late to tell")
    end)
    local bytes = talk(server, request("GET", "/"))
    assert.is_nil(bytes:find("too late", 1, true))
    assert.is_nil(bytes:find("0\r\n\r\n$"))
    assert.equal(1, #app.errors)
  end)
end)

describe("on the wire, a request", function()
  after_each(close_all)
  helper.setup()

  it("is what the handler is told", function()
    local server = serve(function(ctx)
      ctx.body = table.concat({ ctx.method, ctx.url, ctx.path, ctx.querystring, ctx.host, ctx.hostname, ctx.ip,
        ctx.protocol, ctx:get("X-A"), tostring(ctx.request.length), tostring(ctx.request.type), ctx.request:text() },
        " ")
    end)
    assert.equal("PUT /a%20b?c=d /a%20b c=d x x 127.0.0.1 http 1, 2 4 text/plain b\0dy",
      parse(talk(server, request("PUT", "/a%20b?c=d",
        "X-A: 1\r\nx-a: 2\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n") .. "b\0dy")).body)
    assert.equal("POST / /  x x 127.0.0.1 http 3 nil nil abc",
      (parse(talk(server, request("POST", "/", "X-A: 3\r\nTransfer-Encoding: chunked\r\n")
        .. "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")).body))
  end)

  it("may send JSON and forms", function()
    local server = serve(function(ctx)
      ctx.body = ctx.path == "/json" and ctx.request:json() or ctx.request:form()
    end)
    local function post(path, kind, body)
      local more = ("Content-Type: %s\r\nContent-Length: %d\r\n"):format(kind, #body)
      return parse(talk(server, request("POST", path, more) .. body))
    end
    assert.equal('[1,"two",null]', post("/json", "application/json", '[1, "two", null]').body)
    assert.equal('{"a":"b c"}', post("/form", "application/x-www-form-urlencoded", "a=b+c").body)
    local bad = post("/json", "application/json", "[")
    assert.equal("HTTP/1.1 400 Bad Request", bad.line)
    assert.equal("HTTP/1.1 415 Unsupported Media Type", post("/form", "application/json", "[]").line)
  end)

  it("with a way out of the folder is a 400", function()
    local server = serve(function(ctx) ctx.body = "in" end)
    for _, path in ipairs { "/../x", "/a/%2e%2E/x", "/a%2f..%5cx", "/%00" } do
      assert.equal("HTTP/1.1 400 Bad Request", ask(server, "GET", path).line)
    end
    assert.equal("HTTP/1.1 200 OK", ask(server, "GET", "/..x").line)
  end)

  it("over TLS is secure", function()
    local server = serve(function(ctx)
      ctx.body = ("%s %s %s %s"):format(ctx.protocol, tostring(ctx.secure), tostring(ctx.socket.encrypted), ctx.href)
    end, { tls = certs.server })
    local response = http.get({ url = server.url .. "/a?b", ca_file = certs.ca_file }):await()
    assert.equal("", response.error_string)
    assert.equal(("https true true https://127.0.0.1:%d/a?b"):format(server.port), response:read_string())
  end)

  it("that is not answered in time is a 503", function()
    local ended = false
    local server = serve(function(ctx)
      while not ended do
        http.sleep(0.01)
      end
      ctx.body = "too late"
      ended = "wholly"
    end, nil, { timeout = 0.02 })
    local conn = raw.connect({ port = server.port })
    conn:send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    helper.wait(function() return conn.received:find("Service Unavailable$") end)
    ended = true
    helper.wait(function() return ended == "wholly" end)
    http.poll(0)
    assert.equal("HTTP/1.1 503 Service Unavailable", parse(conn.received).line)
    assert.equal("Service Unavailable", parse(conn.received).body)
  end)
end)
