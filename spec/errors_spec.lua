-- What can go wrong with an exchange, told apart: the number, the words, the detail, and the handlers.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local certs = require("certs")

local R = http.Response
local ECONNREFUSED, ECONNRESET = 111, 104
local HEAD = "HTTP/1.1 200 OK\r\n"

-- Starts a GET and waits for its end. Fails unless error_handler, callback and finished_handler run in
-- this order, once each, and none of them inside the call. `watch(response)` may add handlers.
local function fail(options, watch)
  local order = {}
  local response

  local function note(name)
    return helper.expect(function(r, code)
      assert.equal(response, r)
      assert.is_true(r.finished)
      if name == "error" then
        assert.equal(r.error, code)
      end
      order[#order + 1] = name
    end)
  end

  response = http.get(options, note("callback"))
  response.error_handler = note("error")
  response.finished_handler = note("finished")
  if watch then
    watch(response)
  end
  assert.same({}, order)
  helper.wait_calls()
  for _ = 1, 3 do -- nothing follows
    http.poll(0)
  end
  assert.same({ "error", "callback", "finished" }, order)
  return response
end

-- Checks what a failed Response tells. `detail` lists fields of error_detail; false: it is not there.
local function check(response, number, words, detail)
  local found = response.error_detail
  assert.equal(number, response.error, response.error_string)
  assert.matches(words, response.error_string)
  for name, value in pairs(detail) do
    assert.equal(value or nil, found[name], name .. " of " .. response.error_string)
  end
  assert.equal(1, found.attempt)
  assert.is_false(response.ok)
end

local function address(server)
  return ("127.0.0.1:%d"):format(server.port)
end

-- A server that does `act(conn, request)` once a request is in, and leaves the connection open.
local function serve(act, tls)
  return helper.respond(function(request, conn)
    act(conn, request)
  end, { keep_open = true, tls = tls })
end

local function secure(server, host)
  return { url = helper.url(server, "/", host), ca_file = certs.ca_file }
end

describe("connecting", function()
  helper.setup()

  it("fails with 1 where nobody listens", function()
    local port = raw.refused_port()
    local response = fail({ hostname = "127.0.0.1", port = port })
    check(response, R.CONNECTION_REFUSED_ERROR, "refused",
      { phase = "connect", errno = ECONNREFUSED, address = "127.0.0.1:" .. port, tls = false })
    assert.equal(0, response.status_code)
  end)

  it("fails with 1 where nobody listens for TLS", function()
    local port = raw.refused_port()
    local response = fail({ protocol = "https", hostname = "127.0.0.1", port = port })
    check(response, R.CONNECTION_REFUSED_ERROR, "refused",
      { phase = "connect", errno = ECONNREFUSED, address = "127.0.0.1:" .. port, tls = false })
  end)

  it("fails with 4 where the connection hangs", function()
    local full, why = raw.full_listener()
    if not full then
      pending(why)
    end
    local response = fail({ hostname = "127.0.0.1", port = full.port, timeout = { connect = 0.1 } })
    check(response, R.TIMEOUT_ERROR, "timed out.*0%.1 s",
      { phase = "connect", errno = false, address = address(full), tls = false })
  end)
end)

describe("looking a name up", function()
  after_each(function() -- before the one that looks for what is left
    http.configure {}
  end)
  helper.setup()

  local function names(options)
    local dns = raw.dns(options)
    local dir = raw.mkdtemp()
    local file = assert(io.open(dir .. "/resolv.conf", "w"))
    file:write(("nameserver 127.0.0.1:%d\n"):format(dns.port))
    file:close()
    http.configure { resolv_conf = dir .. "/resolv.conf", hosts_file = dir .. "/none" }
  end

  it("fails with 3 where there is no such name", function()
    names {}
    local response = fail({ hostname = "nobody.test" })
    check(response, R.HOST_NOT_FOUND_ERROR, "nobody%.test.*no such name",
      { phase = "resolve", errno = false, address = false, tls = false })
  end)

  it("fails with 4 where the name server is silent", function()
    names { silent = true }
    local response = fail({ hostname = "nobody.test", timeout = { connect = 0.1 } })
    check(response, R.TIMEOUT_ERROR, "timed out.*nobody%.test",
      { phase = "resolve", errno = false, address = false, tls = false })
  end)
end)

describe("a TLS handshake", function()
  helper.setup()

  it("fails with 4 where the server accepts and is silent", function()
    local server = raw.listen {}
    local response = fail({
      protocol = "https", hostname = "127.0.0.1", port = server.port, timeout = { connect = 0.1 },
    })
    check(response, R.TIMEOUT_ERROR, "timed out",
      { phase = "tls", errno = false, address = address(server) })
  end)

  local function unaccepted(name, host, reason)
    local server = helper.respond(HEAD .. "\r\n", { tls = certs[name] })
    local response = fail(secure(server, host))
    check(response, R.SSL_HANDSHAKE_FAILED_ERROR, "certificate.*" .. reason,
      { phase = "tls", errno = false, address = address(server) })
    local tls = response.error_detail.tls
    assert.matches(reason, tls.reason)
    assert.equal(0, tls.depth)
    assert.matches("CN%s*=", tls.subject)
    assert.same({}, server.requests)
    return tls
  end

  it("fails with 6 where the certificate is self-signed", function()
    local tls = unaccepted("self_signed", nil, "self.signed certificate")
    assert.matches("localhost", tls.subject)
  end)

  it("fails with 6 where the certificate is another host's", function()
    local tls = unaccepted("wrong_host", "localhost", "[Hh]ostname mismatch")
    assert.matches("wrong%.test", tls.subject)
  end)

  it("fails with 6 where the certificate is another address's", function()
    unaccepted("wrong_host", "127.0.0.1", "IP address mismatch")
  end)

  it("fails with 6 where the certificate has expired", function()
    unaccepted("expired", nil, "expired")
  end)

  it("fails with 6 where the authority is not known", function()
    local server = helper.respond(HEAD .. "\r\n", { tls = certs.server })
    local response = fail({ url = helper.url(server) })
    check(response, R.SSL_HANDSHAKE_FAILED_ERROR, "certificate", { phase = "tls" })
    assert.matches("certificate", response.error_detail.tls.reason)
  end)

  it("fails with 6 where ca_file cannot be read", function()
    local server = helper.respond(HEAD .. "\r\n", { tls = certs.server })
    local response = fail({ url = helper.url(server), ca_file = certs.dir .. "/none.pem" })
    check(response, R.SSL_HANDSHAKE_FAILED_ERROR, "none%.pem.*No such file", { phase = "tls", errno = 2 })
  end)

  it("fails with 6 where the server speaks no TLS", function()
    local server = raw.listen {
      on_connect = function(conn)
        conn.on_data = function()
          conn:send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        end
      end,
    }
    local response = fail({ protocol = "https", hostname = "127.0.0.1", port = server.port })
    check(response, R.SSL_HANDSHAKE_FAILED_ERROR, "TLS handshake.*wrong version",
      { phase = "tls", errno = false, address = address(server) })
    assert.matches("wrong version", response.error_detail.tls.reason)
  end)

  local function broken(act)
    local server = raw.listen {
      on_connect = function(conn)
        conn.on_data = act
      end,
    }
    return server, fail({ protocol = "https", hostname = "127.0.0.1", port = server.port })
  end

  it("fails with 6 where the server resets the connection", function()
    local server, response = broken(function(conn) conn:reset() end)
    check(response, R.SSL_HANDSHAKE_FAILED_ERROR, "TLS handshake.*reset",
      { phase = "tls", errno = ECONNRESET, address = address(server), tls = false })
  end)

  it("fails with 6 where the server closes the connection", function()
    local server, response = broken(function(conn) conn:close() end)
    check(response, R.SSL_HANDSHAKE_FAILED_ERROR, "TLS handshake",
      { phase = "tls", errno = false, address = address(server) })
  end)

  it("fails with 6 where there is no common version", function()
    local old = { cert_file = certs.server.cert_file, key_file = certs.server.key_file, max_version = "1.1" }
    local server = helper.respond(HEAD .. "\r\n", { tls = old })
    local response = fail(secure(server))
    check(response, R.SSL_HANDSHAKE_FAILED_ERROR, "TLS handshake.*version",
      { phase = "tls", errno = false, address = address(server) })
  end)
end)

-- What was sent before the end, the phase in which that end is noticed, the status, the body; and more of it
-- that may have been told: an engine may wait for the end of a chunk, or not.
local CUTS = {
  ["before the head"] = { "", "head", 0 },
  ["in the status line"] = { "HTTP/1.1 2", "head", 0 },
  ["in the head"] = { HEAD .. "Content-Length: 5\r\nX-", "head", 0 },
  ["in a counted body"] = { HEAD .. "Content-Length: 5\r\n\r\nabc", "body", 200, "abc" },
  ["in a chunked body"] = { HEAD .. "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\nde", "body", 200, "abc", "de" },
  ["before the last chunk"] = { HEAD .. "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "body", 200, "abc" },
  ["in the last chunk"] = { HEAD .. "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", "body", 200, "abc" },
}

describe("a connection", function()
  helper.setup()

  for where, cut in pairs(CUTS) do
    local bytes, phase, status, body, more = unpack(cut)

    -- Ends the connection once what was sent has arrived.
    local function lose(tls, ending)
      local conn
      local server = serve(function(c)
        conn = c
        c:send(bytes)
        if not body then
          ending(c)
        end
      end, tls)
      local response = fail(secure(server), function(r)
        if body then
          r.ready_read_handler = helper.expect(function() ending(conn) end)
        end
      end)
      assert.equal(status, response.status_code)
      local got = response:read_string()
      assert.is_true(got == (body or "") or got == (body or "") .. (more or ""), got)
      assert.is_true(response.at_end)
      return server, response
    end

    it("that is closed " .. where .. " fails with 2", function()
      local server, response = lose(nil, function(conn) conn:close() end)
      check(response, R.REMOTE_HOST_CLOSED_ERROR, "closed",
        { phase = phase, errno = false, address = address(server), tls = false })
    end)

    it("that is reset " .. where .. " fails with 2", function()
      local server, response = lose(nil, function(conn) conn:reset() end)
      check(response, R.REMOTE_HOST_CLOSED_ERROR, "reset",
        { phase = phase, errno = ECONNRESET, address = address(server), tls = false })
    end)

    it("of TLS that is closed " .. where .. " fails with 2", function()
      local server, response = lose(certs.server, function(conn) conn:close() end)
      check(response, R.REMOTE_HOST_CLOSED_ERROR, "closed",
        { phase = phase, errno = false, address = address(server) })
    end)

    it("of TLS that is closed without close_notify " .. where .. " fails with 2", function()
      local server, response = lose(certs.server, function(conn) conn:close { notify = false } end)
      check(response, R.REMOTE_HOST_CLOSED_ERROR, "clos", { phase = phase, address = address(server) })
    end)

    it("of TLS that is reset " .. where .. " fails with 2", function()
      local server, response = lose(certs.server, function(conn) conn:reset() end)
      check(response, R.REMOTE_HOST_CLOSED_ERROR, "reset",
        { phase = phase, errno = ECONNRESET, address = address(server) })
    end)
  end
end)

describe("a reply over TLS", function()
  helper.setup()

  local function get(bytes, close, number)
    local server = serve(function(conn)
      conn:send(bytes)
      conn:close(close)
    end, certs.server)
    local response = http.get(secure(server), helper.expect(function() end))
    helper.wait_calls()
    assert.equal(number, response.error, response.error_string)
    assert.equal("hello", response:read_string())
    return response
  end

  it("until the connection closes is whole with close_notify", function()
    get(HEAD .. "\r\nhello", nil, R.NO_ERROR)
  end)

  it("until the connection closes is cut off without close_notify, which is error 2", function()
    local response = get(HEAD .. "\r\nhello", { notify = false }, R.REMOTE_HOST_CLOSED_ERROR)
    assert.equal("body", response.error_detail.phase)
  end)

  it("with a length is whole without close_notify", function()
    get(HEAD .. "Content-Length: 5\r\n\r\nhello", { notify = false }, R.NO_ERROR)
  end)

  it("in chunks is whole without close_notify", function()
    get(HEAD .. "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", { notify = false }, R.NO_ERROR)
  end)

  it("that is not TLS fails with 399", function()
    local server = raw.listen {
      tls = certs.server,
      on_connect = function(conn)
        conn.on_data = function() conn:close() end
      end,
    }
    local middle = raw.listen {
      on_connect = function(conn)
        local onward = raw.connect { port = server.port }
        conn.on_data = function(_, bytes) onward:send(bytes) end
        conn.on_close = function() onward:close() end
        onward.on_close = function()
          conn:send("HTTP/1.1 200 OK\r\n\r\n")
          conn:close()
        end
        local seen = 0
        onward.on_data = function(_, bytes)
          seen = seen + 1
          conn:send(seen == 1 and bytes or "")
        end
      end,
    }
    local response = fail({ protocol = "https", hostname = "127.0.0.1", port = middle.port, ca_file = certs.ca_file })
    check(response, R.PROTOCOL_FAILURE, "TLS", { errno = false, address = address(middle) })
    assert.is_string(response.error_detail.tls.reason)
  end)
end)

describe("a malformed reply", function()
  helper.setup()

  local function malformed(bytes, phase, words, status)
    local server = serve(function(conn) conn:send(bytes) end)
    local response = fail({ url = helper.url(server) })
    check(response, R.PROTOCOL_FAILURE, words,
      { phase = phase, errno = false, address = address(server), tls = false })
    assert.equal(status, response.status_code)
  end

  it("with a bad status line fails with 399", function()
    malformed("HTTP/1.1 what\r\n\r\n", "head", "malformed", 0)
  end)

  it("with a bad header line fails with 399", function()
    malformed(HEAD .. "no colon\r\n\r\n", "head", "malformed", 0)
  end)

  it("with a bad Content-Length fails with 399", function()
    malformed(HEAD .. "Content-Length: 5x\r\n\r\nhello", "head", "Content%-Length", 0)
  end)

  it("with a bad chunk size fails with 399", function()
    malformed(HEAD .. "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc", "body", "chunk", 200)
  end)

  it("with a malformed chunk extension fails with 399 that says so", function()
    malformed(HEAD .. "Transfer-Encoding: chunked\r\n\r\n3;=b\r\nabc\r\n0\r\n\r\n", "body", "extension", 200)
  end)

  if not http.can "be_strict" then
    it("may be one with any chunk extension, where the engine cannot read them", function()
      malformed(HEAD .. "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n", "body", "extension", 200)
    end)
  end
end)

describe("a reply that is too long", function()
  helper.setup()

  it("fails with 299 for its head", function()
    local server = serve(function(conn) conn:send(HEAD .. "X: " .. ("x"):rep(5000) .. "\r\n\r\n") end)
    local response = fail({ url = helper.url(server), max_head_size = 4000 })
    check(response, R.UNKNOWN_CONTENT_ERROR, "max_head_size",
      { phase = "head", errno = false, address = address(server) })
  end)

  it("fails with 299 for its body", function()
    local server = serve(function(conn) conn:send(HEAD .. "Content-Length: 101\r\n\r\n") end)
    local response = fail({ url = helper.url(server), max_body_size = 100 })
    check(response, R.UNKNOWN_CONTENT_ERROR, "max_body_size.*100",
      { phase = "body", errno = false, address = address(server) })
    assert.equal(200, response.status_code)
  end)
end)

describe("the idle clock", function()
  helper.setup()

  it("ends an exchange with 4 before the head", function()
    local server = serve(function() end)
    local response = fail({ url = helper.url(server), timeout = { idle = 0.1 } })
    check(response, R.TIMEOUT_ERROR, "timed out.*0%.1 s",
      { phase = "head", errno = false, address = address(server), tls = false })
  end)

  it("ends an exchange with 4 in the body, of which the part that came can be read", function()
    local server = serve(function(conn) conn:send(HEAD .. "Content-Length: 5\r\n\r\nabc") end)
    local response = fail({ url = helper.url(server), timeout = { idle = 0.1 } })
    check(response, R.TIMEOUT_ERROR, "timed out.*0%.1 s",
      { phase = "body", errno = false, address = address(server), tls = false })
    assert.equal(200, response.status_code)
    assert.equal("abc", response:read_string())
  end)
end)

describe("abort()", function()
  helper.setup()

  it("ends an exchange with 5", function()
    local server = serve(function() end)
    local response = fail({ url = helper.url(server) }, function(r)
      helper.wait(function() return server.requests[1] end)
      r:abort()
      assert.is_false(r.finished)
    end)
    check(response, R.OPERATION_CANCELLED_ERROR, "cancelled",
      { phase = "head", errno = false, address = address(server), tls = false })
  end)
end)

describe("a status that means an error", function()
  helper.setup()

  it("is told like any other, with its body", function()
    local server = helper.respond("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone")
    local response = fail({ url = helper.url(server) })
    check(response, R.CONTENT_NOT_FOUND_ERROR, "404 Not Found", { errno = false, tls = false })
    assert.equal("gone", response:read_string())
  end)
end)
