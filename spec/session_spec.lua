-- A server's side of its connections: one request after the other, clients that are slow, rude or gone,
-- and a stop in good order.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local servers = require("servers")

local serve, talk = servers.serve, servers.talk
local SLOW = helper.under and 4 or 1

local function get(path, more)
  return ("GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n"):format(path, more or "")
end

local function connect(server, bytes)
  local conn = raw.connect({ port = server.port })
  if bytes then
    conn:send(bytes)
  end
  return conn
end

local function count(text, words)
  return select(2, text:gsub(words, ""))
end

-- Waits until so many replies, or more, have come whole; bodies must not look like heads.
local function wait_replies(conn, n)
  helper.wait(function() return count(conn.received, "HTTP/1%.[01] %d%d%d") >= n end, nil, n .. " replies")
end

local CLOSE = "Connection: close\r\n"

describe("a connection of a server", function()
  after_each(servers.close)
  helper.setup()

  it("answers requests that come in one piece, one after the other", function()
    local server = serve(function(request, response) response.body = request.path .. ";" end)
    local received = talk(server, get("/1") .. get("/2") .. get("/3", CLOSE))
    assert.equal(3, count(received, "HTTP/1%.1 200 OK"))
    assert.equal("/1;/2;/3;", (received:gsub("HTTP/1%.1.-\r\n\r\n", "")))
  end)

  it("answers in the order of the requests, however long each takes", function()
    local running, most = 0, 0
    local server = serve(function(request, response)
      running = running + 1
      most = math.max(most, running)
      if request.path == "/slow" then
        http.sleep(0.02)
      end
      running = running - 1
      response.body = request.path .. ";"
    end)
    local received = talk(server, get("/slow") .. get("/quick") .. get("/slow") .. get("/last", CLOSE))
    assert.equal("/slow;/quick;/slow;/last;", (received:gsub("HTTP/1%.1.-\r\n\r\n", "")))
    assert.equal(1, most) -- of one connection
  end)

  it("answers requests that come byte by byte", function()
    local server = serve(function(request, response) response.body = request.method .. request.body .. ";" end)
    local bytes = get("/1") .. "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" ..
      "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\nX: y\r\n\r\n" ..
      get("/2", CLOSE)
    local conn = connect(server)
    for i = 1, #bytes do
      conn:send(bytes:sub(i, i))
      http.poll(0)
      http.poll(0)
    end
    helper.wait(function() return conn.closed end)
    assert.equal("GET;POSTabc;PUTdef;GET;", (conn.received:gsub("HTTP/1%.1.-\r\n\r\n", "")))
  end)

  it("throws away a short body that the handler did not wait for", function()
    if not http.can "stream_request" then
      return assert.error_matches(function()
        serve(function() end, { stream = true })
      end, "stream")
    end
    local server = serve(function(_, response) response.body = "no;" end, { stream = true })
    local conn = connect(server, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n01234")
    wait_replies(conn, 1)
    conn:send("56789" .. get("/", CLOSE))
    helper.wait(function() return conn.closed end)
    assert.equal(2, count(conn.received, "HTTP/1%.1 200 OK"))
  end)

  helper.it_can("stream_request",
    "is closed behind the refusal of a body that is long, and the refusal arrives", function()
    local server = serve(function(_, response)
      response.status = 403
      response.body = "no"
    end, { stream = true })
    local conn = connect(server, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n" .. ("x"):rep(200000))
    helper.wait(function() return conn.closed or conn.received:find("\r\n\r\nno$") end)
    assert.matches("^HTTP/1%.1 403 ", conn.received)
    assert.matches("\nConnection: close\r\n", conn.received)
  end)

  it("asks for a body whose sender waits for that, once", function()
    local server = serve(function(request, response) response.body = request.body end)
    local conn = connect(server,
      "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n" .. CLOSE .. "\r\n")
    helper.wait(function() return conn.received == "HTTP/1.1 100 Continue\r\n\r\n" end)
    conn:send("hello")
    helper.wait(function() return conn.closed end)
    assert.matches("^HTTP/1%.1 100 Continue\r\n\r\nHTTP/1%.1 200 OK\r\n.*\r\n\r\nhello$", conn.received)
  end)

  it("refuses a body that is too large before its sender sends it", function()
    local server = serve(helper.expect(function() end, 0), { max_body_size = 10 })
    local received = talk(server,
      "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n")
    assert.matches("^HTTP/1%.1 413 ", received)
  end)

  helper.it_can("be_strict", "does not know other expectations", function()
    local server = serve(helper.expect(function() end, 0))
    assert.matches("^HTTP/1%.1 417 ", talk(server, get("/", "Expect: tea\r\n" .. CLOSE)))
  end)

  it("lives on for a client of 1.0 that asks for that, and only for such a one", function()
    local server = serve(function(_, response) response.body = "x" end)
    local conn = connect(server, "GET / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n")
    wait_replies(conn, 1)
    assert.matches("\nConnection: keep%-alive\r\n", conn.received)
    conn:send("GET / HTTP/1.0\r\n\r\n")
    helper.wait(function() return conn.closed end)
    assert.equal(2, count(conn.received, "HTTP/1%.[01] 200"))
  end)

  it("never has a body behind HEAD, 204 and 304", function()
    local server = serve(function(request, response)
      response.status = tonumber(request.path:match("%d+")) or 200
      response:write("a body")
      response:finish()
    end)
    local received = talk(server, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" .. get("/204") .. get("/304") ..
      "HEAD / HTTP/1.1\r\nHost: x\r\n" .. CLOSE .. "\r\n")
    assert.equal(4, count(received, "HTTP/1%.1 %d%d%d"))
    assert.is_nil(received:find("body", 1, true))
  end)

  it("has its answer in chunks, or until its end where the client knows none", function()
    local server = serve(function(_, response)
      response:write("ab")
      response:write("cde")
    end)
    assert.matches("\nTransfer%-Encoding: chunked\r\n.-\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n$",
      talk(server, get("/", CLOSE)))
    local old = talk(server, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert.matches("\r\n\r\nabcde$", old)
    assert.is_nil(old:find("Transfer-Encoding", 1, true))
  end)

  helper.it_can("any_method", "takes any token for a method", function()
    local server = serve(function(request, response) response.body = request.method end)
    for _, method in ipairs { "BREW", "get", "M-SEARCH", "a!#$%&'*+-.^_`|~9" } do
      assert.matches("\r\n\r\n" .. method:gsub("%p", "%%%0") .. "$",
        talk(server, ("%s / HTTP/1.1\r\nHost: x\r\n%s\r\n"):format(method, CLOSE)))
    end
  end)

  helper.it_can("stream_request", "reads no more than a little while a handler works", function()
    local go = false
    local server = serve(function(_, response)
      while not go do
        http.sleep(0.005)
      end
      response.body = "x"
    end)
    local before = raw.rss and raw.rss()
    local conn = connect(server, get("/"))
    local many = ("GET / HTTP/1.1\r\nHost: x\r\n\r\n"):rep(1000)
    for _ = 1, 400 do -- 13 MB, of which the kernel's buffers hold a part
      conn:send(many)
    end
    for _ = 1, 20 do
      http.poll(0.005)
    end
    if before then
      assert.is_true(raw.rss() - before < 40 * 1024 * 1024)
    end
    go = true
    wait_replies(conn, 100)
    conn:close()
  end)

  it("tells a handler that its client has gone", function()
    local gone
    local server = serve(function(_, response)
      for _ = 1, 400 * SLOW do
        http.sleep(0.005)
        if response:gone() then
          break
        end
      end
      gone = response:gone()
    end)
    for _, leave in ipairs { "close", "reset" } do
      gone = nil
      local conn = connect(server, get("/"))
      helper.wait(function() return http._live().requests > 0 end)
      conn[leave](conn)
      helper.wait(function() return gone ~= nil end)
      assert.is_true(gone, leave)
    end
  end)
end)

describe("a slow client", function()
  after_each(servers.close)
  helper.setup()

  if not http.can "stream_request" then
    it("is not watched by an engine that sees requests only when they are whole, which says so", function()
      for _, name in ipairs { "header_timeout", "min_rate" } do
        local ok, message = pcall(http.serve, { handler = function() end, [name] = 1 })
        assert.is_false(ok)
        assert.matches("header_timeout nor min_rate", message)
      end
    end)
    return
  end

  it("that sends its head drop by drop is given up in time", function()
    local server = serve(helper.expect(function() end, 0), { header_timeout = 0.2 * SLOW })
    local conn = connect(server, "GET / HTTP/1.1\r\nX: ")
    local start = http.now()
    helper.wait(function()
      if not conn.closed then
        conn:send("y")
      end
      return conn.closed or conn.received ~= ""
    end)
    assert.matches("^HTTP/1%.1 408 ", conn.received)
    assert.is_true(http.now() - start < 1.5 * SLOW)
    conn:close()
  end)

  it("that stands still in its head is given up", function()
    local server = serve(helper.expect(function() end, 0), { idle_timeout = 0.1 * SLOW })
    assert.matches("^HTTP/1%.1 408 ", talk(server, "GET / HT"))
  end)

  it("that says nothing at all is left without a word", function()
    local server = serve(helper.expect(function() end, 0), { idle_timeout = 0.1 * SLOW })
    assert.equal("", talk(server, ""))
  end)

  it("that does not read its answer is given up", function()
    local finished
    local server = serve(function(_, response)
      for _ = 1, 1000 do
        if not response:write(("x"):rep(100000)) then
          break
        end
      end
      finished = true
    end, { idle_timeout = 0.2 * SLOW })
    local conn = connect(server, get("/"))
    conn:pause()
    helper.wait(function() return finished end)
    conn:close()
  end)
end)

describe("server:stop", function()
  after_each(servers.close)
  helper.setup()

  if not http.can "drain" then
    it("is refused where the engine cannot do it", function()
      local server = serve(function() end)
      assert.has_error(function() server:stop() end)
    end)
    return
  end

  local function stopped(server, seconds)
    local result
    http.spawn(function() result = { server:stop(seconds) } end)
    return function() return result end
  end

  it("lets what runs come to its end, and closes idle connections at once", function()
    local go = false
    local server = serve(function(_, response)
      while not go do
        http.sleep(0.005)
      end
      response.body = "done"
    end)
    local idle, busy = connect(server), connect(server, get("/"))
    helper.wait(function() return http._live().requests == 1 end)
    local result = stopped(server)
    helper.wait(function() return idle.closed end)
    assert.is_falsy(busy.closed)
    assert.is_nil(result())
    go = true
    helper.wait(function() return busy.closed end)
    assert.matches("\nConnection: close\r\n.-\r\ndone$", busy.received)
    assert.same({ true }, helper.wait(result))
  end)

  it("takes no connection more", function()
    local go = false
    local server = serve(function(_, response)
      while not go do
        http.sleep(0.005)
      end
      response.body = "done"
    end)
    connect(server, get("/"))
    helper.wait(function() return http._live().requests == 1 end)
    local result = stopped(server)
    local refused = http.get(server.url)
    helper.wait(function() return refused.finished end)
    assert.equal(http.Response.CONNECTION_REFUSED_ERROR, refused.error)
    go = true
    helper.wait(result)
  end)

  it("answers the request in work, and none behind it on that connection", function()
    local paths = {}
    local server = serve(function(request, response)
      paths[#paths + 1] = request.path
      http.sleep(0.05)
      response.body = "done"
    end)
    local conn = connect(server, get("/1") .. get("/2"))
    helper.wait(function() return #paths == 1 end)
    local result = stopped(server)
    helper.wait(result)
    helper.wait(function() return conn.closed end)
    assert.same({ "/1" }, paths)
    assert.equal(1, count(conn.received, "HTTP/1%.1 200"))
  end)

  it("cuts what is not over in time, and says so", function()
    local over = false
    local server = serve(function(_, response)
      while not response:gone() do
        http.sleep(0.005)
      end
      over = true
    end)
    local conn = connect(server, get("/"))
    helper.wait(function() return http._live().requests == 1 end)
    local result = stopped(server, 0.05)
    assert.same({ false }, helper.wait(result))
    helper.wait(function() return over and conn.closed end)
  end)

  it("of a server with nothing to do is over at once", function()
    local server = serve(function() end)
    assert.same({ true }, helper.wait(stopped(server)))
    assert.is_true(server:stop())
  end)

  it("wants a number of seconds", function()
    local server = serve(function() end)
    for _, seconds in ipairs { "x", -1, 0 / 0 } do
      assert.has_error(function() server:stop(seconds) end)
    end
  end)
end)

describe("reuse_port", function()
  after_each(servers.close)
  helper.setup()

  it("lets two servers listen on one port", function()
    local first = serve(function(_, response) response.body = "x" end, { reuse_port = true })
    local second = serve(function(_, response) response.body = "x" end, { reuse_port = true, port = first.port })
    assert.equal(first.port, second.port)
    assert.matches("200 OK", talk(first))
    local third, message = http.serve { handler = function() end, port = first.port }
    assert.is_nil(third)
    assert.matches("in use", message)
  end)
end)
