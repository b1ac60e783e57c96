-- Where a request connects to, if not to its host's addresses in the usual way: the options resolve,
-- local_address and unix, and zones of addresses.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local certs = require("certs")

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

-- No name server is ever asked here.
local dns

local function configure()
  dns = raw.dns {}
  local path = raw.mkdtemp() .. "/resolv.conf"
  local file = assert(io.open(path, "w"))
  file:write(("nameserver 127.0.0.1:%d\n"):format(dns.port))
  file:close()
  http.configure { resolv_conf = path, hosts_file = path .. ".none" }
end

describe("resolve", function()
  after_each(function()
    http.configure {}
  end)
  helper.setup()
  before_each(configure)

  it("gives a host and port an address, and nothing else changes", function()
    local server = helper.respond(OK)
    get { hostname = "Example.test", port = server.port,
      resolve = { ["example.TEST:" .. server.port] = "127.0.0.1" } }
    assert.equal("example.test:" .. server.port, server.requests[1].headers.host)
    assert.same({}, dns.queries)
  end)

  it("gives several, which are tried in their order", function()
    local server = helper.respond(OK)
    get { hostname = "example.test", port = server.port,
      resolve = { ["example.test"] = { "127.0.0.2", "127.0.0.3", "127.0.0.1" } } }
    assert.equal(1, #server.requests)
  end)

  it("gives an address another one", function()
    local server = helper.respond(OK)
    get { hostname = "192.0.2.1", port = server.port, resolve = { ["192.0.2.1"] = "127.0.0.1" } }
    get { hostname = "::2", port = server.port, resolve = { ["[::2]:" .. server.port] = "127.0.0.1" } }
    get { hostname = "::3", port = server.port, resolve = { ["::3"] = "127.0.0.1" } }
    get { hostname = "localhost", port = server.port,
      resolve = { ["[::3]"] = "127.0.0.9", localhost = "127.0.0.1" } }
    assert.equal("[::2]:" .. server.port, server.requests[2].headers.host)
  end)

  it("with the port says more than without", function()
    local server = helper.respond(OK)
    get { hostname = "example.test", port = server.port,
      resolve = { ["example.test"] = "127.0.0.9", ["example.test:" .. server.port] = "127.0.0.1" } }
  end)

  it("of another host or port does not count", function()
    local response = ask { hostname = "example.test", port = 1234,
      resolve = { ["example.test:1235"] = "127.0.0.1", ["www.example.test"] = "127.0.0.1" } }
    assert.equal(R.HOST_NOT_FOUND_ERROR, response.error)
    assert.equal(2, #dns.queries)
  end)

  it("leaves the name to TLS", function()
    local server = helper.respond(OK, { tls = certs.wrong_host })
    local options = { protocol = "https", port = server.port, ca_file = certs.ca_file,
      resolve = { ["wrong.test"] = "127.0.0.1", ["other.test"] = "127.0.0.1" } }
    options.hostname = "wrong.test"
    get(options)
    options.hostname = "other.test"
    assert.equal(R.SSL_HANDSHAKE_FAILED_ERROR, ask(options).error)
  end)

  it("does not share connections with who has another, or none", function()
    local first = helper.respond(OK, { host = "127.0.0.2", keep_open = true })
    local second = helper.respond(OK, { port = first.port, keep_open = true })
    local function to(address)
      get { hostname = "localhost", port = first.port, resolve = address and { localhost = address } }
    end
    to("127.0.0.2")
    to("127.0.0.1")
    to("127.0.0.2")
    to(nil)
    to("127.0.0.2")
    assert.same({ 3, 2 }, { #first.requests, #second.requests })
    assert.same({ 1, 2 }, { first.accepted, second.accepted })
  end)

  it("that is wrong throws", function()
    local WRONG = {
      ["bad option 'resolve' (table"] = "127.0.0.1",
      ["bad option 'resolve' (hosts as keys"] = { "127.0.0.1" },
      ["the port of \"a:0\""] = { ["a:0"] = "127.0.0.1" },
      ["the port of \"a:x\""] = { ["a:x"] = "127.0.0.1" },
      ["the port of \"a:65536\""] = { ["a:65536"] = "127.0.0.1" },
      ["\"[::1\" is not a host"] = { ["[::1"] = "127.0.0.1" },
      ["an entry has no host"] = { [""] = "127.0.0.1" },
      ["\"localhost\", for a, is not an address"] = { a = "localhost" },
      ["\"\", for a, is not an address"] = { a = {} },
      ["\"\", for b, is not an address"] = { b = "127.0.0.1,,127.0.0.2" },
      ["\"127.0.0.1:80\", for a, is not"] = { a = "127.0.0.1:80" },
    }
    for words, value in pairs(WRONG) do
      local ok, message = pcall(http.get, { hostname = "x", resolve = value })
      assert.is_false(ok)
      assert.matches(words, message, 1, true)
    end
    local many = {}
    for i = 1, 17 do
      many[i] = "127.0.0." .. i
    end
    assert.error_matches(function() http.get { hostname = "x", resolve = { a = many } } end, "more than 16")
  end)
end)

describe("the zone of an address", function()
  helper.setup()

  -- ::1 may have one as well, which means nothing to it: the number of lo.
  local HOSTS = {
    ["in hostname"] = { hostname = "::1%1" },
    ["in hostname with brackets"] = { hostname = "[::1%1]" },
    ["in a URL"] = { url = "http://[::1%%251]:%d/" },
    ["in a URL that is not encoded"] = { url = "http://[::1%%1]:%d/" },
  }
  for where, options in pairs(HOSTS) do
    it(where .. " is not sent", function()
      local server, why = raw.listen { host = "::1" }
      if not server then
        pending("no ::1: " .. why)
      end
      server:close()
      server = helper.respond(OK, { host = "::1" })
      local response = get { hostname = options.hostname, port = options.hostname and server.port,
        url = options.url and options.url:format(server.port) }
      assert.equal(("[::1]:%d"):format(server.port), server.requests[1].headers.host)
      assert.equal(("http://[::1%%251]:%d/"):format(server.port), response.url)
    end)
  end

  it("that is not there is told", function()
    local response = ask { hostname = "fe80::1%nosuch", port = 80 }
    assert.not_equal(R.NO_ERROR, response.error)
    assert.equal("connect", response.error_detail.phase)
  end)

  it("that is malformed throws", function()
    for _, host in ipairs { "::1%", "::1%a b", "::1%averyveryverylong", "[127.0.0.1%lo]" } do
      assert.error_matches(function()
        http.get { hostname = host }
      end, "bad .*hostname")
    end
  end)
end)

describe("unix and local_address", function()
  helper.setup()

  helper.it_can("connect_anyhow", "reach a server by its socket's file", function()
    local path = raw.mkdtemp() .. "/socket"
    local server = assert(http.serve({ unix = path, handler = function(request, response)
      response:finish("hi " .. request.headers.host)
    end }))
    local response = ask { url = "http://example.test/x", unix = path }
    assert.equal("hi example.test", response:read_string())
    response = ask { url = "http://example.test/y", unix = path }
    assert.equal("hi example.test", response:read_string())
    http._drop_idle()
    server:close()
    response = ask { url = "http://example.test/x", unix = path }
    assert.equal(R.HOST_NOT_FOUND_ERROR, response.error)
    assert.equal(path, response.error_detail.address)
    assert.equal("connect", response.error_detail.phase)
  end)

  helper.it_can("connect_anyhow", "let a request come from an address of its own", function()
    local peers = {}
    local server = assert(http.serve({ handler = function(request, response)
      peers[#peers + 1] = request.remote_address or request.peer
      response:finish("hi")
    end }))
    for _, from in ipairs { "127.0.0.7", "127.0.0.8", "127.0.0.7" } do
      get { hostname = "localhost", port = server.port, local_address = from }
    end
    assert.same({ "127.0.0.7", "127.0.0.8", "127.0.0.7" }, peers)
    server:close()
  end)

  helper.it_can("connect_anyhow", "tell of an address that has not the host's family", function()
    local response = ask { hostname = "::1", port = 80, local_address = "127.0.0.1" }
    assert.equal(R.NETWORK_SESSION_FAILED_ERROR, response.error)
    assert.matches("no address of IPv4", response.error_string, 1, true)
  end)

  it("that are wrong throw", function()
    local WRONG = {
      ["bad local_address: \"localhost\" is not an address"] = { local_address = "localhost" },
      ["is not an address of an interface"] = { local_address = "fe80::1%nosuch" },
      ["bad option 'unix'"] = { unix = 1 },
      ["bad unix_path"] = { unix = ("x"):rep(200) },
      ["a unix socket is connected to from none"] = { unix = "/tmp/x", local_address = "127.0.0.1" },
    }
    for words, options in pairs(WRONG) do
      options.hostname = "x"
      local ok, message = pcall(http.get, options)
      assert.is_false(ok)
      assert.matches(words, message, 1, true)
    end
  end)

  for name, value in pairs { unix = "/tmp/nosuch", local_address = "127.0.0.1" } do
    helper.it_cannot("connect_anyhow", name .. " is error 302 on an engine that cannot", function()
      local response = ask { hostname = "127.0.0.1", [name] = value }
      assert.equal(R.PROTOCOL_INVALID_OPERATION_ERROR, response.error)
      assert.matches("cannot connect", response.error_string)
    end)
  end
end)
