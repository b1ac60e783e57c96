-- Connections that are kept and used again: by whom, by whom not, and what if one has died.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local certs = require("certs")

local R = http.Response
local HEAD = "HTTP/1.1 200 OK\r\n"
local OK = HEAD .. "Content-Length: 2\r\n\r\nhi"

local function ask(options, data)
  local response = http.request(options, data, helper.expect(function() end))
  helper.wait_calls()
  return response
end

-- Asks, and fails unless the answer is "hi" (or what is given).
local function get(options, body)
  options = type(options) == "string" and { url = options } or options
  options.method = options.method or "GET"
  local response = ask(options, options.method == "POST" and "data" or nil)
  assert.equal(R.NO_ERROR, response.error, response.error_string)
  assert.equal(body or "hi", response:read_string())
  return response
end

local function keeping(answer, tls)
  return helper.respond(answer or OK, { keep_open = true, tls = tls })
end

describe("a connection is used again", function()
  helper.setup()

  it("for the same origin, whatever the method", function()
    local server = keeping(function(request)
      return request.method == "HEAD" and HEAD .. "Content-Length: 9\r\n\r\n" or OK
    end)
    for _, method in ipairs { "GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "GET" } do
      get({ url = helper.url(server), method = method }, method == "HEAD" and "" or "hi")
    end
    assert.equal(8, #server.requests)
    assert.equal(1, server.accepted)
  end)

  it("for the same origin over TLS", function()
    local server = keeping(OK, certs.server)
    for _ = 1, 3 do
      get { url = helper.url(server), ca_file = certs.ca_file }
    end
    assert.equal(1, server.accepted)
  end)

  it("whatever the case of the host's name", function()
    local server = keeping()
    get(helper.url(server, "/", "localhost"))
    get { hostname = "LocalHost", port = server.port, protocol = "HTTP:" }
    assert.equal(1, server.accepted)
  end)

  it("from inside the callback of the request before", function()
    local server = keeping()
    http.get(helper.url(server), helper.expect(function()
      http.get(helper.url(server), helper.expect(function() end))
    end))
    helper.wait(function() return #server.requests == 2 end)
    helper.wait_calls()
    assert.equal(1, server.accepted)
  end)

  for title, reply in pairs {
    ["after chunks"] = HEAD .. "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    ["after a reply of 1.0 that keeps alive"] =
      "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
    ["after an error of the server's"] = "HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nhi",
    ["after 204"] = "HTTP/1.1 204 No Content\r\n\r\n",
    ["after 304"] = "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    ["after 100"] = "HTTP/1.1 100 Continue\r\n\r\n" .. OK,
  } do
    it(title, function()
      local server = keeping(reply)
      ask { url = helper.url(server), method = "GET" }
      ask { url = helper.url(server), method = "GET" }
      assert.equal(1, server.accepted)
    end)
  end

  it("by one request at a time", function()
    local server = keeping()
    for round = 1, 2 do
      for _ = 1, 3 do
        http.get(helper.url(server), helper.expect(function() end))
      end
      helper.wait_calls()
      assert.equal(3, server.accepted, "in round " .. round)
    end
  end)
end)

describe("a connection is not used", function()
  helper.setup()

  -- Two requests that must not share one.
  local function apart(first, second, server)
    get(first)
    get(second)
    assert.equal(2, server.accepted)
  end

  it("for another host", function()
    local server = keeping()
    apart(helper.url(server), helper.url(server, "/", "localhost"), server)
  end)

  it("for another port", function()
    local one, other = keeping(), keeping()
    get(helper.url(one))
    get(helper.url(other))
    get(helper.url(one))
    assert.same({ 1, 1, 2, 1 }, { one.accepted, other.accepted, #one.requests, #other.requests })
  end)

  it("for another protocol", function()
    local plain = keeping()
    get(helper.url(plain))
    local response = ask { method = "GET", url = helper.url(plain):gsub("http", "https"), timeout = { connect = 0.05 } }
    assert.equal(R.TIMEOUT_ERROR, response.error)
    assert.equal(2, plain.accepted)

    local secure = keeping(OK, certs.server)
    get { url = helper.url(secure), ca_file = certs.ca_file }
    assert.not_equal(R.NO_ERROR, ask({ method = "GET", url = helper.url(secure):gsub("https", "http") }).error)
    assert.equal(2, secure.accepted)
  end)

  it("that was not verified where that is asked for", function()
    local server = keeping(OK, certs.self_signed)
    get { url = helper.url(server), verify = false }
    local response = ask { method = "GET", url = helper.url(server) }
    assert.equal(R.SSL_HANDSHAKE_FAILED_ERROR, response.error)
    get { url = helper.url(server), verify = false }
    assert.equal(2, server.accepted)
    assert.equal(2, #server.requests)
  end)

  it("that was verified where that is not asked for", function()
    local server = keeping(OK, certs.server)
    local url = helper.url(server)
    apart({ url = url, ca_file = certs.ca_file }, { url = url, verify = false }, server)
  end)

  it("that another ca_file vouches for", function()
    local server = keeping(OK, certs.server)
    get { url = helper.url(server), ca_file = certs.ca_file }
    local response = ask { method = "GET", url = helper.url(server), ca_file = certs.self_signed.cert_file }
    assert.equal(R.SSL_HANDSHAKE_FAILED_ERROR, response.error)
    assert.equal(1, #server.requests)
  end)

  for title, reply in pairs {
    ["after Connection: close"] = HEAD .. "Connection: close\r\nContent-Length: 2\r\n\r\nhi",
    ["after Connection: close, TE"] = HEAD .. "Connection: close, TE\r\nContent-Length: 2\r\n\r\nhi",
    ["after TE, CLOSE"] = HEAD .. "Connection: TE\r\nConnection: CLOSE\r\nContent-Length: 2\r\n\r\nhi",
    ["after a reply of 1.0 in chunks, whatever it says"] = not http.can "be_strict"
      and "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" .. "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    ["after a reply of 1.0"] = "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    ["with bytes left over"] = OK .. "\r\n",
    ["with another reply left over"] = OK .. OK,
  } do
    if reply then
      it(title, function()
        local server = keeping(reply)
        apart(helper.url(server), helper.url(server), server)
      end)
    end
  end

  it("where the request said Connection: close", function()
    local server = keeping()
    local options = { url = helper.url(server), headers = { Connection = "close" } }
    apart(options, helper.url(server), server)
  end)

  it("after an error", function()
    local server = keeping(function(request)
      return request.target == "/bad" and HEAD .. "Content-Length: x\r\n\r\n" or OK
    end)
    assert.equal(R.PROTOCOL_FAILURE, ask({ method = "GET", url = helper.url(server, "/bad") }).error)
    get(helper.url(server))
    assert.equal(2, server.accepted)
  end)

  it("after a timeout or abort()", function()
    local server = keeping(function(request)
      return request.target == "/" and OK or HEAD .. "Content-Length: 5\r\n\r\nabc"
    end)
    ask { method = "GET", url = helper.url(server, "/half"), timeout = 0.05 }
    local response = http.get(helper.url(server, "/half"), helper.expect(function() end))
    response.ready_read_handler = function() response:abort() end
    helper.wait_calls()
    get(helper.url(server))
    assert.equal(3, server.accepted)
  end)
end)

describe("an idle connection", function()
  helper.setup()

  -- A server that answers the first request of a connection, and does act(conn) at the others.
  local function dying(act, tls)
    return keeping(function(_, conn)
      conn.count = (conn.count or 0) + 1
      if conn.count == 1 then
        return OK
      end
      act(conn)
      return nil
    end, tls)
  end

  local function close(conn) conn:close() end
  local function reset(conn) conn:reset() end

  it("is let go when the server closes it", function()
    local conn
    local server = keeping(function(_, c)
      conn = c
      return OK
    end)
    get(helper.url(server))
    conn:half_close()
    helper.wait(function() return conn.closed end)
    get(helper.url(server))
    assert.equal(2, server.accepted)
  end)

  for title, ending in pairs { closed = close, reset = reset } do
    it("that was " .. title .. " a moment ago is not used", function()
      for _, method in ipairs { "GET", "POST" } do
        local conn
        local server = keeping(function(_, c)
          conn = c
          return OK
        end)
        get(helper.url(server))
        ending(conn) -- and the loop does not turn before the next request
        get { url = helper.url(server), method = method }
        assert.equal(2, server.accepted)
      end
    end)

    -- What has no capability of its own comes with the pool.
    helper.it_can("connect_anyhow", "that was " .. title .. " while a task was busy is not used", function()
      local conn
      local server = keeping(function(_, c)
        conn = c
        return OK
      end)
      local task = http.spawn(function()
        assert(http.get(helper.url(server)):await().ok)
        ending(conn)
        local busy = raw.now() + 0.02 -- the loop learns nothing meanwhile
        repeat until raw.now() > busy
        return http.post(helper.url(server), "data"):await()
      end)
      local response = task:await()
      assert.equal(R.NO_ERROR, response.error, response.error_string)
      assert.equal(2, server.accepted)
    end)

    for _, method in ipairs { "GET", "PUT", "DELETE", "HEAD" } do
      it(("that is %s by the server as it is used: %s is sent again"):format(title, method), function()
        local server = dying(ending)
        get(helper.url(server))
        get({ url = helper.url(server), method = method }, method == "HEAD" and "" or "hi")
        assert.equal(2, server.accepted)
        assert.equal(3, #server.requests)
      end)
    end

    for _, method in ipairs { "POST", "PATCH" } do
      it(("that is %s by the server as it is used: %s is not sent again"):format(title, method), function()
        local server = dying(ending)
        get(helper.url(server))
        local response = ask({ method = method, url = helper.url(server) }, "data")
        assert.equal(R.REMOTE_HOST_CLOSED_ERROR, response.error)
        assert.equal(1, response.error_detail.attempt)
        assert.equal(1, server.accepted)
        assert.equal(2, #server.requests)
      end)
    end
  end

  it("over TLS that is closed as it is used: GET is sent again", function()
    local server = dying(close, certs.server)
    get { url = helper.url(server), ca_file = certs.ca_file }
    get { url = helper.url(server), ca_file = certs.ca_file }
    assert.equal(2, server.accepted)
  end)

  it("is tried once more, not for ever", function()
    local answered = false
    local server = keeping(function(_, conn)
      if answered then
        conn:close()
        return nil
      end
      answered = true
      return OK
    end)
    get(helper.url(server))
    local response = ask { method = "GET", url = helper.url(server) }
    assert.equal(R.REMOTE_HOST_CLOSED_ERROR, response.error)
    assert.equal(2, response.error_detail.attempt)
    assert.equal(3, #server.requests)
  end)

  it("that dies in the middle of a reply is not used again", function()
    local server = dying(function(conn)
      conn:send("HTTP/1.1 2")
      conn:close()
    end)
    get(helper.url(server))
    local response = ask { method = "GET", url = helper.url(server) }
    assert.equal(R.REMOTE_HOST_CLOSED_ERROR, response.error)
    assert.equal(1, response.error_detail.attempt)
    assert.equal(2, #server.requests)
  end)

  it("that dies after an interim reply is not used again", function()
    local server = dying(function(conn)
      conn:send("HTTP/1.1 100 Continue\r\n\r\n")
      conn:close()
    end)
    get(helper.url(server))
    assert.equal(R.REMOTE_HOST_CLOSED_ERROR, ask({ method = "GET", url = helper.url(server) }).error)
    assert.equal(2, #server.requests)
  end)

  it("is one of at most 128", function()
    local closed, waiting = 0, {}
    local server = raw.listen {
      on_connect = function(conn)
        conn.on_data = function() waiting[#waiting + 1] = conn end
        conn.on_close = function() closed = closed + 1 end
      end,
    }
    local finished = 0
    for _ = 1, 140 do
      http.get(helper.url(server), function() finished = finished + 1 end)
    end
    helper.wait(function() return #waiting == 140 end) -- all at once
    for _, conn in ipairs(waiting) do
      conn:send(OK)
    end
    helper.wait(function() return finished == 140 end)
    helper.wait(function() return closed == 12 end)
  end)
end)
