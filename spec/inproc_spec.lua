-- Servers in the process: http.serve and http.app behind an origin, without a socket.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local servers = require("servers")

local Response = http.Response
local ORIGIN = "http://api.test"
local COMMAND = (os.getenv("MW_BUILD") or "build") .. "/moonwire"

describe("a server in the process", function()
  after_each(servers.close)
  helper.setup()

  local function serve(handler, options)
    options = options or {}
    options.origin = options.origin or ORIGIN
    return servers.serve(handler, options)
  end

  local function fetch(method, options, body)
    local response = body and http[method](options, body) or http[method](options)
    helper.wait(function() return response.finished end)
    return response
  end

  it("answers exchanges with its origin", function()
    local seen
    local server = serve(function(request, response)
      seen = request
      response.status = 201
      response.reason = "Made"
      response.headers["X-One"] = { "a", "b" }
      response.body = "hello"
    end)
    assert.are.equal("http://api.test", server.url)
    assert.is_nil(server.port)
    local response = fetch("post", { url = "http://API.test:80/a/b?c=d", headers = { ["X-Asked"] = "yes" } }, "body")
    assert.are.equal(Response.NO_ERROR, response.error)
    assert.are.equal(201, response.status_code)
    assert.are.equal("Made", response.status_message)
    assert.are.equal("a, b", response.headers["x-one"])
    assert.are.equal("5", response.headers["Content-Length"])
    assert.is_truthy(response.headers.Date)
    assert.are.equal("hello", response:read_all())
    assert.are.equal("POST", seen.method)
    assert.are.equal("/a/b?c=d", seen.target)
    assert.are.equal("/a/b", seen.path)
    assert.are.equal("http://api.test/a/b?c=d", seen.url)
    assert.are.equal("api.test", seen.headers.host)
    assert.are.equal("yes", seen.headers["x-asked"])
    assert.are.equal("4", seen.headers["content-length"])
    assert.are.equal("127.0.0.1", seen.peer)
    assert.are.equal("body", seen.body)
  end)

  it("answers without the proxy that a request has, or the environment names", function()
    local asked = 0
    for i, proxy in ipairs { "http://127.0.0.1:1", "socks5://127.0.0.1:1", "http://u:p@127.0.0.1:1" } do
      serve(function(request, response)
        assert.is_nil(request.headers["proxy-authorization"])
        response.status = i == 3 and 407 or 200
        response.headers["Proxy-Authenticate"] = 'Basic realm="x"'
        asked = asked + 1
      end)
      local response = fetch("get", { url = ORIGIN .. "/", proxy = proxy })
      assert.are.equal(i == 3 and 407 or 200, response.status_code)
      assert.are.equal(i, asked)
    end
    local script = os.tmpname()
    local file = assert(io.open(script, "w"))
    file:write([[
      local http = require("http")
      local mock = http.mock()
      mock:get("http://a.test/", "mocked")
      io.write(http.get({ url = "http://a.test/" }):await():read_all())
    ]])
    file:close()
    local run = assert(io.popen(("http_proxy=%s timeout 60 %s %s 2>&1"):format("http://127.0.0.1:1", COMMAND, script)))
    assert.are.equal("mocked", run:read("*a")) -- and it ends, although the mock was not closed
    run:close()
    os.remove(script)
  end)

  it("keeps no loop running by itself, for nobody from outside can come", function()
    local over
    local server = serve(function() http.sleep(0.01) over = true end)
    assert.are.equal(0, http.poll(0))
    local response = http.get(ORIGIN .. "/")
    http.run()
    assert.is_true(over and response.finished)
    assert.is_true(server:stop())
    assert.are.equal(0, http.poll(0))
  end)

  it("opens no descriptor, neither as it listens nor as it answers", function()
    local before = raw.open_fds()
    local most = before
    serve(function(_, response)
      most = math.max(most, raw.open_fds())
      response.body = "x"
    end, { origin = "*" })
    for _, url in ipairs { "http://a.test/", "https://b.test/", "http://127.0.0.1:1/", "http://[::1]:1/" } do
      local response = fetch("get", url)
      assert.are.equal("x", response:read_all())
      most = math.max(most, raw.open_fds())
    end
    assert.are.equal(before, most)
  end)

  it("is one of a scheme, a host and a port", function()
    serve(function(_, response) response.body = "plain" end, { origin = "http://one.test" })
    serve(function(_, response) response.body = "secure" end, { origin = "https://one.test/" })
    serve(function(_, response) response.body = "port" end, { origin = "http://one.test:8080" })
    serve(function(_, response) response.body = "other" end, { origin = "http://[::1]:9" })
    local cases = {
      ["http://one.test/x"] = "plain",
      ["http://ONE.TEST:80/x"] = "plain",
      ["https://one.test/x"] = "secure",
      ["https://one.test:443/x"] = "secure",
      ["http://one.test:8080/x"] = "port",
      ["http://[::1]:9/"] = "other",
    }
    for url, body in pairs(cases) do
      assert.are.equal(body, fetch("get", url):read_all())
    end
  end)

  it("leaves other origins to the network", function()
    local server = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwire")
    serve(function(_, response) response.body = "inner" end)
    assert.are.equal("wire", fetch("get", helper.url(server)):read_all())
    assert.are.equal("inner", fetch("get", ORIGIN .. "/"):read_all())
  end)

  it("gives its origin back when it is closed", function()
    local server = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwire")
    local inner = serve(function(_, response) response.body = "inner" end, { origin = helper.url(server, "") })
    assert.are.equal("inner", fetch("get", helper.url(server)):read_all())
    inner:close()
    assert.are.equal("wire", fetch("get", helper.url(server)):read_all())
  end)

  it("stands before an older one of the same origin", function()
    serve(function(_, response) response.body = "old" end)
    local new = serve(function(_, response) response.body = "new" end, { origin = "*" })
    assert.are.equal("new", fetch("get", ORIGIN):read_all())
    new:close()
    assert.are.equal("old", fetch("get", ORIGIN):read_all())
  end)

  it("may pass a request on to an older one, and to the network behind it", function()
    local server = helper.respond(function(request)
      return ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"):format(#request.body + 5, "wire " .. request.body)
    end)
    local origin = helper.url(server, "")
    local passed = {}
    local function pass(name)
      return function(request, response)
        passed[#passed + 1] = name .. " " .. request.body
        assert.is_true(response:pass_on())
      end
    end
    serve(pass("first"), { origin = origin })
    serve(pass("second"), { origin = "*" })
    serve(pass("third"), { origin = origin })
    local response = fetch("post", origin .. "/x", "body")
    assert.are.equal(Response.NO_ERROR, response.error, response.error_string)
    assert.are.equal("wire body", response:read_all())
    assert.are.same({ "third body", "second body", "first body" }, passed)
  end)

  helper.it_can("stream_upload", "passes on a body that can begin again, and tells of one that cannot", function()
    local server = helper.respond(function(request)
      return ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"):format(#request.body, request.body)
    end)
    serve(function(_, response) response:pass_on() end, { origin = "*" })
    local name = raw.mkdtemp() .. "/body"
    local file = assert(io.open(name, "w"))
    file:write("of a file")
    file:close()
    local response = fetch("post", { url = helper.url(server), file = name })
    assert.are.equal("of a file", response:read_all())
    os.remove(name)
    local given = 0
    response = fetch("post", helper.url(server), function()
      given = given + 1
      return given == 1 and "once" or nil
    end)
    assert.are.equal(Response.CONTENT_RE_SEND_ERROR, response.error)
    assert.is_truthy(response.error_string:find("cannot be read a second time", 1, true))
  end)

  it("does not pass on what it has begun to answer", function()
    serve(function(_, response)
      response:write("a")
      local ok, why = pcall(response.pass_on, response)
      assert(not ok)
      response:write(why)
    end)
    assert.is_truthy(fetch("get", ORIGIN):read_all():find("already been sent", 1, true))
  end)

  it("may end the exchange with any error", function()
    local cases = {
      { "CONNECTION_REFUSED_ERROR", "connect" },
      { "HOST_NOT_FOUND_ERROR", "resolve" },
      { "TIMEOUT_ERROR", "head" },
      { "SSL_HANDSHAKE_FAILED_ERROR", "tls" },
      { "PROXY_AUTHENTICATION_REQUIRED_ERROR", "proxy" },
      { "REMOTE_HOST_CLOSED_ERROR", "head" },
    }
    serve(function(request, response)
      local name = request.path:sub(2)
      response:fail(Response[name], "because of " .. name)
    end)
    for _, case in ipairs(cases) do
      local response = fetch("get", ORIGIN .. "/" .. case[1])
      assert.are.equal(Response[case[1]], response.error)
      assert.are.equal("because of " .. case[1], response.error_string)
      assert.are.equal(case[2], response.error_detail.phase)
      assert.are.equal(0, response.status_code)
    end
  end)

  it("refuses an error that is none, and fails no client of a socket", function()
    local said = {}
    local function handler(_, response)
      for _, value in ipairs { 0, 12345, "TIMEOUT_ERROR", 4 } do
        local ok, why = pcall(response.fail, response, value)
        said[#said + 1] = ok and "done" or why
      end
    end
    serve(handler)
    fetch("get", ORIGIN)
    assert.is_truthy(said[1]:find("bad error: 0 is none", 1, true))
    assert.is_truthy(said[2]:find("bad error: 12345 is none", 1, true))
    assert.is_truthy(said[3]:find("one of the numbers of http.Response expected, got TIMEOUT_ERROR", 1, true))
    assert.are.equal("done", said[4])
    said = {}
    local server = servers.serve(handler)
    fetch("get", server.url)
    assert.is_truthy(said[4]:find("only a server in the process", 1, true))
  end)

  it("tells what it had written before it fails", function()
    serve(function(_, response)
      response:write("half")
      response:fail(Response.TIMEOUT_ERROR)
    end)
    local response = fetch("get", ORIGIN)
    assert.are.equal("half", response:read_all())
    assert.are.equal(200, response.status_code)
    assert.are.equal(Response.TIMEOUT_ERROR, response.error)
    assert.are.equal("body", response.error_detail.phase)
  end)

  it("that gives up is one that closed the connection", function()
    serve(function(request, response)
      if request.path == "/body" then
        response.headers["Content-Length"] = 10
        response:write("half")
      end
      response._request:abort()
      response.finished = true
    end)
    local response = fetch("get", ORIGIN .. "/head")
    assert.are.equal(Response.REMOTE_HOST_CLOSED_ERROR, response.error)
    assert.are.equal("head", response.error_detail.phase)
    assert.are.equal(0, response.status_code)
    response = fetch("get", ORIGIN .. "/body")
    assert.are.equal(Response.REMOTE_HOST_CLOSED_ERROR, response.error)
    assert.are.equal("half", response:read_all())
    assert.is_truthy(response.error_string:find("4 of 10 bytes", 1, true))
  end)

  it("has status errors like any other", function()
    serve(function(request, response)
      response.status = tonumber(request.path:sub(2))
      response.body = "sorry"
    end)
    for status, code in pairs { [404] = 203, [503] = 403, [401] = 204 } do
      local response = fetch("get", ("%s/%d"):format(ORIGIN, status))
      assert.are.equal(code, response.error)
      assert.are.equal("sorry", response:read_all())
    end
  end)

  it("sends no body to HEAD, 204 and 304", function()
    serve(function(request, response)
      response.status = tonumber(request.path:sub(2))
      response.body = request.method == "HEAD" and "hello" or nil
    end)
    local response = fetch("head", ORIGIN .. "/200")
    assert.are.equal("5", response.headers["content-length"])
    assert.are.equal("", response:read_all())
    assert.are.equal(204, fetch("get", ORIGIN .. "/204").status_code)
    assert.are.equal(304, fetch("get", ORIGIN .. "/304").status_code)
  end)

  it("calls the handlers in the order of a wire, none before control is back in the loop", function()
    serve(function(request, response)
      response:interim(103, { Link = "</a>" })
      response.body = ("x"):rep(#request.body)
    end)
    local told = {}
    local function tell(what)
      return helper.expect(function() told[#told + 1] = what end, "some")
    end
    local response = http.post(ORIGIN, "body", tell("callback"))
    response.upload_progresss_handler = tell("upload")
    response.interim_handler = tell("interim")
    response.ready_read_handler = tell("ready")
    response.download_progress_handler = tell("download")
    response.finished_handler = tell("finished")
    assert.are.same({}, told)
    helper.wait(function() return response.finished and #told >= 6 end)
    assert.are.same({ "upload", "interim", "ready", "download", "callback", "finished" }, told)
  end)

  it("calls error_handler before the callback and finished_handler", function()
    serve(function(_, response) response:fail(Response.CONNECTION_REFUSED_ERROR) end)
    local told = {}
    local function tell(what)
      return helper.expect(function() told[#told + 1] = what end)
    end
    local response = http.get(ORIGIN, tell("callback"))
    response.error_handler = tell("error")
    response.finished_handler = tell("finished")
    helper.wait_calls()
    assert.are.same({ "error", "callback", "finished" }, told)
  end)

  it("is refused where it is an origin that is none", function()
    local cases = {
      { "api.test", "it must start with a scheme" },
      { "http://api.test/path", "without a path" },
      { "http://api.test/?q", "without a path" },
      { "ftp://api.test", "neither http nor https" },
      { "http://", "it has no host" },
      { "http://a b", "" },
    }
    for _, case in ipairs(cases) do
      local ok, why = pcall(http.serve, { origin = case[1], handler = print })
      assert.is_false(ok)
      assert.is_truthy(why:find(case[2], 1, true), why)
      assert.is_truthy(why:find("inproc_spec", 1, true) or why:find("bad origin", 1, true), why)
    end
    local alien = { port = 80, host = "127.0.0.1", unix = "/x", tls = { cert_file = "x" }, reuse_port = true }
    for name, value in pairs(alien) do
      local ok, why = pcall(http.serve, { origin = ORIGIN, handler = print, [name] = value })
      assert.is_false(ok)
      assert.is_truthy(why:find(("bad option '%s' (a server in the process"):format(name), 1, true), why)
    end
  end)

  it("can upgrade nothing, and says so", function()
    serve(function(_, response) response:upgrade { Upgrade = "echo" } end)
    local response = fetch("get", { url = ORIGIN, headers = { Upgrade = "echo", Connection = "Upgrade" } })
    assert.are.equal(Response.PROTOCOL_INVALID_OPERATION_ERROR, response.error)
    assert.is_truthy(response.error_string:find("upgrade", 1, true))
    response = http.request { method = "CONNECT", url = ORIGIN, path = nil }
    helper.wait(function() return response.finished end)
    assert.are.equal(Response.PROTOCOL_INVALID_OPERATION_ERROR, response.error)
  end)

  it("has the limits of its request, and the exchange those of the response", function()
    serve(function(request, response)
      response.headers["X-Long"] = request.path == "/head" and ("x"):rep(2000) or nil
      response.body = ("x"):rep(2000)
    end, { max_head_size = 500, max_body_size = 100 })
    local response = fetch("post", ORIGIN .. "/", ("x"):rep(101))
    assert.are.equal(413, response.status_code)
    response = fetch("post", ORIGIN .. "/", ("x"):rep(100))
    assert.are.equal(200, response.status_code)
    response = fetch("get", ORIGIN .. "/" .. ("x"):rep(600))
    assert.are.equal(431, response.status_code)
    response = fetch("get", { url = ORIGIN .. "/head", max_head_size = 1000 })
    assert.are.equal(Response.UNKNOWN_CONTENT_ERROR, response.error)
    assert.is_truthy(response.error_string:find("max_head_size", 1, true))
    response = fetch("get", { url = ORIGIN .. "/", max_body_size = 1000 })
    assert.are.equal(Response.UNKNOWN_CONTENT_ERROR, response.error)
    assert.is_truthy(response.error_string:find("max_body_size", 1, true))
  end)

  it("meets the clocks of the exchange", function()
    serve(function(_, response)
      while not response:gone() do
        http.sleep(0.005)
      end
    end)
    for name, timeout in pairs { idle = { idle = 0.05 }, total = 0.05 } do
      local response = fetch("get", { url = ORIGIN, timeout = timeout })
      assert.are.equal(Response.TIMEOUT_ERROR, response.error, name)
    end
  end)

  it("is left by an abort at each step", function()
    local gone = 0
    serve(function(request, response)
      if request.path ~= "/wait" then
        response:write("begun")
      end
      while not response:gone() do
        http.sleep(0.005)
      end
      gone = gone + 1
      local ok, _, code = response:write("more")
      assert(not ok and code == "closed")
    end)
    local function aborted(path, when)
      local response = http.get(ORIGIN .. path)
      if when then
        helper.wait(function() return when(response) end)
      end
      response:abort()
      helper.wait(function() return response.finished end)
      assert.are.equal(Response.OPERATION_CANCELLED_ERROR, response.error)
    end
    aborted("/wait") -- nothing has moved
    for most = 1, 5 do
      local turns = 0
      aborted("/wait", function()
        turns = turns + 1
        return turns > most
      end)
    end
    aborted("/begin", function(response) return response.status_code == 200 end)
    helper.wait(function() return http._live().requests == 0 end)
    assert.is_true(gone >= 2)
  end)

  it("cuts what it answers as it is closed, and leaves whole what it had answered", function()
    local server = serve(function(request, response)
      if request.path == "/whole" then
        response.body = ("x"):rep(300000)
        return
      end
      response:write("half")
      while not response:gone() do
        http.sleep(0.005)
      end
    end)
    local half = http.get(ORIGIN .. "/half")
    local whole = http.get { url = ORIGIN .. "/whole", read_buffer_size = 1000 }
    helper.wait(function() return half.bytes_available == 4 and whole.bytes_available >= 1000 end)
    local waiting = http.get(ORIGIN .. "/half")
    server:close()
    helper.wait(function() return half.finished and waiting.finished end)
    assert.are.equal(Response.REMOTE_HOST_CLOSED_ERROR, half.error)
    assert.are.equal(Response.REMOTE_HOST_CLOSED_ERROR, waiting.error)
    local length = 0
    helper.wait(function()
      length = length + #whole:read_all()
      return whole.finished
    end)
    assert.are.equal(300000, length + #whole:read_all())
    assert.are.equal(Response.NO_ERROR, whole.error)
  end)

  it("stops in good order", function()
    local server = serve(function(_, response)
      http.sleep(0.05)
      response.body = "done"
    end)
    local running = http.get(ORIGIN)
    helper.wait(function() return http._live().requests == 1 end)
    local stopped
    http.spawn(function() stopped = server:stop() end)
    local late = http.get(ORIGIN)
    helper.wait(function() return stopped ~= nil end)
    assert.is_true(stopped)
    helper.wait(function() return running.finished and late.finished end)
    assert.are.equal("done", running:read_all())
    assert.are.equal(Response.CONNECTION_REFUSED_ERROR, late.error)
  end)

  it("lets a handler call another one, and itself", function()
    serve(function(request, response)
      if request.path == "/inner" then
        response.body = "inner"
        return
      end
      response.body = "outer " .. http.get(ORIGIN .. "/inner"):await():read_all()
    end)
    assert.are.equal("outer inner", fetch("get", ORIGIN .. "/outer"):read_all())
  end)

  it("has an application, secure by its origin", function()
    local app = http.app()
    app:use(function(ctx)
      ctx.cookies = nil
      ctx.body = { secure = ctx.secure, ip = ctx.ip, href = ctx.href, query = ctx.query }
    end)
    assert(app:listen { origin = "https://app.test" })
    local response = fetch("get", "https://app.test/a?b=c")
    assert.are.same({ secure = true, ip = "127.0.0.1", href = "https://app.test/a?b=c", query = { b = "c" } },
      response:json())
    app:close()
  end)
end)

describe("bodies in the process", function()
  after_each(servers.close)
  helper.setup()

  it("go no faster than the client reads", function()
    local written, size = 0, 2 ^ 19
    servers.serve(function(_, response)
      local piece = ("x"):rep(1024)
      for _ = 1, size / 1024 do
        response:write(piece)
        written = written + 1024
      end
    end, { origin = ORIGIN })
    local response = http.get { url = ORIGIN, read_buffer_size = 4096 }
    helper.wait(function() return response.bytes_available >= 4096 end)
    for _ = 1, 50 do
      http.poll(0)
    end
    assert.is_true(written <= 256 * 1024, written)
    local length = 0
    helper.wait(function()
      length = length + #response:read_string(4000)
      return response.finished and response.bytes_available == 0
    end, 20)
    assert.are.equal(size, length)
    assert.are.equal(Response.NO_ERROR, response.error)
  end)

  it("of requests go no faster than the server reads", function()
    local given, size, go = 0, 2 ^ 20, false
    local length = 0
    servers.serve(function(request, response)
      while not go do
        http.sleep(0.001)
      end
      for piece in request.stream:chunks() do
        length = length + #piece
      end
      response.body = tostring(length)
    end, { origin = ORIGIN, stream = true })
    local piece = ("y"):rep(1024)
    local response = http.post(ORIGIN, function()
      if given >= size then
        return nil
      end
      given = given + #piece
      return piece
    end)
    helper.wait(function() return given > 1024 end)
    for _ = 1, 50 do
      http.poll(0)
    end
    assert.is_true(given <= 512 * 1024, given)
    go = true
    helper.wait(function() return response.finished end, 20)
    assert.are.equal(tostring(size), response:read_all())
  end)

  it("are echoed as they come", function()
    servers.serve(function(request, response)
      for piece in request.stream:chunks() do
        response:write(piece)
      end
    end, { origin = ORIGIN, stream = true })
    local sent = 0
    local response
    response = http.post(ORIGIN, function()
      -- the next piece only once the last is back
      if response and response:peek_string(100) ~= ("z"):rep(sent) then
        http.sleep(0.001)
        return ""
      end
      sent = sent + 1
      return sent <= 20 and "z" or nil
    end)
    helper.wait(function() return response.finished end)
    assert.are.equal(("z"):rep(20), response:read_all())
  end)

  it("that are expected are asked for, or not", function()
    local asked = {}
    servers.serve(function(request, response)
      if request.path == "/no" then
        response.status = 403
        return
      end
      response.body = request.stream:read_all()
    end, { origin = ORIGIN, stream = true })
    local function post(path)
      local given = 0
      local response = http.post({ url = ORIGIN .. path, expect = true }, function()
        given = given + 1
        return given == 1 and "body" or nil
      end)
      response.interim_handler = function(_, status) asked[#asked + 1] = path .. " " .. status end
      helper.wait(function() return response.finished end)
      return response
    end
    assert.are.equal("body", post("/yes"):read_all())
    assert.are.equal(403, post("/no").status_code)
    assert.are.same({ "/yes 100" }, asked)
  end)

  it("that are expected go without a word once the client is tired of waiting", function()
    servers.serve(function(request, response)
      while request.stream._wire:ended() == false do
        http.sleep(0.005)
      end
      response.body = request.stream:read_all()
    end, { origin = ORIGIN, stream = true })
    local response = http.post({ url = ORIGIN, expect = 0.02 }, "body")
    helper.wait(function() return response.finished end)
    assert.are.equal("body", response:read_all())
  end)

  it("too long for the server are refused on the way", function()
    local handled = false
    servers.serve(function() handled = true end, { origin = ORIGIN, max_body_size = 1000 })
    local given = 0
    local response = http.post(ORIGIN, function()
      given = given + 1
      return ("x"):rep(100)
    end)
    helper.wait(function() return response.finished end)
    assert.are.equal(413, response.status_code)
    assert.is_false(handled)
  end)
end)
