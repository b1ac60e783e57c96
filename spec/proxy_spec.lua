-- The option proxy, and no_proxy: what goes to whom, on which connection, and what each failure is.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local certs = require("certs")
local proxies = require("proxies")

local R = http.Response
local OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

local function ask(options)
  local response = http.get(options, helper.expect(function() end))
  helper.wait_calls()
  return response
end

local function get(options)
  local response = ask(options)
  assert.equal(R.NO_ERROR, response.error, response.error_string)
  assert.equal("hi", response:read_string())
  return response
end

-- What ends in error `code`, in the phase "proxy" unless another is given.
local function fails(code, options, words, phase)
  local response = ask(options)
  assert.equal(code, response.error, response.error_string)
  assert.equal(0, response.status_code)
  assert.equal(phase or "proxy", response.error_detail.phase)
  if words then
    assert.matches(words, response.error_string, 1, true)
  end
  return response
end

local function origin(options)
  options = options or {}
  options.keep_open = true
  return helper.respond(OK, options)
end

local function secure_origin()
  return origin({ tls = certs.server })
end

describe("proxy", function()
  helper.setup()

  helper.it_cannot("proxy", "is error 302 on an engine that has none", function()
    local response = ask({ url = "http://name.test/", proxy = "http://127.0.0.1:1" })
    assert.equal(R.PROTOCOL_INVALID_OPERATION_ERROR, response.error)
    assert.matches("cannot go through a proxy", response.error_string, 1, true)
  end)

  it("is refused where it is none, in words that hold no password", function()
    for _, url in ipairs({ "ftp://me:secret@proxy.test", "http://me:secret@", "http://me:secret@a b",
      "http://me:secret@proxy.test:99999", "http://me:secret@proxy.test/path",
      "http://me%3Ax:secret@proxy.test", "http://me:secret%0a@proxy.test" }) do
      local ok, message = pcall(http.get, { url = "http://name.test/", proxy = url })
      assert.is_false(ok)
      assert.matches("bad proxy: ", message, 1, true)
      assert.not_matches("secret", message, 1, true)
    end
  end)

  it("is refused where it is of another type", function()
    for words, value in pairs({
      ["URL, table, or false for none"] = true,
      ["got 1"] = 1,
      ["its URL is empty"] = "",
      ["it has no url"] = {},
      ["'Url' is not"] = { Url = "http://proxy.test" },
      ["proxy.url"] = { url = 1 },
      ["proxy.headers"] = { url = "http://proxy.test", headers = "x" },
      ["proxy.verify"] = { url = "http://proxy.test", verify = "x" },
      ["is not for its headers"] = { url = "http://proxy.test", headers = { Host = "x" } },
      ["not allowed there"] = { url = "http://proxy.test", headers = { ["X-A"] = "a\r\nb" } },
      ["bad proxy: one of its headers"] = { url = "http://proxy.test", headers = { ["X A"] = "a" } },
    }) do
      local ok, message = pcall(http.get, { url = "http://name.test/", proxy = value })
      assert.is_false(ok)
      assert.matches(words, message, 1, true)
    end
  end)
end)

if not http.can("proxy") then
  return
end

describe("an http proxy", function()
  helper.setup()

  it("gets the requests themselves, in absolute form", function()
    local proxy, server = proxies.http(), origin()
    get({ url = helper.url(server, "/a?b=c", "name.test"), proxy = proxies.url(proxy) })
    assert.equal("http://name.test:" .. server.port .. "/a?b=c", proxy.requests[1].target)
    assert.equal("name.test:" .. server.port, proxy.requests[1].headers.host)
    assert.is_nil(proxy.requests[1].headers["proxy-authorization"])
    assert.equal("/a?b=c", server.requests[1].target)
  end)

  it("gets a Host that the script has chosen, and the URL as it is", function()
    local proxy, server = proxies.http(), origin()
    get({ url = helper.url(server, "/", "name.test"), headers = { Host = "other.test" },
      proxy = proxies.url(proxy) })
    assert.equal("other.test", proxy.requests[1].headers.host)
    assert.equal("http://name.test:" .. server.port .. "/", proxy.requests[1].target)
  end)

  it("gets a body as well, of bytes or in chunks", function()
    local proxy, server = proxies.http(), origin()
    local url = helper.url(server, "/", "name.test")
    local response = http.post({ url = url, proxy = proxies.url(proxy) }, "some text"):await()
    assert.equal(200, response.status_code)
    assert.equal("some text", server.requests[1].body)
    local pieces = { "ab", "cd" }
    response = http.post({ url = url, proxy = proxies.url(proxy) },
      function() return table.remove(pieces, 1) end):await()
    assert.equal(200, response.status_code)
    assert.matches("ab", server.requests[2].body, 1, true)
  end)

  it("gets OPTIONS * as an authority", function()
    local proxy, server = proxies.http(), origin()
    http.options({ hostname = "name.test", port = server.port, path = "*",
      proxy = proxies.url(proxy) }):await()
    assert.equal("http://name.test:" .. server.port, proxy.requests[1].target)
    assert.equal("*", server.requests[1].target)
  end)

  it("gives a way to https, and sees nothing of it", function()
    local proxy, server = proxies.http(), secure_origin()
    local response = get({ url = helper.url(server, "/secret", "localhost"), ca_file = certs.ca_file,
      headers = { Authorization = "Basic origin" }, proxy = proxies.url(proxy, nil, "me:pw") })
    assert.equal("CONNECT", proxy.requests[1].method)
    assert.equal("localhost:" .. server.port, proxy.requests[1].target)
    assert.equal("localhost:" .. server.port, proxy.requests[1].headers.host)
    assert.equal("Basic bWU6cHc=", proxy.requests[1].headers["proxy-authorization"])
    assert.is_nil(proxy.requests[1].headers.authorization)
    assert.is_nil(server.requests[1].headers["proxy-authorization"])
    assert.equal("Basic origin", server.requests[1].headers.authorization)
    assert.equal("/secret", server.requests[1].target)
    assert.equal(200, response.status_code)
  end)

  it("has a host with an address in brackets", function()
    local proxy, server = proxies.http(), origin()
    get({ hostname = "::1", port = server.port, proxy = proxies.url(proxy) })
    assert.equal("http://[::1]:" .. server.port .. "/", proxy.requests[1].target)
    local secure = secure_origin()
    get({ protocol = "https", hostname = "::1", port = secure.port, ca_file = certs.ca_file,
      proxy = proxies.url(proxy) })
    assert.equal("[::1]:" .. secure.port, proxy.requests[2].target)
  end)

  it("leaves the check of the host's certificate as it is", function()
    local proxy = proxies.http()
    local server = origin({ tls = certs.wrong_host })
    local response = ask({ url = helper.url(server, "/", "localhost"), ca_file = certs.ca_file,
      proxy = proxies.url(proxy) })
    assert.equal(R.SSL_HANDSHAKE_FAILED_ERROR, response.error)
    assert.equal("tls", response.error_detail.phase)
    assert.matches("the certificate of localhost", response.error_string, 1, true)
    assert.equal(0, #server.requests)
  end)

  it("gives a way to another protocol", function()
    local proxy, server = proxies.http(), helper.respond(
      "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello", { keep_open = true })
    local response = http.get({ url = helper.url(server, "/", "name.test"),
      headers = { Connection = "Upgrade", Upgrade = "echo" }, proxy = proxies.url(proxy) }):await()
    assert.equal(101, response.status_code)
    assert.equal("CONNECT", proxy.requests[1].method)
    assert.equal("/", server.requests[1].target)
    local connection = assert(response:connection())
    assert.equal("hello", connection:read())
    connection:close()
  end)

  it("gives a way to a CONNECT of the script's own", function()
    local inner, outer = proxies.http(), proxies.http()
    local server = helper.respond("pong", { keep_open = true })
    local response = http.request({ method = "CONNECT", hostname = "inner.test", port = inner.port,
      path = "name.test:" .. server.port, proxy = proxies.url(outer) }):await()
    assert.equal(200, response.status_code, response.error_string)
    assert.equal("inner.test:" .. inner.port, outer.requests[1].target)
    assert.equal("name.test:" .. server.port, inner.requests[1].target)
    assert(response:connection()):close()
  end)

  it("gets headers of its own, which the host does not", function()
    local proxy, server = proxies.http(), secure_origin()
    local option = { url = proxies.url(proxy), headers = { ["X-Proxy"] = "1", ["User-Agent"] = "spec" } }
    get({ url = helper.url(server, "/", "localhost"), ca_file = certs.ca_file, proxy = option })
    assert.equal("1", proxy.requests[1].headers["x-proxy"])
    assert.equal("spec", proxy.requests[1].headers["user-agent"])
    assert.is_nil(server.requests[1].headers["x-proxy"])
    assert.same({ url = proxies.url(proxy), headers = { ["X-Proxy"] = "1", ["User-Agent"] = "spec" } },
      option)
    local plain = origin()
    option.headers = { ["X-Proxy"] = { 1, 2 } }
    get({ url = helper.url(plain, "/", "name.test"), proxy = option })
    assert.equal("1, 2", proxy.requests[2].headers["x-proxy"])
  end)

  it("is shown a Proxy-Authorization of the script's, and the host never is", function()
    local proxy, server = proxies.http(), secure_origin()
    local headers = { ["proxy-authorization"] = "Bearer token" }
    get({ url = helper.url(server, "/", "localhost"), ca_file = certs.ca_file, headers = headers,
      proxy = proxies.url(proxy, nil, "me:pw") })
    assert.equal("Bearer token", proxy.requests[1].headers["proxy-authorization"])
    assert.is_nil(server.requests[1].headers["proxy-authorization"])
    local plain = origin()
    get({ url = helper.url(plain, "/", "name.test"), headers = headers, proxy = proxies.url(proxy) })
    assert.equal("Bearer token", proxy.requests[2].headers["proxy-authorization"])
    assert.equal("Bearer token", headers["proxy-authorization"])
  end)

  it("may be spoken to over TLS, with a check of its own", function()
    local proxy, server = proxies.http({ tls = certs.server }), origin()
    local url = helper.url(server, "/", "name.test")
    local at = ("https://localhost:%d"):format(proxy.port)
    get({ url = url, proxy = { url = at, ca_file = certs.ca_file } })
    assert.equal("http://name.test:" .. server.port .. "/", proxy.requests[1].target)
    assert.equal("localhost", proxy.names[1])
    get({ url = url, proxy = { url = at, verify = false } })
    -- what the host may be trusted with says nothing of the proxy
    for _, option in ipairs({ at, { url = at }, { url = proxies.url(proxy) } }) do
      local response = fails(R.SSL_HANDSHAKE_FAILED_ERROR,
        { url = url, ca_file = certs.ca_file, verify = false, proxy = option }, "certificate")
      assert.not_equal("", response.error_detail.tls)
    end
    assert.equal(2, #proxy.requests)
  end)

  it("carries TLS with the host in TLS with the proxy", function()
    local proxy, server = proxies.http({ tls = certs.server }), secure_origin()
    local options = { url = helper.url(server, "/", "localhost"), ca_file = certs.ca_file,
      proxy = { url = ("https://localhost:%d"):format(proxy.port), ca_file = certs.ca_file } }
    get(options)
    get(options)
    assert.equal(1, proxy.connections)
    assert.equal(2, #server.requests)
    assert.equal("CONNECT", proxy.requests[1].method)
  end)

  it("carries much of it, both ways", function()
    local body = ("0123456789abcdef"):rep(65536 * 2)
    local proxy = proxies.http({ tls = certs.server })
    local server = helper.respond(function(request)
      return "HTTP/1.1 200 OK\r\nContent-Length: " .. #request.body .. "\r\n\r\n" .. request.body
    end, { tls = certs.server })
    local response = http.post({ url = helper.url(server, "/", "localhost"), ca_file = certs.ca_file,
      proxy = { url = proxies.url(proxy), ca_file = certs.ca_file } }, body)
    helper.wait(function() return response.finished end, 60)
    assert.equal("", response.error_string)
    assert.is_true(response:read_all_string() == body)
  end)

  it("tells a body that was cut off from one that is whole", function()
    local proxy = proxies.http({ tls = certs.server })
    local server = helper.respond(function(_, conn)
      conn:send("HTTP/1.1 200 OK\r\n\r\nsome")
      conn:close({ notify = false })
    end, { tls = certs.server, keep_open = true })
    local response = ask({ url = helper.url(server, "/", "localhost"), ca_file = certs.ca_file,
      proxy = { url = proxies.url(proxy), ca_file = certs.ca_file } })
    assert.equal(R.REMOTE_HOST_CLOSED_ERROR, response.error)
    assert.equal("body", response.error_detail.phase)
  end)

  it("is not asked for a host's name: nothing is looked up here", function()
    local dns = raw.dns({ answers = { ["proxy.test"] = { "127.0.0.1" } } })
    local path = raw.mkdtemp() .. "/resolv.conf"
    local file = assert(io.open(path, "w"))
    file:write(("nameserver 127.0.0.1:%d\n"):format(dns.port))
    file:close()
    http.configure({ resolv_conf = path, hosts_file = path .. ".none" })
    finally(function() http.configure({}) end)
    local proxy, server, secure = proxies.http(), origin(), secure_origin()
    local at = ("http://proxy.test:%d"):format(proxy.port)
    get({ url = helper.url(server, "/", "name.test"), proxy = at,
      resolve = { ["name.test"] = "127.0.0.9", ["proxy.test"] = "127.0.0.9" } })
    get({ url = helper.url(secure, "/", "name.test"), verify = false, proxy = at })
    local asked = {}
    for _, name in ipairs(dns.queries) do
      asked[name] = true
    end
    assert.same({ ["proxy.test"] = true }, asked)
  end)
end)

describe("connections through proxies", function()
  helper.setup()

  it("are kept for each host: a proxy may be one that brings all that follows to the first", function()
    local proxy = proxies.http({ keep_open = true })
    local one, two = origin(), origin()
    for _ = 1, 2 do
      get({ url = helper.url(one, "/", "one.test"), proxy = proxies.url(proxy) })
      get({ url = helper.url(two, "/", "two.test"), proxy = proxies.url(proxy) })
    end
    assert.equal(2, proxy.connections)
    local secure = secure_origin()
    for _ = 1, 2 do
      for _, host in ipairs({ "localhost", "127.0.0.1" }) do
        get({ url = helper.url(secure, "/", host), ca_file = certs.ca_file, proxy = proxies.url(proxy) })
      end
    end
    assert.equal(4, proxy.connections)
  end)

  -- Each way to one origin, which must never serve another.
  local function ways(proxy, other, socks)
    return {
      { proxy = false },
      { proxy = proxies.url(proxy) },
      { proxy = proxies.url(proxy, nil, "me:pw") },
      { proxy = proxies.url(proxy, nil, "me:pw2") },
      { proxy = proxies.url(proxy, nil, "you:pw") },
      { proxy = { url = proxies.url(proxy), headers = { ["X-A"] = "1" } } },
      { proxy = { url = proxies.url(proxy), headers = { ["X-A"] = "2" } } },
      { proxy = proxies.url(proxy), headers = { ["Proxy-Authorization"] = "a" } },
      { proxy = proxies.url(proxy), headers = { ["Proxy-Authorization"] = "b" } },
      { proxy = proxies.url(other) },
      { proxy = proxies.url(socks, "socks5h") },
      { proxy = proxies.url(socks, "socks5") },
      { proxy = proxies.url(socks, "socks5h", "me:pw") },
      { proxy = { url = proxies.url(proxy), verify = false } },
      { proxy = { url = proxies.url(proxy), ca_file = certs.ca_file } },
    }
  end

  for _, secure in ipairs({ false, true }) do
    it("are one proxy's, one user's, or nobody's: never mixed" .. (secure and ", over TLS" or ""), function()
      local server = secure and secure_origin() or origin()
      local proxy, other = proxies.http({ keep_open = true }), proxies.http({ keep_open = true })
      local socks = proxies.socks()
      local all = ways(proxy, other, socks)
      for round = 1, 2 do
        for i, options in ipairs(all) do
          options.url = helper.url(server, "/", "127.0.0.1")
          options.ca_file = secure and certs.ca_file or nil
          get(options)
          local connections = proxy.connections + other.connections + socks.connections
          assert.equal(round == 1 and i - 1 or #all - 1, connections) -- the first way is without
        end
        assert.equal(round * #all, #server.requests)
      end
    end)
  end

  it("that died while they were idle are made again", function()
    local conns = {}
    local proxy = proxies.http({ on_request = function(_, conn)
      conns[#conns + 1] = conn
    end })
    local server = secure_origin()
    local options = { url = helper.url(server, "/", "localhost"), ca_file = certs.ca_file,
      proxy = proxies.url(proxy) }
    get(options)
    conns[1]:reset()
    get(options)
    assert.equal(2, proxy.connections)
  end)
end)
