-- Replies that come before the request has been sent, and what becomes of the rest of it.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local certs = require("certs")

local R = http.Response
local BIG = ("x"):rep(4 * 1024 * 1024) -- far more than sockets hold
local REPLY = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nenoug"

-- A server that says `reply` as soon as the head of a request is in, and reads on only if it `reads`.
local function hasty(reply, options)
  options = options or {}
  local server = { accepted = 0, closed = 0, heads = {} }
  server.raw = raw.listen {
    tls = options.tls,
    on_connect = function(conn)
      server.accepted = server.accepted + 1
      local seen, answered = "", false
      conn.on_data = function(_, bytes)
        if answered then
          return
        end
        seen = seen .. bytes
        local head = seen:match("^(.-\r\n\r\n)")
        if head then
          answered = true
          server.heads[#server.heads + 1] = head
          conn:send(reply)
          if options.close then
            conn:close()
          elseif not options.reads then
            conn:pause()
          end
        end
      end
      conn.on_close = function()
        server.closed = server.closed + 1
      end
    end,
  }
  server.port = server.raw.port
  server.tls = options.tls
  return server
end

local function put(server, options)
  local request = { method = "PUT", ca_file = certs.ca_file }
  request.url = ("%s://localhost:%d/"):format(server.tls and "https" or "http", server.port)
  for name, value in pairs(options or {}) do
    request[name] = value
  end
  local response = http.request(request, BIG, helper.expect(function() end))
  helper.wait_calls()
  return response
end

-- An engine that cannot read a body as it sends it reads replies when all has been sent.
describe("a reply that comes while the request is being sent", function()
  helper.setup()

  for where, tls in pairs { [""] = false, [" over TLS"] = certs.server } do
    helper.it_can("stream_upload", "is delivered, and the rest is not sent" .. where, function()
      local server = hasty(REPLY, { tls = tls })
      local response = put(server)
      assert.equal(413, response.status_code)
      assert.equal("enoug", response:read_string())
      assert.equal(R.UNKNOWN_CONTENT_ERROR, response.error)
      assert.equal(1, server.accepted)
    end)

    helper.it_can("stream_upload", "is delivered to who sends no more than its head" .. where, function()
      local server = hasty(REPLY, { tls = tls, reads = true })
      local response = put(server, { headers = { Expect = "100-continue" } })
      assert.equal(413, response.status_code)
      assert.equal("enoug", response:read_string())
      helper.wait(function() return server.closed == 1 end) -- what was announced has not come
    end)
  end

  helper.it_can("stream_upload", "ends the connection: the next request has another", function()
    local server = hasty("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", { reads = true })
    assert.equal("ok", put(server):read_string())
    helper.wait(function() return server.closed == 1 end)
    assert.equal("ok", put(server):read_string())
    assert.equal(2, server.accepted)
  end)

  -- A function that gives `size` bytes in pieces of 64 KiB; given() tells how many it has.
  local function giver(size)
    local given = 0
    local function give()
      if given == size then
        return nil
      end
      given = given + 65536
      return ("%08d"):format(given):rep(8192)
    end
    return give, function() return given end
  end

  local MIB = 1024 * 1024

  helper.it_can("stream_upload",
    "does not end the request where it says 2xx: a server may echo while it reads", function()
    local body, told = {}, 0
    local server = raw.listen {
      on_connect = function(conn)
        local seen, answered = "", false
        conn.on_data = function(_, bytes)
          seen = seen .. bytes
          if not answered then
            local _, last = seen:find("\r\n\r\n", 1, true)
            if not last then
              return
            end
            answered, seen = true, seen:sub(last + 1)
            conn:send(("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(MIB))
          end
          told = told + #seen
          conn:send(seen)
          seen = ""
        end
      end,
    }
    local give = giver(MIB)
    local response
    response = http.request({ method = "PUT", url = helper.url(server), length = MIB }, function()
      while response.status_code == 0 do
        http.sleep(0.001)
      end
      return give()
    end, helper.expect(function() end))
    response.ready_read_handler = function() body[#body + 1] = response:read_string() end
    helper.wait_calls()
    assert.equal(R.NO_ERROR, response.error, response.error_string)
    body[#body + 1] = response:read_string()
    assert.equal(MIB, told)
    assert.equal(MIB, #table.concat(body))
  end)

  for status, words in pairs { [300] = "Multiple Choices", [413] = "Content Too Large" } do
    helper.it_can("stream_upload",
      ("stops the function that gives the request's body with %d"):format(status), function()
      local server = hasty(("HTTP/1.1 %d %s\r\nContent-Length: 2\r\n\r\nno"):format(status, words), { reads = true })
      local give, given = giver(64 * MIB)
      local response
      response = http.request({ method = "PUT", url = helper.url(server.raw) }, function()
        while response.status_code == 0 do
          http.sleep(0.001)
        end
        return give()
      end, helper.expect(function() end))
      helper.wait_calls()
      assert.equal("no", response:read_string())
      helper.wait(function() return server.closed == 1 end)
      assert.is_true(given() < MIB)
    end)
  end

  helper.it_can("stream_upload",
    "stops the function with 2xx to CONNECT, whose connection is another protocol's from then on", function()
    local server = hasty("HTTP/1.1 200 OK\r\n\r\nearly", { reads = true })
    local give, given = giver(64 * MIB)
    local response
    response = http.request({ method = "CONNECT", hostname = "127.0.0.1", port = server.port,
      path = "example.com:443" }, function()
      while response.status_code == 0 do
        http.sleep(0.001)
      end
      return give()
    end, helper.expect(function() end))
    helper.wait_calls()
    assert.equal(R.NO_ERROR, response.error, response.error_string)
    assert.is_true(given() < MIB)
    local connection = assert(response:connection())
    connection:close()
    helper.wait(function() return server.closed == 1 end)
  end)

  it("is delivered where the server has closed behind it", function()
    local server = hasty(REPLY, { close = true })
    local response = put(server)
    assert.equal(413, response.status_code)
    assert.equal("enoug", response:read_string())
  end)

  helper.it_can("stream_upload", "may be in chunks, and be long", function()
    local piece = ("y"):rep(10000)
    local chunk = ("%x\r\n%s\r\n"):format(#piece, piece)
    local server = hasty("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" .. chunk:rep(50) .. "0\r\n\r\n")
    local response = put(server)
    assert.equal(R.NO_ERROR, response.error, response.error_string)
    assert.equal(500000, #response:read_string())
  end)

  helper.it_can("stream_upload", "may be malformed", function()
    local response = put(hasty("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"))
    assert.equal(R.PROTOCOL_FAILURE, response.error)
    assert.equal("head", response.error_detail.phase)
  end)

  helper.it_can("stream_upload", "may be a protocol switch, which it must not", function()
    local server = hasty("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
    local response = put(server, { headers = { Connection = "upgrade", Upgrade = "x" } })
    assert.equal(R.PROTOCOL_FAILURE, response.error, response.error_string)
    assert.matches("101.*before it has the whole request", response.error_string)
  end)
end)

describe("a request that cannot be sent to its end", function()
  helper.setup()

  it("fails with 2 where the server resets the connection without a word", function()
    local server = raw.listen {
      on_connect = function(conn)
        conn.on_data = function() conn:reset() end
      end,
    }
    local response = put(server)
    assert.equal(R.REMOTE_HOST_CLOSED_ERROR, response.error, response.error_string)
    assert.matches("^lost 127%.0%.0%.1:%d+ while the request was being sent: ", response.error_string)
    assert.equal("send", response.error_detail.phase)
    assert.equal(0, response.status_code)
  end)

  it("is stopped by the idle clock where the server takes nothing", function()
    local server = raw.listen { on_connect = function(conn) conn:pause() end }
    local response = put(server, { timeout = { idle = 0.2 } })
    assert.equal(R.TIMEOUT_ERROR, response.error, response.error_string)
    assert.equal("send", response.error_detail.phase)
  end)

  it("is sent again where the connection had been idle, and was reset just before", function()
    local conns = {}
    local server = raw.listen {
      on_connect = function(conn)
        conns[#conns + 1] = conn
        conn.on_data = function()
          conn:send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        end
      end,
    }
    local url = ("http://127.0.0.1:%d/"):format(server.port)
    local again
    http.get(url, helper.expect(function()
      conns[1]:reset()
      again = http.get(url, helper.expect(function() end))
    end))
    helper.wait_calls()
    assert.equal("ok", again:read_string())
    assert.equal(R.NO_ERROR, again.error)
    assert.equal(2, #conns)
  end)

  it("tells of the second attempt what went wrong there, not on the first", function()
    local first
    local server = raw.listen {
      tls = certs.server,
      on_connect = function(conn)
        first = conn
        conn.on_data = function()
          conn:send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        end
      end,
    }
    local options = { url = ("https://localhost:%d/"):format(server.port), ca_file = certs.ca_file }
    local again
    collectgarbage("stop") -- who takes long is not told that the connection can be used
    http.get(options, function()
      first:half_close()
      first:reset() -- which is told as EPIPE then
      server:close()
      assert(raw.listen { port = server.port, on_connect = function(conn)
        conn.on_data = function() conn:reset() end -- in the middle of the handshake
      end })
      again = http.get(options)
    end)
    helper.wait(function() return again and again.finished end)
    collectgarbage("restart")
    local fresh = http.get(options)
    helper.wait(function() return fresh.finished end)
    assert.equal(fresh.error, again.error)
    assert.equal(fresh.error_string, again.error_string)
    assert.equal(fresh.error_detail.errno, again.error_detail.errno)
  end)
end)
