-- A server's TLS: which certificate it shows to whom, what it wants to see of clients, what it agrees to.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local certs = require("certs")
local matrix = require("cert_matrix")
local servers = require("servers")

local GET = servers.GET

local function with(options, more)
  for name, value in pairs(more or {}) do
    options[name] = value
  end
  return options
end

local function serve(tls)
  return servers.serve(function(_, reply) reply.body = "hi" end, { tls = with(tls or {}, certs.server) })
end

-- Shakes hands, asks, and returns the connection once it is over; `detail` of it is why.
local function talk(server, tls)
  local conn = raw.connect { port = server.port, tls = with({}, tls) }
  conn:send(GET)
  helper.wait(function() return conn.closed end, nil, "the server to close")
  return conn
end

local function fine(server, tls)
  local conn = talk(server, tls)
  assert.matches("^HTTP/1.1 200 OK\r\n.*\r\n\r\nhi$", conn.received)
  return conn
end

describe("a server of several hosts", function()
  after_each(servers.close) -- before helper looks for what is left
  helper.setup()

  local SHOWN = {
    ["a.test"] = "first",
    ["A.Test"] = "first",
    ["x.b.test"] = "second",
    ["exact.b.test"] = "wildcard",
    ["b.test"] = "localhost",
    ["x.y.b.test"] = "localhost",
    ["c.test"] = "localhost",
    localhost = "localhost",
    [false] = "localhost", -- who names none
  }

  for host, common_name in pairs(SHOWN) do
    it(("shows %s the certificate of %s"):format(host or "who names no host", common_name), function()
      local server = serve { hosts = {
        ["a.test"] = matrix.first, ["*.b.test"] = matrix.second, ["exact.b.test"] = matrix.wildcard,
      } }
      local conn = fine(server, { server_name = host or nil })
      assert.equal("/CN=" .. common_name, conn.tls.subject)
    end)
  end

  it("wants clients' certificates at each", function()
    local server = serve { hosts = { ["a.test"] = matrix.first }, client_ca_file = certs.ca_file }
    for _, host in ipairs { "a.test", "c.test" } do
      fine(server, with({ server_name = host }, matrix.client))
      assert.equal("", talk(server, { server_name = host }).received)
    end
  end)
end)

describe("a server with client_ca_file", function()
  after_each(servers.close)
  helper.setup()

  for _, version in ipairs { "1.2", "1.3" } do
    local function ask(tls)
      local server = serve { client_ca_file = certs.ca_file }
      return talk(server, with({ max_version = version }, tls))
    end

    it("answers who shows a certificate of these authorities, over TLS " .. version, function()
      assert.matches("hi$", ask(matrix.client).received)
    end)

    it("refuses who shows none, over TLS " .. version, function()
      local conn = ask()
      assert.equal("", conn.received)
      assert.matches(version == "1.2" and "handshake failure" or "certificate required", conn.detail)
    end)

    it("refuses who shows a stranger's, over TLS " .. version, function()
      local conn = ask(matrix.stranger_client)
      assert.equal("", conn.received)
      assert.matches("unknown ca", conn.detail)
    end)
  end

  it("answers http.get with a certificate, and is answered for without one", function()
    local server = serve { client_ca_file = certs.ca_file }
    local options = with({ url = server.url, ca_file = certs.ca_file }, matrix.client)
    local got
    http.get(options, helper.expect(function(response) got = response end))
    helper.wait_calls()
    assert.equal(http.Response.NO_ERROR, got.error, got.error_string)
    assert.equal("hi", got:read_string())
    http.get({ url = server.url, ca_file = certs.ca_file }, helper.expect(function(response) got = response end))
    helper.wait_calls()
    assert.equal(http.Response.SSL_HANDSHAKE_FAILED_ERROR, got.error, got.error_string)
    assert.matches("certificate required", got.error_string)
  end)

  it("resumes sessions of those that it knows", function()
    local server = serve { client_ca_file = certs.ca_file }
    local options = with({ url = server.url, ca_file = certs.ca_file }, matrix.client)
    for _ = 1, 3 do
      http.get(options, helper.expect(function(response)
        assert.equal(http.Response.NO_ERROR, response.error, response.error_string)
      end))
      helper.wait_calls()
      http._drop_idle()
      http.poll(0)
    end
  end)
end)

describe("a server's handshake", function()
  after_each(servers.close)
  helper.setup()

  for offered, agreed in pairs { ["http/1.1"] = "http/1.1", ["h2,http/1.1"] = "http/1.1", [""] = false } do
    it(("agrees on %s where \"%s\" is offered"):format(agreed or "nothing", offered), function()
      local conn = fine(serve(), { alpn = offered ~= "" and offered or nil })
      assert.equal(agreed or nil, conn.tls.alpn)
    end)
  end

  it("ends where only other protocols are offered", function()
    local conn = talk(serve(), { alpn = "h2,spdy/3" })
    assert.equal("", conn.received)
    assert.is_nil(conn.tls)
    assert.matches("no application protocol", conn.detail)
  end)

  for _, version in ipairs { "1.2", "1.3" } do
    it("is done with TLS " .. version .. ", and ends in good order", function()
      local conn = fine(serve(), { max_version = version })
      assert.equal("TLSv" .. version, conn.tls.version)
      assert.equal("close_notify", conn.detail)
    end)
  end

  it("is not done with TLS 1.1", function()
    local conn = talk(serve(), { max_version = "1.1" })
    assert.is_nil(conn.tls)
    assert.matches("version", conn.detail)
  end)

  it("ends for a client that speaks no TLS, and others are served", function()
    local server = serve()
    assert.is_nil(servers.talk(server, GET):match("200 OK"))
    fine(server)
  end)
end)

-- To a client of HTTP/1.0 the end of the connection is that of the body.
describe("a reply until the end", function()
  after_each(servers.close)
  helper.setup()

  for how, row in pairs {
    ["that is whole ends with close_notify"] = { function(_, response)
      response:write("hello")
      response:finish()
    end, "close_notify" },
    ["that is cut off ends without close_notify"] = { function(server, response)
      response:write("hello")
      server:close()
      response:finish()
    end, "no close_notify" },
  } do
    it(how, function()
      local server
      server = servers.serve(helper.expect(function(_, response) row[1](server, response) end),
        { tls = with({}, certs.server) })
      local conn = raw.connect { port = server.port, tls = true }
      conn:send("GET / HTTP/1.0\r\nHost: x\r\n\r\n")
      helper.wait(function() return conn.closed end, nil, "the server to close")
      if row[2] == "close_notify" then
        assert.matches("\r\n\r\nhello$", conn.received)
      end
      assert.equal(row[2], conn.detail)
    end)
  end
end)

describe("options.tls", function()
  helper.setup()

  local function listen(tls)
    local server, message, code = http.serve { tls = tls, handler = function() end }
    return server, message, code -- not in one with the call, which would not be this line's then
  end

  local function own(more)
    return with({ cert_file = certs.server.cert_file, key_file = certs.server.key_file }, more)
  end

  for what, row in pairs {
    ["an unknown name"] = { own { cert = "x" }, "unknown option 'tls.cert'" },
    ["no certificate"] = { { key_file = "x" }, "bad option 'tls.cert_file' (string expected, got nil)" },
    ["hosts that are no table"] = { own { hosts = "a.test" }, "bad option 'tls.hosts' (table expected, got string)" },
    ["a list of hosts"] = {
      own { hosts = { own() } }, "bad option 'tls.hosts' (names as keys expected, got a number)",
    },
    ["a host that is no table"] = {
      own { hosts = { ["a.test"] = "x" } }, "bad option 'tls.hosts' (table expected for 'a.test', got string)",
    },
    ["a host with an unknown name"] = {
      own { hosts = { ["a.test"] = own { hosts = {} } } }, "unknown option 'tls.hosts['a.test'].hosts'",
    },
    ["a host without a certificate"] = {
      own { hosts = { ["a.test"] = {} } }, "bad option 'tls.hosts['a.test'].cert_file' (string expected, got nil)",
    },
    ["a star in a name"] = {
      own { hosts = { ["a*.test"] = own() } }, "bad certificates: \"a*.test\" is not a name, nor \"*.\" and a name",
    },
    ["a star alone"] = {
      own { hosts = { ["*"] = own() } }, "bad certificates: \"*\" is not a name, nor \"*.\" and a name",
    },
    ["a port in a name"] = {
      own { hosts = { ["a.test:443"] = own() } },
      "bad certificates: \"a.test:443\" is not a name, nor \"*.\" and a name",
    },
    ["a number of authorities"] = {
      own { client_ca_file = 5 }, "bad option 'tls.client_ca_file' (string expected, got number)",
    },
  } do
    it("with " .. what .. " are misuse", function()
      local ok, message = pcall(listen, row[1])
      assert.is_false(ok)
      assert.matches("^spec/tls_server_spec%.lua:%d+: ", message)
      assert.truthy(message:find(row[2], 1, true), message)
    end)
  end

  for what, row in pairs {
    ["certificate"] = { { cert_file = "/nowhere.pem" }, "cannot use /nowhere.pem: No such file or directory" },
    ["key"] = { own { key_file = certs.ca_file }, "cannot use .*ca%.pem: there is no private key" },
    ["key that wants a password"] = { -- nobody is asked for it
      own { cert_file = matrix.locked.cert_file, key_file = matrix.locked.key_file }, "cannot use .*locked%.key: ",
    },
    ["certificate of a host"] = {
      own { hosts = { ["a.test"] = { cert_file = "/nowhere.pem" } } },
      "cannot use /nowhere.pem: No such file or directory",
    },
    ["key of a host"] = {
      own { hosts = { ["a.test"] = { cert_file = certs.server.cert_file, key_file = certs.self_signed.key_file } } },
      "cannot use .*self_signed%.key: key values mismatch",
    },
    ["client_ca_file"] = {
      own { client_ca_file = "/nowhere.pem" }, "cannot read the authorities in /nowhere.pem: No such file or directory",
    },
  } do
    it("with a " .. what .. " that cannot be used are a failure that names it", function()
      local server, message, code = listen(row[1])
      assert.is_nil(server)
      assert.matches(row[2], message)
      assert.equal("system", code)
    end)
  end
end)
