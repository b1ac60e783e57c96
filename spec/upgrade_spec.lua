-- Connections that leave HTTP: behind 101 and CONNECT, of a client and of a server, plain and over TLS; bytes that
-- come early, ends, back-pressure, and what refuses to be upgraded.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local servers = require("servers")
local certs = require("certs")

local R = http.Response
local OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
local SWITCH = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n"
local ASK = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
local MIB = 1024 * 1024

local function ask(url, more)
  local options = { url = url, ca_file = certs.ca_file, headers = { Upgrade = "echo", Connection = "Upgrade" } }
  for name, value in pairs(more or {}) do
    options[name] = value
  end
  return http.get(options)
end

-- A server that switches, sends `early` with that, and hands its connection over in server.conn; what the client then
-- says is in conn.received from conn.from on.
local function switching(early, tls)
  local server
  server = raw.listen({ tls = tls, on_connect = function(conn)
    conn.on_data = function()
      local _, last = conn.received:find("\r\n\r\n", 1, true)
      if last and not server.conn then
        server.head, conn.from, server.conn = conn.received:sub(1, last), last + 1, conn
        conn:send(SWITCH .. (early or ""))
      end
    end
  end })
  return server
end

local function connect(server)
  local response = ask(helper.url(server)):await()
  assert.equal("", response.error_string)
  assert.equal(101, response.status_code)
  return assert(response:connection()), response
end

local function said(server)
  return server.conn.received:sub(server.conn.from)
end

if not http.can("upgrade") then
  describe("an engine that cannot upgrade", function()
    after_each(servers.close)
    helper.setup()

    it("refuses as a client", function()
      local response = ask("http://127.0.0.1:1/"):await()
      assert.equal(R.PROTOCOL_INVALID_OPERATION_ERROR, response.error)
      assert.matches("cannot upgrade", response.error_string)
      local connection, message, code = response:connection()
      assert.is_nil(connection)
      assert.matches("cannot upgrade", message)
      assert.equal("failed", code)
    end)

    it("refuses as a server", function()
      local ok, message
      local server = servers.serve(function(_, response)
        ok, message = pcall(response.upgrade, response, { Upgrade = "echo" })
      end)
      assert.matches("^HTTP/1.1 200 OK\r\n", servers.talk(server))
      assert.is_false(ok)
      assert.matches("engine cannot upgrade", message)
    end)
  end)
  return
end

describe("an upgrade", function()
  after_each(servers.close)
  helper.setup()

  for name, tls in pairs { plain = false, ["over TLS"] = certs.server } do
    it("gives a connection, " .. name, function()
      local server = switching(nil, tls or nil)
      local connection, response = connect(server)
      assert.matches("\r\nUpgrade: echo\r\n", server.head)
      assert.matches("\r\nConnection: Upgrade\r\n", server.head)
      assert.is_true(response.ok)
      assert.is_true(response.finished)
      assert.equal("echo", response.headers.upgrade)
      assert.equal("http.Connection (open)", tostring(connection))
      assert.is_true(connection:write("hello"))
      helper.wait(function() return said(server) == "hello" end)
      server.conn:send("you")
      assert.equal("you", connection:read())
      connection:close()
      helper.wait(function() return server.conn.closed end)
      assert.equal("http.Connection (closed)", tostring(connection))
    end)

    it("goes between our own client and server, " .. name, function()
      local server = servers.serve(function(_, response)
        local connection = assert(response:upgrade({ Upgrade = "echo" }))
        for line in connection:lines() do
          connection:write(line:upper() .. "\n")
        end
      end, { tls = tls or nil })
      local response = ask(server.url):await()
      assert.equal("echo", response.headers.upgrade)
      assert.equal("Upgrade", response.headers.connection)
      assert.is_nil(response.headers["content-length"])
      assert.is_nil(response.headers["transfer-encoding"])
      local connection = assert(response:connection())
      connection:write("one\ntwo\n")
      assert.equal("ONE\n", connection:read_line())
      assert.equal("TWO\n", connection:read_line())
      connection:close()
    end)

    it("carries much both ways, " .. name, function()
      local text = ("0123456789abcde\n"):rep(2 * MIB / 16)
      local server = servers.serve(function(_, response)
        local connection = response:upgrade({ Upgrade = "echo" })
        for chunk in connection:chunks() do
          assert(connection:write(chunk))
        end
      end, { tls = tls or nil })
      local connection = assert(ask(server.url):await():connection())
      local writer = http.spawn(function()
        for at = 1, #text, 100000 do
          assert(connection:write(text:sub(at, at + 99999)))
        end
      end)
      local parts, length = {}, 0
      while length < #text do
        parts[#parts + 1] = assert(connection:read())
        length = length + #parts[#parts]
      end
      writer:await()
      assert.is_true(text == table.concat(parts))
      connection:close()
    end)

    it("waits for who does not read, " .. name, function()
      local server = switching(nil, tls or nil)
      local connection = connect(server)
      server.conn:pause()
      local piece, written = ("x"):rep(MIB), 0
      local writer = http.spawn(function()
        while written < 64 and connection:write(piece) do
          written = written + 1
        end
      end)
      local before
      helper.wait(function() -- until nothing moves any more
        local still = before == written
        before = written
        return still
      end)
      assert.is_true(written < 32, written)
      connection:abort()
      writer:await()
    end)
  end

  it("is read no faster than its reads", function()
    local server = switching()
    local connection = connect(server)
    server.conn:send(("x"):rep(64 * MIB))
    http.sleep(0.05)
    assert.is_true(server.conn.unsent_count > 16 * MIB, server.conn.unsent_count)
    connection:abort()
  end)

  it("keeps bytes that come with the head", function()
    local connection = connect(switching("early "))
    assert.equal("early ", connection:read())
    connection:close()
    connection = connect(switching(("x"):rep(300000)))
    local length = 0
    while length < 300000 do
      length = length + #assert(connection:read())
    end
    assert.equal(300000, length)
    connection:close()
  end)

  it("of a server keeps bytes that come with the request", function()
    local got
    local server = servers.serve(function(_, response)
      local connection = assert(response:upgrade({ Upgrade = "echo" }))
      got = connection:read_line()
      connection:write("done")
    end)
    local reply = servers.talk(server, ASK .. "early\n")
    assert.equal("early\n", got)
    assert.matches("^HTTP/1.1 101 Switching Protocols\r\n", reply)
    assert.matches("\r\n\r\ndone$", reply)
    assert.is_nil(reply:find("Content-Length", 1, true))
  end)

  it("tells of the other side's end, and may still write", function()
    local server = switching("last")
    local connection = connect(server)
    server.conn:half_close()
    assert.equal("last", connection:read())
    assert.is_nil(connection:read())
    assert.is_nil((connection:read_line()))
    assert.equal("", connection:read_all())
    assert.is_true(connection:write("still"))
    helper.wait(function() return said(server) == "still" end)
    connection:close()
  end)

  it("tells of a connection that breaks", function()
    local server = switching("last")
    local connection = connect(server)
    assert.equal("last", connection:read())
    server.conn:reset()
    local bytes, message, code = connection:read()
    assert.is_nil(bytes)
    assert.matches("reset", message)
    assert.equal("closed", code)
    assert.is_true(connection:gone())
    local ok
    ok, message, code = connection:write("x")
    assert.is_nil(ok)
    assert.matches("closed", message)
    assert.equal("closed", code)
    connection:close()
  end)

  it("sends what was written before it closes", function()
    local server = switching()
    local connection = connect(server)
    server.conn:pause()
    local text = ("x"):rep(4 * MIB)
    http.spawn(function() connection:write(text) end)
    connection:close()
    assert.is_true(connection:gone())
    assert.equal(1, http._live().connections)
    server.conn:resume()
    helper.wait(function() return server.conn.closed end)
    assert.is_true(said(server) == text)
    helper.wait(function() return http._live().connections == 0 end)
  end)

  it("loses it when it aborts", function()
    local server = switching()
    local connection = connect(server)
    server.conn:pause()
    http.spawn(function() connection:write(("x"):rep(8 * MIB)) end)
    connection:abort()
    assert.equal(0, http._live().connections)
    server.conn:resume()
    helper.wait(function() return server.conn.closed end)
    assert.is_true(#said(server) < 8 * MIB)
  end)

  it("wakes who waits when it is closed", function()
    local server = switching()
    local connection = connect(server)
    local result
    local reader = http.spawn(function()
      result = { connection:read() }
    end)
    connection:close()
    assert.is_nil(result) -- not from inside the call
    reader:await()
    assert.is_nil(result[1])
    assert.equal("closed", result[3])
    helper.wait(function() return server.conn.closed end)
  end)

  it("may be closed twice, and read after that", function()
    local connection = connect(switching("x"))
    connection:close()
    connection:close()
    connection:abort()
    assert.same({ nil, "the connection is closed", "closed" }, { connection:read() })
    assert.is_nil((connection:read_line()))
    assert.is_nil((connection:read_all()))
    assert.is_true(connection:gone())
  end)

  it("gives its connection once", function()
    local connection, response = connect(switching())
    local again, message, code = response:connection()
    assert.is_nil(again)
    assert.equal("the connection has been taken already", message)
    assert.equal("closed", code)
    connection:close()
  end)

  it("closes a connection that nobody takes", function()
    local server = switching()
    local response = ask(helper.url(server)):await()
    assert.equal(101, response.status_code)
    assert.equal(0, http._live().connections)
    response = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    helper.wait(function() return server.conn.closed end)
  end)

  it("counts as pending while it is open", function()
    local _, output = helper.run_script([[
      http.configure { engine = arg[2] }
      local connection = http.get { url = arg[1], headers = { Upgrade = "x", Connection = "Upgrade" } }:connection()
      http.spawn(function() print(connection:read()) connection:close() end)
      print("main ends")
    ]], helper.url(switching("hello")), http.engine)
    assert.equal("hello\nmain ends\n", output)
  end)

  it("is no upgrade where the server declines", function()
    local response = ask(helper.url(helper.respond(OK)))
    local connection, message, code = response:connection()
    assert.is_nil(connection)
    assert.equal("the server did not upgrade the connection: it answered 200 OK", message)
    assert.equal("refused", code)
    assert.equal("hi", response:read())
  end)

  it("fails as its request does", function()
    local connection, message, code = ask(("http://127.0.0.1:%d/"):format(raw.refused_port())):connection()
    assert.is_nil(connection)
    assert.matches("refused", message)
    assert.equal("failed", code)
  end)

  it("is not taken from a server that was not asked", function()
    local response = http.get(helper.url(helper.respond(SWITCH))):await()
    assert.equal(R.PROTOCOL_FAILURE, response.error, response.error_string)
    assert.is_nil((response:connection()))
  end)

  it("ends with the runtime", function()
    local status, output = helper.run_script([[
      http.configure { engine = arg[2] }
      local connection = http.get { url = arg[1], headers = { Upgrade = "x", Connection = "Upgrade" } }:connection()
      print(connection)
      os.exit(3, true)
    ]], helper.url(switching("hello")), http.engine)
    assert.equal("http.Connection (open)\n", output)
    assert.equal(3, status)
  end)
end)

describe("the reads of a connection", function()
  helper.setup()

  it("give lines with their ends, the last without", function()
    local server = switching("a\r\n\nlong line")
    local connection = connect(server)
    server.conn:half_close()
    assert.equal("a\r\n", connection:read_line())
    assert.equal("\n", connection:read_line())
    assert.equal("long", connection:read_line(4))
    assert.equal(" line", connection:read_line())
    assert.is_nil((connection:read_line()))
    connection:close()
  end)

  it("give a line that comes byte by byte, and one longer than the window", function()
    local server = switching()
    local connection = connect(server)
    local text = ("y"):rep(300000)
    local reader = http.spawn(function()
      return connection:read_line(), connection:read_line()
    end)
    helper.drip(server.conn, "slow\n", 1)
    server.conn:send(text .. "\n")
    local slow, long = reader:await()
    assert.equal("slow\n", slow)
    assert.is_true(text .. "\n" == long)
    connection:close()
  end)

  it("give at most what was asked for", function()
    local connection = connect(switching("abcdef"))
    assert.equal("ab", connection:read(2))
    assert.equal("c", connection:read(1))
    assert.equal("def", connection:read(100))
    connection:close()
  end)

  it("give all, in chunks or at once", function()
    for _, how in ipairs { "read_all", "chunks", "lines" } do
      local server = switching("one\r\ntwo\nthree")
      local connection = connect(server)
      server.conn:half_close()
      local parts = {}
      if how == "read_all" then
        parts[1] = connection:read_all()
      else
        for part in connection[how](connection) do
          parts[#parts + 1] = part
        end
      end
      assert.equal(how == "lines" and "one|two|three" or "one\r\ntwo\nthree",
        table.concat(parts, how == "lines" and "|" or ""))
      connection:close()
    end
  end)

  it("throw for what is wrong, at the caller's line", function()
    local connection = connect(switching())
    for words, fn in pairs {
      ["#1 to 'read'"] = function() connection:read(0) end,
      ["#1 to 'read' "] = function() connection:read("x") end,
      ["#1 to 'read_line'"] = function() connection:read_line(-1) end,
      ["#1 to 'write'"] = function() connection:write(5) end,
      ["bad self"] = function() connection.write("x") end,
      ["bad self "] = function() connection.read() end,
    } do
      local ok, message = pcall(fn)
      assert.is_false(ok)
      assert.truthy(message:find(words:match("^(.-)%s*$"), 1, true), message)
    end
    connection:close()
  end)
end)

describe("response:upgrade", function()
  after_each(servers.close)
  helper.setup()

  local WRONG = {
    ["no protocol"] = { {}, "without Upgrade nobody knows" },
    ["no headers"] = { nil, "without Upgrade nobody knows" },
    ["a field that breaks the framing"] = { { Upgrade = "a\r\nb" }, "bad value of the header Upgrade" },
    ["headers that are none"] = { 5, "bad headers" },
  }
  for name, row in pairs(WRONG) do
    it("throws for " .. name .. ", and the answer goes on", function()
      local ok, message
      local server = servers.serve(function(_, response)
        ok, message = pcall(response.upgrade, response, row[1])
        response.body = "here"
      end)
      local reply = servers.talk(server, (ASK:gsub("Connection: Upgrade", "Connection: close, Upgrade")))
      assert.matches("^HTTP/1.1 200 OK\r\n", reply)
      assert.is_false(ok)
      assert.truthy(message:find(row[2], 1, true), message)
    end)
  end

  it("throws once the answer has begun", function()
    local ok, message
    local server = servers.serve(function(_, response)
      response:write("x")
      ok, message = pcall(response.upgrade, response, { Upgrade = "x" })
    end)
    servers.talk(server)
    assert.is_false(ok)
    assert.matches("already been sent", message)
  end)

  it("leaves nothing to answer", function()
    local failed = {}
    local server = servers.serve(function(_, response)
      local connection = assert(response:upgrade({ Upgrade = "x" }))
      for _, fn in ipairs { response.write, response.finish, response.interim, response.upgrade } do
        failed[#failed + 1] = not pcall(fn, response, "x")
      end
      connection:write("end")
    end)
    assert.matches("end$", servers.talk(server, ASK))
    assert.same({ true, true, true, true }, failed)
  end)

  it("closes the connection with the handler's end", function()
    local connection
    local server = servers.serve(function(_, response)
      connection = response:upgrade({ Upgrade = "x" })
    end)
    assert.matches("^HTTP/1.1 101 ", servers.talk(server, ASK))
    assert.is_true(connection:gone())
  end)

  it("cuts it where the handler throws", function()
    local _, output = helper.run_script([[
      http.configure { engine = arg[1] }
      local server
      server = http.serve { handler = function(_, response)
        response:upgrade { Upgrade = "x" }
        error("ouch", 0)
      end }
      local response = http.get { url = server.url, headers = { Upgrade = "x", Connection = "Upgrade" } }
      local connection = response:connection()
      print(connection:read_all())
      connection:close()
      server:close()
    ]], http.engine)
    assert.matches("ouch\nstack traceback", output)
  end)

  it("keeps the connection when the server is closed", function()
    local server
    server = servers.serve(function(_, response)
      local connection = response:upgrade({ Upgrade = "x" })
      server:close()
      connection:write(connection:read_line())
    end)
    local connection = ask(server.url):connection()
    connection:write("hello\n")
    assert.equal("hello\n", connection:read())
    connection:close()
  end)

  it("is nil where the client has gone", function()
    local result
    local here
    local server = servers.serve(function(_, response)
      here = true
      while not response:gone() do
        http.sleep(0.002)
      end
      result = { response:upgrade({ Upgrade = "x" }) }
    end)
    local conn = raw.connect({ port = server.port })
    conn:send(ASK)
    helper.wait(function() return here end)
    conn:reset()
    helper.wait(function() return result end)
    assert.is_nil(result[1])
    assert.equal("closed", result[3])
  end)
end)

describe("CONNECT", function()
  after_each(servers.close)
  helper.setup()

  it("makes a tunnel", function()
    local target, host
    local server = servers.serve(function(request, response)
      target, host = request.target, request.headers.host
      local connection = assert(response:upgrade())
      connection:write("through: " .. connection:read_line())
    end)
    local response = http.request({ method = "CONNECT", hostname = "127.0.0.1", port = server.port,
      path = "example.com:443" }):await()
    assert.equal("", response.error_string)
    assert.equal(200, response.status_code)
    assert.equal("example.com:443", target)
    assert.equal("example.com:443", host)
    assert.is_nil(response.headers["content-length"])
    assert.is_nil(response.headers["transfer-encoding"])
    local connection = assert(response:connection())
    connection:write("hello\n")
    assert.equal("through: hello\n", connection:read_all())
    connection:close()
  end)

  it("may be declined", function()
    local server = helper.respond("HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno")
    local response = http.request({ method = "CONNECT", hostname = "127.0.0.1", port = server.port,
      path = "example.com:443" }):await()
    assert.equal(407, response.status_code)
    assert.equal("no", response:read())
    assert.is_nil((response:connection()))
  end)

  it("says what it wants", function()
    local response = http.request({ method = "CONNECT", url = "http://127.0.0.1:1/" }):await()
    assert.equal(R.PROTOCOL_INVALID_OPERATION_ERROR, response.error)
    assert.matches("example.com:443", response.error_string)
    for _, path in ipairs { "example.com", ":443", "a b:1", "a@b:1" } do
      assert.has_error(function()
        http.request({ method = "CONNECT", hostname = "127.0.0.1", path = path })
      end)
    end
  end)
end)
