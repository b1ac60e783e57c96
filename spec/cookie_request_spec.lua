-- The option cookies: replies fill the jar, requests take along what is theirs, on every leg.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local certs = require("certs")

local NAMES = { "a.test", "b.test", "www.a.test", "a.example", "b.example" }

-- No name is looked up here.
local RESOLVE = {}
for _, name in ipairs(NAMES) do
  RESOLVE[name] = "127.0.0.1"
end

local function reply(status, fields, body)
  return ("HTTP/1.1 %d X\r\nContent-Length: %d\r\n%s\r\n%s"):format(status, #(body or ""),
    table.concat(fields or {}):gsub("\n", "\r\n"), body or "")
end

-- What each request was: its path and its Cookie.
local function asked(server)
  local seen = {}
  for _, request in ipairs(server.requests) do
    local _, count = request.head:lower():gsub("\r\ncookie:", "")
    assert.truthy(count <= 1)
    seen[#seen + 1] = request.target .. " " .. (request.headers.cookie or "-")
  end
  return seen
end

local function get(options)
  options.resolve = RESOLVE
  local response = http.get(options, helper.expect(function() end))
  helper.wait_calls(20)
  return response
end

describe("the option cookies", function()
  helper.setup()

  it("takes what replies set, and sends it from then on", function()
    local jar = http.CookieJar()
    local server = helper.respond(function(request)
      if request.target == "/login" then
        return reply(200, { "Set-Cookie: sid=1; Path=/\n", "SET-COOKIE: deep=2; Path=/x\n", "Set-Cookie:sid=3\n",
          "Set-Cookie: no=4; Domain=other.example\n", "Set-Cookie: b=5; Path=/; HttpOnly\n" })
      elseif request.target == "/logout" then
        return reply(200, { "Set-Cookie: sid=; Path=/; Max-Age=0\n" })
      end
      return reply(200)
    end)
    for _, path in ipairs { "/login", "/", "/x?y=z", "/logout", "/" } do
      get { url = helper.url(server, path, "a.test"), cookies = jar }
    end
    get { url = helper.url(server, "/", "b.test"), cookies = jar }
    get { url = helper.url(server, "/", "a.test"), cookies = false }
    get { url = helper.url(server, "/", "a.test") }
    assert.same({ "/login -", "/ sid=3; b=5", "/x?y=z deep=2; sid=3; b=5", "/logout sid=3; b=5", "/ b=5", "/ -",
      "/ -", "/ -" }, asked(server))
    assert.equal(2, #jar)
  end)

  it("takes them of replies that are errors, too", function()
    local jar = http.CookieJar()
    local server = helper.respond(function(request)
      local status = tonumber(request.target:match("%d+"))
      return reply(status, { "Set-Cookie: s" .. status .. "=1; Path=/\n" })
    end)
    for _, status in ipairs { 404, 401, 403, 500, 503, 204, 304 } do
      get { url = helper.url(server, "/" .. status, "a.test"), cookies = jar }
    end
    assert.equal("s404=1; s401=1; s403=1; s500=1; s503=1; s204=1; s304=1",
      jar:header(helper.url(server, "/", "a.test")))
  end)

  helper.it_can("interim", "takes none of interim heads", function()
    local jar = http.CookieJar()
    local server = helper.respond("HTTP/1.1 103 Early\r\nSet-Cookie: early=1\r\n\r\n" ..
      reply(200, { "Set-Cookie: a=b\n" }))
    get { url = helper.url(server), cookies = jar }
    assert.equal("a=b", jar:header(helper.url(server)))
  end)

  it("has each leg of a redirect do both", function()
    local jar = http.CookieJar()
    local server
    server = helper.respond(function(request)
      local host = request.headers.host:match("^[^:]+")
      if host == "a.test" and request.target == "/1" then
        return reply(302, { "Location: ", helper.url(server, "/2", "b.test"), "\n",
          "Set-Cookie: first=a; Path=/\n", "Set-Cookie: evil=1; Domain=b.test\n" })
      elseif host == "b.test" then
        return reply(302, { "Location: ", helper.url(server, "/3", "a.test"), "\n",
          "Set-Cookie: first=b; Path=/\n" })
      elseif request.target == "/3" then
        return reply(302, { "Location: /4\n", "Set-Cookie: second=a; Path=/\n" })
      end
      return reply(200, nil, "end")
    end)
    local url = helper.url(server, "/1", "a.test")
    local response = get { url = url, cookies = jar }
    assert.equal(200, response.status_code, response.error_string)
    assert.same({ "/1 -", "/2 -", "/3 first=a", "/4 first=a; second=a" }, asked(server))
    get { url = url, cookies = jar }
    assert.same({ "/1 first=a; second=a", "/2 first=b", "/3 first=a; second=a", "/4 first=a; second=a" },
      { unpack(asked(server), 5) })
  end)

  it("sends the script's own Cookie behind the jar's, in one field", function()
    local jar = http.CookieJar()
    local server = helper.respond(reply(200))
    local url = helper.url(server, "/", "a.test")
    local headers = { Cookie = "own=1; a=mine" }
    get { url = url, cookies = jar, headers = headers }
    assert(jar:set("a=jars", url))
    get { url = url, cookies = jar, headers = headers }
    get { url = url, cookies = jar, headers = { cookie = { "x=1", "", "y=2" } } }
    get { url = url, cookies = jar, headers = { Cookie = "" } }
    get { url = url, headers = headers }
    assert.same({ "/ own=1; a=mine", "/ a=jars; own=1; a=mine", "/ a=jars; x=1; y=2", "/ a=jars",
      "/ own=1; a=mine" }, asked(server))
    assert.same({ Cookie = "own=1; a=mine" }, headers)
    assert.equal(1, #jar) -- it is no reply
  end)

  it("sends the script's own to no other origin, nor on the way back", function()
    for _, with_jar in ipairs { true, false } do
      local jar = http.CookieJar()
      local server
      server = helper.respond(function(request)
        local host = request.headers.host:match("^[^:]+")
        local to = ({ ["/1"] = "/2", ["/2"] = helper.url(server, "/3", "b.test") })[request.target]
        to = to or (host == "b.test" and helper.url(server, "/4", "a.test"))
        return to and reply(302, { "Location: ", to, "\n" }) or reply(200)
      end)
      assert(jar:set("j=a", helper.url(server, "/", "a.test")))
      assert(jar:set("j=b", helper.url(server, "/", "b.test")))
      local response = get { url = helper.url(server, "/1", "a.test"), cookies = with_jar and jar,
        headers = { Cookie = "own=1" } }
      assert.equal(200, response.status_code, response.error_string)
      assert.same(with_jar and { "/1 j=a; own=1", "/2 j=a; own=1", "/3 j=b", "/4 j=a" } or
        { "/1 own=1", "/2 own=1", "/3 -", "/4 -" }, asked(server))
    end
  end)

  it("sends what a try before has set", function()
    local jar, count = http.CookieJar(), 0
    local server = helper.respond(function()
      count = count + 1
      return reply(count < 3 and 503 or 200, { ("Set-Cookie: try%d=1\n"):format(count) })
    end)
    local response = get { url = helper.url(server, "/", "a.test"), cookies = jar,
      retries = { total = 3, backoff = 0.01 } }
    assert.equal(200, response.status_code, response.error_string)
    assert.same({ "/ -", "/ try1=1", "/ try1=1; try2=1" }, asked(server))
  end)

  it("gives Secure cookies to https alone", function()
    local jar = http.CookieJar()
    local fields = { "Set-Cookie: s=1; Secure\n", "Set-Cookie: __Host-h=1; Secure; Path=/\n", "Set-Cookie: p=1\n" }
    local plain = helper.respond(reply(200, fields))
    local secure = helper.respond(reply(200, fields), { tls = certs.server })
    local function both()
      get { url = helper.url(plain, "/", "a.test"), cookies = jar }
      local response = get { url = helper.url(secure, "/", "a.test"), cookies = jar, verify = false }
      assert.equal(200, response.status_code, response.error_string)
    end
    both()
    both()
    assert.same({ "/ -", "/ p=1" }, asked(plain))
    assert.same({ "/ p=1", "/ p=1; s=1; __Host-h=1" }, asked(secure))
  end)

  it("shares one jar between parents and children of a domain", function()
    local jar = http.CookieJar()
    local server = helper.respond(function(request)
      return reply(200, request.target == "/set" and { "Set-Cookie: site=1; Domain=a.example; Path=/\n",
        "Set-Cookie: host=1; Path=/\n", "Set-Cookie: all=1; Domain=example; Path=/\n" })
    end)
    get { url = helper.url(server, "/set", "a.example"), cookies = jar }
    RESOLVE["x.a.example"] = "127.0.0.1"
    for _, host in ipairs { "x.a.example", "b.example", "a.example" } do
      get { url = helper.url(server, "/", host), cookies = jar }
    end
    RESOLVE["x.a.example"] = nil
    assert.same({ "/set -", "/ site=1", "/ -", "/ site=1; host=1" }, asked(server))
  end)

  it("serves many requests at once", function()
    local jar = http.CookieJar()
    local server = helper.respond(function(request)
      local n = request.target:match("%d+")
      return reply(200, { ("Set-Cookie: n%s=%s; Path=/\n"):format(n, n) })
    end)
    for n = 1, 40 do
      http.get({ url = helper.url(server, "/" .. n), cookies = jar }, helper.expect(function(response)
        assert.equal(200, response.status_code, response.error_string)
      end))
    end
    helper.wait_calls(20)
    assert.equal(40, #jar)
    get { url = helper.url(server, "/last1"), cookies = jar }
    local _, count = server.requests[41].headers.cookie:gsub("n%d+=", "")
    assert.equal(40, count)
  end)

  it("keeps a jar that nobody else holds", function()
    local server
    server = helper.respond(function(request)
      collectgarbage()
      return request.target == "/1" and reply(302, { "Location: /2\n", "Set-Cookie: a=b\n" }) or reply(200)
    end)
    for _ = 1, 10 do
      do
        local jar = http.CookieJar()
        http.get({ url = helper.url(server, "/1"), cookies = jar }, helper.expect(function() end))
      end
      collectgarbage()
      collectgarbage()
      helper.wait_calls(20)
    end
    local seen = asked(server)
    assert.equal("/1 -", seen[19])
    assert.equal("/2 a=b", seen[20])
  end)

  it("lets go of a jar whose requests are cut short", function()
    local server = raw.listen({})
    local responses = {}
    for i = 1, 4 do
      responses[i] = http.get({ url = helper.url(server), cookies = http.CookieJar() }, helper.expect(function() end))
    end
    collectgarbage()
    for _, response in ipairs(responses) do
      response:abort()
    end
    helper.wait_calls()
  end)

  it("may leave a state that closes in the middle", function()
    local status, output = helper.run_script([[
      local server = assert(http.serve { handler = function() end })
      local jar = http.CookieJar()
      for i = 1, 10 do
        http.get { url = server.url, cookies = i % 2 == 0 and jar or http.CookieJar() }
      end
      http.sleep(0.05)
      io.write("over")
      os.exit(0, true)
    ]])
    assert.equal(0, status, output)
    assert.equal("over", output)
  end)

  it("survives servers that overdo it", function()
    local jar = http.CookieJar()
    local count = 0
    local server = helper.respond(function(request)
      if request.target == "/many" then
        local many = {}
        for i = 1, 200 do -- of which a reply may have 256
          many[i] = ("Set-Cookie: n%d=v; Path=/\n"):format(count + i)
        end
        count = count + 200
        return reply(200, many)
      elseif request.target == "/giant" then
        return reply(200, { "Set-Cookie: g=" .. ("x"):rep(60000) .. "\n", "Set-Cookie: ok=1; Path=/\n",
          "Set-Cookie: p=1; Path=/" .. ("p"):rep(5000) .. "\n", "Set-Cookie: " .. (";"):rep(5000) .. "\n",
          "Set-Cookie:\n", "Set-Cookie: q=" .. ("y"):rep(4000) .. "; Path=/\n" })
      end
      return reply(200)
    end)
    local limit = 1e6
    local response
    for _ = 1, 25 do
      response = get { url = helper.url(server, "/many"), cookies = jar, max_head_size = limit }
      assert.equal(200, response.status_code, response.error_string)
      assert.equal(50, #jar)
    end
    assert.equal("n4951", jar:cookies()[1].name)
    jar:clear()
    response = get { url = helper.url(server, "/giant"), cookies = jar, max_head_size = limit }
    assert.equal(200, response.status_code, response.error_string)
    get { url = helper.url(server, "/"), cookies = jar }
    assert.equal("/ ok=1; p=1; q=" .. ("y"):rep(4000), asked(server)[27])
  end)

  it("is a jar or false", function()
    for _, value in ipairs { true, 1, "a=b", {}, io.stdout } do
      local ok, message = pcall(http.get, { url = "http://127.0.0.1:1/", cookies = value })
      assert.is_false(ok)
      assert.truthy(message:find("bad option 'cookies' (http.CookieJar or false expected, got", 1, true), message)
    end
  end)
end)
