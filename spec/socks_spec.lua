-- SOCKS 5 proxies: who looks up the names, credentials, what each refusal is.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local certs = require("certs")
local proxies = require("proxies")

local R = http.Response
local OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

if not http.can("proxy") then
  return
end

local function ask(options)
  local response = http.get(options, helper.expect(function() end))
  helper.wait_calls(20)
  return response
end

local function get(options)
  local response = ask(options)
  assert.equal(R.NO_ERROR, response.error, response.error_string)
  assert.equal("hi", response:read_string())
  return response
end

local function origin(options)
  options = options or {}
  options.keep_open = true
  return helper.respond(OK, options)
end

local dns

local function configure(answers)
  dns = raw.dns({ answers = answers })
  local path = raw.mkdtemp() .. "/resolv.conf"
  local file = assert(io.open(path, "w"))
  file:write(("nameserver 127.0.0.1:%d\n"):format(dns.port))
  file:close()
  http.configure({ resolv_conf = path, hosts_file = path .. ".none" })
end

describe("a SOCKS proxy", function()
  after_each(function() http.configure({}) end)
  helper.setup()

  it("looks up names, as socks5h, and nothing is looked up here", function()
    configure({})
    local proxy, server = proxies.socks(), origin()
    get({ url = helper.url(server, "/a", "Name.test"), proxy = proxies.url(proxy, "socks5h"),
      resolve = { ["name.test"] = "127.0.0.9" } })
    assert.same({ { type = 3, host = "name.test", port = server.port } }, proxy.wishes)
    assert.equal("/a", server.requests[1].target)
    assert.same({}, dns.queries)
  end)

  it("gets addresses, as socks5, which are looked up here", function()
    configure({ ["name.test"] = { "127.0.0.1" } })
    local proxy, server = proxies.socks(), origin()
    get({ url = helper.url(server, "/", "name.test"), proxy = proxies.url(proxy, "socks5") })
    assert.same({ { type = 1, host = "127.0.0.1", port = server.port } }, proxy.wishes)
    assert.is_true(#dns.queries > 0)
    assert.equal("name.test:" .. server.port, server.requests[1].headers.host)
  end)

  it("gets the addresses of the option resolve, as socks5", function()
    configure({})
    local proxy, server = proxies.socks(), origin()
    get({ url = helper.url(server, "/", "name.test"), proxy = proxies.url(proxy, "socks5"),
      resolve = { ["name.test"] = "127.0.0.7" } })
    assert.equal("127.0.0.7", proxy.wishes[1].host)
    assert.same({}, dns.queries)
  end)

  it("gets an address as one", function()
    local proxy, server = proxies.socks(), origin()
    for _, scheme in ipairs({ "socks5", "socks5h" }) do
      get({ url = helper.url(server, "/", "::1"), proxy = proxies.url(proxy, scheme) })
      get({ url = helper.url(server, "/", "127.0.0.1"), proxy = proxies.url(proxy, scheme) })
    end
    assert.same({ 4, 1, 4, 1 }, { proxy.wishes[1].type, proxy.wishes[2].type, proxy.wishes[3].type,
      proxy.wishes[4].type })
    assert.equal(("\0"):rep(15) .. "\1", proxy.wishes[1].host)
  end)

  it("that cannot reach one address of a host is asked for the next", function()
    local server = origin()
    local options = { join = true }
    options.reply = function(wish)
      options.join = wish.host == "127.0.0.3"
      return options.join and "\5\0\0\1\0\0\0\0\0\0" or "\5\4\0\1\0\0\0\0\0\0"
    end
    local proxy = proxies.socks(options)
    get({ url = helper.url(server, "/", "name.test"), proxy = proxies.url(proxy, "socks5"),
      resolve = { ["name.test"] = { "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4" } } })
    assert.equal(3, #proxy.wishes)
    assert.equal(3, proxy.connections)
  end)

  it("carries TLS with the host, and keeps the connection", function()
    local proxy, server = proxies.socks(), origin({ tls = certs.server })
    local options = { url = helper.url(server, "/", "localhost"), ca_file = certs.ca_file,
      proxy = proxies.url(proxy, "socks5h") }
    get(options)
    get(options)
    assert.equal(1, proxy.connections)
    assert.equal(2, #server.requests)
  end)

  it("carries uploads and what comes after an upgrade", function()
    local proxy = proxies.socks()
    local server = helper.respond("HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello",
      { keep_open = true })
    local response = http.get({ url = helper.url(server, "/", "name.test"),
      headers = { Connection = "Upgrade", Upgrade = "x" }, proxy = proxies.url(proxy, "socks5h") }):await()
    local connection = assert(response:connection())
    assert.equal("hello", connection:read())
    connection:close()
  end)

  it("is shown user and password, decoded, and the host is not", function()
    local proxy = proxies.socks({ credentials = { "m@e:", "p w" } })
    local server = origin()
    get({ url = helper.url(server, "/", "name.test"),
      proxy = proxies.url(proxy, "socks5h", "m%40e%3A:p%20w") })
    assert.equal("\0\2", proxy.methods)
    assert.is_nil(server.requests[1].headers["proxy-authorization"])
  end)

  it("never gets a Proxy-Authorization, nor does the host", function()
    local proxy, server = proxies.socks(), origin()
    get({ url = helper.url(server, "/", "name.test"), proxy = proxies.url(proxy, "socks5h"),
      headers = { ["Proxy-Authorization"] = "Basic x" } })
    assert.is_nil(server.requests[1].headers["proxy-authorization"])
  end)

  local V6 = "\5\0\0\4" .. ("\0"):rep(16) .. "\0\80"
  local NAME = "\5\0\0\3\9localhost\0\80"
  local LONG_NAME = "\5\0\0\3\255" .. ("n"):rep(255) .. "\0\80"

  for title, reply in pairs({ ["an address"] = "\5\0\0\1\0\0\0\0\0\0", ["an address of IPv6"] = V6,
    ["a name"] = NAME, ["a long name"] = LONG_NAME }) do
    for _, size in ipairs({ 1, 3, 500 }) do
      it(("may reply with %s, in pieces of %d"):format(title, size), function()
        local proxy = proxies.socks({ reply = reply, join = true, size = size,
          credentials = { "me", "pw" } })
        get({ url = helper.url(origin(), "/", "name.test"),
          proxy = proxies.url(proxy, "socks5h", "me:pw") })
      end)
    end
  end
end)

describe("a SOCKS proxy that refuses", function()
  helper.setup()

  local function fails(code, options, words, userinfo)
    local proxy = proxies.socks(options)
    local response = ask({ url = "http://name.test/", proxy = proxies.url(proxy, "socks5h", userinfo) })
    assert.equal(code, response.error, response.error_string)
    assert.equal("proxy", response.error_detail.phase)
    assert.equal("127.0.0.1:" .. proxy.port, response.error_detail.address)
    assert.matches(words, response.error_string, 1, true)
    assert.matches(("proxy socks5h://127.0.0.1:%d: it "):format(proxy.port), response.error_string, 1, true)
    assert.not_matches("secret", response.error_string, 1, true)
  end

  local WORDS = {
    "says: general failure", "says: connection not allowed", "says: network unreachable",
    "says: host unreachable", "says: connection refused", "says: time to live expired",
    "says: command not supported", "says: address type not supported", "does not know",
  }

  for number, words in ipairs(WORDS) do
    it(("with %d %s"):format(number, words), function()
      local code = number == 5 and R.CONNECTION_REFUSED_ERROR or R.UNKNOWN_PROXY_ERROR
      fails(code, { reply = "\5" .. string.char(number) .. "\0\1\0\0\0\0\0\0" }, words)
      fails(code, { reply = "\5" .. string.char(number) }, words) -- and nothing more
    end)
  end

  it("the credentials, or the lack of them: 105", function()
    local code = R.PROXY_AUTHENTICATION_REQUIRED_ERROR
    fails(code, { credentials = { "me", "other" } }, "refuses the user and the password", "me:secret")
    fails(code, { credentials = { "me", "pw" }, method = "\5\255" }, "wants a user and a password")
    fails(code, { credentials = { "me", "pw" }, method = "\5\255" }, "neither a password nor none",
      "me:secret")
  end)

  it("the rules", function()
    local code = R.UNKNOWN_PROXY_ERROR
    fails(code, { method = "\4\0" }, "does not speak SOCKS 5")
    fails(code, { method = "HTTP/1.1 400 Bad Request\r\n\r\n" }, "does not speak SOCKS 5")
    fails(code, { method = "\5\2" }, "not offered")
    fails(code, { method = "\5\0\5" }, "bytes of its own")
    fails(code, { reply = "\4\0\0\1\0\0\0\0\0\0" }, "does not speak SOCKS 5")
    fails(code, { reply = "\5\0\0\2\0\0\0\0\0\0" }, "breaks the rules")
    fails(code, { reply = "\5\0\7\1\0\0\0\0\0\0" }, "breaks the rules")
    fails(code, { reply = "\5\0\0\1\0\0\0\0\0\0early" }, "bytes of its own")
    fails(code, { credentials = { "me", "secret" }, credentials_reply = "\5\0" }, "breaks the rules",
      "me:secret")
  end)

  it("by closing, at each byte", function()
    local bytes = "\5\0\5\0\0\3\4host\0\80"
    for cut = 0, #bytes - 1 do
      local server = raw.listen({ on_connect = function(conn)
        conn.on_data = function()
          if cut <= 2 then
            conn:send(bytes:sub(1, cut))
            conn:close()
          else
            conn.on_data = function()
              conn:send(bytes:sub(3, cut))
              conn:close()
            end
            conn:send(bytes:sub(1, 2))
          end
        end
      end })
      local response = ask({ url = "http://name.test/", proxy = proxies.url(server, "socks5h") })
      assert.equal(R.PROXY_CONNECTION_CLOSED_ERROR, response.error, response.error_string)
    end
  end)
end)
