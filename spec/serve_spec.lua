-- http.serve: what a handler is given, and what it may answer. (How a server listens, and what it does
-- with rude clients, is in server_spec.lua.)
-- SPDX-License-Identifier: MIT

local apps = require("apps")
local helper = require("helper")
local http = require("http")
local raw = require("raw")
local servers = require("servers")

local COMMAND = (os.getenv("MW_BUILD") or "build") .. "/moonwire"
local PATIENCE = 20 * (helper.under == "valgrind" and 10 or 1)

local GET, serve, talk = servers.GET, servers.serve, servers.talk

-- The parts of a reply: its status, reason, fields (of several the last), body.
local function parse(reply)
  local head, body = reply:match("^(.-\r\n)\r\n(.*)$")
  local status, reason, fields = (head or ""):match("^HTTP/1%.[01] (%d%d%d) ([^\r\n]*)\r\n(.*)$")
  assert(status, "no reply: " .. reply)
  local headers = {}
  for name, value in fields:gmatch("([^:\r\n]+): *([^\r\n]*)\r\n") do
    headers[name:lower()] = value
  end
  return { status = tonumber(status), reason = reason, headers = headers, body = body }
end

local function ask(server, bytes)
  return parse(talk(server, bytes or GET))
end

-- That fn throws words, told at a line of this file.
local function assert_misuse(words, fn)
  local ok, message = pcall(fn)
  assert.is_false(ok)
  assert.truthy(message:find(words, 1, true), message)
  assert.matches("^spec/serve_spec%.lua:%d+: ", message)
end

describe("a request", function()
  after_each(servers.close) -- before helper looks for what is left
  helper.setup()

  it("has a method, a target, a path, a query, and the client's address", function()
    local seen
    local server = serve(function(request) seen = request end)
    ask(server, "DELETE /a%20b/c?d=e?f&g HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert.equal("DELETE", seen.method)
    assert.equal("/a%20b/c?d=e?f&g", seen.target)
    assert.equal("/a%20b/c", seen.path)
    assert.equal("d=e?f&g", seen.query)
    assert.equal("127.0.0.1", seen.peer)
    ask(server, GET)
    assert.same({ "/", "" }, { seen.path, seen.query })
  end)

  it("has every method that there is", function()
    local seen
    local server = serve(function(request) seen = request.method end)
    for _, method in ipairs({ "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH" }) do
      http.request({ method = method, url = server.url }):await()
      assert.equal(method, seen)
    end
  end)

  it("has headers, whatever the case of their names", function()
    local seen
    local server = serve(function(request) seen = request.headers end)
    ask(server, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" ..
      "X-One: 1\r\nX-Two: a\r\nx-two:  b \r\nX-Empty:\r\n\r\n")
    assert.equal("1", seen["x-one"])
    assert.equal("1", seen["X-One"])
    assert.equal("a, b", seen["X-TWO"])
    assert.equal("", seen["x-empty"])
    assert.is_nil(seen["x-none"])
  end)

  it("has its whole body, whatever the bytes", function()
    local seen
    local server = serve(function(request) seen = request.body end)
    local bytes = {}
    for i = 0, 255 do
      bytes[i + 1] = string.char(i)
    end
    local body = table.concat(bytes):rep(400)
    http.post(server.url, body):await()
    assert.is_true(seen == body)
    http.get(server.url):await()
    assert.equal("", seen)
    ask(server, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n" ..
      "3\r\na\0b\r\n2\r\ncd\r\n0\r\n\r\n")
    assert.equal("a\0bcd", seen)
  end)
end)

describe("a response", function()
  after_each(servers.close) -- before helper looks for what is left
  helper.setup()

  it("is 200 with an empty body by default", function()
    local reply = ask(serve(function() end))
    assert.same({ 200, "OK", "", "0" }, { reply.status, reply.reason, reply.body, reply.headers["content-length"] })
  end)

  it("has a status, a reason, headers and a body", function()
    local server = serve(function(_, response)
      response.status = 418
      response.reason = "Short and stout"
      response.headers["X-Text"] = "text"
      response.headers["X-Number"] = 12
      response.headers["X-List"] = { "one", 2 }
      response.body = "a\0body"
    end)
    local bytes = talk(server, GET)
    local reply = parse(bytes)
    assert.same({ 418, "Short and stout", "a\0body" }, { reply.status, reply.reason, reply.body })
    assert.same({ "text", "12", "6" },
      { reply.headers["x-text"], reply.headers["x-number"], reply.headers["content-length"] })
    assert.truthy(bytes:find("\r\nX-List: one\r\nX-List: 2\r\n", 1, true))
  end)

  it("has the registered reason, or none, where it gives none", function()
    local status
    local server = serve(function(_, response) response.status = status end)
    for number, reason in pairs({ [404] = "Not Found", [429] = "Too Many Requests", [599] = "" }) do
      status = number
      assert.equal(reason, ask(server).reason)
    end
  end)

  it("may be finished before the handler ends", function()
    local after
    local server = serve(function(_, response)
      assert(response:finish("early"))
      assert(response.finished)
      http.sleep(0)
      after = true
    end)
    assert.equal("early", ask(server).body)
    helper.wait(function() return after end)
  end)

  it("may be written in pieces, as they come", function()
    local server = serve(function(_, response)
      response.headers["Content-Type"] = "text/plain"
      for i = 1, 3 do
        assert(response:write("piece " .. i .. ";"))
        assert(response.sent)
        http.sleep(0)
      end
      assert(response:write(""))
    end)
    local reply = ask(server)
    assert.equal("chunked", reply.headers["transfer-encoding"])
    assert.equal("text/plain", reply.headers["content-type"])
    assert.equal("8\r\npiece 1;\r\n8\r\npiece 2;\r\n8\r\npiece 3;\r\n0\r\n\r\n", reply.body)
    assert.equal("piece 1;piece 2;piece 3;", http.get(server.url):await():read_string())
  end)

  it("comes in pieces as they are written, not at the end", function()
    local goes_on = false
    local server = serve(function(_, response)
      response:write("first")
      while not goes_on do
        http.sleep(0)
      end
      response:finish("last")
    end)
    local response = http.get(server.url)
    response.ready_read_handler = helper.expect(function(self)
      goes_on = goes_on or self:read_string() == "first"
    end, 2)
    response:await()
  end)

  it("may state the length of what it writes in pieces", function()
    local server = serve(function(_, response)
      response.headers["Content-Length"] = 6
      response:write("abc")
      response:write("def")
    end)
    local reply = ask(server)
    assert.same({ "6", "abcdef" }, { reply.headers["content-length"], reply.body })
    assert.is_nil(reply.headers["transfer-encoding"])
  end)

  it("carries no body to HEAD, nor with 204 and 304, but the length that it would have", function()
    local status = 200
    local server = serve(function(_, response)
      response.status = status
      response.body = "hello"
    end)
    local head = GET:gsub("GET", "HEAD")
    local function check(expected_status, length, request)
      local reply = ask(server, request)
      assert.same({ expected_status, "" }, { reply.status, reply.body })
      assert.equal(length, reply.headers["content-length"])
      assert.is_nil(reply.headers["transfer-encoding"])
    end
    check(200, "5", head)
    status = 304
    check(304, "5", GET)
    check(304, "5", head)
    status = 204
    check(204, nil, GET)
  end)

  it("carries no body to HEAD when it is written in pieces, either", function()
    local server = serve(function(_, response)
      response:write("some")
      response:write("thing")
    end)
    assert.equal("", ask(server, (GET:gsub("GET", "HEAD"))).body)
    assert.is_true(http.head(server.url):await().ok)
  end)

  it("ends with the connection for a client of HTTP/1.0 where its length is not known", function()
    local server = serve(function(_, response)
      response:write("some")
      http.sleep(0)
      response:write("thing")
    end)
    for _, field in ipairs({ "", "Connection: keep-alive\r\n" }) do
      local reply = ask(server, "GET / HTTP/1.0\r\n" .. field .. "\r\n")
      assert.equal("something", reply.body)
      assert.is_nil(reply.headers["content-length"])
      assert.is_nil(reply.headers["transfer-encoding"])
    end
  end)

  it("may be large", function()
    local body = ("0123456789abcdef"):rep(512 * 1024)
    local server = serve(function(_, response) response.body = body end)
    assert.is_true(http.get(server.url):await():read_string() == body)
  end)

  it("is followed by the next on the same connection", function()
    local count = 0
    local server = serve(function(request, response)
      count = count + 1
      http.sleep(0)
      response.body = request.path .. count
    end)
    local conn = raw.connect({ port = server.port })
    for i = 1, 3 do
      conn:send("GET /kept HTTP/1.1\r\nHost: x\r\n\r\n")
      helper.wait(function() return conn.received:find("/kept" .. i, 1, true) end)
    end
    local _, heads = conn.received:gsub("HTTP/1.1 200 OK", "")
    assert.equal(3, heads)
    assert.is_true(conn.open)
    conn:close()
  end)

  it("answers requests that come at once in their order", function()
    local server = serve(function(request, response)
      http.sleep(request.path == "/1" and 0.01 or 0)
      response.body = request.path .. ";"
    end)
    local bytes = ""
    for i = 1, 4 do
      bytes = bytes .. ("GET /%d HTTP/1.1\r\nHost: x\r\n%s\r\n"):format(i, i == 4 and "Connection: close\r\n" or "")
    end
    local order = {}
    for path in talk(server, bytes):gmatch("/(%d);") do
      order[#order + 1] = path
    end
    assert.same({ "1", "2", "3", "4" }, order)
  end)
end)

describe("a handler", function()
  after_each(servers.close) -- before helper looks for what is left
  helper.setup()

  it("that yields by itself is reported, and its request answered", function()
    local server = serve(function() coroutine.yield() end)
    local stderr = apps.reports_of(function()
      assert.equal(500, ask(server).status)
    end)
    assert.matches("a task yielded by itself", stderr[1])
  end)

  it("that writes more than its client reads waits for it, and notices when it leaves", function()
    local piece, written, result = ("x"):rep(65536), 0, nil
    local server = serve(function(_, response)
      repeat
        written = written + 1
        result = { response:write(piece) }
      until not result[1] or written == 4096
    end)
    local conn = raw.connect({ port = server.port })
    conn:pause()
    conn:send(GET)
    local last, same = 0, 0
    helper.wait(function() -- it gets stuck
      same = written == last and written > 0 and same + 1 or 0
      last = written
      return same == 10
    end)
    assert.is_true(written < 400, written .. " pieces were written") -- sockets' buffers take some
    conn:resume()
    helper.wait(function() return written > last end, nil, "the handler to go on")
    conn:reset()
    helper.wait(function() return result and not result[1] end, nil, "the handler to notice")
    assert.same({ nil, "the client has gone", "closed" }, { result[1], result[2], result[3] })
  end)

  it("may await requests of the client, of its own server too", function()
    local server
    server = serve(function(request, response)
      if request.path == "/inner" then
        http.sleep(0)
        response.body = "inner"
      else
        local results = http.all({ http.get(server.url .. "/inner"), http.get(server.url .. "/inner") })
        response.body = results[1]:read_string() .. results[2]:read_string()
      end
    end)
    assert.equal("innerinner", http.get(server.url):await():read_string())
  end)

  it("does not keep others waiting while it waits", function()
    local running = 0
    local server = serve(function()
      running = running + 1
      while running < 10 do
        http.sleep(0)
      end
    end)
    local requests = {}
    for i = 1, 10 do
      requests[i] = http.get({ url = server.url, timeout = 10 })
    end
    for _, response in ipairs(http.all(requests)) do
      assert.is_true(response.ok)
    end
  end)

  it("is refused what is not HTTP, with words at its line, and can still answer", function()
    local tries = helper.expect(function(response)
      local function refuse(words, field, value, method, ...)
        local before = response[field]
        response[field] = value
        local arguments = { ... }
        assert_misuse(words, function() response[method](response, unpack(arguments)) end)
        response[field] = before
        assert.is_false(response.sent)
        assert.is_false(response.finished)
      end
      for _, method in ipairs({ "finish", "write" }) do
        refuse("bad status", "status", "200", method, "x")
        refuse("bad status", "status", 99, method, "x")
        refuse("bad status", "status", 1000, method, "x")
        refuse("bad status", "status", 100, method, "x")
        refuse("bad status", "status", 200.5, method, "x")
        refuse("bad status", "status", 0 / 0, method, "x")
        refuse("bad reason", "reason", "O\r\nK", method, "x")
        refuse("bad reason", "reason", {}, method, "x")
        refuse("header", "headers", { ["X Y"] = "1" }, method, "x")
        refuse("header", "headers", { [""] = "1" }, method, "x")
        refuse("header", "headers", { X = "1\r\nSet-Cookie: a" }, method, "x")
        refuse("header", "headers", { X = "a\0b" }, method, "x")
        refuse("header", "headers", { ["X\0"] = "b" }, method, "x")
        refuse("header", "headers", { X = "a\nb" }, method, "x")
        refuse("header", "headers", { X = true }, method, "x")
        refuse("header", "headers", { X = { "1", {} } }, method, "x")
        refuse("header", "headers", { "X: 1" }, method, "x")
        refuse("headers", "headers", "X: 1", method, "x")
        refuse("string expected", "body", nil, method, {})
        refuse("string expected", "body", nil, method, 12)
      end
      refuse("bad body", "body", 12, "finish")
      refuse("bad body", "body", {}, "finish")
    end)
    local server = serve(function(_, response)
      tries(response)
      response.body = "still there"
    end)
    local bytes = talk(server, GET)
    assert.equal("still there", parse(bytes).body)
    assert.is_nil(bytes:find("Set-Cookie", 1, true))
    assert.is_nil(bytes:find("\nb", 1, true))
  end)

  it("cannot write once the response is finished", function()
    local tries = helper.expect(function(response)
      assert_misuse("already", function() response:write("more") end)
      assert_misuse("already", function() response:finish() end)
      assert_misuse("already", function() response:finish("more") end)
    end)
    local server = serve(function(_, response)
      response:finish("once")
      tries(response)
    end)
    assert.equal("once", ask(server).body)
  end)

  it("cannot write more than the length that it has stated", function()
    local tries = helper.expect(function(response)
      assert_misuse("longer", function() response:write("more than four") end)
    end)
    local server = serve(function(_, response)
      response.headers["Content-Length"] = 4
      response:write("f")
      tries(response)
      response:write("our")
    end)
    assert.equal("four", ask(server).body)
  end)

  it("that writes less than it has stated cuts the connection", function()
    local server = serve(function(_, response)
      response.headers["Content-Length"] = 4
      response:write("fo")
    end)
    local response = http.get(server.url):await()
    assert.equal(http.Response.REMOTE_HOST_CLOSED_ERROR, response.error)
  end)
end)

describe("a handler that writes on and on", function()
  after_each(servers.close)
  helper.setup()

  it("learns that its client has gone, although the loop had no turn to tell it", function()
    local response, result, writes
    local server = serve(function(_, answer)
      response:abort()
      writes = 0
      repeat
        writes = writes + 1
        result = { answer:write(("x"):rep(100000)) }
      until not result[1] or writes == 10000
    end)
    response = http.get(("http://127.0.0.1:%d/"):format(server.port))
    helper.wait(function() return result and not result[1] or writes == 10000 end)
    assert.same({ nil, "the client has gone", "closed" }, { result[1], result[2], result[3] })
  end)
end)

describe("a handler that throws", function()
  helper.setup()

  -- A server in a process of its own, since what its handler throws is told on its standard error.
  local function with_child(handler, test)
    local dir = raw.mkdtemp()
    local pid = assert(raw.spawn({ COMMAND, "-e", [[
      local server = http.serve { handler = function(request, response) ]] .. handler .. [[ end }
      print(server.port)
      io.stdout:flush()
    ]], stdout = dir .. "/out" }))
    local function output()
      local file = assert(io.open(dir .. "/out"))
      local text = file:read("*a")
      file:close()
      return text
    end
    local ok, problem = pcall(function()
      local port = helper.wait(function() return output():match("^(%d+)\n") end, PATIENCE, "the port")
      test({ port = tonumber(port), url = "http://127.0.0.1:" .. port })
    end)
    raw.kill(pid, "INT")
    local status = helper.wait(function() return raw.reap(pid) end, PATIENCE, "the child's end")
    local text = output()
    raw.remove_tree(dir)
    assert(ok, problem)
    assert.equal(130, status)
    return text
  end

  it("before the head makes a 500 without details, and the server goes on", function()
    local output = with_child("response.headers.X = 'y' error('secret words')", function(server)
      for _ = 1, 2 do
        local reply = ask(server)
        assert.same({ 500, "Internal Server Error" }, { reply.status, reply.reason })
        assert.is_nil(reply.headers.x)
        assert.is_nil(reply.body:find("secret", 1, true))
      end
    end)
    assert.matches("secret words\nstack traceback:", output)
  end)

  it("after the head cuts the connection", function()
    for _, stated in ipairs({ "", "response.headers['Content-Length'] = 100" }) do
      local output = with_child(stated .. " response:write('part') error('secret words')", function(server)
        local response = http.get(server.url):await()
        assert.equal(http.Response.REMOTE_HOST_CLOSED_ERROR, response.error)
        assert.is_nil(talk(server, GET):find("\r\n0\r\n", 1, true)) -- a last chunk would look whole
      end)
      assert.matches("secret words", output)
    end
  end)

  it("after the end does no harm", function()
    local output = with_child("response:finish('whole') error('secret words')", function(server)
      assert.equal("whole", ask(server).body)
    end)
    assert.matches("secret words", output)
  end)

  it("by what it assigns makes a 500 as well", function()
    for _, wrong in ipairs({
      "response.status = 'x'", "response.headers['X Y'] = 1", "response.headers.X = 'a\\r\\nb'", "response.body = {}",
      "response.headers = nil",
    }) do
      with_child(wrong, function(server)
        assert.equal(500, ask(server).status)
      end)
    end
  end)
end)
