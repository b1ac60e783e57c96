-- What goes wrong on the way to a proxy, at it, and behind it: which error that is, and that nothing stays.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
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

local function fails(code, options, words, phase)
  local response = ask(options)
  assert.equal(code, response.error, response.error_string)
  assert.equal(phase or "proxy", response.error_detail.phase)
  assert.not_matches("secret", response.error_string, 1, true)
  if words then
    assert.matches(words, response.error_string, 1, true)
  end
  return response
end

local function at(server, scheme, userinfo)
  return proxies.url(server, scheme, userinfo)
end

-- A peer that answers its first bytes with these, in pieces of `size`, and then closes unless `keep`.
local function says(bytes, options)
  options = options or {}
  local server
  local function piece(conn, from)
    local size = options.size or #bytes
    if not conn.open then
      return
    end
    conn:send(bytes:sub(from, from + size - 1))
    if from + size <= #bytes then
      http.after(0, function() piece(conn, from + size) end)
    elseif not options.keep then
      conn:close()
    end
  end
  server = assert(raw.listen({
    tls = options.tls,
    on_connect = function(conn)
      server.conns[#server.conns + 1] = conn
      conn.on_data = function()
        conn.on_data = nil
        piece(conn, 1)
      end
    end,
  }))
  server.conns = {}
  return server
end

describe("without a proxy at its address", function()
  helper.setup()

  for name, url in pairs({ http = PLAIN, https = SECURE }) do
    for _, scheme in ipairs({ "http", "https", "socks5h" }) do
      it(("a request of %s to %s is refused: 101"):format(name, scheme), function()
        local port = raw.refused_port()
        local address = ("127.0.0.1:%d"):format(port)
        local response = fails(R.PROXY_CONNECTION_REFUSED_ERROR,
          { url = url, proxy = scheme .. "://me:secret@" .. address },
          ("proxy %s://%s: cannot connect to %s"):format(scheme, address, address))
        assert.equal(address, response.error_detail.address)
        assert.equal(111, response.error_detail.errno)
      end)
    end
  end

  it("whose name has no address it is 103", function()
    local dns = raw.dns({})
    local path = raw.mkdtemp() .. "/resolv.conf"
    local file = assert(io.open(path, "w"))
    file:write(("nameserver 127.0.0.1:%d\n"):format(dns.port))
    file:close()
    http.configure({ resolv_conf = path, hosts_file = path .. ".none" })
    finally(function() http.configure({}) end)
    for _, url in ipairs({ PLAIN, SECURE }) do
      fails(R.PROXY_NOT_FOUND_ERROR, { url = url, proxy = "http://proxy.test:1" },
        "cannot find the address of proxy.test")
    end
    -- where names are looked up here, that of the host comes first and is its own error
    fails(R.HOST_NOT_FOUND_ERROR, { url = PLAIN, proxy = "socks5://proxy.test:1" },
      "cannot find the address of name.test", "resolve")
    fails(R.PROXY_NOT_FOUND_ERROR, { url = "http://127.0.0.1/", proxy = "socks5://proxy.test:1" },
      "cannot find the address of proxy.test")
  end)

  it("that ever answers it is 104", function()
    local full = raw.full_listener()
    if not full then
      return
    end
    fails(R.PROXY_TIMEOUT_ERROR, { url = PLAIN, proxy = at(full), timeout = { connect = 0.2 } },
      "timed out")
  end)
end)

describe("CONNECT", function()
  helper.setup()

  local HEAD = "HTTP/1.1 200 OK\r\n"

  for title, case in pairs({
    ["an end without a word"] = { "", R.PROXY_CONNECTION_CLOSED_ERROR, "it closed the connection" },
    ["half a head and an end"] = { HEAD, R.PROXY_CONNECTION_CLOSED_ERROR },
    ["407"] = { "HTTP/1.1 407 Who are you\r\n\r\n", R.PROXY_AUTHENTICATION_REQUIRED_ERROR,
      "it answered CONNECT with 407 Who are you" },
    ["401"] = { "HTTP/1.1 401 No\r\n\r\n", R.PROXY_AUTHENTICATION_REQUIRED_ERROR, "401 No" },
    ["407 and a page"] = { "HTTP/1.1 407 No\r\nContent-Length: 4\r\n\r\npage",
      R.PROXY_AUTHENTICATION_REQUIRED_ERROR },
    ["403"] = { "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", R.UNKNOWN_PROXY_ERROR,
      "403 Forbidden" },
    ["502"] = { "HTTP/1.1 502 Bad Gateway\r\n\r\n", R.UNKNOWN_PROXY_ERROR, "502 Bad Gateway" },
    ["a redirect"] = { "HTTP/1.1 302 Found\r\nLocation: http://evil.test/\r\n\r\n",
      R.UNKNOWN_PROXY_ERROR, "302 Found" },
    ["a switch of protocols"] = { "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
      R.UNKNOWN_PROXY_ERROR, "101" },
    ["interim heads without an end"] = { ("HTTP/1.1 100 Continue\r\n\r\n"):rep(20),
      R.UNKNOWN_PROXY_ERROR, "100" },
    ["bytes behind the 200"] = { HEAD .. "\r\nearly", R.UNKNOWN_PROXY_ERROR, "bytes of its own",
      whole = true },
    ["garbage"] = { "SSH-2.0-OpenSSH_9.2\r\n\r\n\r\n", R.UNKNOWN_PROXY_ERROR, "malformed" },
    ["a field without a colon"] = { HEAD .. "nonsense\r\n\r\n", R.UNKNOWN_PROXY_ERROR, "malformed" },
    ["a field that is folded"] = { HEAD .. "A: b\r\n c\r\n\r\n", R.UNKNOWN_PROXY_ERROR, "malformed" },
    ["SOCKS"] = { "\5\0", R.PROXY_CONNECTION_CLOSED_ERROR },
    ["a head that is larger than it may be"] = { HEAD .. ("X: " .. ("y"):rep(1000) .. "\r\n"):rep(70),
      R.UNKNOWN_PROXY_ERROR, "larger than max_head_size" },
    ["a head with more fields than it may have"] = { HEAD .. ("X: y\r\n"):rep(300),
      R.UNKNOWN_PROXY_ERROR, "more than" },
  }) do
    for _, size in ipairs(case.whole and { 0 } or { 0, 1, 7 }) do
      it(("answered by %s%s"):format(title, size > 0 and ", in pieces of " .. size or ""), function()
        local bytes = case[1]
        if size > 0 and #bytes > 500 then
          size = size * 97
        end
        local server = says(bytes, { size = size > 0 and size or nil })
        local response = fails(case[2], { url = SECURE, proxy = at(server) }, case[3])
        assert.equal(0, response.status_code)
        assert.equal("127.0.0.1:" .. server.port, response.error_detail.address)
        assert.equal(1, #server.conns)
      end)
    end
  end

  it("of which an end at each byte is told", function()
    local bytes = "HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n"
    for cut = 1, #bytes - 1 do
      fails(R.PROXY_CONNECTION_CLOSED_ERROR, { url = SECURE, proxy = at(says(bytes:sub(1, cut))) })
    end
  end)

  it("granted by a head in pieces, with others before it", function()
    local server = helper.respond(OK, { tls = certs.server })
    local proxy = proxies.http({ on_request = function(_, conn)
      conn:send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n")
    end })
    local response = ask({ url = helper.url(server, "/", "localhost"), ca_file = certs.ca_file,
      proxy = at(proxy) })
    assert.equal("", response.error_string)
  end)

  it("reset by the proxy", function()
    local server
    server = raw.listen({ on_connect = function(conn)
      conn.on_data = function() conn:reset() end
    end })
    local response = fails(R.PROXY_CONNECTION_CLOSED_ERROR, { url = SECURE, proxy = at(server) })
    assert.equal(104, response.error_detail.errno)
  end)

  it("granted for a host that then ends is the host's error", function()
    local closing = raw.listen({ on_connect = function(conn) conn:close() end })
    local response = ask({ url = helper.url({ secure = true, port = closing.port }, "/", "localhost"),
      proxy = at(proxies.http()) })
    assert.equal(R.SSL_HANDSHAKE_FAILED_ERROR, response.error)
    assert.equal("tls", response.error_detail.phase)
    assert.matches("localhost", response.error_string, 1, true)
  end)

  it("of a script's own, that is refused, is a reply like any other", function()
    local inner = says("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
    local response = http.request({ method = "CONNECT", hostname = "inner.test", port = inner.port,
      path = "name.test:443", proxy = at(proxies.http()) }):await()
    assert.equal(403, response.status_code)
    assert.equal(R.CONTENT_ACCESS_DENIED, response.error)
    assert.equal("no", response:read_string())
  end)
end)

describe("a proxy that gets the requests themselves", function()
  helper.setup()

  it("and closes is 102", function()
    fails(R.PROXY_CONNECTION_CLOSED_ERROR, { url = PLAIN, proxy = at(says("")) }, nil, "head")
    fails(R.PROXY_CONNECTION_CLOSED_ERROR,
      { url = PLAIN, proxy = at(says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc")) }, nil, "body")
  end)

  it("and says nothing is 104", function()
    fails(R.PROXY_TIMEOUT_ERROR, { url = PLAIN, proxy = at(says("", { keep = true })),
      timeout = { idle = 0.2 } }, "timed out", "head")
  end)

  it("and answers 407 is 105, with its page", function()
    local server = says("HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 4\r\n\r\npage")
    local response = ask({ url = PLAIN, proxy = at(server, nil, "me:secret") })
    assert.equal(407, response.status_code)
    assert.equal(R.PROXY_AUTHENTICATION_REQUIRED_ERROR, response.error)
    assert.equal("page", response:read_string())
  end)

  it("and answers 502 is a server's error", function()
    local response = ask({ url = PLAIN, proxy = at(says("HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n")) })
    assert.equal(R.UNKNOWN_SERVER_ERROR, response.error)
    assert.equal(502, response.status_code)
  end)
end)

describe("at every step to a proxy", function()
  helper.setup()

  local SILENT = {} -- a step at which the proxy says no more -> the options of a request

  SILENT["TCP"] = function()
    local full = raw.full_listener()
    return full and { url = SECURE, proxy = at(full) }
  end

  SILENT["TLS with it"] = function()
    return { url = PLAIN, proxy = at(says("", { keep = true }), "https") }
  end

  SILENT["CONNECT"] = function()
    return { url = SECURE, proxy = at(says("", { keep = true })) }
  end

  SILENT["half an answer to CONNECT"] = function()
    return { url = SECURE, proxy = at(says("HTTP/1.1 20", { keep = true })) }
  end

  SILENT["CONNECT over TLS"] = function()
    return { url = SECURE, proxy = { url = at(says("", { keep = true, tls = certs.server })),
      ca_file = certs.ca_file } }
  end

  SILENT["the methods of SOCKS"] = function()
    return { url = PLAIN, proxy = at(says("", { keep = true }), "socks5h") }
  end

  SILENT["half the methods of SOCKS"] = function()
    return { url = PLAIN, proxy = at(says("\5", { keep = true }), "socks5h") }
  end

  SILENT["the credentials of SOCKS"] = function()
    return { url = PLAIN, proxy = at(says("\5\2", { keep = true }), "socks5h", "me:secret") }
  end

  SILENT["the reply of SOCKS"] = function()
    return { url = PLAIN, proxy = at(says("\5\0", { keep = true }), "socks5h") }
  end

  for step, prepare in pairs(SILENT) do
    it("a clock runs: " .. step, function()
      for _, clock in ipairs({ "connect", "total" }) do
        local options = prepare()
        if options then
          options.timeout = { [clock] = 0.15 }
          fails(R.PROXY_TIMEOUT_ERROR, options, "timed out")
        end
      end
    end)

    it("a request can be aborted, and the connection goes: " .. step, function()
      for _, turns in ipairs({ 0, 1, 3, 8 }) do
        local options = prepare()
        if options then
          local response = http.get(options, helper.expect(function() end))
          for _ = 1, turns do
            http.poll(0.01)
          end
          response:abort()
          helper.wait_calls()
          assert.equal(R.OPERATION_CANCELLED_ERROR, response.error)
        end
      end
    end)
  end

  it("TLS with the host has its own error", function()
    local silent = says("", { keep = true })
    local response = ask({ url = helper.url({ secure = true, port = silent.port }, "/", "localhost"),
      proxy = at(proxies.http()), timeout = { connect = 0.3 } })
    assert.equal(R.TIMEOUT_ERROR, response.error)
    assert.equal("tls", response.error_detail.phase)
  end)

  it("the runtime can be closed", function()
    for step, prepare in pairs(SILENT) do
      local options = prepare()
      if options and type(options.proxy) == "string" then
        local status, output = helper.run_script(([[
          local http = require("http")
          http.get({ url = %q, proxy = %q, callback = nil })
          http.after(0.1, function() os.exit(0, true) end)
        ]]):format(options.url, options.proxy))
        assert.equal(0, status, step .. output)
      end
    end
  end)
end)
