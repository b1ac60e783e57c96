-- Credentials of HTTP proxies: shown to the proxy alone, as Basic or as a Digest; and redirects through
-- proxies.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local certs = require("certs")
local proxies = require("proxies")

local R = http.Response
local OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
local SECURE = "https://name.test/" -- needs a tunnel
local PLAIN = "http://name.test/"

if not http.can("proxy") then
  return
end

local function ask(options)
  local response = http.get(options, helper.expect(function() end))
  helper.wait_calls(20)
  return response
end

local function fails(code, options)
  local response = ask(options)
  assert.equal(code, response.error, response.error_string)
  assert.not_matches("secret", response.error_string, 1, true)
  return response
end

local function at(server, scheme, userinfo)
  return proxies.url(server, scheme, userinfo)
end

describe("credentials of a proxy", function()
  helper.setup()

  local DIGEST = 'Digest realm="r", nonce="%s", qop="auth", algorithm=SHA-256'

  -- A proxy that wants a Digest, and takes any that has its nonce; nonces change after `uses` of them.
  local function digest_proxy(uses)
    local seen, count, nonce = {}, 0, "n1"
    local proxy = proxies.http({ keep_open = true, on_request = function(request, conn)
      local given = request.headers["proxy-authorization"] or ""
      seen[#seen + 1] = request.method .. " " .. given
      if given:find('nonce="' .. nonce .. '"', 1, true) and given:find("^Digest") then
        count = count + 1
        if uses and count % uses == 0 then
          nonce = "n" .. (count + 1)
        end
        return false
      end
      local stale = given:find("^Digest") and ", stale=true" or ""
      conn:send("HTTP/1.1 407 Who\r\nProxy-Authenticate: " .. DIGEST:format(nonce) .. stale
        .. "\r\nContent-Length: 4\r\n\r\nbody")
      return true
    end })
    return proxy, seen
  end

  it("are percent-decoded", function()
    local proxy, server = proxies.http({ authorization = "YUBiOnAvdzrDqQ==" }), helper.respond(OK)
    local response = ask({ url = helper.url(server, "/", "name.test"),
      proxy = at(proxy, nil, "a%40b:p%2Fw%3a%C3%A9") })
    assert.equal("", response.error_string)
  end)

  it("answer a challenge of Digest at CONNECT, once more on a new connection", function()
    local proxy, seen = digest_proxy()
    local server = helper.respond(OK, { tls = certs.server })
    local response = ask({ url = helper.url(server, "/", "localhost"), ca_file = certs.ca_file,
      proxy = at(proxy, nil, "me:secret") })
    assert.equal("", response.error_string)
    assert.equal(2, #seen)
    assert.matches('uri="localhost:' .. server.port .. '"', seen[2], 1, true)
    assert.not_matches("secret", seen[2], 1, true)
    assert.is_nil(server.requests[1].headers["proxy-authorization"])
  end)

  it("that are refused again end as 105", function()
    local count = 0
    local proxy = proxies.http({ on_request = function(_, conn)
      count = count + 1
      conn:send("HTTP/1.1 407 Who\r\nProxy-Authenticate: " .. DIGEST:format("x") .. "\r\n\r\n")
      return true
    end })
    fails(R.PROXY_AUTHENTICATION_REQUIRED_ERROR, { url = SECURE, proxy = at(proxy, nil, "me:secret") })
    assert.equal(2, count)
  end)

  it("whose nonces are always stale end as 105", function()
    local count = 0
    local proxy = proxies.http({ on_request = function(_, conn)
      count = count + 1
      conn:send("HTTP/1.1 407 Who\r\nProxy-Authenticate: " .. DIGEST:format("x" .. count)
        .. ", stale=true\r\n\r\n")
      return true
    end })
    fails(R.PROXY_AUTHENTICATION_REQUIRED_ERROR, { url = SECURE, proxy = at(proxy, nil, "me:secret") })
    assert.is_true(count < 6)
  end)

  it("never go to a host that answers 407 by itself", function()
    local server = helper.respond("HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=x\r\n"
      .. "Content-Length: 0\r\n\r\n", { tls = certs.server })
    local response = ask({ url = helper.url(server, "/", "localhost"), ca_file = certs.ca_file,
      proxy = at(proxies.http(), nil, "me:secret") })
    assert.equal(407, response.status_code)
    assert.equal(R.PROXY_AUTHENTICATION_REQUIRED_ERROR, response.error) -- as Qt has it
    assert.equal(1, #server.requests)
  end)

  it("answer a challenge of Digest to a request itself, and the next ones at once", function()
    local proxy, seen = digest_proxy()
    local server = helper.respond(OK, { keep_open = true })
    for i = 1, 3 do
      local response = http.post({ url = helper.url(server, "/" .. i, "name.test"),
        proxy = at(proxy, nil, "me:secret") }, "body"):await()
      assert.equal("", response.error_string)
      assert.equal("body", server.requests[i].body)
      assert.is_nil(server.requests[i].headers["proxy-authorization"])
      assert.equal(i == 1 and 1 or 0, #response.history)
    end
    assert.equal(4, #seen)
    assert.matches("^POST Basic", seen[1])
    assert.matches("nc=00000003", seen[4], 1, true)
    assert.matches(('uri="http://name.test:%d/3"'):format(server.port), seen[4], 1, true)
  end)

  it("answer a nonce that is too old with the next", function()
    local proxy, seen = digest_proxy(2)
    local server = helper.respond(OK, { keep_open = true })
    for _ = 1, 6 do
      local response = ask({ url = helper.url(server, "/", "name.test"),
        proxy = at(proxy, nil, "me:secret") })
      assert.equal("", response.error_string)
    end
    assert.equal(6, #server.requests)
    assert.equal(6 + 3, #seen)
  end)

  it("that are refused again, for a request itself, leave the proxy's page", function()
    local count = 0
    local proxy = proxies.http({ on_request = function(_, conn)
      count = count + 1
      conn:send("HTTP/1.1 407 Who\r\nProxy-Authenticate: " .. DIGEST:format("x" .. count)
        .. "\r\nContent-Length: 4\r\n\r\npage")
      return true
    end })
    local response = fails(R.PROXY_AUTHENTICATION_REQUIRED_ERROR,
      { url = PLAIN, proxy = at(proxy, nil, "me:secret") })
    assert.equal(407, response.status_code)
    assert.equal("page", response:read_string())
    assert.equal(2, count)
  end)

  it("with a body that cannot be read twice end as 205", function()
    local proxy = digest_proxy()
    local pieces = { "ab", "cd" }
    local response = http.post({ url = PLAIN, proxy = at(proxy, nil, "me:secret") },
      function() return table.remove(pieces, 1) end):await()
    assert.equal(R.CONTENT_RE_SEND_ERROR, response.error)
  end)

  it("are not told to a proxy that only says that it knows them", function()
    local proxy = proxies.http({ on_request = function(request, conn)
      if (request.headers["proxy-authorization"] or ""):find("^Digest") then
        conn:send("HTTP/1.1 200 OK\r\nProxy-Authentication-Info: rspauth=\"" .. ("0"):rep(64)
          .. "\", qop=auth\r\nContent-Length: 2\r\n\r\nhi")
      else
        conn:send("HTTP/1.1 407 Who\r\nProxy-Authenticate: " .. DIGEST:format("n")
          .. "\r\nContent-Length: 0\r\n\r\n")
      end
      return true
    end })
    local response = fails(R.UNKNOWN_PROXY_ERROR, { url = PLAIN, proxy = at(proxy, nil, "me:secret") })
    assert.matches("does not know the password", response.error_string, 1, true)
  end)
end)

describe("a redirect", function()
  helper.setup()

  local function redirect_to(url)
    return ("HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"):format(url)
  end

  it("from http to https goes on through a tunnel of the same proxy", function()
    local proxy = proxies.http({ keep_open = true, authorization = "bWU6c2VjcmV0" })
    local secure = helper.respond(OK, { tls = certs.server, keep_open = true })
    local plain = helper.respond(redirect_to(helper.url(secure, "/there", "localhost")),
      { keep_open = true })
    local response = ask({ url = helper.url(plain, "/", "name.test"), ca_file = certs.ca_file,
      proxy = at(proxy, nil, "me:secret") })
    assert.equal("", response.error_string)
    assert.equal("GET", proxy.requests[1].method)
    assert.equal("CONNECT", proxy.requests[2].method)
    assert.equal("/there", secure.requests[1].target)
    assert.is_nil(secure.requests[1].headers["proxy-authorization"])
  end)

  it("to a host that needs no proxy goes there without one", function()
    local proxy = proxies.http({ keep_open = true })
    local direct = helper.respond(OK, { keep_open = true })
    local first = helper.respond(redirect_to(helper.url(direct, "/")), { keep_open = true })
    local response = ask({ url = helper.url(first, "/", "name.test"), proxy = at(proxy, nil, "me:secret"),
      headers = { ["Proxy-Authorization"] = "Bearer secret" }, no_proxy = "127.0.0.1" })
    assert.equal("", response.error_string)
    assert.equal(1, #proxy.requests)
    assert.equal(1, #direct.requests)
    assert.is_nil(direct.requests[1].headers["proxy-authorization"])
  end)

  it("from a host that needs no proxy goes through it", function()
    local proxy = proxies.http({ keep_open = true })
    local second = helper.respond(OK, { keep_open = true })
    local first = helper.respond(redirect_to(helper.url(second, "/", "name.test")), { keep_open = true })
    local response = ask({ url = helper.url(first, "/"), proxy = at(proxy, nil, "me:secret"),
      no_proxy = "127.0.0.1" })
    assert.equal("", response.error_string)
    assert.equal("Basic bWU6c2VjcmV0", proxy.requests[1].headers["proxy-authorization"])
    assert.is_nil(first.requests[1].headers["proxy-authorization"])
  end)

  it("from a host that needs no proxy takes the script's Proxy-Authorization to the proxy alone", function()
    local proxy = proxies.http({ keep_open = true })
    local second = helper.respond(OK, { keep_open = true })
    local first = helper.respond(redirect_to(helper.url(second, "/", "name.test")), { keep_open = true })
    local response = ask({ url = helper.url(first, "/"), proxy = at(proxy), no_proxy = "127.0.0.1",
      headers = { ["Proxy-Authorization"] = "Bearer secret" } })
    assert.equal("", response.error_string)
    assert.is_nil(first.requests[1].headers["proxy-authorization"])
    assert.equal("Bearer secret", proxy.requests[1].headers["proxy-authorization"])
  end)

  it("without a proxy takes no Proxy-Authorization to another origin", function()
    local second = helper.respond(OK)
    local first = helper.respond(redirect_to(helper.url(second, "/")))
    local response = ask({ url = helper.url(first, "/"), proxy = false,
      headers = { ["Proxy-Authorization"] = "Bearer secret" } })
    assert.equal("", response.error_string)
    assert.equal("Bearer secret", first.requests[1].headers["proxy-authorization"])
    assert.is_nil(second.requests[1].headers["proxy-authorization"])
  end)

  it("through SOCKS asks for the next host", function()
    local proxy = proxies.socks()
    local second = helper.respond(OK)
    local first = helper.respond(redirect_to(helper.url(second, "/", "second.test")))
    local response = ask({ url = helper.url(first, "/", "first.test"), proxy = at(proxy, "socks5h") })
    assert.equal("", response.error_string)
    assert.equal("first.test", proxy.wishes[1].host)
    assert.equal("second.test", proxy.wishes[2].host)
  end)
end)

describe("retries", function()
  helper.setup()

  it("try a proxy again that was not there", function()
    local count = 0
    local proxy = proxies.http({ on_request = function(_, conn)
      count = count + 1
      if count < 3 then
        conn:reset()
        return true
      end
    end })
    local server = helper.respond(OK, { tls = certs.server })
    local response = ask({ url = helper.url(server, "/", "localhost"), ca_file = certs.ca_file,
      proxy = at(proxy), retries = { total = 3, backoff = 0.01 } })
    assert.equal("", response.error_string)
    assert.equal(3, count)
  end)
end)
