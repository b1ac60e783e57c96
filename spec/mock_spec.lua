-- http.mock: answers by method and URL, without a socket.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")

local Response = http.Response
local API = "http://api.test"

describe("http.mock", function()
  local mock

  before_each(function() mock = nil end)
  after_each(function()
    if mock then
      mock:close()
    end
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

  local function get(url)
    return ask("GET", url)
  end

  it("answers by method and URL, and gives the network back", function()
    local server = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nreal")
    local url = helper.url(server, "/x")
    mock = http.mock()
    mock:get(url, { status = 201, reason = "Mocked", headers = { ["X-A"] = "1" }, body = "mock" })
    local response = get(url)
    assert.are.equal(201, response.status_code)
    assert.are.equal("Mocked", response.status_message)
    assert.are.equal("1", response.headers["x-a"])
    assert.are.equal("mock", response:read_all())
    assert.are.equal(0, #server.requests)
    mock:close()
    mock:close()
    assert.are.equal("real", get(url):read_all())
  end)

  it("opens no descriptor", function()
    local before, during = raw.open_fds(), nil
    mock = http.mock()
    mock:get("https://secure.test/", function()
      during = raw.open_fds()
      return "x"
    end)
    assert.are.equal("x", get("https://secure.test/"):read_all())
    assert.are.equal(before, during)
    assert.are.equal(before, raw.open_fds())
  end)

  it("answers every method", function()
    mock = http.mock()
    for _, method in ipairs { "get", "put", "post", "patch", "delete", "options" } do
      mock[method](mock, API .. "/", method)
    end
    mock:head(API .. "/", 204)
    mock:on({ method = "purge", url = API .. "/" }, "purge")
    for _, method in ipairs { "get", "put", "post", "patch", "delete", "options", "purge" } do
      assert.are.equal(method, ask(method:upper(), API .. "/"):read_all())
    end
    assert.are.equal(204, ask("HEAD", API .. "/").status_code)
    assert.is_true(mock:assert_done())
  end)

  it("matches URLs", function()
    local cases = {
      -- mock, asked, params; false: it does not match
      { API .. "/users", "/users", {} },
      { API .. "/users", "/users?page=1", {} },
      { API .. "/users", "/users/", false },
      { API .. "/users/:id", "/users/12", { id = "12" } },
      { API .. "/users/:id", "/users/a%20b", { id = "a b" } },
      { API .. "/users/:id", "/users/", false },
      { API .. "/users/:id", "/users/1/2", false },
      { API .. "/:a/x/:b_2", "/1/x/2", { a = "1", b_2 = "2" } },
      { API .. "/files/*", "/files/a/b", {} },
      { API .. "/files/*.png", "/files/a/b.png", {} },
      { API .. "/files/*.png", "/files/a/b.jpg", false },
      { API .. "/a.b", "/axb", false },
      { API .. "/a-b+c%", "/a-b+c%", {} },
      { API .. "/x?a=1&b=2", "/x?b=2&a=1", {} },
      { API .. "/x?a=1", "/x?a=1&b=2", false },
      { API .. "/x?a=1", "/x", false },
      { API .. "/x?", "/x?a=1", false },
      { API, "/", {} },
      { "HTTP://API.TEST:80/x", "/x", {} },
      { "https://api.test/x", "/x", false },
      { "http://api.test:81/x", "/x", false },
      { "/x", "/x", {} },
      { "*", "/anything?at=all", {} },
      { API .. "/*", "/anything", {} },
    }
    for _, case in ipairs(cases) do
      mock = http.mock()
      local params
      mock:get(case[1], function(request)
        params = request.params
        return 200
      end)
      get(API .. case[2])
      assert.are.same(case[3] or nil, params, case[1] .. " " .. case[2])
      mock:close()
    end
  end)

  it("matches by a Lua pattern, and by a function", function()
    mock = http.mock()
    mock:on({ pattern = "/users/(%d+)$" }, function(request) return "user " .. request.params[1] end)
    mock:get(function(url) return url:find("teapot", 1, true) and { kind = "tea" } end,
      function(request) return request.params.kind end)
    assert.are.equal("user 7", get(API .. "/users/7"):read_all())
    assert.are.equal("tea", get(API .. "/teapot"):read_all())
    assert.are.equal(Response.PROTOCOL_INVALID_OPERATION_ERROR, get(API .. "/users/x").error)
  end)

  it("matches by query, headers and body", function()
    mock = http.mock()
    local url = API .. "/x"
    local cases = {
      { { query = { a = 1 } }, { url = url .. "?a=1&b=2" }, true },
      { { query = { a = "2" } }, { url = url .. "?a=1" }, false },
      { { query = { a = true, b = false } }, { url = url .. "?a=1" }, true },
      { { query = { b = false } }, { url = url .. "?b" }, false },
      { { query = { a = { 1, 2 } } }, { url = url .. "?a=1&a=2" }, true },
      { { query = function(fields) return fields.a == "x y" end }, { url = url .. "?a=x+y" }, true },
      { { headers = { Accept = "text/plain" } }, { url = url, headers = { accept = "text/plain" } }, true },
      { { headers = { Accept = "text/html" } }, { url = url, headers = { accept = "text/plain" } }, false },
      { { headers = { ["X-A"] = false } }, { url = url }, true },
      { { headers = { ["X-A"] = true } }, { url = url }, false },
      { { headers = { ["X-A"] = function(value) return value == "1" end } }, { url = url, headers = { ["X-A"] = 1 } },
        true },
      { { body = "abc" }, { url = url }, true, "abc" },
      { { body = "abc" }, { url = url }, false, "abd" },
      { { body = function(body) return #body == 3 end }, { url = url }, true, "abd" },
      { { json = { a = { 1, 2 }, b = "c" } }, { url = url }, true, '{"b":"c","a":[1,2]}' },
      { { json = { a = 1 } }, { url = url }, false, '{"a":1,"b":2}' },
      { { json = { a = 1 } }, { url = url }, false, "no JSON" },
    }
    for i, case in ipairs(cases) do
      mock:reset()
      case[1].url = url
      mock:on(case[1], "found")
      local response = ask("POST", case[2], case[4] or "")
      assert.are.equal(case[3] and "found" or "", response:read_all(), "case " .. i .. " " .. response.error_string)
    end
  end)

  it("takes replies of many kinds", function()
    local bytes = "\0\1\255"
    local cases = {
      { nil, 200, "" },
      { 404, 404, "" },
      { "text", 200, "text" },
      { { status = 500, body = bytes }, 500, bytes },
      { { json = { a = { 1 } } }, 200, '{"a":[1]}', "application/json" },
      { { json = false }, 200, "false", "application/json" },
      { { json = { 1 }, headers = { ["content-type"] = "x/y" } }, 200, "[1]", "x/y" },
      { function(request) return { body = request.method } end, 200, "GET" },
      { function() return 503 end, 503, "" },
      { function() end, 200, "" },
      { function() return function() return "deep" end end, 200, "deep" },
    }
    mock = http.mock()
    for i, case in ipairs(cases) do
      mock:get(API .. "/" .. i, case[1])
      local response = get(API .. "/" .. i)
      assert.are.equal(case[2], response.status_code)
      assert.are.equal(case[3], response:read_all())
      assert.are.equal(case[4], response.headers["content-type"])
    end
  end)

  it("gives a list of replies one after the other", function()
    mock = http.mock()
    local expectation = mock:get(API, { 503, { status = 503 }, "done" })
    assert.are.equal(503, get(API).status_code)
    assert.are.equal(503, get(API).status_code)
    assert.are.equal("done", get(API):read_all())
    local response = get(API)
    assert.is_truthy(response.error_string:find("used up: 3 of 3", 1, true), response.error_string)
    assert.are.equal(3, expectation.count)
    mock:reset()
    mock:get(API, { "first", "then" }, { times = math.huge })
    assert.are.equal("first", get(API):read_all())
    assert.are.equal("then", get(API):read_all())
    assert.are.equal("then", get(API):read_all())
  end)

  it("answers as often as it is told, and then lets the next one answer", function()
    mock = http.mock()
    mock:get(API, "twice", { times = 2 })
    mock:get(API, "then")
    local got = {}
    for i = 1, 4 do
      got[i] = get(API):read_all()
    end
    assert.are.same({ "twice", "twice", "then", "then" }, got)
  end)

  it("fails what has no mock, and tells which there are", function()
    mock = http.mock()
    local response = get(API .. "/none")
    assert.are.equal(Response.PROTOCOL_INVALID_OPERATION_ERROR, response.error)
    assert.are.equal("no mock for GET http://api.test/none; there are none at all", response.error_string)
    mock:post(API .. "/users", 201)
    mock:get(API .. "/groups", 200)
    mock:on({ method = "GET", url = API .. "/users", headers = { ["X-Key"] = "1" } }, 200)
    response = get(API .. "/users")
    assert.are.equal("no mock for GET http://api.test/users; there are: "
      .. "GET http://api.test/users (other headers: 'X-Key'), POST http://api.test/users (another method), "
      .. "GET http://api.test/groups (another URL)", response.error_string)
    assert.are.equal(2, #mock:unmatched())
    local ok, why = pcall(function() mock:assert_done() end)
    assert.is_false(ok)
    assert.is_truthy(why:find("no mock for GET http://api.test/none", 1, true))
    assert.is_truthy(why:find("not asked: POST http://api.test/users (never asked)", 1, true))
    assert.is_truthy(why:find("mock_spec.lua:", 1, true))
  end)

  it("lists the nearest alone where there are many", function()
    mock = http.mock()
    for i = 1, 20 do
      mock:get(API .. "/" .. i, 200)
    end
    get(API .. "/x")
    assert.is_truthy(mock:unmatched()[1]:find("15 more", 1, true))
  end)

  it("tells what was asked", function()
    mock = http.mock()
    mock:post(API .. "/users", 201)
    mock:get("*", 200)
    ask("POST", { url = API .. "/users?notify=1", headers = { ["X-Key"] = "k" } }, '{"name":"Ada"}')
    get(API .. "/users/1")
    get("https://other.test/")
    local calls = mock:calls()
    assert.are.equal(3, #calls)
    assert.are.equal("POST", calls[1].method)
    assert.are.equal("http://api.test/users?notify=1", calls[1].url)
    assert.are.equal("/users", calls[1].path)
    assert.are.equal("notify=1", calls[1].query)
    assert.are.same({ notify = "1" }, calls[1].fields)
    assert.are.equal("k", calls[1].headers["x-key"])
    assert.are.equal('{"name":"Ada"}', calls[1].body)
    assert.are.same({ name = "Ada" }, calls[1]:json())
    assert.are.equal("http.mock.Call (POST http://api.test/users?notify=1)", tostring(calls[1]))
    assert.are.equal(2, #mock:calls("GET"))
    assert.are.equal(1, #mock:calls("GET", API .. "/users/:id"))
    assert.are.equal(0, #mock:calls("PUT"))
  end)

  it("knows which mocks were not used", function()
    mock = http.mock()
    mock:get(API .. "/once", 200)
    mock:get(API .. "/thrice", 200, { times = 3 })
    mock:get(API .. "/perhaps", 200, { optional = true })
    get(API .. "/thrice")
    assert.are.same({ "GET http://api.test/once (never asked)", "GET http://api.test/thrice (asked 1 of 3 times)" },
      mock:pending())
    get(API .. "/once")
    get(API .. "/thrice")
    get(API .. "/thrice")
    assert.are.same({}, mock:pending())
    assert.is_true(mock:assert_done())
  end)

  it("fails as a network does", function()
    mock = http.mock()
    for _, name in ipairs { "CONNECTION_REFUSED_ERROR", "HOST_NOT_FOUND_ERROR", "TIMEOUT_ERROR",
        "SSL_HANDSHAKE_FAILED_ERROR", "REMOTE_HOST_CLOSED_ERROR" } do
      mock:get(API .. "/" .. name, { error = name })
      mock:get(API .. "/number/" .. name, { error = Response[name], error_string = "my words" })
      local response = get(API .. "/" .. name)
      assert.are.equal(Response[name], response.error)
      assert.are.equal("the mock answers with " .. name, response.error_string)
      response = get(API .. "/number/" .. name)
      assert.are.equal(Response[name], response.error)
      assert.are.equal("my words", response.error_string)
    end
  end)

  it("is late where it is told to be", function()
    mock = http.mock()
    mock:get(API, { delay = 0.05, body = "late" })
    local started = http.now()
    assert.are.equal("late", get(API):read_all())
    assert.is_true(http.now() - started >= 0.045)
    local response = ask("GET", { url = API, timeout = 0.01 })
    assert.are.equal(Response.TIMEOUT_ERROR, response.error)
    helper.wait(function() return http._live().requests == 0 end)
  end)

  it("cuts a body in the middle", function()
    mock = http.mock()
    mock:get(API .. "/closed", { body = "0123456789", cut = 4 })
    mock:get(API .. "/other", { body = "0123456789", cut = 4, error = "TIMEOUT_ERROR" })
    local response = get(API .. "/closed")
    assert.are.equal("0123", response:read_all())
    assert.are.equal(200, response.status_code)
    assert.are.equal("10", response.headers["content-length"])
    assert.are.equal(Response.REMOTE_HOST_CLOSED_ERROR, response.error)
    assert.are.equal("the mock cut its reply after 4 of 10 bytes", response.error_string)
    assert.are.equal("body", response.error_detail.phase)
    assert.are.equal(Response.TIMEOUT_ERROR, get(API .. "/other").error)
  end)

  it("lets what has no mock go to the network, if it is told to", function()
    local server = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nreal")
    mock = http.mock { passthrough = true }
    mock:get(API, "mock")
    assert.are.equal("mock", get(API):read_all())
    assert.are.equal("real", get(helper.url(server)):read_all())
    assert.are.equal("/", server.requests[1].target)
    mock:close()
    mock = http.mock { passthrough = function(call) return call.path == "/real" end }
    assert.are.equal("real", get(helper.url(server, "/real")):read_all())
    assert.are.equal(Response.PROTOCOL_INVALID_OPERATION_ERROR, get(helper.url(server, "/no")).error)
    mock:get("*", { passthrough = true })
    assert.are.equal("real", get(helper.url(server, "/no")):read_all())
  end)

  it("stands before an older one", function()
    local older = http.mock()
    older:get(API, "old")
    mock = http.mock()
    mock:get(API, "new")
    assert.are.equal("new", get(API):read_all())
    mock:close()
    assert.are.equal("old", get(API):read_all())
    older:close()
  end)

  it("is for one origin, if it is told so", function()
    local server = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nreal")
    mock = http.mock { origin = API }
    mock:get("/x", "mock")
    assert.are.equal("mock", get(API .. "/x"):read_all())
    assert.are.equal("real", get(helper.url(server, "/x")):read_all())
  end)

  it("has applications answer for their origins", function()
    local app = http.app()
    app:use(function(ctx) ctx.body = "app " .. ctx.path end)
    mock = http.mock()
    mock:get(API, "mock")
    mock:serve("https://app.test", app)
    mock:serve("http://plain.test", function(request) return { body = "handler " .. request.path } end)
    assert.are.equal("app /a", get("https://app.test/a"):read_all())
    assert.are.equal("handler /b", get("http://plain.test/b"):read_all())
    assert.are.equal("mock", get(API):read_all())
    mock:close()
    assert.are.equal(0, http._live().servers)
  end)

  it("tells of a reply function that throws, and answers 500", function()
    local status, output = helper.run_script([[
      local mock = http.mock()
      mock:get("http://api.test/", function() error("my mistake") end)
      print(http.get("http://api.test/"):await().status_code)
      mock:close()
    ]])
    assert.is_truthy(output:find("500", 1, true))
    assert.is_truthy(output:find("my mistake", 1, true))
    assert.are_not.equal(0, status)
  end)

  it("breaks off what it answers as it is closed", function()
    mock = http.mock()
    mock:get(API, { delay = 0.1, body = "late" })
    local response = http.get(API)
    helper.wait(function() return #mock:calls() == 1 end)
    mock:close()
    helper.wait(function() return response.finished end)
    assert.are.equal(Response.REMOTE_HOST_CLOSED_ERROR, response.error)
    helper.wait(function() return http._live().requests == 0 and http._live().timers == 0 end)
  end)

  it("leaves the tables of the script as they are", function()
    mock = http.mock()
    local spec = { method = "get", url = API, query = { a = 1 }, headers = { X = false } }
    local reply = { status = 201, headers = { A = "1" }, json = { 1 } }
    local list = { reply, 204 }
    mock:on(spec, list)
    get(API .. "?a=1")
    assert.are.same({ method = "get", url = API, query = { a = 1 }, headers = { X = false } }, spec)
    assert.are.same({ { status = 201, headers = { A = "1" }, json = { 1 } }, 204 }, list)
  end)

  it("throws for misuse at the caller's line", function()
    mock = http.mock()
    local app = {}
    local cases = {
      { function() http.mock(1) end, "table expected, got number" },
      { function() http.mock { pass = true } end, "unknown option 'pass'" },
      { function() http.mock { passthrough = 1 } end, "bad option 'passthrough'" },
      { function() http.mock { origin = "x" } end, "bad origin" },
      { function() mock:get(1) end, "bad argument #1 to 'get'" },
      { function() mock.get(API) end, "call it with a colon" },
      { function() mock:get(API, true) end, "bad reply" },
      { function() mock:get(API, { statsu = 1 }) end, "unknown field 'statsu' of a reply" },
      { function() mock:get(API, { status = 99 }) end, "not between 200 and 999" },
      { function() mock:get(API, { body = 1 }) end, "bad field 'body' of a reply (string expected" },
      { function() mock:get(API, { body = "", json = 1 }) end, "in place of body" },
      { function() mock:get(API, { error = "TIMEOUT" }) end, "TIMEOUT is no error of http.Response" },
      { function() mock:get(API, { error = 0 }) end, "is no error" },
      { function() mock:get(API, { delay = -1 }) end, "bad field 'delay'" },
      { function() mock:get(API, { cut = -1 }) end, "bad field 'cut'" },
      { function() mock:get(API, { { status = 1 } }) end, "not between" },
      { function() mock:get(API, { { { 1 } } }) end, "list of lists" },
      { function() mock:get(API, 200, { times = 0 }) end, "bad option 'times'" },
      { function() mock:get(API, 200, { time = 1 }) end, "unknown option 'time'" },
      { function() mock:get(API, 200, 1) end, "table expected" },
      { function() mock:on("x") end, "bad argument #1 to 'on'" },
      { function() mock:on { uri = "x" } end, "unknown field 'uri'" },
      { function() mock:on { url = API, pattern = "x" } end, "in place of url" },
      { function() mock:on { pattern = "[" } end, "is not a Lua pattern" },
      { function() mock:on { body = "", json = {} } end, "in place of body" },
      { function() mock:serve(API, app) end, "bad argument #2 to 'serve'" },
      { function() mock:serve("x", print) end, "bad origin" },
    }
    for i, case in ipairs(cases) do
      local ok, why = pcall(case[1])
      assert.is_false(ok, i)
      assert.is_truthy(why:find("mock_spec.lua:", 1, true), i .. ": " .. why)
      assert.is_truthy(why:find(case[2], 1, true), i .. ": " .. why)
    end
  end)
end)

describe("what the client does on top of a mock", function()
  local mock

  after_each(function() mock:close() end)
  helper.setup()
  before_each(function() mock = http.mock() end)

  local function ask(options, body)
    local response = http.request(options, body)
    helper.wait(function() return response.finished end)
    return response
  end

  local function location(status, to)
    return { status = status, headers = { Location = to } }
  end

  it("redirects, from one origin to another", function()
    local cases = {
      -- status, method -> method, body
      { 301, "POST", "GET", "" }, { 302, "POST", "GET", "" }, { 303, "PUT", "GET", "" },
      { 307, "POST", "POST", "body" }, { 308, "PUT", "PUT", "body" },
    }
    for _, case in ipairs(cases) do
      mock:reset()
      mock:on({ method = case[2], url = API .. "/from" }, location(case[1], "http://other.test/to"))
      mock:on({ method = case[3], url = "http://other.test/to" }, "there")
      local response = ask({ method = case[2], url = API .. "/from", headers = { Authorization = "secret" } }, "body")
      assert.are.equal("there", response:read_all(), response.error_string)
      assert.are.equal("http://other.test/to", response.url)
      assert.are.equal(1, #response.history)
      local calls = mock:calls()
      assert.are.equal("secret", calls[1].headers.authorization)
      assert.is_nil(calls[2].headers.authorization)
      assert.are.equal(case[4], calls[2].body)
      assert.are.equal("other.test", calls[2].headers.host)
      assert.is_true(mock:assert_done())
    end
  end)

  it("refuses redirects that it must", function()
    mock:get("https://api.test/", location(302, "http://api.test/"))
    mock:get(API .. "/round", location(302, "/round"))
    assert.are.equal(Response.INSECURE_REDIRECT_ERROR, ask({ method = "GET", url = "https://api.test/" }).error)
    assert.are.equal(Response.TOO_MANY_REDIRECTS_ERROR, ask({ method = "GET", url = API .. "/round" }).error)
    assert.are.equal(52, #mock:calls())
    local response = ask { method = "GET", url = API .. "/round", redirect = false }
    assert.are.equal(302, response.status_code)
  end)

  it("redirects between a mock and the network", function()
    local server = helper.respond("HTTP/1.1 302 Found\r\nLocation: http://api.test/to\r\nContent-Length: 0\r\n\r\n")
    mock:close()
    mock = http.mock { passthrough = true }
    mock:get(API .. "/to", location(302, "/end"))
    mock:get(API .. "/end", "the end")
    local response = ask { method = "GET", url = helper.url(server) }
    assert.are.equal("the end", response:read_all(), response.error_string)
    assert.are.equal(2, #response.history)
    assert.are.equal(1, #server.requests)
  end)

  it("tries again after statuses and failures", function()
    local retries = { total = 3, backoff = 0.001 }
    mock:get(API .. "/busy", { 503, { error = "HOST_NOT_FOUND_ERROR" }, 429, "done" })
    local response = ask { method = "GET", url = API .. "/busy", retries = retries }
    assert.are.equal("done", response:read_all(), response.error_string)
    assert.are.equal(4, #mock:calls())
    mock:reset()
    mock:get(API .. "/never", 503)
    response = ask { method = "GET", url = API .. "/never", retries = retries }
    assert.are.equal(503, response.status_code)
    assert.are.equal(4, #mock:calls())
  end)
end)
