-- Redirects: followed or not, what goes along and what does not, where they end.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local certs = require("certs")
local servers = require("servers")

local serve = servers.serve
local R = http.Response

local function fetch(options, data)
  if type(options) == "string" then
    options = { url = options }
  end
  options.method = options.method or "GET"
  local response = http.request(options, data, helper.expect(function() end))
  helper.wait_calls()
  return response
end

local seen -- requests, in their order

local function note(request)
  seen[#seen + 1] = { method = request.method, target = request.target, headers = request.headers,
    body = request.body, host = request.headers.host }
end

-- A server that answers by path: routes[path] = { status, location } or words.
local function site(routes, options)
  return serve(function(request, response)
    note(request)
    local route = routes[request.target] or routes[1] or "end"
    if type(route) == "function" then
      route(request, response)
    elseif type(route) == "table" then
      response.status = route[1]
      response.headers.Location = route[2]
      response.body = route[3] or "moved"
    else
      response.body = route
    end
  end, options)
end

local function url(server, path)
  return ("http://127.0.0.1:%d%s"):format(server.port, path or "/")
end

describe("a redirect", function()
  before_each(function() seen = {} end)
  after_each(servers.close)
  helper.setup()

  it("is followed, and the Response is that of the last reply", function()
    local server = site { ["/"] = { 302, "/next" }, ["/next"] = "here" }
    local response = fetch(url(server))
    assert.equal(R.NO_ERROR, response.error, response.error_string)
    assert.equal(200, response.status_code)
    assert.equal("here", response:read_string())
    assert.equal(url(server, "/next"), response.url)
    assert.equal(1, #response.history)
    local past = response.history[1]
    assert.same({ 302, "redirect", "GET", url(server), "/next" },
      { past.status_code, past.why, past.method, past.url, past.headers.location })
    assert.is_nil(response.headers.location)
  end)

  local METHODS = { -- status, method, method that follows, whether the body goes along
    { 301, "GET", "GET" }, { 302, "GET", "GET" }, { 303, "GET", "GET" }, { 307, "GET", "GET" }, { 308, "GET", "GET" },
    { 301, "HEAD", "HEAD" }, { 303, "HEAD", "HEAD" }, { 307, "HEAD", "HEAD" },
    { 301, "POST", "GET" }, { 302, "POST", "GET" }, { 303, "POST", "GET" },
    { 307, "POST", "POST", true }, { 308, "POST", "POST", true },
    { 301, "PUT", "PUT", true }, { 302, "PUT", "PUT", true }, { 303, "PUT", "GET" }, { 307, "PUT", "PUT", true },
    { 303, "DELETE", "GET" }, { 302, "DELETE", "DELETE" }, { 303, "PATCH", "GET" }, { 308, "PATCH", "PATCH", true },
  }
  for _, row in ipairs(METHODS) do
    local status, method, follows, body = unpack(row)
    it(("of %d makes %s of %s"):format(status, follows, method), function()
      local server = site { ["/"] = { status, "/next" } }
      local sends = method == "POST" or method == "PUT" or method == "PATCH"
      local response = fetch({ url = url(server), method = method,
        headers = { ["Content-Type"] = "text/x", ["X-Own"] = "kept" } }, sends and "data" or nil)
      assert.equal(200, response.status_code, response.error_string)
      assert.equal(2, #seen)
      assert.equal(follows, seen[2].method)
      assert.equal(body and "data" or "", seen[2].body)
      assert.equal("kept", seen[2].headers["x-own"])
      if sends then
        assert.equal(body and "text/x" or nil, seen[2].headers["content-type"])
        assert.equal(body and "4" or nil, seen[2].headers["content-length"])
      end
    end)
  end

  local PLACES = { -- of a Location, seen from /a/b?c
    { "/x", "/x" }, { "d", "/a/d" }, { "../d", "/d" }, { "?q=1", "/a/b?q=1" }, { "", "/a/b?c" }, { "./", "/a/" },
    { "../../../d", "/d" }, { "#part", "/a/b?c" }, { "//HOST/e", "/e" }, { "http://HOST/f", "/f" },
    { "http://HOST", "/" }, { "HTTP://HOST/g?h#i", "/g?h" }, { "/with space", "/with%20space" },
    { "/\195\164", "/%C3%A4" }, { "/%c3%a4", "/%c3%a4" }, { "\\backslash", "/backslash" },
  }
  for _, row in ipairs(PLACES) do
    it(("to %q is resolved"):format(row[1]), function()
      local first = true
      local server
      server = serve(function(request, response)
        note(request)
        if first then
          first = false
          response.status = 302
          response.headers.Location = (row[1]:gsub("HOST", "127.0.0.1:" .. server.port))
        end
      end)
      local response = fetch(url(server, "/a/b?c"))
      assert.equal(200, response.status_code, response.error_string)
      assert.equal(row[2], seen[2].target)
    end)
  end

  local FRAGMENTS = { -- what is asked for, the Location, where that leads
    { "/a#one", "/b", "/b#one" }, { "/a#one", "/b#two", "/b#two" }, { "/a", "/b#two", "/b#two" }, { "/a", "/b", "/b" },
    { "/a#one", "/b#", "/b#" }, { "/a#", "/b", "/b#" }, { "/a?q#one", "?r", "/a?r#one" },
    { "/a#one", "HOST/b", "HOST/b#one" }, { "/a", "/b#\195\164", "/b#%C3%A4" }, { "/a#1#2", "/b", "/b#1#2" },
  }
  for _, row in ipairs(FRAGMENTS) do
    it(("from %s to %s ends at %s, and no fragment is sent"):format(unpack(row)), function()
      local asked
      local server, host
      server = serve(function(request, response)
        note(request)
        assert.is_nil(request.target:find("#", 1, true))
        if #seen == 1 then
          response.status = 302
          response.headers.Location = (row[2]:gsub("HOST", host))
        end
      end)
      host = "http://127.0.0.1:" .. server.port
      local response = fetch { url = url(server, row[1]), redirect = function(_, to)
        asked = to
        return true
      end }
      local last = (row[3]:find("^HOST") and "" or host) .. row[3]:gsub("HOST", host)
      assert.equal(last, response.url)
      assert.equal(last, asked)
      assert.equal(url(server, row[1]), response.history[1].url)
      assert.equal(200, response.status_code, response.error_string)
    end)
  end

  it("without a Location is a reply like others", function()
    local server = site { ["/"] = { 302 } }
    local response = fetch(url(server))
    assert.equal(302, response.status_code)
    assert.equal("moved", response:read_string())
    assert.same({}, response.history)
  end)

  for _, status in ipairs { 300, 304, 305, 306 } do
    it(("of %d is not followed"):format(status), function()
      local server = site { ["/"] = { status, "/next" } }
      assert.equal(status, fetch(url(server)).status_code)
      assert.equal(1, #seen)
    end)
  end

  local BAD = { "http://", "http://[::1", "http://a b/", "http://127.0.0.1:99999/", "http://127.0.0.1:0x/",
    "mailto:a@b.test", "javascript:alert(1)" }
  for _, location in ipairs(BAD) do
    it(("to %q is an error"):format(location), function()
      local server = site { ["/"] = { 302, location } }
      local response = fetch(url(server))
      assert.equal(R.PROTOCOL_FAILURE, response.error)
      assert.matches("Location cannot be followed", response.error_string)
      assert.equal(302, response.status_code)
    end)
  end

  for _, location in ipairs { "ftp://127.0.0.1/x", "file:///etc/passwd" } do
    it(("to %q is an error"):format(location), function()
      local server = site { ["/"] = { 302, location } }
      assert.equal(R.PROTOCOL_UNKNOWN_ERROR, fetch(url(server)).error)
    end)
  end

  it("ends with an error after fifty", function()
    local server = site { { 302, "/" } }
    local response = fetch(url(server))
    assert.equal(R.TOO_MANY_REDIRECTS_ERROR, response.error)
    assert.equal(51, #seen)
    assert.equal(50, #response.history)
    assert.equal(302, response.status_code)
  end)

  it("ends with an error after as many as are allowed", function()
    local server = site { { 302, "/" } }
    assert.equal(R.TOO_MANY_REDIRECTS_ERROR, fetch { url = url(server), redirect = 2 }.error)
    assert.equal(3, #seen)
  end)

  for _, off in ipairs { { false }, { 0 } } do
    it(("is a reply like others with redirect = %s"):format(tostring(off[1])), function()
      local server = site { ["/"] = { 302, "/next" } }
      local response = fetch { url = url(server), redirect = off[1] }
      assert.equal(302, response.status_code)
      assert.equal("/next", response.headers.location)
      assert.equal("moved", response:read_string())
      assert.equal(1, #seen)
    end)
  end

  it("asks a function, which sees the reply and the URL", function()
    local server = site { ["/"] = { 302, "/a" }, ["/a"] = { 302, "/b" } }
    local asked = {}
    local response = fetch { url = url(server), redirect = function(reply, to)
      asked[#asked + 1] = { reply.status_code, reply.headers.location, to }
      return #asked < 2
    end }
    assert.same({ { 302, "/a", url(server, "/a") }, { 302, "/b", url(server, "/b") } }, asked)
    assert.equal(302, response.status_code)
    assert.equal("/b", response.headers.location)
    assert.equal("moved", response:read_string())
    assert.equal(url(server, "/a"), response.url)
  end)

  it("is not followed where the function throws, which is reported", function()
    local server = site { ["/"] = { 302, "/a" } }
    local status, output = helper.run_script(([[
      local response = http.get { url = "%s", redirect = function() error("no!") end }
      response:await()
      print(response.status_code)
    ]]):format(url(server)))
    assert.matches("302\n", output)
    assert.matches("no!.*traceback", output)
    assert.equal(1, status)
  end)

  it("can be ended by the function", function()
    local server = site { ["/"] = { 302, "/a" } }
    local response = fetch { url = url(server), redirect = function(reply)
      reply:abort()
      return true
    end }
    assert.equal(R.OPERATION_CANCELLED_ERROR, response.error)
    assert.equal(1, #seen)
  end)

  for _, bad in ipairs { "yes", {}, -1, 1.5 } do
    it(("throws for redirect = %s"):format(type(bad) == "table" and "{}" or tostring(bad)), function()
      assert.has_error(function() http.get { url = "http://127.0.0.1/", redirect = bad } end)
    end)
  end

  it("takes secrets to the same origin", function()
    local server = site { ["/"] = { 302, "/next" } }
    fetch { url = url(server), headers = { Authorization = "Basic eDp5", Cookie = "a=b" } }
    assert.equal("Basic eDp5", seen[2].headers.authorization)
    assert.equal("a=b", seen[2].headers.cookie)
  end)

  it("takes no secrets to another port, nor back again", function()
    local first, second
    second = serve(function(request, response)
      note(request)
      response.status = 302
      response.headers.Location = url(first, "/back")
    end)
    first = site { ["/"] = function(_, response)
      response.status = 302
      response.headers.Location = url(second)
    end }
    fetch { url = url(first), headers = { Authorization = "Basic eDp5", Cookie = "a=b", Host = "own.test",
      ["X-Own"] = "kept" } }
    assert.equal(3, #seen)
    assert.equal("own.test", seen[1].host)
    assert.equal("127.0.0.1:" .. second.port, seen[2].host)
    assert.equal("127.0.0.1:" .. first.port, seen[3].host)
    for i = 2, 3 do
      assert.is_nil(seen[i].headers.authorization)
      assert.is_nil(seen[i].headers.cookie)
      assert.equal("kept", seen[i].headers["x-own"])
    end
  end)

  it("from https to http is refused", function()
    local plain = site {}
    local secure = site({ ["/"] = { 302, url(plain) } }, { tls = certs.server })
    local response = fetch { url = ("https://127.0.0.1:%d/"):format(secure.port), ca_file = certs.ca_file }
    assert.equal(R.INSECURE_REDIRECT_ERROR, response.error)
    assert.equal(1, #seen)
  end)

  it("from http to https is followed, with the options of the request", function()
    local secure = site({}, { tls = certs.server })
    local plain = site { ["/"] = { 302, ("https://localhost:%d/x"):format(secure.port) } }
    local response = fetch { url = url(plain), ca_file = certs.ca_file, resolve = { localhost = "127.0.0.1" } }
    assert.equal(200, response.status_code, response.error_string)
    assert.equal("/x", seen[2].target)
  end)

  it("uses the connection again, unless the body is long", function()
    for _, row in ipairs { { 10, 1 }, { 1024 * 1024, 2 } } do
      http._drop_idle()
      local connections = 0
      local server = helper.respond(function(request, conn)
        if not conn.counted then
          conn.counted = true
          connections = connections + 1
        end
        if request.target == "/next" then
          return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
        end
        return ("HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: %d\r\n\r\n"):format(row[1]) ..
          ("x"):rep(row[1])
      end, { keep_open = true })
      assert.equal("hi", fetch(helper.url(server)):read_string())
      assert.equal(row[2], connections)
    end
  end)

  it("does not wait for a body that never comes", function()
    local server = helper.respond(function(request)
      return request.target == "/x" and "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi" or
        "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 10\r\n\r\nhalf"
    end, { keep_open = true })
    for _, options in ipairs { {}, { timeout = { idle = 0.1 } }, { timeout = { idle = 0.1 }, retries = 1 } } do
      options.url = helper.url(server)
      local response = fetch(options)
      assert.equal("hi", response:read_string(), response.error_string)
      assert.equal(1, #response.history)
    end
  end)

  helper.it_can("stream_upload", "with a body that cannot be read again is an error", function()
    local server = site { ["/"] = { 307, "/next" } }
    local given = false
    local response = fetch({ url = url(server), method = "POST" }, function()
      given = not given
      return given and "data" or nil
    end)
    assert.equal(R.CONTENT_RE_SEND_ERROR, response.error)
    assert.equal(1, #seen)
    assert.equal("data", seen[1].body)
  end)

  it("is not followed any more once the total time is over", function()
    local server = serve(function(request, response)
      note(request)
      http.sleep(0.05)
      response.status = 302
      response.headers.Location = "/"
    end)
    local response = fetch { url = url(server), timeout = 0.5 }
    assert.equal(R.TIMEOUT_ERROR, response.error)
    assert.equal("total", response.error_detail.clock)
    assert.is_true(#seen < 15)
  end)

  it("can be aborted at each of its requests", function()
    for at = 1, 4 do
      seen = {}
      local response
      local server
      server = serve(function(request, reply)
        note(request)
        if #seen == at then
          response:abort()
        end
        reply.status = 302
        reply.headers.Location = "/" .. #seen
      end)
      response = http.get(url(server), helper.expect(function() end))
      helper.wait_calls()
      assert.equal(R.OPERATION_CANCELLED_ERROR, response.error)
      assert.equal(at, #seen)
    end
  end)

  it("leaves the script's tables as they were", function()
    local server = site { ["/"] = { 302, "/next" } }
    local headers = { Authorization = "x", Accept = { "a", "b" } }
    local options = { url = url(server), headers = headers, redirect = 3, timeout = { total = 5 }, method = "POST" }
    fetch(options, "data")
    assert.same({ url = url(server), headers = { Authorization = "x", Accept = { "a", "b" } }, redirect = 3,
      timeout = { total = 5 }, method = "POST" }, options)
  end)
end)
