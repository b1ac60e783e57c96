-- What a request can be asked for, how it goes out, and the misuse that throws before anything is sent.
-- SPDX-License-Identifier: MIT

local http = require("http")
local raw = require("raw")
local helper = require("helper")

local NO_CONTENT = "HTTP/1.1 204 No Content\r\n\r\n"
local FUNCTIONS = { -- { name, method, whether it takes data }
  { "get", "GET", false }, { "head", "HEAD", false }, { "delete", "DELETE", false }, { "options", "OPTIONS", false },
  { "put", "PUT", true }, { "post", "POST", true }, { "patch", "PATCH", true }, { "request", "PUT", true },
}

local function wait_finished(response)
  helper.wait(function() return response.finished end, nil, "the end of the exchange")
end

-- A payload that carries these.
local function payload(kind, text, bytes)
  local result = http.Payload.new()
  result.type, result.string, result.bytes = kind, text, bytes
  return result
end

describe("misuse of a request", function()
  helper.setup()

  local server

  -- Checks that fn(options) throws, at a line of this file, a message that has all these words; and
  -- that nothing goes to the server, to which the options lead.
  local function throws(words, fn)
    server = server or assert(raw.listen({}))
    local options = { hostname = "127.0.0.1", port = server.port, path = "/" }
    local ok, message = pcall(function() fn(options) end)
    assert.is_false(ok, "nothing was thrown; expected: " .. table.concat(words, " "))
    assert.equal("string", type(message))
    assert.matches("^[^:]*request_spec%.lua:%d+: ", message)
    for _, word in ipairs(words) do
      assert.truthy(message:find(word, 1, true), message .. "\nhas no: " .. word)
    end
  end

  after_each(function()
    for _ = 1, 3 do
      http.poll(0)
    end
    local accepted = server and server.accepted or 0
    server = nil
    assert.equal(0, accepted)
    assert.equal(0, http._live().exchanges)
  end)

  local NO_STRING = { 5, true, false, {}, print }
  local BAD = { -- option = { what is expected, wrong values }
    method = { "string", NO_STRING },
    protocol = { "string", NO_STRING },
    hostname = { "string", NO_STRING },
    path = { "string", NO_STRING },
    query = { "string", { 5, true, false, print } },
    port = { "1 to 65535", { "80", true, {}, print, 0, -1, 65536, 1.5, 0 / 0, math.huge, -math.huge } },
    headers = { "table", { "a: b", 5, true, print } },
    url = { "string", NO_STRING },
    read_buffer_size = { "number of bytes", { -1, 1.5, 0 / 0, math.huge, "5", true, {}, print } },
    max_body_size = { "number of bytes", { -1, 1.5, 0 / 0, "5", true, {}, print } },
    max_head_size = { "number of bytes", { -1, 0, 1.5, 0 / 0, math.huge, "5", true, {}, print } },
    timeout = { "seconds", { 0, -1, 0 / 0, "5", true, print, { connect = 0 }, { idle = "1" }, { total = true } } },
    verify = { "boolean", { 0, "no", {}, print } },
    ca_file = { "string", NO_STRING },
  }

  for option, row in pairs(BAD) do
    it("throws for a wrong type or value of the option " .. option, function()
      for _, value in ipairs(row[2]) do
        throws({ "bad option '" .. option, row[1] }, function(options)
          options.method = "PUT"
          options[option] = value
          http.request(options)
        end)
      end
    end)
  end

  it("throws for an option that is unknown, and names it", function()
    for _, key in ipairs({ "hostnam", "Headers", "body", "URL", "", 1, 1.5, true, print, {} }) do
      local word = type(key) == "string" and key or type(key) == "number" and tostring(key) or type(key)
      throws({ "option", word }, function(options)
        options[key] = "x"
        http.get(options)
      end)
    end
    throws({ "timeout", "conect" }, function(options)
      options.timeout = { conect = 1 }
      http.get(options)
    end)
  end)

  it("throws for a wrong header", function()
    local rows = {
      { { "header" }, { ["X"] = true } }, { { "header", "X" }, { ["X"] = print } },
      { { "header", "X" }, { ["X"] = { true } } }, { { "header", "X" }, { ["X"] = { { "a" } } } },
      { { "headers", "number" }, { "X: a" } }, { { "headers", "boolean" }, { [true] = "a" } },
      { { "header" }, { [""] = "a" } }, { { "header" }, { ["a b"] = "a" } }, { { "header" }, { ["a:"] = "a" } },
      { { "Host" }, { Host = "a/b" } }, { { "Host" }, { Host = "a b" } },
      { { "Content-Length" }, { ["Content-Length"] = "5" } }, { { "Content-Length" }, { ["content-length"] = "x" } },
    }
    for _, row in ipairs(rows) do
      throws(row[1], function(options)
        options.headers = row[2]
        http.post(options, "four")
      end)
    end
  end)

  it("throws for two Host or Content-Length fields", function() -- RFC 9112, 3.2 and 6.3
    for _, headers in ipairs({
      { Host = { "a", "b" } }, { Host = { "a", "a" } }, { Host = "a", host = "a" },
      { ["Content-Length"] = { 4, 4 } }, { ["Content-Length"] = 4, ["content-length"] = "4" },
    }) do
      throws({ headers.Host and "ost" or "ength", "header" }, function(options)
        options.headers = headers
        http.post(options, "four")
      end)
    end
  end)

  it("throws for a wrong query table", function()
    for _, query in ipairs({ { "a" }, { [true] = 1 }, { a = print }, { a = { {} } }, { a = { b = 1 } } }) do
      throws({ "query" }, function(options)
        options.query = query
        http.get(options)
      end)
    end
  end)

  -- Where bytes are put in, and which of BYTES are no misuse there. (Hosts in UTF-8 go through IDNA.)
  local BYTES = {
    "\r", "\n", "\0", " ", "\127", "\128", "\255", "\195\169", "\1", "\r\nX: y", "\r\n\r\nGET / HTTP/1.1",
  }
  local PLACES = {
    method = { "PUT", "method", "", function(o, text) o.method = text end },
    hostname = { "127.0.0.1", "hostname", "\195\169", function(o, text) o.hostname = text end },
    path = { "/path", "path", "", function(o, text) o.path = text end },
    query = { "a=b", "query", "", function(o, text) o.query = text end },
    protocol = { "http", "protocol", "", function(o, text) o.protocol = text end },
    ["header name"] = { "Name", "header", "", function(o, text) o.headers = { [text] = "v" } end },
    ["header value"] = { "value", "X-Name", " \128\255\195\169", function(o, text)
      o.headers = { ["X-Name"] = text }
    end },
    ["header value in a list"] = { "value", "X-Name", " \128\255\195\169", function(o, text)
      o.headers = { ["X-Name"] = { "a", text } }
    end },
    ["url's host"] = { "127.0.0.1", "", "\195\169", function(o, text)
      o.url = "http://" .. text .. ":" .. o.port .. "/"
    end },
    ["url's path"] = { "path", "", "", function(o, text) o.url = "http://127.0.0.1:" .. o.port .. "/" .. text end },
    ["url's query"] = { "a=b", "", "", function(o, text) o.url = "http://127.0.0.1:" .. o.port .. "/?" .. text end },
    ["url's fragment"] = { "a#b c", "", " \128\255\195\169", function(o, text)
      o.url = "http://127.0.0.1:" .. o.port .. "/#" .. text
    end },
    ["url's port"] = { "", "", "", function(o, text) o.url = "http://127.0.0.1:" .. o.port .. text .. "/" end },
    ["url's scheme"] = { "http", "", "", function(o, text) o.url = text .. "://127.0.0.1:" .. o.port .. "/" end },
  }

  for place, row in pairs(PLACES) do
    it("throws for a byte that cannot be in the " .. place, function()
      local text, word, allowed, set = unpack(row)
      for _, byte in ipairs(BYTES) do
        for _, at in ipairs(allowed:find(byte, 1, true) and {} or { 0, math.floor(#text / 2), #text }) do
          local changed = text:sub(1, at) .. byte .. text:sub(at + 1)
          throws({ "bad", place:find("url") and "" or word }, function(options)
            set(options, changed)
            if place:find("url") then
              options.hostname, options.port, options.path = nil, nil, nil
            end
            options.method = options.method or "PUT"
            http.request(options)
          end)
        end
      end
    end)
  end

  it("throws for parts of an address that are none", function()
    local rows = {
      { "hostname", "" }, { "hostname", "127.0.0.1:80" }, { "hostname", "127.0.0.1/x" }, { "hostname", "u@127.0.0.1" },
      { "hostname", "[::1" }, { "hostname", "::1]" }, { "hostname", "[]" }, { "hostname", "1::2::3" },
      { "hostname", ("a"):rep(256) }, { "path", "no/slash" }, { "path", "/a#b" }, { "query", "a#b" },
      { "protocol", "" }, { "protocol", ":" }, { "method", "" },
    }
    for _, row in ipairs(rows) do
      throws({ row[1] }, function(options)
        options[row[1]] = row[2]
        options.method = options.method or "PUT"
        http.request(options)
      end)
    end
    throws({ "hostname" }, function() http.get({ path = "/" }) end)
    throws({ "hostname" }, function() http.get({}) end)
  end)

  it("throws for a url that is none, and for parts beside a url", function()
    local urls = {
      "", "/", "127.0.0.1", "127.0.0.1:%d/", "//127.0.0.1:%d/", "http:127.0.0.1:%d", "http:/127.0.0.1:%d", "http://",
      "http:///path", "http://:%d/", "http://?a", "://127.0.0.1:%d/", "1http://127.0.0.1:%d/", "http://127.0.0.1:0/",
      "http://127.0.0.1:65536/", "http://127.0.0.1:99999999999/", "http://127.0.0.1:-1/", "http://127.0.0.1:+80/",
      "http://127.0.0.1:8x/", "http://[::1/", "http://[::1]x:%d/", "http://[]:%d/", "http://::1:%d/",
      "http://[127.0.0.1]:%d/", " http://127.0.0.1:%d/", "http://127.0.0.1:%d/ ", "http://127.0.0.1:%d/a b",
      "http://127.0.0.1:%d/\"", "http://127.0.0.1:%d/<", "http://127.0.0.1:%d\\path", "http://127.0.0.1:%d/?a=^",
    }
    for _, url in ipairs(urls) do
      throws({}, function(options) http.get((url:format(options.port))) end)
      throws({}, function(options) http.get({ url = url:format(options.port) }) end)
    end
    for _, name in ipairs({ "hostname", "protocol", "port", "path", "query" }) do
      throws({ "url" }, function(options)
        local value = ({ hostname = "127.0.0.1", protocol = "http", port = 80, path = "/", query = "a" })[name]
        http.get({ url = "http://127.0.0.1:" .. options.port .. "/", [name] = value })
      end)
    end
  end)

  for _, row in ipairs(FUNCTIONS) do
    local name, method, takes_data = row[1], row[2], row[3]
    local call = http[name]

    it("throws for wrong arguments of http." .. name, function()
      for _, first in ipairs({ false, true, 5, print, io.stdout }) do
        throws({ "#1", name, "table of options or URL expected, got " .. type(first) }, function() call(first) end)
      end
      throws({ "#1", name, "expected, got n" }, function() call() end)
      for _, callback in ipairs({ false, true, 5, "x", {}, setmetatable({}, { __call = print }) }) do
        throws({ takes_data and "#3" or "#2", name, "function or nil expected, got " .. type(callback) }, function(o)
          o.method = method
          if takes_data then
            call(o, "data", callback)
          else
            call(o, callback)
          end
        end)
      end
    end)

    it("throws for data of http." .. name .. " that cannot be sent", function()
      local STRING, TABLE = http.Payload.STRING, http.Payload.BYTE_TABLE
      local wrong = {
        5, true, false, { 256 }, { -1 }, { 1.5 }, { "a" }, { 1, 2, {} }, { 0 / 0 }, { name = "x" },
        payload(STRING, nil, { 1 }), payload(STRING, 5), payload(STRING, {}), payload(TABLE, "x", nil),
        payload(TABLE, "x", "x"), payload(TABLE, "x", { 256 }), payload(TABLE, "x", { a = 1 }), payload(2, "x", { 1 }),
        payload("string", "x", { 1 }), payload(nil, "x", { 1 }), payload(true, "x", { 1 }),
      }
      local accepted = {}
      for index, data in ipairs(takes_data and wrong or {}) do
        local ok = pcall(throws, {}, function(o)
          o.method = method
          call(o, data):abort()
        end)
        accepted[#accepted + 1] = not ok and index or nil
      end
      assert.same({}, accepted)
    end)
  end

  it("throws for http.request without a method, and for another than the function's own", function()
    throws({ "method" }, function(options) http.request(options) end)
    throws({ "method" }, function(options) http.request("http://127.0.0.1:" .. options.port .. "/") end)
    for _, row in ipairs(FUNCTIONS) do
      if row[1] ~= "request" then
        throws({ "method", row[1] }, function(options)
          options.method = "TRACE"
          http[row[1]](options)
        end)
      end
    end
  end)
end)

describe("a request", function()
  helper.setup()

  -- Sends it to a server of its own. Returns what that got, and the Response.
  local function send(name, options, ...)
    local server = helper.respond(NO_CONTENT)
    options = options or {}
    if type(options) == "table" and not options.url then
      options.hostname, options.port = options.hostname or "127.0.0.1", server.port
    elseif type(options) == "table" then
      options.url = options.url:gsub("PORT", server.port)
    else
      options = options:gsub("PORT", server.port)
    end
    local response = http[name](options, ...)
    wait_finished(response)
    assert.equal("", response.error_string)
    assert.equal(1, #server.requests)
    return server.requests[1], response, server.port
  end

  for _, row in ipairs(FUNCTIONS) do
    local name, method, takes_data = row[1], row[2], row[3]
    it("goes out by http." .. name, function()
      local own = name == "request" and method or nil
      local length = takes_data and "0" or nil
      local function check(body, expected_length, request)
        assert.equal(method, request.method)
        assert.equal("/", request.target)
        assert.equal(body, request.body)
        assert.equal(expected_length, request.headers["content-length"])
      end
      local function callback(n) return helper.expect(function(r) assert.equal(204, r.status_code) end, n) end
      if name ~= "request" then
        check("", length, (send(name, "http://127.0.0.1:PORT/")))
        check("", length, (send(name, { method = method })))
      end
      check("", length, (send(name, { method = own })))
      check("", length, (send(name, { method = own }, nil)))
      if not takes_data then
        check("", nil, (send(name, { method = own }, callback())))
        check("", nil, (send(name, { method = own }, callback(), "ignored")))
        return
      end
      check("", "0", (send(name, { method = own }, nil, nil)))
      check("", "0", (send(name, { method = own }, nil, callback())))
      check("d\0ta", "4", (send(name, { method = own }, "d\0ta", callback())))
      check("d\0ta", "4", (send(name, { method = own }, { 100, 0, 116, 97 }, nil)))
      check("", "0", (send(name, { method = own }, {})))
      check("text", "4", (send(name, { method = own }, payload(http.Payload.STRING, "text", { 1 }))))
      local bytes = payload(http.Payload.BYTE_TABLE, "text", { 0, 255 })
      check("\0\255", "2", (send(name, { method = own }, bytes, callback())))
    end)
  end

  it("carries every byte, as a string and as a table", function()
    local bytes, text = {}, {}
    for i = 1, 1024 do
      bytes[i] = (i * 7) % 256
      text[i] = string.char(bytes[i])
    end
    text = table.concat(text)
    assert.is_true(text == send("post", {}, text).body)
    assert.is_true(text == send("post", {}, bytes).body)
  end)

  it("of GET carries a body by http.request", function()
    local request = send("request", { method = "GET" }, "abc")
    assert.same({ "GET", "abc", "3" }, { request.method, request.body, request.headers["content-length"] })
    assert.is_nil(send("request", { method = "GET" }).headers["content-length"])
  end)

  it("knows http.Payload: new(), its types, its defaults", function()
    assert.equal(0, http.Payload.STRING)
    assert.equal(1, http.Payload.BYTE_TABLE)
    local new = http.Payload.new()
    assert.equal(http.Payload.STRING, new.type)
    assert.equal("", send("post", {}, new).body)
    new.string = "x"
    assert.equal("x", send("post", {}, new).body)
    assert.is_false(rawequal(new, http.Payload.new()))
  end)

  -- { url, target, response.url }
  local URLS = {
    { "http://127.0.0.1:PORT/", "/", "http://127.0.0.1:PORT/" },
    { "http://127.0.0.1:PORT", "/", "http://127.0.0.1:PORT/" },
    { "http://127.0.0.1:PORT?a=1", "/?a=1", "http://127.0.0.1:PORT/?a=1" },
    { "http://127.0.0.1:PORT/p/a?q=1&r=?/", "/p/a?q=1&r=?/", "http://127.0.0.1:PORT/p/a?q=1&r=?/" },
    { "http://127.0.0.1:PORT/p#fragment", "/p", "http://127.0.0.1:PORT/p#fragment" },
    { "http://127.0.0.1:PORT/p?q#f?x/y#z", "/p?q", "http://127.0.0.1:PORT/p?q#f?x/y#z" },
    { "http://127.0.0.1:PORT#f", "/", "http://127.0.0.1:PORT/#f" },
    { "http://127.0.0.1:PORT/p?#", "/p?", "http://127.0.0.1:PORT/p?#" },
    { "HTTP://127.0.0.1:PORT/Path?Query", "/Path?Query", "http://127.0.0.1:PORT/Path?Query" },
    { "hTTp://127.0.0.1:PORT/%7E%2f%00", "/%7E%2f%00", "http://127.0.0.1:PORT/%7E%2f%00" },
    { "http://127.0.0.1:PORT/a;b=c,d:@f!$&'()*+", "/a;b=c,d:@f!$&'()*+", "http://127.0.0.1:PORT/a;b=c,d:@f!$&'()*+" },
    { "http://127.0.0.1:PORT//double//slash", "//double//slash", "http://127.0.0.1:PORT//double//slash" },
  }

  it("takes a URL, alone or as an option", function()
    for _, row in ipairs(URLS) do
      for _, options in ipairs({ row[1], { url = row[1] } }) do
        local request, response, port = send("get", options)
        assert.equal(row[2], request.target)
        assert.equal((row[3]:gsub("PORT", port)), response.url)
        assert.equal("127.0.0.1:" .. port, request.headers.host)
      end
    end
  end)

  it("takes the parts of an address, with their defaults", function()
    local rows = {
      { {}, "/" }, { { protocol = "http" }, "/" }, { { protocol = "http:" }, "/" }, { { protocol = "HTTP:" }, "/" },
      { { path = "/json/api/path" }, "/json/api/path" }, { { path = "/a%20b" }, "/a%20b" },
      { { query = "page=5&order=ascending" }, "/?page=5&order=ascending" }, { { path = "/p", query = "a" }, "/p?a" },
      { { path = "/p", query = { z = 1, a = 2 } }, "/p?a=2&z=1" },
      { { query = { list = { "b", "a", 3, true }, n = 1.5, f = false } },
        "/?f=false&list=b&list=a&list=3&list=true&n=1.5" },
      { { query = { ["a b&=?/#"] = "c d&=+?/#%", e = "", u = "\195\169\0~-._" } },
        "/?a%20b%26%3D%3F%2F%23=c%20d%26%3D%2B%3F%2F%23%25&e=&u=%C3%A9%00~-._" },
      { { query = {} }, "/" }, { { query = { a = {} } }, "/" },
    }
    for _, row in ipairs(rows) do
      local request, response, port = send("get", row[1])
      assert.equal(row[2], request.target)
      assert.equal(("http://127.0.0.1:%d%s"):format(port, row[2]), response.url)
    end
  end)

  it("goes to an IPv6 address, with brackets or without", function()
    local server = helper.respond(NO_CONTENT, { host = "::1" })
    for _, options in ipairs({
      { hostname = "::1", port = server.port }, { hostname = "[::1]", port = server.port },
      { url = ("http://[::1]:%d"):format(server.port) }, { hostname = "0:0:0:0:0:0:0:1", port = server.port },
    }) do
      local response = http.get(options)
      wait_finished(response)
      assert.equal(204, response.status_code)
      assert.matches("^http://%[[0:]+1%]:" .. server.port .. "/$", response.url)
      assert.matches("^%[[0:]+1%]:" .. server.port .. "$", server.requests[#server.requests].headers.host)
    end
  end)

  it("has a host and a scheme without case", function()
    local dir = raw.mkdtemp()
    local file = assert(io.open(dir .. "/hosts", "w"))
    file:write("127.0.0.1 example.test\n")
    file:close()
    http.configure({ hosts_file = dir .. "/hosts" })
    local request, response, port = send("get", "HTTP://Example.TEST:PORT/Path")
    http.configure({})
    assert.equal(("http://example.test:%d/Path"):format(port), response.url)
    assert.equal("example.test:" .. port, request.headers.host)
    assert.equal("/Path", request.target)
  end)

  it("leaves out the port that is the protocol's own", function()
    for url, expected in pairs({
      ["http://127.0.0.1:80/"] = "http://127.0.0.1/", ["https://127.0.0.1:443/"] = "https://127.0.0.1/",
      ["http://127.0.0.1:443/"] = "http://127.0.0.1:443/", ["https://127.0.0.1:/"] = "https://127.0.0.1/",
    }) do
      local response = http.get(url)
      response:abort()
      assert.equal(expected, response.url)
      wait_finished(response)
    end
    local response = http.get({ hostname = "127.0.0.1", protocol = "https" })
    response:abort()
    assert.equal("https://127.0.0.1/", response.url)
    wait_finished(response)
  end)

  it("in a protocol that is not spoken ends with an error and does not throw", function()
    for _, options in ipairs({ "ftp://127.0.0.1/", { hostname = "127.0.0.1", protocol = "ws:" } }) do
      local response = http.get(options)
      wait_finished(response)
      assert.equal(http.Response.PROTOCOL_UNKNOWN_ERROR, response.error)
    end
  end)
end)
