-- http.PoolManager: what its requests send, and what becomes of them.
-- SPDX-License-Identifier: MIT

local cjson = require("cjson")
local helper = require("helper")
local http = require("http")
local raw = require("raw")
local certs = require("certs")

local R = http.Response
local FORBIDDEN = '<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n<html><head>\n<title>403 Forbidden</title>\n'
  .. "</head><body>\n<h1>Forbidden</h1>\n<p>You don't have permission to access /robot.txt\non this server.</p>\n"
  .. "</body></html>\n"
local JSON = "application/json"
local FORM = "application/x-www-form-urlencoded"
local PART = '--limit\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'

local function answer(status, body, fields)
  return ("HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s"):format(status, fields or "", #body, body)
end

-- The same outside any task and in one.
local function everywhere(title, fn)
  it(title .. ", outside any task", fn)
  it(title .. ", in a task", function()
    http.spawn(fn):await()
  end)
end

local function payload(text)
  local result = http.Payload.new()
  result.string = text
  return result
end

-- { method, options, what is behind the path, the body, its type }
local SENT = {
  { "GET", nil, "", "", nil },
  { "get", {}, "", "", nil },
  { "GET", { fields = {} }, "", "", nil },
  { "GET", { fields = { b = "2", a = "1" } }, "?a=1&b=2", "", nil },
  { "GET", { fields = { a = { 1, "x y", true } } }, "?a=1&a=x%20y&a=true", "", nil },
  { "GET", { fields = { { "b", "2" }, { "a", "ü&=+" }, { "b", 3 } } }, "?b=2&a=%C3%BC%26%3D%2B&b=3", "", nil },
  { "HEAD", { fields = { a = "1" } }, "?a=1", "", nil },
  { "DELETE", { fields = { a = "1" } }, "?a=1", "", nil },
  { "OPTIONS", { fields = { a = "1" } }, "?a=1", "", nil },
  { "DELETE", { fields = { a = "1" }, json = { b = 2 } }, "?a=1", '{"b":2}', JSON },
  { "POST", { fields = {} }, "", "", nil },
  { "POST", { fields = { a = "1", b = "2" }, multipart_boundary = "limit" }, "",
    PART:format("a", 1) .. PART:format("b", 2) .. "--limit--\r\n", "multipart/form-data; boundary=limit" },
  { "put", { fields = { { "b", "1" }, { "a", "2" } }, multipart_boundary = "limit", encode_multipart = true }, "",
    PART:format("b", 1) .. PART:format("a", 2) .. "--limit--\r\n", "multipart/form-data; boundary=limit" },
  { "PATCH", { fields = { a = "x y&ü~", b = { 1, 2 } }, encode_multipart = false }, "",
    "a=x+y%26%C3%BC~&b=1&b=2", FORM },
  { "POST", { fields = { { "b", "1" }, { "a", "2" } }, encode_multipart = false }, "", "b=1&a=2", FORM },
  { "POST", { body = "some\0bytes" }, "", "some\0bytes", nil },
  { "POST", { body = "" }, "", "", nil },
  { "PUT", { body = { 97, 98, 99 } }, "", "abc", nil },
  { "PATCH", { body = payload("carried") }, "", "carried", nil },
  { "POST", { json = { list = { 1, 2 } } }, "", '{"list":[1,2]}', JSON },
  { "POST", { json = "ü" }, "", '"ü"', JSON },
  { "POST", { json = false }, "", "false", JSON },
  { "POST", { json = cjson.null }, "", "null", JSON },
  { "POST", { json = {}, headers = { ["content-TYPE"] = "application/x" } }, "", "{}", "application/x" },
  { "POST", { fields = { a = "1" }, encode_multipart = false, headers = { ["Content-Type"] = "text/x" } }, "",
    "a=1", "text/x" },
}

describe("http.PoolManager", function()
  helper.setup()

  everywhere("gets a page in three lines", function()
    local server = helper.respond(answer("200 OK", "User-agent: *\nDisallow: /tmp\n"))
    local pool = http.PoolManager()
    local response = pool:request("GET", helper.url(server, "/robots.txt"))
    assert.equal("User-agent: *\nDisallow: /tmp\n", response.data)
    assert.equal(200, response.status)
    assert.equal("OK", response.reason)
  end)

  everywhere("gives a 403 with its body: a status is no failure", function()
    local server = helper.respond(answer("403 Forbidden", FORBIDDEN, "X-Name: value\r\n"))
    local url = helper.url(server, "/robot.txt")
    local response, message = http.PoolManager():request("GET", url)
    assert.is_nil(message)
    assert.equal(FORBIDDEN, response.data)
    assert.same({ 403, "Forbidden", 0, "" }, { response.status, response.reason, response.error,
      response.error_string })
    assert.equal("value", response.headers["x-NAME"])
    assert.equal(url, response.url)
    assert.equal(403, response.response.status_code)
    assert.equal(("http.PoolManager.Response (%s, 403 Forbidden)"):format(url), tostring(response))
  end)

  for _, row in ipairs(SENT) do
    local method, options, target, body, content_type = row[1], row[2], row[3], row[4], row[5]
    it(("sends %s %s %s"):format(method, content_type or "", target == "" and body or target), function()
      local server = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
      local response = assert(http.PoolManager():request(method, helper.url(server, "/path"), options))
      assert.equal("", response.data)
      local seen = server.requests[1]
      assert.same({ method:upper(), "/path" .. target, body }, { seen.method, seen.target, seen.body })
      assert.equal(content_type, seen.headers["content-type"])
    end)
  end

  it("puts fields behind a query that is there, and before a fragment", function()
    local server = helper.respond(answer("200 OK", ""))
    local pool = http.PoolManager()
    for path, target in pairs {
      ["/p?x=1"] = "/p?x=1&a=1",
      ["/p?x=1&"] = "/p?x=1&a=1",
      ["/p?"] = "/p?a=1",
      ["/p#f?g"] = "/p?a=1",
      ["/p?x#f"] = "/p?x&a=1",
      [""] = "/?a=1",
    } do
      assert(pool:request("GET", helper.url(server):gsub("/$", "") .. path, { fields = { a = "1" } }))
      assert.equal(target, server.requests[#server.requests].target)
    end
  end)

  it("sends a HEAD, whose answer has no body", function()
    local server = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
    for _, preload in ipairs { true, false } do
      local options = { preload_content = preload }
      local response = http.PoolManager():request("HEAD", helper.url(server), options)
      assert.equal("500", response.headers["Content-Length"])
      assert.equal("", response.data)
      assert.equal("", response.error_string)
    end
  end)

  it("sends its own headers, unless the request has some, and changes no table", function()
    local server = helper.respond(answer("200 OK", ""))
    local headers, options = { ["X-A"] = "pool", ["User-Agent"] = "spec" }, { headers = { ["X-B"] = 1 }, json = 1 }
    local pool = http.PoolManager { headers = headers }
    local function sent(given)
      assert(pool:request("POST", helper.url(server), given))
      local seen = server.requests[#server.requests].headers
      return { seen["x-a"] or "-", seen["x-b"] or "-", seen["content-type"] or "-" }
    end
    assert.same({ "pool", "-", "-" }, sent())
    assert.same({ "pool", "-", JSON }, sent { json = 1 })
    assert.same({ "-", "1", JSON }, sent(options))
    assert.same({ "-", "-", "-" }, sent { headers = {} })
    pool.headers = { ["X-A"] = "later" }
    assert.same({ "later", "-", "-" }, sent())
    assert.same({ ["X-A"] = "pool", ["User-Agent"] = "spec" }, headers)
    assert.same({ headers = { ["X-B"] = 1 }, json = 1 }, options)
  end)

  it("uses a connection again, until clear() closes those that are idle", function()
    local server = helper.respond(answer("200 OK", "x"), { keep_open = true })
    local pool = http.PoolManager(http.can "agent" and { num_pools = 10, maxsize = 5 } or nil)
    for _ = 1, 3 do
      assert(pool:request("GET", helper.url(server)))
    end
    assert.equal(1, server.accepted)
    pool:clear()
    assert(pool:request("GET", helper.url(server)))
    assert.equal(2, server.accepted)
    pool:clear()
  end)

  it("verifies certificates by the options of the request, or by its own", function()
    local server = helper.respond(answer("200 OK", "secret"), { tls = certs.server })
    local url = helper.url(server)
    local response, message, code = http.PoolManager():request("GET", url)
    assert.is_nil(response)
    assert.matches("certificate", message)
    assert.equal(R.SSL_HANDSHAKE_FAILED_ERROR, code)
    assert.equal("secret", http.PoolManager():request("GET", url, { ca_file = certs.ca_file }).data)
    assert.equal("secret", http.PoolManager():request("GET", url, { verify = false }).data)
    local trusting = http.PoolManager { verify = false }
    assert.equal("secret", trusting:request("GET", url).data)
    assert.is_nil((trusting:request("GET", url, { verify = true })))
    assert.equal("secret", http.PoolManager({ ca_file = certs.ca_file }):request("GET", url).data)
  end)
end)

describe("pool:request()", function()
  helper.setup()

  local function serve_silence()
    return helper.respond(function() end, { keep_open = true })
  end

  local BROKEN = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"

  -- { what, what the server answers (nil: it is silent), options, words, code }
  local FAILURES = {
    { "a body that breaks off", BROKEN, nil, "closed", R.REMOTE_HOST_CLOSED_ERROR },
    { "a head that breaks off", "HTTP/1.1 200 OK\r\nCont", nil, "closed", R.REMOTE_HOST_CLOSED_ERROR },
    { "no answer", "", nil, "closed", R.REMOTE_HOST_CLOSED_ERROR },
    { "an answer that is none", "hello\r\n\r\n", nil, "", R.PROTOCOL_FAILURE },
    { "a body that is too large", answer("200 OK", "12345"), { max_body_size = 4 }, "max_body_size",
      R.UNKNOWN_CONTENT_ERROR },
    { "a head that is too large", answer("200 OK", "", "X: " .. ("x"):rep(2000) .. "\r\n"), { max_head_size = 1000 },
      "max_head_size", R.UNKNOWN_CONTENT_ERROR },
    { "a timeout", nil, { timeout = 0.1 }, "timed out", R.TIMEOUT_ERROR },
    { "a timeout in all", nil, { timeout = { total = 0.1, connect = 5, read = 5 } }, "timed out", R.TIMEOUT_ERROR },
    { "a silence", nil, { timeout = { read = 0.1 } }, "nothing received", R.TIMEOUT_ERROR },
  }

  for _, row in ipairs(FAILURES) do
    everywhere("returns nil, words and a code for " .. row[1], function()
      local server = row[2] and helper.respond(row[2]) or serve_silence()
      local response, message, code = http.PoolManager():request("GET", helper.url(server), row[3])
      assert.is_nil(response)
      assert.matches(row[4], message, 1, true)
      assert.equal(row[5], code)
    end)
  end

  everywhere("returns nil, words and a code where nobody listens, and for an unknown scheme", function()
    local server = helper.respond("")
    local url = helper.url(server)
    server:close()
    for _, preload in ipairs { true, false } do
      local pool = http.PoolManager()
      local response, message, code = pool:request("GET", url, { preload_content = preload })
      assert.is_nil(response)
      assert.matches("refused", message)
      assert.equal(R.CONNECTION_REFUSED_ERROR, code)
      response, message, code = pool:request("GET", "gopher://127.0.0.1/", { preload_content = preload })
      assert.is_nil(response)
      assert.matches("gopher", message)
      assert.equal(R.PROTOCOL_UNKNOWN_ERROR, code)
    end
  end)

  it("gives up connecting after timeout.connect", function()
    local full, why = raw.full_listener()
    if not full then
      pending(why)
    end
    local url = ("http://127.0.0.1:%d/"):format(full.port)
    local response, message, code = http.PoolManager():request("GET", url, { timeout = { connect = 0.1 } })
    assert.is_nil(response)
    assert.matches("no connection", message)
    assert.equal(R.TIMEOUT_ERROR, code)
  end)

  it("takes the manager's timeout, limits and read buffer, unless it has its own", function()
    local silent, server = serve_silence(), helper.respond(answer("200 OK", "12345"))
    local pool = http.PoolManager { timeout = 0.1, max_body_size = 4, read_buffer_size = 1000 }
    local _, message, code = pool:request("GET", helper.url(silent))
    assert.equal(R.TIMEOUT_ERROR, code, message)
    _, message, code = pool:request("GET", helper.url(server))
    assert.equal(R.UNKNOWN_CONTENT_ERROR, code, message)
    local options = { max_body_size = false, timeout = false, preload_content = false }
    local response = pool:request("GET", helper.url(server), options)
    assert.equal(1000, response.response.read_buffer_size)
    assert.equal("12345", response.data)
    _, message = pool:request("GET", helper.url(silent), { timeout = { total = 0.2 } })
    assert.matches("0.2 s", message, 1, true)
  end)

  it("lets other tasks run while it waits", function()
    local held = {}
    local server = helper.respond(function(request, conn)
      held[request.target] = conn
    end, { keep_open = true })
    local order, pool = {}, http.PoolManager()
    local function get(path)
      return function()
        assert(pool:request("GET", helper.url(server, path)))
        order[#order + 1] = path
      end
    end
    local first, second = http.spawn(get("/1")), http.spawn(get("/2"))
    helper.wait(function() return held["/1"] and held["/2"] end)
    held["/2"]:send(answer("200 OK", ""))
    second:await()
    held["/1"]:send(answer("200 OK", ""))
    first:await()
    assert.same({ "/2", "/1" }, order)
  end)
end)

describe("http.PoolManager tells of misuse", function()
  helper.setup()

  local URL = "http://127.0.0.1:1/"

  local function new(options)
    return function() http.PoolManager(options) end
  end

  local function get(options)
    return function(pool) pool:request("GET", URL, options) end
  end

  local function post(options)
    return function(pool) pool:request("POST", URL, options) end
  end

  -- { what is called, words }
  local MISTAKES = {
    { new { num_pool = 1 }, "unknown option 'num_pool' (did you mean 'num_pools'?)" },
    { new { zzzzzzzz = 1 }, "unknown option 'zzzzzzzz' (PoolManager takes auth, block, ca_data, ca_file, "
      .. "ca_path, cert_file, cookies, decode, " },
    { new { zzzzzzzz = 1 }, ", maxsize, netrc, no_proxy, num_pools, " },
    { new(10), "bad argument #1 to 'PoolManager' (table of options expected, got number)" },
    { function() http:PoolManager() end, "with a dot, not with a colon" },
    { new { num_pools = 0 }, "bad option 'num_pools' (whole number above 0 expected, got 0)" },
    { new { num_pools = {} }, "bad option 'num_pools' (whole number above 0 expected, got table)" },
    { new { maxsize = 1.5 }, "bad option 'maxsize' (whole number above 0 expected, got 1.5)" },
    { new { block = 1 }, "bad option 'block' (boolean expected, got number)" },
    { new { headers = "x" }, "bad option 'headers' (table expected, got string)" },
    { new { verify = "no" }, "bad option 'verify' (boolean expected, got string)" },
    { new { ca_file = true }, "bad option 'ca_file' (string expected, got boolean)" },
    { new { retries = 3.5 }, "bad option 'retries' (false, whole number from 0 to 1000, or table expected, got 3.5)" },
    { new { redirect = 5 }, "bad option 'redirect' (boolean expected, got" },
    { new { proxy = 5 }, "bad option 'proxy'" },
    { new { timeout = 0 }, "bad option 'timeout' (number of seconds above 0, false, or table" },
    { new { timeout = { idle = 1 } }, "connect, read and total are its fields; 'idle' is not" },
    { new { timeout = { read = -1 } }, "bad option 'timeout.read' (number of seconds above 0" },
    { function(p) p.request("GET", URL) end, "bad self (http.PoolManager expected, got string)" },
    { function(p) p.clear() end, "call it with a colon" },
    { function(p) p:request() end, "bad argument #1 to 'request' (string expected, got nil)" },
    { function(p) p:request("GET") end, "bad argument #2 to 'request' (string expected, got nil)" },
    { function(p) p:request("GET", { url = URL }) end, "bad argument #2 to 'request' (string expected, got table)" },
    { function(p) p:request("GET", "example.com") end, "it must start with a scheme" },
    { function(p) p:request("G T", URL) end, "bad method" },
    { get "x", "bad argument #3 to 'request' (table of options expected, got string)" },
    { get { url = URL }, "unknown option 'url' (request takes auth, body, ca_data, ca_file, " },
    { get { [1] = 2 }, "unknown option '1'" },
    { get { retries = { totl = 1 } }, "unknown field of retries 'totl'" },
    { get { redirect = 5 }, "bad option 'redirect' (boolean expected" },
    { get { timeout = "1" }, "bad option 'timeout'" },
    { get { preload_content = 0 }, "bad option 'preload_content' (boolean expected" },
    { get { headers = { a = print } }, "bad header 'a'" },
    { get { headers = { a = "x\r\ny" } }, "not allowed there" },
    { get { max_body_size = "x" }, "bad option 'max_body_size'" },
    { get { max_head_size = 0.5 }, "bad option 'max_head_size'" },
    { get { fields = "a=1" }, "bad option 'fields' (table expected, got string)" },
    { get { fields = { a = print } }, "bad option 'fields' (the value of 'a' is a function" },
    { get { fields = { { "a" } } }, "bad option 'fields' (item 1 is no pair" },
    { get { body = "x", json = false }, "'body' and 'json' both give the body" },
    { post { fields = { a = { "x" } } }, "bad option 'fields' (the file 'a' lacks its data" },
    { post { fields = { a = "1" }, multipart_boundary = "" }, "a boundary is 1 to 70" },
    { post { fields = { a = "1" }, encode_multipart = 1 }, "bad option 'encode_multipart'" },
    { post { fields = { a = "1" }, body = "x" }, "'fields' and 'body' both give the body" },
    { post { fields = { a = "1" }, json = 1 }, "'fields' and 'json' both give the body" },
    { post { body = 5 }, "bad option 'body' (string, table of bytes or Payload expected, got number)" },
    { post { body = { 256 } }, "item 1 is not a byte" },
    { post { json = print }, "bad option 'json' (" },
  }

  for _, pool in ipairs { http.PoolManager(), http.PoolManager { block = http.can "agent" } } do
    for _, row in ipairs(MISTAKES) do
      it(("at the line of the caller: %s (%s)"):format(row[2], tostring(pool)), function()
        local ok, message = pcall(row[1], pool)
        assert.is_false(ok)
        local line = debug.getinfo(row[1], "S").linedefined
        assert.truthy(message:find("pool_manager_spec.lua:" .. line .. ": ", 1, true), message)
        assert.truthy(message:find(row[2], 1, true), message)
      end)
    end
  end

  it("where it cannot wait, and the request is given up", function()
    local server = helper.respond(function() end, { keep_open = true })
    local pool = http.PoolManager()
    local function told(words)
      for _, preload in ipairs { true, false } do
        local ok, message = pcall(function()
          local response = pool:request("GET", helper.url(server), { preload_content = preload })
          return response
        end)
        assert.is_false(ok)
        assert.matches("^[^:]-pool_manager_spec%.lua:%d+: " .. words, message)
      end
    end
    coroutine.wrap(function() told("cannot wait in a coroutine of your own") end)()
    http.after(0, helper.expect(function() told("cannot wait inside a handler") end))
    helper.wait_calls()
    helper.wait(function()
      jit.flush() -- compiled code may hold on to what it has seen
      collectgarbage()
      return http._live().exchanges == 0
    end)
  end)
end)
