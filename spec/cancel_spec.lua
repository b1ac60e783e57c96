-- abort() and close() at every moment of an exchange: error 5 and one end, told from the loop, and
-- nothing is left of the connection.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local certs = require("certs")

local R = http.Response
local HEAD = "HTTP/1.1 200 OK\r\n"
local OK = HEAD .. "Content-Length: 2\r\n\r\nhi"

local function serve(act, tls)
  return helper.respond(function(_, conn)
    act(conn)
  end, { keep_open = true, tls = tls })
end

local function turns(count)
  for _ = 1, count do
    http.poll(0)
  end
end

-- Each brings an exchange to a moment: start(options, data) starts it, and what it returns is waited for.
local MOMENTS = {
  ["right after its start"] = function(start)
    start { url = helper.url(serve(function() end)) }
    return function() return true end
  end,
  ["while connecting"] = function(start)
    local full, why = raw.full_listener()
    if not full then
      pending(why)
    end
    start { hostname = "127.0.0.1", port = full.port }
    turns(3)
    return function() return true end
  end,
  ["in the TLS handshake"] = function(start)
    local server
    server = raw.listen { on_connect = function(conn) server.conn = conn end }
    start { protocol = "https", hostname = "127.0.0.1", port = server.port }
    return function() return server.conn and server.conn.received_count > 0 end
  end,
  ["while its body is sent to a peer that does not read"] = function(start)
    local server = raw.listen { on_connect = function(conn) conn:pause() end }
    local sent = false
    start({ url = helper.url(server), method = "POST" }, ("x"):rep(16 * 1024 * 1024))
      .upload_progresss_handler = function() sent = true end
    return function() return sent end
  end,
  ["while its body is sent over TLS to a peer that does not read"] = function(start)
    local server = raw.listen { tls = certs.server, on_connect = function(conn)
      conn.on_secure = function() conn:pause() end
    end }
    local sent = false
    start({ url = helper.url(server), method = "POST", ca_file = certs.ca_file }, ("x"):rep(16 * 1024 * 1024))
      .upload_progresss_handler = function() sent = true end
    return function() return sent end
  end,
  ["before the head"] = function(start)
    local server = serve(function() end)
    start { url = helper.url(server) }
    return function() return server.requests[1] end
  end,
  ["in the head"] = function(start)
    local server = serve(function(conn) conn:send(HEAD .. "X-Half: ") end)
    start { url = helper.url(server) }
    helper.wait(function() return server.requests[1] end)
    turns(5)
    return function() return true end
  end,
}

for what, reply in pairs {
  ["a counted body"] = "Content-Length: 10\r\n\r\nabc",
  ["a chunk"] = "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\nde",
  ["a body until close"] = "\r\nabc",
} do
  for where, tls in pairs { ["in "] = false, ["over TLS, in "] = certs.server } do
    MOMENTS[where .. what] = function(start)
      local server = serve(function(conn) conn:send(HEAD .. reply) end, tls)
      local response = start { url = helper.url(server), ca_file = certs.ca_file }
      return function() return response.bytes_available >= 3 end
    end
  end
end

-- Brings an exchange to a moment and calls end_it(response) there. It must end with 5, once.
local function cancelled(moment, end_it)
  local calls = {}
  local response
  local function note(name)
    return helper.expect(function()
      assert.equal(R.OPERATION_CANCELLED_ERROR, response.error)
      calls[#calls + 1] = name
    end)
  end
  local reached = moment(function(options, data)
    options.method = options.method or "GET"
    response = http.request(options, data, note("callback"))
    response.error_handler = note("error")
    response.finished_handler = note("finished")
    return response
  end)
  helper.wait(reached)
  end_it(response)
  assert.same({}, calls)
  helper.wait_calls()
  turns(3)
  assert.same({ "error", "callback", "finished" }, calls)
  assert.matches("cancelled", response.error_string)
  return response
end

local function abort(response)
  response:abort()
  assert.is_false(response.finished)
end

describe("abort()", function()
  helper.setup()

  for what, moment in pairs(MOMENTS) do
    it("ends an exchange " .. what, function()
      cancelled(moment, abort)
    end)
  end

  it("leaves what was received to be read", function()
    local response = cancelled(MOMENTS["in a counted body"], abort)
    assert.equal(200, response.status_code)
    assert.equal("abc", response:read_string())
    assert.is_true(response.at_end)
  end)

  it("may be called twice, and with close()", function()
    cancelled(MOMENTS["before the head"], function(response)
      response:abort()
      response:abort()
      response:close()
      response:abort()
    end)
  end)

  it("does nothing after the end", function()
    local server = helper.respond(OK)
    local response = http.get(helper.url(server), helper.expect(function() end))
    response.finished_handler = helper.expect(function() end)
    response.error_handler = helper.expect(function() end, 0)
    helper.wait_calls()
    response:abort()
    turns(3)
    assert.equal(R.NO_ERROR, response.error)
    assert.is_true(response.ok)
    assert.equal("hi", response:read_string())
  end)

  it("closes the connection", function()
    local conn
    local server = serve(function(c) conn = c end)
    local response = http.get(helper.url(server), helper.expect(function() end))
    helper.wait(function() return conn end)
    response:abort()
    helper.wait(function() return conn.closed end)
    helper.wait_calls()
  end)

  it("may meet the server's close, in either order", function()
    for _, server_first in ipairs { true, false } do
      local conn
      local server = serve(function(c)
        conn = c
        conn:send(HEAD .. "Content-Length: 10\r\n\r\nabc")
      end)
      local response = http.get(helper.url(server), helper.expect(function() end))
      helper.wait(function() return response.bytes_available == 3 end)
      if server_first then
        conn:reset()
      end
      response:abort()
      conn:close()
      helper.wait_calls()
      assert.equal(R.OPERATION_CANCELLED_ERROR, response.error)
    end
  end)

  it("may meet the whole reply: the wish counts until the end was told", function()
    local server = helper.respond(OK)
    local response
    response = http.get(helper.url(server), helper.expect(function() end))
    response.ready_read_handler = helper.expect(function() response:abort() end)
    helper.wait_calls()
    assert.equal(R.OPERATION_CANCELLED_ERROR, response.error)
  end)
end)

describe("close()", function()
  helper.setup()

  for what, moment in pairs(MOMENTS) do
    it("ends an exchange " .. what, function()
      local about_to_close = 0
      local response = cancelled(moment, function(response)
        response.about_to_close_handler = function(r)
          assert.is_true(r.is_open)
          about_to_close = about_to_close + 1
        end
        response:close()
        response:close()
        assert.is_false(response.is_open)
      end)
      assert.equal(1, about_to_close)
      assert.equal(0, response.bytes_available)
    end)
  end

  it("after the end changes no error", function()
    local server = helper.respond(OK)
    local response = http.get(helper.url(server), helper.expect(function() end))
    helper.wait_calls()
    response:close()
    turns(3)
    assert.equal(R.NO_ERROR, response.error)
    assert.is_false(response.is_open)
  end)
end)

-- The handlers in which it is tried, and whether the exchange is over by then.
local HANDLERS = {
  ready_read_handler = false,
  download_progress_handler = false,
  upload_progresss_handler = false,
  error_handler = true,
  callback = true,
  finished_handler = true,
}

describe("inside", function()
  helper.setup()

  -- A POST that fails by its status; act(response) is called inside a handler.
  local function post(handler, act)
    local server = helper.respond("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nhi", { keep_open = true })
    local acted = false
    local function once(response)
      if not acted then
        acted = true
        act(response, server)
      end
    end
    local response = http.post({ url = helper.url(server) }, ("x"):rep(100000), helper.expect(function(r)
      if handler == "callback" then
        once(r)
      end
    end))
    if handler == "error_handler" or handler == "finished_handler" then
      response[handler] = helper.expect(once)
    elseif handler ~= "callback" then
      response[handler] = helper.expect(once, "some")
    end
    response.finished_handler = response.finished_handler or helper.expect(function() end)
    helper.wait_calls()
    turns(3)
    return response, server
  end

  for handler, over in pairs(HANDLERS) do
    for _, method in ipairs { "abort", "close" } do
      it(("%s %s() %s"):format(handler, method, over and "comes too late" or "ends the exchange"), function()
        local response = post(handler, function(r) r[method](r) end)
        assert.equal(over and R.CONTENT_NOT_FOUND_ERROR or R.OPERATION_CANCELLED_ERROR, response.error)
      end)
    end

    it(handler .. " a new request can be started", function()
      local second
      local response = post(handler, function(_, server)
        second = http.get(helper.url(server), helper.expect(function() end))
      end)
      assert.equal(R.CONTENT_NOT_FOUND_ERROR, response.error)
      assert.equal(R.CONTENT_NOT_FOUND_ERROR, second.error)
    end)

    it(handler .. " a new request can be started and the old one aborted", function()
      local second
      post(handler, function(r, server)
        r:abort()
        second = http.get(helper.url(server), helper.expect(function() end))
      end)
      assert.equal(R.CONTENT_NOT_FOUND_ERROR, second.error)
    end)

    it(handler .. " the Response of another exchange can be aborted", function()
      local silent = serve(function() end)
      local other = http.get(helper.url(silent), helper.expect(function() end))
      post(handler, function() other:abort() end)
      assert.equal(R.OPERATION_CANCELLED_ERROR, other.error)
    end)
  end
end)

describe("during the look-up", function()
  after_each(function() -- before the one that looks for what is left
    http.configure {}
  end)
  helper.setup()

  for _, method in ipairs { "abort", "close" } do
    it(method .. "() ends an exchange", function()
      cancelled(function(start)
        local dns = raw.dns { silent = true }
        local dir = raw.mkdtemp()
        local file = assert(io.open(dir .. "/resolv.conf", "w"))
        file:write(("nameserver 127.0.0.1:%d\n"):format(dns.port))
        file:close()
        http.configure { resolv_conf = dir .. "/resolv.conf", hosts_file = dir .. "/none" }
        start { hostname = "slow.test" }
        return function() return dns.queries[1] end
      end, function(response)
        response[method](response)
      end)
    end)
  end
end)
