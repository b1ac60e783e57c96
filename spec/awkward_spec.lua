-- A server and clients that are within their rights, but awkward: that pipeline, pause, upload and leave at
-- the worst of times. (What is malformed is in hostile_spec.lua.)
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local servers = require("servers")

local serve, talk = servers.serve, servers.talk
local SLOW = helper.under == "valgrind" and 4 or 1
local CLOSE = "Connection: close\r\n"
local STREAMS = http.can("stream_request")

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

-- The client does not read for so long.
local function rest(conn, seconds)
  local start = http.now()
  conn:pause()
  while http.now() - start < seconds do
    http.poll(seconds)
  end
  conn:resume()
end

describe("a server", function()
  after_each(servers.close)
  helper.setup()

  it("answers a large upload that is pipelined behind another request", function()
    local server = serve(function(request, response) response.body = request.method .. #request.body end)
    local body = ("x"):rep(2 * 1024 * 1024)
    local received = talk(server, get("/") ..
      ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n"):format(#body, CLOSE) .. body)
    assert.matches("GET0HTTP/1%.1 200 OK.*\r\n\r\nPOST2097152$", received)
  end)

  -- The system tells that it takes more of a reply once a good part of what it holds has gone.
  it("does not take a client that reads steadily for an idle one", function()
    local total = 30 * 1024 * 1024
    local server = serve(function(_, response) response.body = ("x"):rep(total) end, { idle_timeout = SLOW })
    local conn = connect(server, get("/", CLOSE))
    while not conn.closed do
      rest(conn, 0.05 * SLOW)
      local enough = conn.received_count + 1024 * 1024
      helper.wait(function() return conn.closed or conn.received_count >= enough end, 20 * SLOW)
    end
    assert.is_true(conn.received_count > total)
  end)

  it("has no body behind a HEAD that it refuses, nor a length of 0 in a 304", function()
    local server = serve(function(_, response) response.status = 304 end)
    if http.can "be_strict" then
      local received = talk(server, "HEAD / HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n")
      assert.matches("^HTTP/1%.1 417 ", received)
      assert.matches("\r\n\r\n$", received)
    end
    assert.is_nil(talk(server, get("/", CLOSE)):find("Content-Length", 1, true))
  end)

  helper.it_can("upgrade", "does not tell of a tunnel that there is not", function()
    local ok, message
    local server = serve(function(_, response)
      ok, message = pcall(response.finish, response, "ok")
      response.status = 405
    end)
    local received = talk(server, "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n" .. CLOSE .. "\r\n")
    assert.is_false(ok)
    assert.matches("200 to CONNECT", message)
    assert.matches("^HTTP/1%.1 405 ", received)
  end)

  if not STREAMS then
    return
  end

  it("does not take a client for idle of whose reply the system holds more than it reads meanwhile", function()
    local total = 30 * 1024 * 1024
    local server = serve(function(_, response) response.body = ("x"):rep(total) end, { idle_timeout = 0.5 * SLOW })
    local conn = connect(server, get("/", CLOSE))
    local start = http.now()
    while http.now() - start < 2 * SLOW do
      rest(conn, 0.1 * SLOW)
      http.poll(0)
    end
    assert.is_true(conn.received_count < 4 * 1024 * 1024)
    helper.wait(function() return conn.closed end, 20 * SLOW)
    assert.is_true(conn.received_count > total)
  end)

  it("sends no 100 into an answer that is under way", function()
    local server = serve(function(request, response)
      response:write("part")
      request:read()
      response:write("rest")
    end, { stream = true })
    local conn = connect(server,
      "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n" .. CLOSE .. "\r\n")
    helper.wait(function() return conn.received:find("part", 1, true) end)
    conn:send("ab")
    helper.wait(function() return conn.closed end)
    assert.is_nil(conn.received:find("100 Continue", 1, true))
    assert.matches("\r\n\r\n4\r\npart\r\n4\r\nrest\r\n0\r\n\r\n$", conn.received)
  end)

  it("notices that a client leaves whose body had to wait for the handler", function()
    local gone
    local server = serve(function(_, response)
      for _ = 1, 400 * SLOW do
        http.sleep(0.005)
        if response:gone() then
          break
        end
      end
      gone = response:gone()
    end, { stream = true })
    local conn = connect(server, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n" .. ("x"):rep(90000))
    helper.wait(function() return http._live().requests > 0 end)
    for _ = 1, 10 do
      http.poll(0.005)
    end
    conn:close()
    helper.wait(function() return gone ~= nil end)
    assert.is_true(gone)
  end)

  it("that cannot upgrade behind an answer which is not out ends the connection", function()
    local words
    local server = serve(function(request, response)
      if request.path == "/big" then
        response.body = ("x"):rep(20 * 1024 * 1024)
      else
        words = select(2, response:upgrade({ Upgrade = "echo" }))
      end
    end)
    local conn = connect(server, get("/big") .. get("/", "Connection: Upgrade\r\nUpgrade: echo\r\n"))
    conn:pause()
    helper.wait(function() return words ~= nil end)
    assert.matches("does not take", words)
    conn:resume()
    helper.wait(function() return conn.closed end)
    assert.same(0, http._live().requests)
  end)
end)

describe("server:stop", function()
  after_each(servers.close)
  helper.setup()
  if not http.can "drain" then
    return
  end

  it("waits until an answer that has been finished is out", function()
    local server
    local result
    server = serve(function(_, response)
      response:finish(("x"):rep(20 * 1024 * 1024))
      http.spawn(function() result = server:stop() end)
    end)
    local conn = connect(server, get("/"))
    conn:pause()
    helper.wait(function() return http._live().requests == 0 end)
    for _ = 1, 10 do
      http.poll(0.005)
    end
    assert.is_nil(result)
    conn:resume()
    helper.wait(function() return result ~= nil end, 20)
    helper.wait(function() return conn.closed end)
    assert.is_true(result)
    assert.is_true(#conn.received > 20 * 1024 * 1024)
  end)

  it("returns false when another task closes the server meanwhile", function()
    local result
    local server = serve(function(_, response)
      while not response:gone() do
        http.sleep(0.005)
      end
    end)
    connect(server, get("/"))
    helper.wait(function() return http._live().requests == 1 end)
    http.spawn(function() result = server:stop() end)
    http.poll(0)
    server:close()
    helper.wait(function() return result ~= nil end)
    assert.is_false(result)
    helper.wait(function() return http._live().requests == 0 end)
  end)
end)
