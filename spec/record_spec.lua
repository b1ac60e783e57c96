-- http.record: real exchanges kept in a file, and answered from it.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local certs = require("certs")
local raw = require("raw")
local servers = require("servers")

local Response = http.Response

describe("http.record", function()
  local tape, dir, file

  before_each(function()
    dir = raw.mkdtemp()
    file = dir .. "/x.tape"
  end)
  after_each(function()
    if tape then
      tape:close()
    end
    tape = nil
    servers.close()
    raw.remove_tree(dir)
  end)
  helper.setup()

  local function ask(method, options, body)
    if type(options) == "string" then
      options = { url = options }
    end
    options.method = method
    local response = http.request(options, body)
    helper.wait(function() return response.finished end)
    return response
  end

  local function read(name)
    local handle = assert(io.open(name, "rb"))
    local text = handle:read("*a")
    handle:close()
    return text
  end

  local function write(name, text)
    local handle = assert(io.open(name, "wb"))
    handle:write(text)
    handle:close()
  end

  -- A server that counts.
  local function counting()
    local count = 0
    return helper.respond(function(request)
      count = count + 1
      local body = ("%s %s %s %d"):format(request.method, request.target, request.body, count)
      return ("HTTP/1.1 200 Fine\r\nX-Count: %d\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: %d\r\n\r\n%s")
        :format(count, #body, request.method == "HEAD" and "" or body)
    end)
  end

  it("asks the network once, and from then on the file", function()
    local server = counting()
    local function script()
      local got = {}
      for _, case in ipairs { { "GET", "/a?b=c" }, { "POST", "/a", "one" }, { "POST", "/a", "two" },
          { "GET", "/a?b=c" }, { "HEAD", "/h" } } do
        local response = ask(case[1], helper.url(server, case[2]), case[3])
        assert.are.equal(Response.NO_ERROR, response.error, response.error_string)
        got[#got + 1] = { response.status_code, response.status_message, response.headers["x-count"],
          response.headers["content-length"], response:read_all() }
      end
      return got
    end
    tape = assert(http.record(file))
    assert.are.equal("record", tape.mode)
    local first = script()
    assert.are.equal(5, #server.requests)
    assert.are.equal(5, #tape:entries())
    assert.is_true(tape:close())
    server:close()
    tape = assert(http.record(file))
    assert.are.equal("replay", tape.mode)
    assert.are.equal(5, #tape:unused())
    assert.are.same(first, script())
    assert.are.same({}, tape:unused())
    assert.is_true(tape:assert_done())
    assert.are.equal("GET /a?b=c  1", first[1][5])
    assert.are.equal("GET /a?b=c  4", first[4][5])
  end)

  it("replays without a descriptor", function()
    local server = counting()
    local url = helper.url(server)
    tape = assert(http.record(file))
    ask("GET", url)
    tape:close()
    server:close()
    http._drop_idle()
    helper.wait(function() return server.open == nil or not server.open end, 1)
    local before = raw.open_fds()
    tape = assert(http.record(file, { mode = "replay" }))
    local response = http.get(url)
    while not response.finished do
      assert.are.equal(before, raw.open_fds())
      http.poll(0.01)
    end
    assert.are.equal("GET /  1", response:read_all())
  end)

  it("keeps secrets out of the file", function()
    local server = counting()
    local url = helper.url(server, "/?key=s3cret&page=1")
    tape = assert(http.record(file, { redact_query = { "KEY" } }))
    local response = ask("GET", { url = url, headers = { Authorization = "Bearer s3cret", Cookie = "id=s3cret" } })
    assert.are.equal("a=1", response.headers["set-cookie"])
    assert.is_truthy(server.requests[1].head:find("Bearer s3cret", 1, true))
    assert.is_truthy(server.requests[1].target:find("key=s3cret", 1, true))
    tape:close()
    local text = read(file)
    assert.is_nil(text:find("Bearer", 1, true))
    assert.is_nil(text:find("id=s3cret", 1, true))
    assert.is_nil(text:find('"a=1"', 1, true))
    assert.is_truthy(text:find("/?key=[redacted]&page=1", 1, true))
    tape = assert(http.record(file, { redact_query = { "key" } }))
    response = ask("GET", (url:gsub("s3cret", "other")))
    assert.are.equal(200, response.status_code)
    assert.is_nil(response.headers["set-cookie"])
  end)

  it("keeps them out of the URLs in fields, too, and follows these when it answers", function()
    local server = servers.serve(function(request, response)
      if request.path == "/" then
        response.status = 302
        response.headers.Location = "/next?key=s3cret&page=2#here"
      else
        response.body = request.target
      end
    end)
    local url = ("http://127.0.0.1:%d/?key=s3cret"):format(server.port)
    tape = assert(http.record(file, { redact_query = { "key" } }))
    local response = ask("GET", { url = url, headers = { Referer = "http://a.test/?key=s3cret" } })
    assert.are.equal("/next?key=s3cret&page=2", response:read_all())
    tape:close()
    local text = read(file)
    assert.is_nil((text:gsub('"body":"[^"]*"', "")):find("s3cret", 1, true))
    assert.is_truthy(text:find("/next?key=[redacted]&page=2#here", 1, true))
    tape = assert(http.record(file, { redact_query = { "key" } }))
    response = ask("GET", url)
    assert.are.equal(200, response.status_code)
    assert.are.equal("/next?key=s3cret&page=2", response:read_all())
    tape:assert_done()
  end)

  it("redacts what it is told to, and lets a function change what is written", function()
    local server = counting()
    tape = assert(http.record(file, {
      redact = { "X-Count" },
      scrub = function(entry)
        entry.response.body = entry.response.body:gsub("GET", "***")
      end,
    }))
    local response = ask("GET", { url = helper.url(server), headers = { Authorization = "x" } })
    assert.are.equal("GET /  1", response:read_all())
    assert.are.equal("1", response.headers["x-count"])
    tape:close()
    tape = assert(http.record(file))
    local entry = tape:entries()[1]
    assert.are.equal("*** /  1", entry.response.body)
    assert.are.equal("[redacted]", entry.response.headers["X-Count"])
    assert.are.equal("x", entry.request.headers.Authorization)
    assert.are.same({ "a=1", "b=2" }, entry.response.headers["Set-Cookie"])
    response = ask("GET", helper.url(server))
    assert.are.same({ "a=1", "b=2" }, response:header_values("set-cookie"))
  end)

  it("keeps bytes that are no text in base64", function()
    local all = {}
    for byte = 0, 255 do
      all[#all + 1] = string.char(byte)
    end
    local bytes = table.concat(all)
    local bodies = { bytes, bytes .. "a", bytes .. "ab", "\255", "\192\128",
      "text \195\164 \226\130\172 \240\159\152\128",
      "\237\160\128", "line\nline\ttab", "\195", "" }
    local server = helper.respond(function(request)
      return ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"):format(#request.body, request.body)
    end)
    for _ = 1, 2 do
      tape = assert(http.record(file))
      for i, body in ipairs(bodies) do
        assert.are.equal(body, ask("POST", helper.url(server, "/" .. i), body):read_all())
      end
      tape:close()
    end
    assert.are.equal(#bodies, #server.requests)
    local text = read(file)
    assert.is_truthy(text:find("text \195\164 \226\130\172 \240\159\152\128", 1, true))
    assert.is_truthy(text:find('"body_base64":"/w=="', 1, true))
  end)

  it("records each leg of a redirect, and follows them again", function()
    local server
    server = helper.respond(function(request)
      if request.target == "/from" then
        return "HTTP/1.1 302 Found\r\nLocation: /to\r\nContent-Length: 0\r\n\r\n"
      end
      return "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthere"
    end)
    for _ = 1, 2 do
      tape = assert(http.record(file))
      local response = ask("GET", helper.url(server, "/from"))
      assert.are.equal("there", response:read_all())
      assert.are.equal(helper.url(server, "/to"), response.url)
      assert.are.equal(1, #response.history)
      assert.are.equal(2, #tape:entries())
      tape:close()
    end
    assert.are.equal(2, #server.requests)
  end)

  it("records statuses of errors, and failures, and plays them again", function()
    local server = helper.respond(function(request)
      if request.target == "/404" then
        return "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone"
      elseif request.target == "/half" then
        return "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
      end
      return ""
    end)
    local refused = helper.respond("")
    refused:close()
    for _ = 1, 2 do
      tape = assert(http.record(file))
      local response = ask("GET", helper.url(server, "/404"))
      assert.are.equal(Response.CONTENT_NOT_FOUND_ERROR, response.error)
      assert.are.equal("none", response:read_all())
      response = ask("GET", helper.url(server, "/half"))
      assert.are.equal(Response.REMOTE_HOST_CLOSED_ERROR, response.error)
      assert.are.equal("half", response:read_all())
      assert.are.equal(200, response.status_code)
      response = ask("POST", helper.url(server, "/closed"), "x")
      assert.are.equal(Response.REMOTE_HOST_CLOSED_ERROR, response.error)
      assert.are.equal(0, response.status_code)
      response = ask("GET", helper.url(refused))
      assert.are.equal(Response.CONNECTION_REFUSED_ERROR, response.error)
      tape:close()
    end
    assert.are.equal(3, #server.requests)
  end)

  it("has the options of https that its client has", function()
    local server = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecure", { tls = certs.server })
    tape = assert(http.record(file, { mode = "record" }))
    local response = ask("GET", helper.url(server))
    assert.are.equal(Response.SSL_HANDSHAKE_FAILED_ERROR, response.error)
    response = ask("GET", { url = helper.url(server), verify = false })
    assert.are.equal(Response.NO_ERROR, response.error, response.error_string)
    assert.are.equal("secure", response:read_all())
  end)

  it("tells what it does not hold", function()
    write(file, '{"request":{"method":"GET","url":"http://api.test/"},'
      .. '"response":{"status":200,"headers":{},"body":"x"}}\n')
    tape = assert(http.record(file))
    local response = ask("POST", "http://api.test/", "y")
    assert.are.equal(Response.PROTOCOL_INVALID_OPERATION_ERROR, response.error)
    assert.is_truthy(response.error_string:find("holds no POST http://api.test/ with that body", 1, true))
    assert.are.equal("x", ask("GET", "http://api.test/"):read_all())
    response = ask("GET", "http://api.test/")
    assert.is_truthy(response.error_string:find("holds GET http://api.test/ once, and it was asked again", 1, true))
    local ok, why = pcall(function() tape:assert_done() end)
    assert.is_false(ok)
    assert.is_truthy(why:find("record_spec.lua", 1, true))
    assert.is_truthy(why:find("holds no POST", 1, true))
    tape:close()
    tape = assert(http.record(file))
    ok, why = pcall(function() tape:assert_done() end)
    assert.is_false(ok)
    assert.is_truthy(why:find("not asked: GET http://api.test/", 1, true))
  end)

  it("matches as it is told, and repeats itself if it may", function()
    write(file, '{"request":{"method":"POST","url":"http://api.test/?t=1","body":"a"},'
      .. '"response":{"status":200,"headers":{},"body":"x"}}\n')
    local cases = {
      { { "method", "path" }, true }, { { "method", "url" }, false }, { { "url", "body" }, false },
      { function(request, call) return request.method == call.method and call.body == "b" end, true },
    }
    for _, case in ipairs(cases) do
      tape = assert(http.record(file, { match = case[1], repeats = true }))
      for _ = 1, 2 do
        assert.are.equal(case[2] and "x" or "", ask("POST", "http://api.test/?t=2", "b"):read_all())
      end
      tape:close()
    end
  end)

  it("returns nil and words where the file cannot be used", function()
    local made, why, code = http.record(file, { mode = "replay" })
    assert.is_nil(made)
    assert.are.equal("missing", code)
    assert.is_truthy(why:find("x.tape", 1, true))
    for _, text in ipairs { "no JSON\n", "{}\n", '{"request":1}\n', '{"request":{"method":"GET","url":"x"}}\n',
        '{"request":{"method":"GET","url":"x"},"response":{"status":200}}\n',
        '{"request":{"method":"GET","url":"x","body_base64":"?"},"error":{"name":"TIMEOUT_ERROR"}}\n',
        '{"request":{"method":"GET","url":"x"},"response":{"status":200,"headers":{},"body_base64":"?"}}\n',
        '{"request":{"method":"GET","url":"x"},"error":{}}\n' } do
      write(file, '{"request":{"method":"GET","url":"x"},"error":{"name":"TIMEOUT_ERROR"}}\n' .. text)
      tape, why, code = http.record(file)
      assert.is_nil(tape, text)
      assert.are.equal("malformed", code)
      assert.is_truthy(why:find("x.tape:2 is no recorded exchange", 1, true), why)
    end
    assert.are.equal(0, http._live().servers)
  end)

  it("leaves no part of a file behind, and tells of one that cannot be written", function()
    local server = counting()
    tape = assert(http.record(file, { mode = "record" }))
    ask("GET", helper.url(server))
    tape:close()
    local count = 0
    for _ in io.popen("ls " .. dir):lines() do
      count = count + 1
    end
    assert.are.equal(1, count)
    tape = assert(http.record(dir .. "/none/x.tape"))
    local ok, why = tape:close()
    assert.is_nil(ok)
    assert.is_truthy(why:find("none/x.tape", 1, true))
  end)

  it("records a new file in the place of an old one with mode = record", function()
    local server = counting()
    for i = 1, 2 do
      tape = assert(http.record(file, { mode = "record" }))
      assert.are.equal("GET /  " .. i, ask("GET", helper.url(server)):read_all())
      assert.are.equal(1, #tape:entries())
      tape:close()
    end
  end)

  it("records what a mock below it answers", function()
    local mock = http.mock()
    mock:get("http://api.test/", { json = { 1 } })
    tape = assert(http.record(file))
    assert.are.same({ 1 }, ask("GET", "http://api.test/"):json())
    tape:close()
    mock:close()
    tape = assert(http.record(file))
    assert.are.same({ 1 }, ask("GET", "http://api.test/"):json())
  end)

  it("throws for misuse at the caller's line", function()
    local cases = {
      { function() http.record() end, "name of a file expected, got nil" },
      { function() http.record("") end, "name of a file expected" },
      { function() http.record(file, 1) end, "table expected, got number" },
      { function() http.record(file, { mod = 1 }) end, "unknown option 'mod'" },
      { function() http.record(file, { mode = "rec" }) end, "auto, record or replay expected, got rec" },
      { function() http.record(file, { redact = "x" }) end, "bad option 'redact' (table expected" },
      { function() http.record(file, { redact = { 1 } }) end, "bad option 'redact'" },
      { function() http.record(file, { match = { "hue" } }) end, "hue is not one of its names" },
      { function() http.record(file, { match = 1 }) end, "list or function expected" },
      { function() http.record(file, { origin = "x" }) end, "bad origin" },
      { function() http.get { url = "http://x.test", forward = 1 } end, "bad option 'forward'" },
    }
    for i, case in ipairs(cases) do
      local ok, why = pcall(case[1])
      assert.is_false(ok, i)
      assert.is_truthy(why:find("record_spec.lua:", 1, true), i .. ": " .. why)
      assert.is_truthy(why:find(case[2], 1, true), i .. ": " .. why)
    end
  end)
end)
