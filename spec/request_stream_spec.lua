-- Servers that run their handler before a request's body is in: reads that wait, back-pressure, clients that leave,
-- and bodies that nobody reads.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local servers = require("servers")
local certs = require("certs")

local MIB = 1024 * 1024
local POST = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"

-- A server that streams.
local function serve(handler, options)
  options = options or {}
  options.stream = true
  return servers.serve(handler, options)
end

if not http.can("stream_request") then
  describe("an engine that cannot stream requests", function()
    helper.setup()

    it("says so, at the caller's line", function()
      local ok, message = pcall(function()
        http.serve({ stream = true, handler = function() end })
      end)
      assert.is_false(ok)
      assert.matches("^spec/request_stream_spec.lua:%d+: bad stream: the %w+ engine reads", message)
      local server = http.serve({ stream = false, handler = function() end })
      server:close()
    end)
  end)
  return
end

describe("a request that streams", function()
  after_each(servers.close)
  helper.setup()

  local FRAMED = {
    ["of known length"] = "Content-Length: 10\r\n\r\n0123456789",
    ["in chunks"] = "Transfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n",
  }
  for name, rest in pairs(FRAMED) do
    it("gives a body " .. name .. " as it is read", function()
      local got = {}
      local server = serve(function(request, response)
        assert.is_nil(request.body)
        assert.equal("/", request.path)
        got[1] = request:read(3)
        got[2] = request.stream:read(2)
        got[3] = request.stream:read_all()
        got[4] = request:read() == nil
        response.body = "done"
      end)
      assert.matches("done$", servers.talk(server, POST .. rest))
      assert.same({ "012", "34", "56789", true }, got)
    end)

    it("gives a body " .. name .. " that comes byte by byte", function()
      local got
      local server = serve(function(request)
        got = request.stream:read_all()
      end)
      local conn = raw.connect({ port = server.port })
      helper.drip(conn, POST .. rest, 1)
      helper.wait(function() return conn.closed end)
      assert.equal("0123456789", got)
      assert.matches("^HTTP/1.1 200 OK", conn.received)
    end)
  end

  it("runs its handler before the body is in", function()
    local here
    local server = serve(function(request, response)
      here = true
      response.body = request.stream:read_line()
    end)
    local conn = raw.connect({ port = server.port })
    conn:send(POST .. "Content-Length: 6\r\n\r\n")
    helper.wait(function() return here end)
    conn:send("hello\n")
    helper.wait(function() return conn.closed end)
    assert.matches("\r\n\r\nhello\n$", conn.received)
  end)

  it("has an empty body where none comes", function()
    local got
    local server = serve(function(request)
      got = { request:read(), request.stream:read_all() }
    end)
    servers.talk(server)
    assert.same({ nil, "" }, got)
  end)

  it("gives lines and chunks", function()
    local lines, length = {}, 0
    local server = serve(function(request)
      if request.path == "/lines" then
        for line in request.stream:lines() do
          lines[#lines + 1] = line
        end
      else
        for chunk in request.stream:chunks() do
          length = length + #chunk
        end
      end
    end)
    http.post(server.url .. "/lines", "a\r\nb\n\nc"):await()
    assert.same({ "a", "b", "", "c" }, lines)
    http.post(server.url .. "/chunks", ("x"):rep(MIB)):await()
    assert.equal(MIB, length)
  end)

  for name, tls in pairs { plain = false, ["over TLS"] = certs.server } do
    it("lets a client wait that sends more than is read, " .. name, function()
      local go, length = false, 0
      local server = serve(function(request)
        while not go do
          http.sleep(0.002)
        end
        for chunk in request.stream:chunks() do
          length = length + #chunk
        end
      end, { tls = tls or nil, max_body_size = 64 * MIB })
      local conn = raw.connect({ port = server.port, tls = tls and {} or nil })
      conn:send(POST .. ("Content-Length: %d\r\n\r\n"):format(32 * MIB))
      conn:send(("x"):rep(32 * MIB))
      local before
      helper.wait(function() -- until nothing moves any more
        http.poll(0.02)
        local still = before == conn.unsent_count
        before = conn.unsent_count
        return still
      end)
      assert.is_true(conn.unsent_count > 8 * MIB, conn.unsent_count)
      go = true
      helper.wait(function() return conn.closed end, 20)
      assert.equal(32 * MIB, length)
    end)
  end

  it("is piped on to another server", function()
    local to = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    local server = serve(function(request, response)
      response.body = http.post(helper.url(to), request.stream):await():read()
    end)
    local response = http.post(server.url, ("x"):rep(100000)):await()
    assert.equal("hi", response:read())
    assert.matches("^%x+\r\nx", to.requests[1].body)
  end)

  it("is answered while it comes", function()
    local server = serve(function(request, response)
      for line in request.stream:lines() do
        response:write(line:upper() .. "\n")
      end
    end)
    local conn = raw.connect({ port = server.port })
    conn:send(POST .. "Transfer-Encoding: chunked\r\n\r\n2\r\na\n\r\n")
    helper.wait(function() return conn.received:find("2\r\nA\n\r\n", 1, true) end)
    conn:send("2\r\nb\n\r\n0\r\n\r\n")
    helper.wait(function() return conn.closed end)
    assert.matches("2\r\nB\n\r\n0\r\n\r\n$", conn.received)
  end)

  it("tells the handler that the client has gone", function()
    for _, how in ipairs { "reset", "close" } do
      local result
      local here
      local server = serve(function(request)
        here = request:read()
        result = { request.stream:read_all() }
      end)
      local conn = raw.connect({ port = server.port })
      conn:send(POST .. "Content-Length: 10\r\n\r\n012")
      helper.wait(function() return here end)
      conn[how](conn)
      helper.wait(function() return result end)
      assert.equal("012", here)
      assert.is_nil(result[1])
      assert.equal("the client has gone before its request was whole", result[2])
      assert.equal("closed", result[3])
    end
  end)

  it("breaks off where the client's chunks are malformed", function()
    local result
    local server = serve(function(request)
      result = { request.stream:read_all() }
    end)
    local conn = raw.connect({ port = server.port })
    conn:send(POST .. "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nzz\r\n")
    helper.wait(function() return result and conn.closed end)
    assert.is_nil(result[1])
    assert.equal("closed", result[3])
    assert.is_nil(conn.received:find("200 OK", 1, true))
  end)

  it("breaks off where it is larger than the server takes", function()
    local result
    local server = serve(function(request)
      result = { request.stream:read_all() }
    end, { max_body_size = 10 })
    local conn = raw.connect({ port = server.port })
    conn:send(POST .. "Transfer-Encoding: chunked\r\n\r\n6\r\n012345\r\n6\r\n678901\r\n0\r\n\r\n")
    helper.wait(function() return result and conn.closed end)
    assert.is_nil(result[1])
    assert.is_nil(conn.received:find("200 OK", 1, true))
  end)

  it("may be left unread", function()
    local server = serve(function(_, response) response.body = "early" end)
    local response = http.post(server.url, ("x"):rep(100)):await()
    assert.equal("early", response:read())
    response = http.post(server.url, ("x"):rep(4 * MIB)):await()
    assert.is_true(response.status_code == 200 or response.error ~= 0)
    assert.equal("early", http.get(server.url):await():read())
  end)

  it("asks for a body that the client holds back once it is read", function()
    local go
    local server = serve(function(request, response)
      while not go do
        http.sleep(0.002)
      end
      response.body = request.stream:read_all()
    end)
    local conn = raw.connect({ port = server.port })
    conn:send(POST .. "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    http.sleep(0.03)
    assert.equal("", conn.received)
    go = true
    helper.wait(function() return conn.received:find("HTTP/1.1 100 Continue\r\n\r\n", 1, true) end)
    conn:send("hello")
    helper.wait(function() return conn.closed end)
    assert.matches("hello$", conn.received)
  end)

  it("is over once it was answered", function()
    local stream
    local server = serve(function(request) stream = request.stream end)
    servers.talk(server, POST .. "Content-Length: 5\r\n\r\nhello")
    local bytes, message, code = stream:read()
    assert.is_nil(bytes)
    assert.equal("the request has already been answered", message)
    assert.equal("closed", code)
  end)

  it("leaves requests of other servers as they are", function()
    local server = servers.serve(function(request, response)
      response.body = ("%s %s %s"):format(request.body, tostring(request.stream), tostring(request.read))
    end)
    assert.equal("hello nil nil", http.post(server.url, "hello"):await():read())
  end)

  it("takes stream = true or false", function()
    assert.has_error(function() http.serve({ stream = 1, handler = function() end }) end)
  end)
end)
