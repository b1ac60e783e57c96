-- Request bodies: they arrive as they were given, their length is told, and progress adds up; and what
-- the engine cannot send is refused clearly.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local certs = require("certs")

local R = http.Response
local OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
local KIB, MIB = 1024, 1024 * 1024

-- Bytes in which a piece that is lost, doubled or moved shows.
local function sample(size)
  local parts = {}
  for i = 1, math.ceil(size / 65536) do
    parts[i] = ("%08d"):format(i):rep(8192)
  end
  return table.concat(parts):sub(1, size)
end

local function bytes_of(text)
  local bytes = {}
  for i = 1, #text do
    bytes[i] = text:byte(i)
  end
  return bytes
end

local function payload_of(value)
  local payload = http.Payload.new()
  if type(value) == "table" then
    payload.type, payload.bytes = http.Payload.BYTE_TABLE, value
  else
    payload.string = value
  end
  return payload
end

-- A server that collects what it gets until `expected` bytes of body are in, and then answers.
local function collect(expected, tls)
  local server
  server = raw.listen {
    tls = tls,
    on_connect = function(conn)
      local head, wanted
      conn.on_data = function()
        if not head then
          local received = conn.received
          local _, last = received:find("\r\n\r\n", 1, true)
          if not last then
            return
          end
          head, wanted = received:sub(1, last), last + expected
        end
        if conn.received_count >= wanted then
          server.head, server.body = head, conn.received:sub(#head + 1)
          conn:send(OK)
        end
      end
    end,
  }
  return server
end

local function send(options, data, error)
  local response = http.request(options, data, helper.expect(function() end))
  helper.wait_calls(15)
  assert.equal(error or R.NO_ERROR, response.error, response.error_string)
  return response
end

local function same_bytes(expected, found)
  assert.equal(#expected, #found)
  assert.is_true(expected == found)
end

describe("a body", function()
  helper.setup()

  for _, size in ipairs { 0, 1, 64 * KIB, 8 * MIB } do
    local text = sample(size)

    -- Sends it as made by make(text) and checks what arrives.
    local function arrives(make, tls)
      local server = collect(size, tls)
      send({ method = "POST", url = helper.url(server), ca_file = certs.ca_file }, make(text))
      same_bytes(text, server.body)
      assert.equal(tostring(size), server.head:match("\r\nContent%-Length: (%d+)\r\n"))
    end

    it(("of %d bytes arrives as a string"):format(size), function()
      arrives(function(value) return value end)
    end)

    it(("of %d bytes arrives over TLS"):format(size), function()
      arrives(function(value) return value end, certs.server)
    end)

    it(("of %d bytes arrives as a Payload"):format(size), function()
      arrives(payload_of)
    end)

    it(("of %d bytes arrives as a table of bytes"):format(size), function()
      arrives(bytes_of)
    end)

    it(("of %d bytes arrives as a Payload of bytes"):format(size), function()
      arrives(function(value) return payload_of(bytes_of(value)) end)
    end)
  end

  it("of every byte arrives", function()
    local all = {}
    for i = 0, 255 do
      all[i + 1] = i
    end
    local server = collect(256)
    send({ method = "PUT", url = helper.url(server) }, all)
    same_bytes(string.char(unpack(all)), server.body)
  end)

  it("is copied: the table may change at once", function()
    local bytes = { 104, 105 }
    local server = collect(2)
    local response = http.post({ url = helper.url(server) }, bytes, helper.expect(function() end))
    bytes[1] = 0
    helper.wait_calls()
    assert.equal(R.NO_ERROR, response.error)
    assert.equal("hi", server.body)
  end)
end)

describe("Content-Length", function()
  helper.setup()

  local function lengths(method, data)
    local server = helper.respond(OK)
    send({ method = method, url = helper.url(server) }, data)
    assert.equal(data or "", server.requests[1].body)
    return server.requests[1].headers["content-length"]
  end

  for _, method in ipairs { "POST", "PUT", "PATCH", "DELETE", "OPTIONS" } do
    it("is right with the body of " .. method, function()
      assert.equal("5", lengths(method, "hello"))
      assert.equal("0", lengths(method, ""))
    end)
  end

  it("is 0 where a body is usual and there is none", function()
    for _, method in ipairs { "POST", "PUT", "PATCH" } do
      assert.equal("0", lengths(method, nil))
    end
  end)

  it("is not sent where a body is unusual and there is none", function()
    for _, method in ipairs { "GET", "DELETE", "OPTIONS", "HEAD" } do
      local server = helper.respond("HTTP/1.1 204 No Content\r\n\r\n")
      send { method = method, url = helper.url(server) }
      assert.is_nil(server.requests[1].headers["content-length"])
    end
  end)

  it("given by the script must be the body's", function()
    local server = helper.respond(OK)
    send({ method = "POST", url = helper.url(server), headers = { ["content-length"] = 5 } }, "hello")
    assert.equal("5", server.requests[1].headers["content-length"])
    for _, length in ipairs { 4, "five", "5, 5", -5 } do
      assert.error_matches(function()
        http.post({ url = helper.url(server), headers = { ["Content-Length"] = length } }, "hello")
      end, "Content%-Length")
    end
  end)
end)

describe("upload_progresss_handler", function()
  helper.setup()

  for title, tls in pairs { ["adds up to the body"] = false, ["adds up to the body over TLS"] = certs.server } do
    it(title, function()
      local size = 8 * MIB
      local server = collect(size, tls)
      local last, calls = 0, 0
      local response = http.post({ url = helper.url(server), ca_file = certs.ca_file }, sample(size),
        helper.expect(function() end))
      response.upload_progresss_handler = function(r, sent, total)
        assert.equal(response, r)
        assert.is_true(sent > last and sent <= size)
        assert.equal(size, total)
        last, calls = sent, calls + 1
      end
      helper.wait_calls(15)
      assert.equal(R.NO_ERROR, response.error, response.error_string)
      assert.equal(size, last)
      assert.is_true(calls > 1)
    end)
  end

  it("is never called without a body", function()
    local server = helper.respond(OK)
    for method, data in pairs { GET = false, POST = "" } do
      local response = http.request({ method = method, url = helper.url(server) }, data or nil,
        helper.expect(function() end))
      response.upload_progresss_handler = helper.expect(function() end, 0)
      helper.wait_calls()
    end
  end)

  it("has another name with one s less", function()
    local server = helper.respond(OK)
    local response = http.post({ url = helper.url(server) }, "hello", helper.expect(function() end))
    response.upload_progress_handler = helper.expect(function(_, sent, total)
      assert.same({ 5, 5 }, { sent, total })
    end)
    helper.wait_calls()
  end)
end)

describe("an answer before the body was read", function()
  helper.setup()

  local REFUSAL = "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 9\r\n\r\ntoo large"

  local function refused(act, tls)
    local server = raw.listen {
      tls = tls,
      on_connect = function(conn)
        conn.on_data = function()
          conn.on_data = nil
          conn:pause()
          act(conn)
        end
      end,
    }
    local response = http.post({ url = helper.url(server), ca_file = certs.ca_file, timeout = 3 },
      ("x"):rep(16 * MIB), helper.expect(function() end))
    helper.wait_calls()
    assert.equal(413, response.status_code, response.error_string)
    assert.equal(R.UNKNOWN_CONTENT_ERROR, response.error, response.error_string)
    assert.equal("too large", response:read_string())
  end

  local function answer_and_close(conn)
    conn:send(REFUSAL)
    conn:close()
  end

  it("is seen where the server then closes", function()
    refused(answer_and_close)
  end)

  it("is seen where the server then closes, over TLS", function()
    refused(answer_and_close, certs.server)
  end)

  it("is seen where the server then reads on", function()
    refused(function(conn)
      conn:send(REFUSAL)
      conn:resume()
    end)
  end)

  for ending, tls in pairs { ["resets"] = false, ["resets, over TLS"] = certs.server } do
    it("is not seen where the server only " .. ending .. ": that is error 2", function()
      local server = raw.listen {
        tls = tls,
        on_connect = function(conn)
          conn.on_data = function() conn:reset() end
        end,
      }
      local response = send({ method = "POST", url = helper.url(server), ca_file = certs.ca_file, timeout = 3 },
        ("x"):rep(16 * MIB), R.REMOTE_HOST_CLOSED_ERROR)
      assert.equal("send", response.error_detail.phase)
    end)
  end

  for ending, tls in pairs { ["breaks off"] = false, ["breaks off, over TLS"] = certs.server } do
    it("that " .. ending .. " is error 2", function()
      local server = raw.listen {
        tls = tls,
        on_connect = function(conn)
          conn.on_data = function()
            conn:send("HTTP/1.1 413 Content Too Large\r\nContent-Le")
            conn:close()
          end
        end,
      }
      send({ method = "POST", url = helper.url(server), ca_file = certs.ca_file, timeout = 3 }, ("x"):rep(16 * MIB),
        R.REMOTE_HOST_CLOSED_ERROR)
    end)
  end
end)

describe("Expect: 100-continue", function()
  helper.setup()

  -- A server that calls act(conn, count of bytes behind the head) for the head and for each part of the body.
  local function expecting(act, tls)
    return raw.listen {
      tls = tls,
      on_connect = function(conn)
        conn.on_data = function()
          local _, last = conn.received:find("\r\n\r\n", 1, true)
          if last then
            act(conn, conn.received_count - last)
          end
        end
      end,
    }
  end

  local function post(server, timeout)
    local options = { url = helper.url(server), headers = { Expect = "100-continue" }, timeout = timeout or 3 }
    options.ca_file = certs.ca_file
    return http.post(options, "hello", helper.expect(function() end))
  end

  for title, tls in pairs { ["holds the body back until 100"] = false,
    ["holds the body back until 100, over TLS"] = certs.server } do
    it(title, function()
      local counts, continued, last = {}, false, 0
      local server = expecting(function(conn, count)
        counts[#counts + 1] = count
        if count > 0 then
          return conn:send(OK)
        end
        http.after(0.02, function()
          continued = true
          conn:send("HTTP/1.1 100 Continue\r\n\r\n")
        end)
      end, tls)
      local response = post(server)
      response.upload_progresss_handler = helper.expect(function(_, sent)
        assert.is_true(continued)
        last = sent
      end)
      helper.wait_calls()
      assert.equal(R.NO_ERROR, response.error, response.error_string)
      assert.equal("hi", response:read_string())
      assert.same({ 0, 5 }, counts)
      assert.equal(5, last)
    end)
  end

  it("sends no body after a refusal, and nothing more on that connection", function()
    local server = expecting(function(conn, count)
      assert.equal(0, count)
      conn:send("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno")
    end)
    for _ = 1, 2 do
      local response = post(server)
      helper.wait_calls()
      assert.equal(417, response.status_code)
      assert.equal(R.UNKNOWN_CONTENT_ERROR, response.error)
      assert.equal("no", response:read_string())
    end
    assert.equal(2, server.accepted)
  end)

  it("does not wait for ever for a silent server", function()
    local server = expecting(function() end)
    local response = post(server, { idle = 0.1 })
    helper.wait_calls()
    assert.equal(R.TIMEOUT_ERROR, response.error)
  end)
end)

describe("the method", function()
  helper.setup()

  for _, method in ipairs { "GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE" } do
    it(method .. " is sent", function()
      local server = helper.respond(method == "HEAD" and "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" or OK)
      local response = send { method = method, url = helper.url(server) }
      assert.equal(method, server.requests[1].method)
      assert.equal(method == "HEAD" and "" or "hi", response:read_string())
    end)
  end

  for _, method in ipairs { "BREW", "get", "PROPFIND", "M-SEARCH", "!#$%&'*+-.^_`|~" } do
    if http.can "any_method" then
      it(method .. " is sent as it is written, with a body and without", function()
        local server = helper.respond(OK)
        for _, body in ipairs { false, "hello" } do
          local response = send({ method = method, url = helper.url(server) }, body or nil)
          local request = server.requests[#server.requests]
          assert.equal(method, request.method)
          assert.equal(body or "", request.body)
          assert.equal(body and "5" or nil, request.headers["content-length"])
          assert.equal("hi", response:read_string())
        end
      end)
    else
      it(method .. " is error 302 where the engine knows registered ones alone, and nothing is sent", function()
        local server = helper.respond(OK)
        local response = send({ method = method, url = helper.url(server) }, nil, R.PROTOCOL_INVALID_OPERATION_ERROR)
        assert.is_truthy(response.error_string:find(method, 1, true))
        assert.equal(0, server.accepted)
      end)
    end
  end

  if not http.can "upgrade" then
    it("CONNECT is error 302 where the engine hands no connection over, and nothing is sent", function()
      local server = helper.respond(OK)
      local response = send({ method = "CONNECT", url = helper.url(server) }, nil, R.PROTOCOL_INVALID_OPERATION_ERROR)
      assert.matches("CONNECT", response.error_string)
      assert.equal(0, server.accepted)
    end)
  end

  it("that is no token throws", function()
    for _, method in ipairs { "", "GE T", "GET\r\nX: y", "G\0" } do
      assert.has_error(function()
        http.request { method = method, url = "http://127.0.0.1/" }
      end)
    end
  end)
end)

describe("what the engine cannot do", function()
  helper.setup()

  for capability, field in pairs {
    stream_upload = { "Transfer-Encoding", "chunked" },
    upgrade = { "Upgrade", "websocket" },
  } do
    local name, value = unpack(field)
    local function post(server, wanted)
      return send({ method = "POST", url = helper.url(server), headers = { [name] = value } }, "hello", wanted)
    end

    if http.can(capability) then
      it("is not " .. name, function()
        local server = helper.respond(OK)
        post(server, R.NO_ERROR)
        local request = server.requests[1]
        assert.equal(value, request.headers[name:lower()])
        assert.equal(request.headers["content-length"] and "hello" or "5\r\nhello\r\n0\r\n\r\n", request.body)
      end)
    else
      it("is error 302: " .. name, function()
        local server = helper.respond(OK)
        local response = post(server, R.PROTOCOL_INVALID_OPERATION_ERROR)
        assert.is_truthy(response.error_string:lower():find(name:lower(), 1, true))
        assert.equal(0, server.accepted)
      end)
    end
  end

  for _, scheme in ipairs { "ftp", "gopher", "httpx", "ws" } do
    it("is error 301: the protocol " .. scheme, function()
      local response = send({ method = "GET", url = scheme .. "://127.0.0.1/" }, nil, R.PROTOCOL_UNKNOWN_ERROR)
      assert.matches('"' .. scheme .. '"', response.error_string)
      send({ method = "GET", protocol = scheme .. ":", hostname = "127.0.0.1" }, nil, R.PROTOCOL_UNKNOWN_ERROR)
    end)
  end
end)
