-- Where other clients have cut themselves: for each such edge that it does not cut here. Most have specs of
-- their own, which go further; those are named.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local certs = require("certs")
local servers = require("servers")

local serve = servers.serve
local R = http.Response
local OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

local function url(server, path)
  return ("http://127.0.0.1:%d%s"):format(server.port, path or "/")
end

local function fetch(options, data)
  options.method = options.method or "GET"
  options.timeout = options.timeout or { idle = 30 }
  local response = http.request(options, data, helper.expect(function() end))
  helper.wait_calls()
  return response
end

local function fails(number, options, data)
  local response = fetch(options, data)
  assert.equal(number, response.error, response.error_string)
  return response
end

local function names(options)
  local dns = raw.dns(options)
  local dir = raw.mkdtemp()
  local file = assert(io.open(dir .. "/resolv.conf", "w"))
  file:write(("nameserver 127.0.0.1:%d\n"):format(dns.port))
  file:close()
  http.configure { resolv_conf = dir .. "/resolv.conf", hosts_file = dir .. "/none" }
  return dns
end

-- One that redirects / to that place, and answers what comes there with what it was asked.
local function leading(location, status)
  local seen = {}
  local server = serve(function(request, response)
    seen[#seen + 1] = request
    if request.path == "/" then
      response.status = status or 302
      response.headers.Location = location
      response.headers["Set-Cookie"] = "first=1"
    else
      response.body = request.method .. request.body
    end
  end)
  return server, seen
end

describe("a client", function()
  after_each(function()
    servers.close()
    http.configure {}
  end)
  helper.setup()

  -- parse_spec, url_request_spec, headers_spec
  it("1: lets neither a URL nor a field break out of the request", function()
    local server = helper.respond(OK)
    for _, path in ipairs { "/a\r\nX: y", "/a b", "/a\nb", "/\0" } do
      assert.is_false((pcall(http.get, url(server, path))))
    end
    for _, value in ipairs { "a\r\nX: y", "a\r\n folded", "a\nb", "a\0b" } do
      assert.is_false((pcall(http.get, { url = url(server), headers = { ["X-Name"] = value } })))
    end
    assert.is_false((pcall(http.get, { url = url(server), headers = { ["X\r\nY"] = "1" } })))
    assert.is_false((pcall(http.request, { url = url(server), method = "GET / HTTP/1.1\r\nX:" })))
    assert.same({}, server.requests)
  end)

  -- cancel_spec, pool_spec
  it("2: tells of a cancelled request once, under way or queued", function()
    http.configure { max_connections_per_origin = 1 }
    local server = raw.listen {} -- accepts, and is silent
    local told = {}
    for i = 1, 3 do
      local response = http.get(url(server), helper.expect(function() told[#told + 1] = i end))
      response.error_handler = helper.expect(function(_, code) assert.equal(R.OPERATION_CANCELLED_ERROR, code) end)
      response.finished_handler = helper.expect(function() end)
      http.after(0.05, helper.expect(function() response:abort() end))
    end
    helper.wait_calls()
    table.sort(told)
    assert.same({ 1, 2, 3 }, told)
    http.configure { max_connections_per_origin = 256 }
  end)

  -- cancel_spec, close_spec
  it("3: can be cancelled from every handler and during the look-up, and goes on", function()
    names { silent = true }
    local waiting = http.get("http://nobody.test/", helper.expect(function() end))
    http.after(0.05, function() waiting:abort() end)
    helper.wait_calls()
    assert.equal(R.OPERATION_CANCELLED_ERROR, waiting.error)
    local server = helper.respond(OK)
    for _, name in ipairs { "ready_read_handler", "download_progress_handler", "finished_handler" } do
      local response = http.get(url(server), helper.expect(function() end))
      response[name] = function(r)
        r:abort()
        r:close()
      end
      helper.wait_calls()
    end
    assert.is_true(fetch({ url = url(server) }).ok)
  end)

  -- resolve_spec
  it("4: does not wait for ever for a name server, and tries the other addresses", function()
    names { silent = true }
    local response = fails(R.TIMEOUT_ERROR, { url = "http://nobody.test/", timeout = { resolve = 0.2 } })
    assert.equal("resolve", response.error_detail.phase)
    names { answers = { ["two.test"] = { "127.0.0.77", "127.0.0.1" } } }
    local server = helper.respond(OK)
    assert.is_true(fetch({ hostname = "two.test", port = server.port }).ok)
  end)

  -- limits_spec
  it("5: bounds head and body unless told otherwise", function()
    local server = helper.respond("HTTP/1.1 200 OK\r\nX: " .. ("x"):rep(70000) .. "\r\n\r\n")
    fails(R.UNKNOWN_CONTENT_ERROR, { url = url(server) })
    server = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 268435457\r\n\r\nx", { keep_open = true })
    fails(R.UNKNOWN_CONTENT_ERROR, { url = url(server) })
  end)

  -- malformed_spec, hostile_spec
  for _, row in ipairs {
    { "a transfer coding that nobody knows", "Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\nhi" },
    { "a chunk's size in C's way", "Transfer-Encoding: chunked\r\n\r\n0x2\r\nhi\r\n0\r\n\r\n" },
    { "a chunk's size with a sign", "Transfer-Encoding: chunked\r\n\r\n+2\r\nhi\r\n0\r\n\r\n" },
    { "a field without a name", ": value\r\nContent-Length: 2\r\n\r\nhi" },
    { "two lengths", "Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi" },
  } do
    helper.it_can("be_strict", "6: guesses no framing of " .. row[1], function()
      fails(R.PROTOCOL_FAILURE, { url = url(helper.respond("HTTP/1.1 200 OK\r\n" .. row[2])) })
    end)
  end

  helper.it_can("be_strict", "6: finds close in a list of options, too", function()
    local server = helper.respond("HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nhi",
      { keep_open = true })
    for _ = 1, 2 do
      assert.is_false(fetch({ url = url(server) }).timings.reused)
    end
  end)

  -- redirect_spec, early_spec
  it("7: follows redirects; a server may answer after its client has gone", function()
    assert.equal("GET", fetch({ url = url((leading("/to"))) }):read_string())
    local late
    local server = serve(function(request, response)
      if request.path == "/slow" then
        http.sleep(0.3)
        response.body = "late"
        late = true
      else
        response.body = "there"
      end
    end)
    fails(R.TIMEOUT_ERROR, { url = url(server, "/slow"), timeout = { total = 0.1 } })
    helper.wait(function() return late end)
    assert.equal("there", fetch({ url = url(server, "/") }):read_string())
  end)

  -- redirect_spec, policy_spec
  it("8: takes false for false", function()
    assert.equal(302, fetch({ url = url((leading("/to"))), redirect = false }).status_code)
    assert.equal(302, assert(http.PoolManager():request("GET", url((leading("/to"))), { redirect = false })).status)
    local server = helper.respond(OK, { tls = certs.self_signed })
    fails(R.SSL_HANDSHAKE_FAILED_ERROR, { url = helper.url(server) })
    assert.is_true(fetch({ url = helper.url(server), verify = false }).ok)
  end)

  -- redirect_spec, retry_spec, bodies_spec
  it("9: loses no option on a redirect or a retry, and resolves a Location that is relative", function()
    local server, seen = leading("to?x=1", 307)
    local response = fetch({ url = url(server), method = "POST", headers = { ["X-Name"] = "kept" } }, "body")
    assert.same({ "POSTbody", "kept", "to" }, { response:read_string(), seen[2].headers["x-name"],
      seen[2].path:sub(2) })
    server = leading("/to")
    fails(R.UNKNOWN_CONTENT_ERROR, { url = url(server), max_body_size = 2 })
    local count = 0
    local flaky = serve(function(request, reply)
      count = count + 1
      reply.status = count % 2 == 1 and 503 or 200
      reply.body = request.method .. request.body .. (request.headers["x-name"] or "")
    end)
    response = fetch({ url = url(flaky), method = "PUT", headers = { ["X-Name"] = "kept" },
      retries = { backoff = 0 } }, "body")
    assert.equal("PUTbodykept", response:read_string())
    assert.equal(503, fetch({ url = url(flaky), method = "POST", retries = { backoff = 0 } }, "body").status_code)
  end)

  -- redirect_spec, auth_spec, cookie_request_spec
  it("10: takes credentials to no other origin", function()
    local seen
    local other = serve(function(request) seen = request.headers end)
    for _, options in ipairs { { auth = { "user", "secret" } }, { headers = { Authorization = "secret" } },
      { headers = { Cookie = "a=secret" } }, { headers = { ["Proxy-Authorization"] = "secret" } } } do
      options.url = url((leading(url(other))))
      assert.is_true(fetch(options).ok)
      for name, value in pairs(seen) do
        assert.is_nil(value:find("secret", 1, true), name)
      end
    end
  end)

  -- pool_spec, tls_spec
  it("11: shares no connection between requests that differ in what they trust or who they are", function()
    local server = helper.respond(OK, { tls = certs.server, keep_open = true })
    local base = helper.url(server)
    assert.is_true(fetch({ url = base, verify = false }).ok)
    fails(R.SSL_HANDSHAKE_FAILED_ERROR, { url = base })
    local trusting = fetch({ url = base, ca_file = certs.ca_file })
    assert.same({ true, false }, { trusting.ok, trusting.timings.reused })
    local ours = fetch({ url = base, ca_file = certs.ca_file, cert_file = certs.server.cert_file,
      key_file = certs.server.key_file })
    assert.same({ true, false }, { ours.ok, ours.timings.reused })
  end)

  -- headers_spec, redirect_spec
  it("12: keeps each of several fields, of the last reply, and sends one Connection", function()
    local seen
    local server = serve(function(request, response)
      seen = request
      if request.path == "/" then
        response.status = 302
        response.headers = { Location = "/to", ["X-First"] = "1" }
      else
        response.headers = { ["Set-Cookie"] = { "a=1", "b=2" } }
      end
    end)
    local response = fetch({ url = url(server), headers = { Connection = "close" } })
    assert.same({ "a=1", "b=2" }, response:header_values("Set-Cookie"))
    assert.is_nil(response.headers["X-First"])
    assert.equal("1", response.history[1].headers["X-First"])
    assert.equal("close", seen.headers.connection)
  end)

  -- headers_spec, client_spec, bodies_spec
  it("13: modifies none of the script's tables", function()
    local server = leading("/to", 307)
    local function options()
      return { hostname = "127.0.0.1", port = server.port, method = "POST", headers = { ["X-A"] = { "1", "2" } },
        timeout = { total = 30 },
        retries = { total = 2, statuses = { 503 } }, query = { a = 1 }, json = { b = { 2 } } }
    end
    local given = options()
    fetch(given)
    assert.same(options(), given)
  end)

  -- task_spec, gc_spec
  it("14: calls back though the coroutine that asked is dead, and resumes a task once", function()
    local server = leading("/to")
    local called = helper.expect(function(response) assert.is_true(response.ok) end)
    coroutine.wrap(function() http.get(url(server), called) end)()
    helper.harsh_gc()
    helper.wait_calls()
    local resumed = 0
    http.spawn(function()
      http.get(url(server)):await()
      resumed = resumed + 1
    end):await()
    http.sleep(0.02)
    assert.equal(1, resumed)
  end)

  -- errors_spec, end_spec
  it("15: takes no body for whole that was cut off", function()
    for _, framing in ipairs { "Content-Length: 9\r\n\r\nhi", "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n" } do
      local response = fails(R.REMOTE_HOST_CLOSED_ERROR,
        { url = url(helper.respond("HTTP/1.1 200 OK\r\n" .. framing)) })
      assert.same({ false, "hi" }, { response.ok, response:read_string() })
      local data, message, code = http.PoolManager():request("GET",
        url(helper.respond("HTTP/1.1 200 OK\r\n" .. framing)), { retries = false })
      assert.is_nil(data)
      assert.truthy(message)
      assert.equal(R.REMOTE_HOST_CLOSED_ERROR, code)
    end
  end)

  -- timeout_spec, pool_spec
  it("16: begins the clock for silence anew with whatever comes", function()
    local server = serve(function(_, response)
      for i = 1, 5 do
        response:write(tostring(i))
        http.sleep(0.4)
      end
    end)
    assert.equal("12345", fetch({ url = url(server), timeout = { idle = 1.5 } }):read_string())
  end)

  it("16: runs no clock of the connection while a request is queued", function()
    http.configure { max_connections_per_origin = 1 }
    local server = serve(function(_, response)
      http.sleep(0.3)
      response.body = "done"
    end)
    local first = http.get(url(server), helper.expect(function() end))
    local second = http.get({ url = url(server), timeout = { connect = 0.2, idle = 30 } },
      helper.expect(function() end))
    helper.wait_calls()
    http.configure { max_connections_per_origin = 256 }
    assert.same({ true, true }, { first.ok, second.ok })
  end)

  -- gc_spec, backpressure_spec
  it("17: leaks nothing that is not read, and a pause has an end", function()
    local big = ("x"):rep(300000)
    local server = serve(function(_, response) response.body = big end)
    for _ = 1, 5 do
      http.get { url = url(server), read_buffer_size = 1000 }:abort()
      http.get(url(server))
    end
    helper.wait(function()
      helper.harsh_gc()
      return http._live().exchanges == 0
    end)
    local response = http.get { url = url(server), read_buffer_size = 1000 }
    http.sleep(0.1)
    local read = 0
    for piece in response:chunks() do
      read = read + #piece
    end
    assert.same({ #big, true }, { read, response.ok })
  end)

  -- download_spec
  it("18: splices no two versions of a file", function()
    local dir = raw.mkdtemp()
    local version = 1
    local server = helper.respond(function(request)
      if version == 1 then
        return 'HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Length: 8\r\n\r\nold.'
      end
      assert.equal('"1"', request.headers["if-range"])
      return 'HTTP/1.1 200 OK\r\nETag: "2"\r\nContent-Length: 8\r\n\r\nnew..new'
    end)
    local _, _, code = http.download(url(server), dir .. "/file")
    assert.equal("remote_host_closed", code)
    version = 2
    assert.equal(0, assert(http.download(url(server), dir .. "/file")).resumed_from)
    local file = assert(io.open(dir .. "/file"))
    assert.equal("new..new", file:read("*a"))
    file:close()
  end)

  -- codings_spec
  it("19: bounds what a body decodes to", function()
    local pipe = assert(io.popen("head -c 20000000 /dev/zero | gzip -9", "r"))
    local bomb = pipe:read("*a")
    pipe:close()
    local server = serve(function(_, response)
      response.headers["Content-Encoding"] = "gzip"
      response.body = bomb
    end)
    local response = fails(R.UNKNOWN_CONTENT_ERROR, { url = url(server), max_body_size = 1000000 })
    assert.is_true(response.bytes_available <= 1000000)
    assert.is_true(fetch({ url = url(server) }).bytes_available == 20000000)
  end)

  -- resolve_spec; spec/c/connect_test.c has connections that are slow
  it("20: tries addresses side by side, and gives none up for another", function()
    local server = helper.respond(OK)
    for _, addresses in ipairs { { "127.0.0.77", "127.0.0.78", "127.0.0.1" }, { "127.0.0.1", "127.0.0.77" },
      { "240.0.0.1", "127.0.0.1" } } do
      assert.is_true(fetch({ hostname = "several.test", port = server.port, resolve = { ["several.test"] = addresses },
        timeout = { connect = 20 } }).ok)
    end
  end)

  -- tls_spec, errors_spec
  it("21: names the certificate that is not accepted, and why", function()
    local server = helper.respond(OK, { tls = certs.server })
    local response = fails(R.SSL_HANDSHAKE_FAILED_ERROR, { url = helper.url(server) })
    assert.matches("the certificate of 127%.0%.0%.1 is not accepted: .*%(/CN=", response.error_string)
    assert.truthy(response.error_detail.tls.subject)
    assert.truthy(response.error_detail.tls.reason)
  end)

  -- resolve_spec
  it("22: asks no name server whether there is a network, and waits for none", function()
    local dns = names { silent = true }
    local server = helper.respond(OK)
    local waiting = http.get("http://nobody.test/", helper.expect(function() end))
    assert.is_true(http.get(url(server)):await().ok) -- meanwhile
    assert.is_false(waiting.finished)
    waiting:abort()
    helper.wait_calls()
    for _, query in ipairs(dns.queries) do
      assert.equal("nobody.test", type(query) == "table" and query.name or query)
    end
  end)
end)
