-- http.app: bodies that stream, clients that read slowly or leave, and a client's Response as a body.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")

local KIB, MIB = 1024, 1024 * 1024
local GET = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

local apps = {}

-- Serves one handler until the test is over. `app.errors` lists what was reported.
local function serve(handler, settings)
  local app = http.app(settings)
  app.errors = {}
  app.on_error = function(err) app.errors[#app.errors + 1] = tostring(err) end
  app:use(handler)
  apps[#apps + 1] = app
  return assert(app:listen(0)), app
end

local function close_apps()
  for _, app in ipairs(apps) do
    app:close()
  end
  apps = {}
end

-- Sends bytes on a connection of its own and returns all that comes back until the server closes.
local function talk(server, bytes)
  local conn = raw.connect({ port = server.port })
  conn:send(bytes or GET)
  helper.wait(function() return conn.closed end, nil, "the server to close")
  return conn.received
end

-- A function that gives `count` pieces and counts how many were asked for.
local function pieces(count, piece)
  local source = { given = 0 }
  function source.read()
    if source.given < count then
      source.given = source.given + 1
      return piece
    end
  end
  return source
end

-- Runs the loop until a number has not grown for some turns, and returns it.
local function settled(number)
  local last, same = number(), 0
  helper.wait(function()
    local now = number()
    same = now == last and same + 1 or 0
    last = now
    return same >= 10
  end, nil, "a number to settle")
  return last
end

describe("http.app", function()
  after_each(close_apps) -- before helper looks for what is left
  helper.setup()

  describe("sends a stream", function()
    it("that is a function, in chunks", function()
      local server = serve(function(ctx) ctx.body = pieces(3, "abc").read end)
      local reply = talk(server)
      assert.matches("^HTTP/1.1 200 OK\r\n", reply)
      assert.matches("\r\nContent%-Type: application/octet%-stream\r\n", reply)
      assert.matches("\r\nTransfer%-Encoding: chunked\r\n", reply)
      assert.matches("\r\n\r\n3\r\nabc\r\n3\r\nabc\r\n3\r\nabc\r\n0\r\n\r\n$", reply)
    end)

    it("to an old client until the end of the connection", function()
      local server = serve(function(ctx) ctx.body = pieces(3, "abc").read end)
      local reply = talk(server, "GET / HTTP/1.0\r\n\r\n")
      assert.not_matches("Transfer%-Encoding", reply)
      assert.matches("\r\n\r\nabcabcabc$", reply)
    end)

    it("counted, where its length is set", function()
      local server = serve(function(ctx)
        ctx.body = pieces(2, "abc").read
        ctx.length = 6
      end)
      local reply = talk(server)
      assert.matches("\r\nContent%-Length: 6\r\n", reply)
      assert.matches("\r\n\r\nabcabc$", reply)
    end)

    it("without pieces as an empty body", function()
      local server = serve(function(ctx) ctx.body = pieces(0).read end)
      assert.matches("\r\nContent%-Length: 0\r\n.*\r\n\r\n$", talk(server))
    end)

    it("of a file, which it closes", function()
      local path = raw.mkdtemp() .. "/file"
      local file = assert(io.open(path, "w+"))
      file:write(("0123456789"):rep(10000))
      file:seek("set", 0)
      local server = serve(function(ctx)
        ctx.type = "text/plain"
        ctx.body = file
      end)
      local response = http.get(server.url):await()
      assert.equal("text/plain; charset=utf-8", response.headers["Content-Type"])
      assert.equal(("0123456789"):rep(10000), response:read_all())
      assert.equal("closed file", io.type(file))
      raw.remove_tree((path:gsub("/file$", "")))
    end)

    it("not to HEAD: nothing is read of it", function()
      local source = pieces(3, "abc")
      local server = serve(function(ctx) ctx.body = source.read end)
      assert.matches("\r\n\r\n$", talk(server, (GET:gsub("GET", "HEAD"))))
      assert.equal(0, source.given)
    end)

    it("after the head, when that was flushed", function()
      local head_seen
      local server = serve(function(ctx)
        ctx.status, ctx.type = 202, "text/plain"
        ctx:flush_headers()
        head_seen = ctx.header_sent
        ctx.status = 500 -- too late
        ctx.body = "late"
      end)
      local reply = talk(server)
      assert.is_true(head_seen)
      assert.matches("^HTTP/1.1 202 Accepted\r\n", reply)
      assert.matches("\r\n4\r\nlate\r\n0\r\n\r\n$", reply)
    end)

    it("that waits for something between its pieces", function()
      local server = serve(function(ctx)
        local n = 0
        ctx.body = function()
          n = n + 1
          http.sleep(0)
          return n <= 2 and "abc" or nil
        end
      end)
      assert.equal("abcabc", http.get(server.url):await():read_all())
    end)
  end)

  describe("tells of a stream that fails", function()
    local function failing(after, how)
      local n = 0
      return function()
        n = n + 1
        if n > after then
          return how()
        end
        return "abc"
      end
    end

    it("before its first piece: 500, without its words", function()
      local server, app = serve(function(ctx)
        ctx.type = "image/png"
        ctx.body = failing(0, function() error("the disk is on fire", 0) end)
      end)
      local response = http.get(server.url):await()
      assert.equal(500, response.status_code)
      assert.equal("text/plain; charset=utf-8", response.headers["Content-Type"])
      assert.equal("Internal Server Error", response:read_all())
      assert.same({ "the disk is on fire" }, app.errors)
    end)

    it("half-way: the connection is cut", function()
      local server, app = serve(function(ctx)
        ctx.body = failing(2, function() error("the disk is on fire", 0) end)
      end)
      local response = http.get(server.url):await()
      assert.equal(200, response.status_code)
      assert.equal(http.Response.REMOTE_HOST_CLOSED_ERROR, response.error)
      assert.same({ "the disk is on fire" }, app.errors)
    end)

    it("by giving something else than a string", function()
      local server, app = serve(function(ctx) ctx.body = failing(0, function() return 42 end) end)
      assert.equal(500, http.get(server.url):await().status_code)
      assert.same({ "the body broke off: a stream gave a number in place of a string" }, app.errors)
    end)

    it("by a length that no body has: 500", function()
      local server = serve(function(ctx)
        ctx.body = pieces(1, "abc").read
        ctx:set("Content-Length", "99999999999999999999999999")
      end)
      assert.equal(500, http.get(server.url):await().status_code)
    end)

    it("by giving more than its length", function()
      local server, app = serve(function(ctx)
        ctx.body = pieces(3, "abc").read
        ctx.length = 4
      end)
      assert.equal(http.Response.REMOTE_HOST_CLOSED_ERROR, http.get(server.url):await().error)
      assert.matches("longer than its Content%-Length, 4", app.errors[1])
    end)
  end)

  describe("waits for a client that reads slowly", function()
    it("with a stream: it is not read ahead", function()
      local source = pieces(1024, ("x"):rep(64 * KIB)) -- 64 MiB
      local server = serve(function(ctx) ctx.body = source.read end)
      local conn = raw.connect({ port = server.port })
      conn:pause()
      conn:send(GET)
      helper.wait(function() return source.given > 0 end)
      local held = settled(function() return source.given end)
      assert.is_true(held < 200, held .. " pieces were read ahead") -- the sockets' buffers take some
      conn:resume()
      helper.wait(function() return source.given > held end, nil, "the stream to go on")
      conn:close()
    end)

    it("and gives it everything in the end", function()
      local count = 256
      local source = pieces(count, ("x"):rep(64 * KIB))
      local server = serve(function(ctx) ctx.body = source.read end)
      local response = http.get({ url = server.url, read_buffer_size = 64 * KIB })
      local size = 0
      for chunk in response:chunks() do
        size = size + #chunk
      end
      assert.equal(http.Response.NO_ERROR, response.error)
      assert.equal(count * 64 * KIB, size)
    end)

    it("through a proxy: its upstream waits, too", function()
      local source = pieces(2048, ("x"):rep(64 * KIB)) -- 128 MiB
      local origin = serve(function(ctx) ctx.body = source.read end)
      local proxy = serve(function(ctx) ctx.body = http.get(origin.url) end)
      local conn = raw.connect({ port = proxy.port })
      conn:pause()
      conn:send(GET)
      helper.wait(function() return source.given > 0 end)
      local held = settled(function() return source.given end)
      assert.is_true(held < 400, held .. " pieces were read ahead")
      conn:close()
      assert.is_true(settled(function() return source.given end) < 2048)
    end)
  end)

  describe("notices a client that leaves", function()
    it("in the middle of a stream, which is ended", function()
      local closed = 0
      local stream = { close = function() closed = closed + 1 end }
      function stream.chunks()
        return function() return ("x"):rep(64 * KIB) end -- without an end
      end
      local server, app = serve(function(ctx) ctx.body = stream end)
      local conn = raw.connect({ port = server.port })
      conn:send(GET)
      helper.wait(function() return #conn.received > MIB end)
      conn:reset()
      helper.wait(function() return closed > 0 end, nil, "the stream to be closed")
      assert.same({}, app.errors)
    end)

    it("while the upstream of a proxy has not answered: the request there is given up", function()
      local there
      local upstream = raw.listen({ on_connect = function(conn) there = conn end })
      local proxy = serve(function(ctx) ctx.body = http.get("http://127.0.0.1:" .. upstream.port) end)
      local conn = raw.connect({ port = proxy.port })
      conn:send(GET)
      helper.wait(function() return there and #there.received > 0 end)
      conn:reset()
      helper.wait(function() return there.closed end, nil, "the upstream request to end")
      upstream:close()
    end)

    it("before it has sent its whole request: no handler is called", function()
      local calls = 0
      local server = serve(function() calls = calls + 1 end)
      local conn = raw.connect({ port = server.port })
      conn:send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
      settled(function() return http._live().requests end)
      conn:close()
      settled(function() return calls end)
      assert.equal(0, calls)
    end)

    it("while the handler works: what it writes is lost, and nothing else", function()
      local working, noticed
      local server, app = serve(function(ctx)
        working = true
        while ctx.writable do
          http.sleep(0)
        end
        noticed = true
        ctx.body = "nobody reads this"
      end)
      local conn = raw.connect({ port = server.port })
      conn:send(GET)
      helper.wait(function() return working end)
      conn:reset()
      helper.wait(function() return noticed end, nil, "the handler to notice")
      assert.same({}, app.errors)
    end)
  end)

  describe("passes on a client's Response", function()
    -- A proxy of a server that answers with these bytes.
    local function proxy_of(bytes, set)
      local upstream = helper.respond(bytes)
      local server, app = serve(function(ctx)
        if set then
          set(ctx)
        end
        ctx.body = http.request({ method = ctx.method, url = "http://127.0.0.1:" .. upstream.port .. ctx.url })
      end)
      return server, app, upstream
    end

    it("with its status, reason, fields and body", function()
      local server = proxy_of("HTTP/1.1 203 Second Hand\r\nContent-Type: text/x-test\r\nContent-Length: 4\r\n" ..
        "X-One: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n" ..
        "Keep-Alive: timeout=5\r\n\r\nbody")
      local reply = talk(server)
      assert.matches("^HTTP/1.1 203 Second Hand\r\n", reply)
      assert.matches("\r\nContent%-Type: text/x%-test\r\n", reply)
      assert.matches("\r\nContent%-Length: 4\r\n", reply)
      assert.matches("\r\nX%-One: 1\r\n", reply)
      assert.matches("\r\nSet%-Cookie: a=1\r\nSet%-Cookie: b=2\r\n", reply)
      assert.not_matches("X%-Hop", reply)
      assert.not_matches("timeout=5", reply)
      assert.matches("\r\n\r\nbody$", reply)
    end)

    it("as it is, where that is 404", function()
      local server, app = proxy_of("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone")
      local response = http.get(server.url):await()
      assert.equal(404, response.status_code)
      assert.equal("gone", response:read_all())
      assert.same({}, app.errors)
    end)

    it("without a body to HEAD, and for 304", function()
      local server, _, upstream = proxy_of("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nETag: \"x\"\r\n\r\n")
      local reply = talk(server, (GET:gsub("GET", "HEAD")))
      assert.matches("\r\nContent%-Length: 1000\r\n", reply)
      assert.matches("\r\n\r\n$", reply)
      assert.equal("HEAD", upstream.requests[1].method)
      server = proxy_of("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n")
      reply = talk(server)
      assert.matches("^HTTP/1.1 304 Not Modified\r\n", reply)
      assert.matches('\r\nETag: "x"\r\n', reply)
      assert.not_matches("Content%-Length", reply)
    end)

    it("without the body that 205 cannot have, and with one Content-Type of two", function()
      local reply = talk((proxy_of("HTTP/1.1 205 Reset Content\r\nContent-Length: 3\r\n\r\nabc")))
      assert.matches("^HTTP/1.1 205 Reset Content\r\n", reply)
      assert.matches("\r\nContent%-Length: 0\r\n", reply)
      assert.matches("\r\n\r\n$", reply)
      reply = talk((proxy_of("HTTP/1.1 200 OK\r\nContent-Type: text/a\r\nContent-Type: text/b\r\n" ..
        "Content-Length: 0\r\n\r\n")))
      assert.matches("^HTTP/1.1 200 OK\r\n", reply)
      assert.matches("\r\nContent%-Type: text/a\r\n", reply)
    end)

    it("but for what the handler has set itself", function()
      local server = proxy_of("HTTP/1.1 200 OK\r\nContent-Type: text/x-test\r\nContent-Length: 2\r\n\r\nhi",
        function(ctx)
          ctx.status = 201
          ctx:set("content-type", "text/y-test")
        end)
      local response = http.get(server.url):await()
      assert.equal(201, response.status_code)
      assert.equal("text/y-test", response.headers["Content-Type"])
      assert.equal("hi", response:read_all())
    end)

    it("as 502 if there is none", function()
      local port = raw.refused_port()
      local server, app = serve(function(ctx) ctx.body = http.get("http://127.0.0.1:" .. port) end)
      local response = http.get(server.url):await()
      assert.equal(502, response.status_code)
      assert.equal("Bad Gateway", response:read_all())
      assert.matches("^no answer to pass on: ", app.errors[1])
    end)

    it("as 504 if it does not come in time", function()
      local upstream = raw.listen({})
      local server = serve(function(ctx)
        ctx.body = http.get({ url = "http://127.0.0.1:" .. upstream.port, timeout = 0.05 })
      end)
      assert.equal(504, http.get(server.url):await().status_code)
      upstream:close()
    end)

    it("as broken off if it breaks off", function()
      local server, app = proxy_of("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
      local response = http.get(server.url):await()
      assert.equal(200, response.status_code)
      assert.equal(http.Response.REMOTE_HOST_CLOSED_ERROR, response.error)
      assert.matches("^the body broke off: ", app.errors[1])
    end)

    it("that had been read before, with what is left of it", function()
      local upstream = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdef")
      local server = serve(function(ctx)
        local response = http.get("http://127.0.0.1:" .. upstream.port):await()
        ctx.body = response
      end)
      assert.equal("abcdef", http.get(server.url):await():read_all())
    end)
  end)

  describe("is given a request body", function()
    it("of 1 GiB: 413 at once, and the handler is not called", function()
      local calls = 0
      local server = serve(function() calls = calls + 1 end)
      local reply = talk(server, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n{")
      assert.matches("^HTTP/1.1 413 ", reply)
      assert.equal(0, calls)
    end)

    it("larger than body_limit: 413 from json()", function()
      local server = serve(function(ctx) ctx.body = ctx.request:json() end, { body_limit = 10 })
      local response = http.post(server.url, '{"a":"0123456789"}'):await()
      assert.equal(413, response.status_code)
      assert.equal("the body is larger than 10 bytes", response:read_all())
    end)
  end)

  it("ends a stream that another takes the place of", function()
    local closed = 0
    local function stream()
      return { close = function() closed = closed + 1 end, chunks = function() return pieces(1, "abc").read end }
    end
    local server = serve(function(ctx)
      ctx.body = stream()
      ctx.body = stream()
      assert(closed == 1)
    end)
    assert.equal("abc", http.get(server.url):await():read_all())
    assert.equal(2, closed)
  end)

  it("ends what it streams when it is closed", function()
    local closed = 0
    local stream = { close = function() closed = closed + 1 end }
    function stream.chunks()
      return function() return ("x"):rep(64 * KIB) end
    end
    local server, app = serve(function(ctx) ctx.body = stream end)
    local conn = raw.connect({ port = server.port })
    conn:send(GET)
    helper.wait(function() return #conn.received > MIB end)
    app:close()
    helper.wait(function() return conn.closed and closed > 0 end)
    assert.same({}, app.errors)
  end)
end)
