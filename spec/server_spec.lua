-- http.serve: how a server listens, its limits, its end, and what it does with clients that are rude.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local servers = require("servers")
local certs = require("certs") -- made with raw, which lives on the loop of http


local SLOW = helper.under == "valgrind" and 10 or 1 -- how many times longer things take here

local GET, serve, talk = servers.GET, servers.serve, servers.talk

-- The same -> the status of the reply, and what follows its head.
local function ask(server, bytes)
  local reply = talk(server, bytes or GET)
  local status, body = reply:match("^HTTP/1%.[01] (%d%d%d) .-\r\n\r\n(.*)$")
  assert(status, "no reply: " .. reply)
  return tonumber(status), body
end

-- That fn throws words, told at a line of this file.
local function assert_misuse(words, fn)
  local ok, message = pcall(fn)
  assert.is_false(ok)
  assert.truthy(message:find(words, 1, true), message)
  assert.matches("^spec/server_spec%.lua:%d+: ", message)
end

describe("http.serve", function()
  after_each(servers.close) -- before helper looks for what is left
  helper.setup()

  it("tells where it listens", function()
    local server = serve(function() end)
    assert.equal("127.0.0.1", server.host)
    assert.is_true(server.port > 0)
    assert.equal("http://127.0.0.1:" .. server.port, server.url)
    assert.is_true(server.listening)
    assert.equal("http.Server (" .. server.url .. ")", tostring(server))
    server:close()
    assert.is_false(server.listening)
    assert.equal("http.Server (closed)", tostring(server))
    server:close()
    assert.equal(http.Response.CONNECTION_REFUSED_ERROR, http.get(server.url):await().error)
    local again = serve(function(_, response) response.body = "again" end, { port = server.port })
    assert.equal("again", http.get(again.url):await():read_string())
  end)

  it("may be called twice: two servers at once", function()
    local one = serve(function(_, response) response.body = "one" end)
    local two = serve(function(_, response) response.body = "two" end)
    local results = http.all({ http.get(one.url), http.get(two.url), http.get(one.url) })
    assert.same({ "one", "two", "one" },
      { results[1]:read_string(), results[2]:read_string(), results[3]:read_string() })
    one:close()
    assert.equal("two", http.get(two.url):await():read_string())
  end)

  it("speaks TLS with a certificate", function()
    local server = serve(function(_, response) response.body = "secret" end, { tls = certs.server })
    assert.equal("https://127.0.0.1:" .. server.port, server.url)
    local response = http.get({ url = server.url, ca_file = certs.ca_file }):await()
    assert.equal("", response.error_string)
    assert.equal("secret", response:read_string())
    assert.equal(http.Response.SSL_HANDSHAKE_FAILED_ERROR, http.get(server.url):await().error)
    local plain = raw.connect({ port = server.port })
    plain:send(GET)
    helper.wait(function() return plain.closed end)
    assert.is_nil(plain.received:find("secret", 1, true))
  end)

  it("listens on IPv6 where there is such an address", function()
    local probe = raw.listen({ host = "::1" })
    if not probe then
      pending("no IPv6 on this machine")
      return
    end
    probe:close()
    local server = serve(function(request, response) response.body = request.peer end, { host = "::1" })
    assert.equal("http://[::1]:" .. server.port, server.url)
    assert.equal("::1", http.get(server.url):await():read_string())
  end)

  it("returns nil, words and a code where the system refuses", function()
    local server = serve(function() end)
    for words, options in pairs({
      ["Address already in use"] = { port = server.port },
      ["192.0.2.1"] = { host = "192.0.2.1" },
      ["/nonexistent.pem"] = { tls = { cert_file = "/nonexistent.pem" } },
      ["/dev/null"] = { tls = { cert_file = "/dev/null" } },
      [certs.ca_file] = { tls = { cert_file = certs.server.cert_file, key_file = certs.ca_file } },
      ["key values mismatch"] = { tls = { cert_file = certs.server.cert_file, key_file = certs.expired.key_file } },
    }) do
      options.handler = function() end
      local result, message, code = http.serve(options)
      assert.is_nil(result)
      assert.truthy(message:find(words, 1, true), message)
      assert.equal("system", code)
    end
  end)

  it("listens on a socket's file, which goes with it", function()
    local folder = raw.mkdtemp()
    local path = folder .. "/socket"
    local server = assert(http.serve({ unix = path, handler = function(request, response)
      response.body = request.path .. " from '" .. request.peer .. "'"
    end }))
    assert.equal("http+unix:" .. path, server.url)
    assert.equal(path, server.unix)
    local again, message, code = http.serve({ unix = path, handler = function() end })
    assert.is_nil(again)
    assert.equal("cannot listen on " .. path .. ": Address already in use", message)
    assert.equal("system", code)
    local conn = raw.connect({ unix = path })
    conn:send("GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    helper.wait(function() return conn.closed end)
    assert.matches("\r\n\r\n/x from ''$", conn.received)
    server:close()
    assert.is_nil(io.open(path))
    local first = assert(http.serve({ unix = path, handler = function() end }))
    os.remove(path)
    local second = assert(http.serve({ unix = path, handler = function() end }))
    first:close() -- leaves the other's file alone
    conn = raw.connect({ unix = path })
    conn:send("GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    helper.wait(function() return conn.closed end)
    assert.matches("^HTTP/1.1 200 OK\r\n", conn.received)
    second:close()
    raw.remove_tree(folder)
  end)

  it("takes a backlog", function()
    local server = assert(http.serve({ backlog = 1, workers = 1, handler = function() end }))
    assert.equal(200, http.get(server.url):await().status_code)
    server:close()
  end)

  it("refuses wrong options at the caller's line", function()
    local function handler() end
    for words, options in pairs({
      ["table of options expected"] = 8080,
      ["'handler'"] = {},
      ["'handler' (function"] = { handler = "x" },
      ["'port' (number"] = { handler = handler, port = "80" },
      ["'port'"] = { handler = handler, port = 65536 },
      ["'port' "] = { handler = handler, port = -1 },
      ["'port' ("] = { handler = handler, port = 80.5 },
      ["'host' (string"] = { handler = handler, host = 1 },
      ["'host'"] = { handler = handler, host = "a\0b" },
      ["'tls' (table"] = { handler = handler, tls = true },
      ["'tls.cert_file'"] = { handler = handler, tls = {} },
      ["'tls.key_file'"] = { handler = handler, tls = { cert_file = certs.server.cert_file, key_file = 1 } },
      ["'max_body_size'"] = { handler = handler, max_body_size = -1 },
      ["'max_head_size'"] = { handler = handler, max_head_size = "x" },
      ["'idle_timeout'"] = { handler = handler, idle_timeout = 0 },
      ["'unix' ("] = { handler = handler, unix = "/tmp/x", port = 80 },
      ["'unix'"] = { handler = handler, unix = 1 },
      ["unix_path"] = { handler = handler, unix = ("x"):rep(200) },
      ["'backlog'"] = { handler = handler, backlog = 0 },
      ["'workers' (a server runs in one process"] = { handler = handler, workers = 2 },
      ["unknown option 'prot'"] = { handler = handler, prot = 80 },
      ["unknown option '1'"] = { handler },
    }) do
      assert_misuse(words, function() http.serve(options) end)
    end
    assert.equal(0, http._live().servers)
  end)

  it("leaves the table of options as it was", function()
    local options = { handler = function() end, port = 0 }
    local copy = { handler = options.handler, port = 0 }
    http.serve(options):close()
    assert.same(copy, options)
  end)

  it("answers 413 to a body that is larger than it takes, before it has come", function()
    local server = serve(helper.expect(function() end, 2), { max_body_size = 10 })
    local post = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    assert.equal(413, (ask(server, post .. "Content-Length: 11\r\n\r\n")))
    assert.equal(413, (ask(server, post .. "Content-Length: 11\r\n\r\nhello world")))
    assert.equal(413, (ask(server, post .. "Transfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n")))
    assert.equal(413, (ask(server, post .. "Content-Length: 99999999999999999999\r\n\r\n")))
    assert.equal(200, (ask(server, post .. "Content-Length: 10\r\n\r\n0123456789")))
    assert.equal(200, (ask(server, post .. "Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n")))
  end)

  it("refuses a head that is larger than it takes", function()
    local server = serve(helper.expect(function() end), { max_head_size = 500 })
    local status = ask(server, "GET / HTTP/1.1\r\nHost: x\r\nX: " .. ("y"):rep(1000) .. "\r\n\r\n")
    assert.is_true(status >= 400 and status < 500)
    status = (ask(server, "GET /" .. ("y"):rep(1000) .. " HTTP/1.1\r\nHost: x\r\n\r\n"))
    assert.is_true(status >= 400 and status < 500)
    assert.equal(200, (ask(server)))
  end)

  it("closes connections that are idle for too long", function()
    local server = serve(helper.expect(function() end), { idle_timeout = 0.05 * SLOW })
    assert.equal("", talk(server, ""))
    local reply = talk(server, "GET / HT")
    if reply ~= "" then -- it may be told why (RFC 9110, 15.5.9)
      assert.matches("^HTTP/1%.1 408 .*\r\nConnection: close\r\n", reply)
    end
    assert.equal(200, (ask(server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"))) -- and then closes
  end)
end)

describe("a client that leaves", function()
  after_each(servers.close) -- before helper looks for what is left
  helper.setup()

  it("before it has said anything, or all, is no matter", function()
    local server = serve(helper.expect(function() end))
    for _, bytes in ipairs({ "", "GET / HT", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe" }) do
      local conn = raw.connect({ port = server.port })
      conn:send(bytes)
      http.poll(0)
      conn:close()
      conn = raw.connect({ port = server.port })
      conn:send(bytes)
      http.poll(0)
      conn:reset()
    end
    assert.equal(200, (ask(server)))
  end)

  it("is noticed by a handler that waits", function()
    local noticed
    local server = serve(function(_, response)
      local deadline = http.now() + 3
      while not response:gone() and http.now() < deadline do
        http.sleep(0.005)
      end
      noticed = { response:gone(), response:write("x") }
    end)
    for _, leave in ipairs({ "close", "reset" }) do
      for _, more in ipairs({ "", GET }) do -- a next request may be there already
        noticed = nil
        local conn = raw.connect({ port = server.port })
        conn:send(GET .. more)
        helper.wait(function() return http._live().requests == 1 end)
        conn[leave](conn)
        helper.wait(function() return noticed end)
        assert.same({ true, nil, "the client has gone", "closed" },
          { noticed[1], noticed[2], noticed[3], noticed[4] })
      end
    end
  end)

  it("does not keep the loop busy, though it had sent too much", function()
    local server = serve(function(_, response)
      while not response:gone() do
        http.sleep(0.1)
      end
    end)
    local conn = raw.connect({ port = server.port })
    conn:send(GET)
    helper.wait(function() return http._live().requests == 1 end)
    conn:send(GET)
    http.poll(0.05)
    conn:reset()
    local turns = 0
    helper.wait(function()
      turns = turns + 1
      return http._live().requests == 0
    end)
    assert.is_true(turns < 200, turns .. " turns")
  end)

  it("is noticed by a handler that writes", function()
    local told
    local server = serve(function(_, response)
      local piece = ("x"):rep(65536)
      repeat
        local ok = response:write(piece)
        http.sleep(0)
      until not ok
      local _, words, code = response:write(piece)
      told = { words, code, (response:finish()) }
    end)
    for _, leave in ipairs({ "close", "reset" }) do
      told = nil
      local conn = raw.connect({ port = server.port })
      conn:send(GET)
      helper.wait(function() return conn.received_count > 1000 end)
      conn[leave](conn)
      helper.wait(function() return told end)
      assert.same({ "the client has gone", "closed" }, { told[1], told[2] })
    end
  end)
end)

describe("server:close", function()
  after_each(servers.close) -- before helper looks for what is left
  helper.setup()

  it("cuts the requests that are in work, whose handlers go on in vain", function()
    local goes_on, results = false, {}
    local server = serve(function(request, response)
      if request.path == "/begun" then
        response:write("part")
      end
      while not goes_on do
        http.sleep(0)
      end
      results[request.path] = { response:finish("rest") }
    end)
    local begun, not_begun = http.get(server.url .. "/begun"), http.get(server.url .. "/not")
    helper.wait(function() return http._live().requests == 2 and begun.status_code == 200 end)
    server:close()
    assert.equal(http.Response.REMOTE_HOST_CLOSED_ERROR, begun:await().error)
    assert.equal(http.Response.REMOTE_HOST_CLOSED_ERROR, not_begun:await().error)
    goes_on = true
    helper.wait(function() return results["/begun"] and results["/not"] end)
    for _, result in pairs(results) do
      assert.same({ nil, "the client has gone", "closed" }, { result[1], result[2], result[3] })
    end
  end)

  it("may be called in the handler", function()
    local server
    server = serve(helper.expect(function(_, response)
      response:write("part")
      server:close()
      response:write("more")
    end))
    local response = http.get(server.url):await()
    assert.equal(http.Response.REMOTE_HOST_CLOSED_ERROR, response.error)
  end)
end)

describe("a hostile request", function()
  after_each(servers.close) -- before helper looks for what is left
  helper.setup()

  local SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
  local cases = {
    ["without Host"] = "GET / HTTP/1.1\r\n\r\n",
    ["with two Hosts"] = "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    ["with two Hosts that agree"] = "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    ["with a Host that is none"] = "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    ["with two lengths"] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\nhello",
    ["with two lengths that agree"] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n" ..
      "Content-Length: 5\r\n\r\nhello",
    ["with a list of lengths"] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nhello",
    ["with a signed length"] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello",
    ["with a negative length"] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\nhello",
    ["with a length in words"] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: five\r\n\r\nhello",
    ["with an empty length"] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\nhello",
    ["with a length and chunks"] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n" ..
      "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ["with chunks and a length"] = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" ..
      "Content-Length: 5\r\n\r\n0\r\n\r\n",
    ["with a coding beside chunked"] = "POST / HTTP/1.1\r\nHost: x\r\n" ..
      "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ["with a coding that is almost chunked"] = "POST / HTTP/1.1\r\nHost: x\r\n" ..
      "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    ["with the coding identity"] = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n",
    ["with two codings"] = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" ..
      "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ["with chunks in HTTP/1.0"] = "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ["with a chunk size in words"] = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ["with a control byte in a value"] = "GET / HTTP/1.1\r\nHost: x\r\nX: a\1b\r\n\r\n",
    ["with a DEL in a value"] = "GET / HTTP/1.1\r\nHost: x\r\nX: a\127b\r\n\r\n",
    ["with a blank before the colon"] = "GET / HTTP/1.1\r\nHost: x\r\nX : a\r\n\r\n",
    ["with a control byte in a name"] = "GET / HTTP/1.1\r\nHost: x\r\nX\1: a\r\n\r\n",
    ["with an empty name"] = "GET / HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n",
    ["with a field without a colon"] = "GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
    ["with a control byte in the target"] = "GET /a\1b HTTP/1.1\r\nHost: x\r\n\r\n",
    ["with a blank in the target"] = "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    ["without a target"] = "GET HTTP/1.1\r\nHost: x\r\n\r\n",
    ["with a method that is none"] = "G=T / HTTP/1.1\r\nHost: x\r\n\r\n",
    ["of HTTP/2.0"] = "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    ["of HTTP/1.x"] = "GET / HTTP/1.x\r\nHost: x\r\n\r\n",
    ["of HTTP/-1.1"] = "GET / HTTP/-1.1\r\nHost: x\r\n\r\n",
    ["of another protocol"] = "GET / FTP/1.1\r\nHost: x\r\n\r\n",
    ["of HTTP/0.9"] = "GET /\r\n\r\n",
    ["that is noise"] = "\22\3\1\2\0\1\0\1\252\3\3\r\n\r\n",
  }

  -- An engine that is not strict lets these pass, and its server cannot see them.
  local strict = {
    ["with a line that ends in LF alone"] = "GET / HTTP/1.1\nHost: x\r\n\r\n",
    ["with fields that end in LF alone"] = "GET / HTTP/1.1\r\nHost: x\nX: y\n\r\n",
    ["with a head that ends in LF alone"] = "GET / HTTP/1.1\r\nHost: x\r\n\n",
    ["with a field over two lines"] = "GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
    ["with a length over two lines"] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n 5\r\n\r\nhello",
    ["with a NUL behind its length"] = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\0abc\r\n\r\nhello",
    ["with a field that starts with a NUL"] = "GET / HTTP/1.1\r\nHost: x\r\n\0X: y\r\n\r\n",
    ["with a signed chunk size"] = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n+0\r\n\r\n",
    ["with a chunk size in C's notation"] = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" ..
      "0x0\r\n\r\n",
    ["with a chunk that ends in LF alone"] = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" ..
      "1\r\na\n0\r\n\r\n",
    ["with a chunk longer than its size"] = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" ..
      "1\r\nab\r\n0\r\n\r\n",
    ["with a malformed trailer"] = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" ..
      "0\r\nno colon\r\n\r\n",
  }
  if http.can "be_strict" then
    for name, bytes in pairs(strict) do
      cases[name] = bytes
    end
  end

  for name, bytes in pairs(cases) do
    it(name .. " is answered 4xx or 5xx, no handler sees it, and the connection is closed", function()
      local server = serve(helper.expect(function() end, 0))
      local status, rest = ask(server, bytes .. SMUGGLED)
      assert.is_true(status >= 400 and status < 600, status)
      assert.is_nil(rest:find("HTTP/1", 1, true)) -- one reply, not two
    end)
  end

end)

describe("a request of any method", function()
  after_each(servers.close) -- before helper looks for what is left
  helper.setup()

  if http.can "any_method" then
    for _, method in ipairs({ "BREW", "PROPFIND", "get", "!#$%&'*+-.^_`|~" }) do
      it("comes to the handler: " .. method, function()
        local seen = {}
        local server = serve(function(request, response)
          seen[#seen + 1] = request.method .. request.path .. request.body
          response.body = "ok"
        end)
        assert.equal(200, (ask(server, method .. " /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi" ..
          method .. " /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")))
        assert.same({ method .. "/ahi", method .. "/b" }, seen)
      end)
    end
  else
    it("is answered 4xx or 501 unless it is registered, and the connection is closed", function()
      for method, expected in pairs({ BREW = 501, PROPFIND = 501, get = 501 }) do
        local server = serve(helper.expect(function() end, 0))
        local status, rest = ask(server, method .. " / HTTP/1.1\r\nHost: x\r\n\r\n" .. GET)
        assert.equal(expected, status)
        assert.is_nil(rest:find("HTTP/1", 1, true))
      end
    end)
  end
end)

describe("a body where none is expected", function()
  after_each(servers.close) -- before helper looks for what is left
  helper.setup()

  -- Whether it is refused or read, its bytes are never a request.
  for name, bytes in pairs({
    ["on HEAD"] = "HEAD / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n",
    ["on TRACE"] = "TRACE / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n",
    ["on GET"] = "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n",
    ["on HEAD in chunks"] = "HEAD / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n",
    ["on TRACE in chunks"] = "TRACE / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n",
  }) do
    it(name .. " is never taken for a request", function()
      local paths = {}
      local server = serve(function(request, response)
        paths[#paths + 1] = request.path
        response.body = "ok"
      end)
      local smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
      local ends = name:find("chunks") and "\r\n0\r\n\r\n" or ""
      local conn = raw.connect({ port = server.port })
      conn:send(bytes:format(#smuggled) .. smuggled .. ends .. GET)
      helper.wait(function() return conn.closed end)
      for _, path in ipairs(paths) do
        assert.equal("/", path)
      end
      assert.is_true(#paths <= 2)
      if http.can "be_strict" then
        assert.equal(2, #paths)
      end
    end)
  end
end)
