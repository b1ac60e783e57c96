-- From a host's name to a connection: literals, localhost, the hosts file, name servers, and several
-- addresses for one name. No name server but the specs' own is ever asked.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local certs = require("certs")

local R = http.Response
local OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

local dns

-- Looks names up in `hosts` (lines of a hosts file) and then at a name server with these options, to
-- which resolv.conf points, with `more` lines. Returns the names of the files.
local function names(options, hosts, more)
  dns = raw.dns(options or {})
  local dir = raw.mkdtemp()
  local function write(name, text)
    local file = assert(io.open(dir .. "/" .. name, "w"))
    file:write(text)
    file:close()
    return dir .. "/" .. name
  end
  local files = {
    resolv_conf = write("resolv.conf", ("nameserver 127.0.0.1:%d\n%s"):format(dns.port, more or "")),
    hosts_file = hosts and write("hosts", hosts) or dir .. "/none",
  }
  http.configure(files)
  return files
end

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

local function fails(number, options)
  local response = ask(options)
  assert.equal(number, response.error, response.error_string)
  return response
end

-- A server on ::1, or the test is pending.
local function listen_v6()
  local server, why = raw.listen { host = "::1" }
  if not server then
    pending("no ::1: " .. why)
  end
  server:close()
  return helper.respond(OK, { host = "::1" })
end

describe("an address", function()
  after_each(function() -- before the one that looks for what is left
    http.configure {}
  end)
  helper.setup()

  it("of IPv4 needs no look-up", function()
    names()
    local server = helper.respond(OK)
    get { hostname = "127.0.0.1", port = server.port }
    assert.same({}, dns.queries)
  end)

  for _, host in ipairs { "::1", "[::1]", "0:0:0:0:0:0:0:1" } do
    it(("of IPv6 as %s needs no look-up, and has brackets in Host"):format(host), function()
      names()
      local server = listen_v6()
      get { hostname = host, port = server.port }
      local bare = host:gsub("[%[%]]", "")
      assert.equal(("[%s]:%d"):format(bare, server.port), server.requests[1].headers.host)
      assert.same({}, dns.queries)
    end)
  end

  it("of IPv6 in a URL needs no look-up", function()
    names()
    local server = listen_v6()
    get(helper.url(server))
    assert.same({}, dns.queries)
  end)

  it("that is malformed throws", function()
    for _, host in ipairs { "::g", "[::1", "1:2", "::1]", "[127.0.0.1]", "" } do
      assert.error_matches(function()
        http.get { hostname = host }
      end, "bad hostname")
    end
  end)
end)

describe("localhost", function()
  after_each(function()
    http.configure {}
  end)
  helper.setup()

  for _, host in ipairs { "localhost", "LOCALHOST" } do
    it("is this machine without any files, as " .. host, function()
      names({ answers = { localhost = { "127.0.0.9" } } })
      local server = helper.respond(OK)
      get { hostname = host, port = server.port }
      assert.equal("localhost:" .. server.port, server.requests[1].headers.host)
      assert.same({}, dns.queries)
    end)
  end

  it("is ::1 where nobody listens at 127.0.0.1", function()
    names()
    local server = listen_v6()
    get { hostname = "localhost", port = server.port }
  end)

  it("is ::1 where nobody listens at 127.0.0.1, over TLS as well", function()
    names()
    listen_v6()
    local server = helper.respond(OK, { host = "::1", tls = certs.server })
    get { protocol = "https", hostname = "localhost", port = server.port, ca_file = certs.ca_file }
  end)
end)

describe("a name", function()
  after_each(function()
    http.configure {}
  end)
  helper.setup()

  it("in the hosts file is not asked for", function()
    names({}, "# ours\n127.0.0.1\tfirst.test  Second.test # both\n")
    local server = helper.respond(OK)
    for _, host in ipairs { "first.test", "second.test", "SECOND.TEST" } do
      get { hostname = host, port = server.port }
    end
    assert.same({}, dns.queries)
  end)

  it("is asked of the name server", function()
    names { answers = { ["here.test"] = { "127.0.0.1" } } }
    local server = helper.respond(OK)
    get { hostname = "here.test", port = server.port }
    assert.equal("here.test:" .. server.port, server.requests[1].headers.host)
    assert.equal("here.test", dns.queries[1])
  end)

  it("is asked whatever its case", function()
    names { answers = { ["here.test"] = { "127.0.0.1" } } }
    get { hostname = "HERE.Test", port = helper.respond(OK).port }
  end)

  it("may have an address of IPv6 only", function()
    names { answers = { ["here.test"] = { "::1" } } }
    local server = listen_v6()
    get { hostname = "here.test", port = server.port }
  end)

  it("is what a certificate is checked against", function()
    names({ answers = { ["wrong.test"] = { "127.0.0.1" }, ["other.test"] = { "127.0.0.1" } } })
    local server = helper.respond(OK, { tls = certs.wrong_host })
    local options = { protocol = "https", port = server.port, ca_file = certs.ca_file }
    options.hostname = "wrong.test"
    get(options)
    options.hostname = "other.test"
    fails(R.SSL_HANDSHAKE_FAILED_ERROR, options)
  end)

  it("is sent to a server of TLS, but an address is not", function()
    names({ answers = { ["wrong.test"] = { "127.0.0.1" } } })
    local seen = {}
    local server = raw.listen {
      tls = certs.wrong_host,
      on_connect = function(conn)
        conn.on_secure = function() seen[#seen + 1] = conn.tls.server_name or "none" end
        conn.on_data = function()
          conn:send(OK)
          conn:close()
        end
      end,
    }
    get { protocol = "https", hostname = "wrong.test", port = server.port, ca_file = certs.ca_file }
    get { protocol = "https", hostname = "127.0.0.1", port = server.port, verify = false }
    assert.same({ "wrong.test", "none" }, seen)
  end)

  it("that does not exist is error 3", function()
    names()
    local response = fails(R.HOST_NOT_FOUND_ERROR, { hostname = "nobody.test" })
    assert.equal("resolve", response.error_detail.phase)
    assert.equal("nobody.test", dns.queries[1])
  end)

  it("without any address is error 3", function()
    names { answers = { ["empty.test"] = {} } }
    fails(R.HOST_NOT_FOUND_ERROR, { hostname = "empty.test" })
  end)

  it("for which the name server fails is error 3", function()
    names { code = 2 }
    fails(R.HOST_NOT_FOUND_ERROR, { hostname = "broken.test", timeout = 3 })
  end)

  it("of which a name server is silent is error 4", function()
    names { silent = true }
    local response = fails(R.TIMEOUT_ERROR, { hostname = "slow.test", timeout = 0.1 })
    assert.equal("resolve", response.error_detail.phase)
  end)

  it("with an empty part throws: a resolver might ask for another one", function()
    names { answers = { a = { "127.0.0.1" } } }
    for _, host in ipairs { "a..test", ".test", "." } do
      assert.error_matches(function()
        http.get { hostname = host }
      end, "bad hostname")
    end
    assert.same({}, dns.queries)
  end)

  it("can be asked for by many at once", function()
    names { answers = { ["here.test"] = { "127.0.0.1" }, ["there.test"] = { "127.0.0.1" } } }
    local server = helper.respond(OK)
    for i = 1, 20 do
      http.get({ hostname = i % 2 == 0 and "here.test" or "there.test", port = server.port },
        helper.expect(function(response) assert.equal("hi", response:read_string()) end))
    end
    helper.wait_calls()
  end)
end)

describe("several addresses", function()
  after_each(function()
    http.configure {}
  end)
  helper.setup()

  local LISTS = {
    ["of a name server"] = { { answers = { ["many.test"] = { "127.0.0.2", "127.0.0.3", "127.0.0.1" } } } },
    ["of a hosts file"] = { {}, "127.0.0.2 many.test\n127.0.0.3 many.test\n127.0.0.1 many.test\n" },
  }

  for whose, list in pairs(LISTS) do
    it(whose .. " are tried until one accepts", function()
      names(unpack(list))
      local server = helper.respond(OK)
      get { hostname = "many.test", port = server.port }
      assert.equal(1, #server.requests)
    end)

    it(whose .. " are tried over TLS as well", function()
      names(unpack(list))
      local server = helper.respond(OK, { tls = certs.server })
      get { protocol = "https", hostname = "many.test", port = server.port, verify = false }
    end)

    it(whose .. " that all refuse are error 1, with the last", function()
      names(unpack(list))
      local port = raw.refused_port()
      local response = fails(R.CONNECTION_REFUSED_ERROR, { hostname = "many.test", port = port })
      assert.equal("127.0.0.1:" .. port, response.error_detail.address)
      assert.equal("connect", response.error_detail.phase)
    end)
  end

  it("are tried with the body of the request", function()
    names { answers = { ["many.test"] = { "127.0.0.2", "127.0.0.1" } } }
    local server = helper.respond(OK)
    local response = http.post({ hostname = "many.test", port = server.port }, "data", helper.expect(function() end))
    helper.wait_calls()
    assert.equal(200, response.status_code)
    assert.equal("data", server.requests[1].body)
  end)

  it("are not tried after one that accepted and then failed", function()
    names { answers = { ["many.test"] = { "127.0.0.2", "127.0.0.1" } } }
    local first = helper.respond("", { host = "127.0.0.2" })
    local second = helper.respond(OK, { port = first.port })
    fails(R.REMOTE_HOST_CLOSED_ERROR, { hostname = "many.test", port = first.port })
    assert.equal(0, second.accepted)
  end)

  it("share one clock", function()
    names { answers = { ["many.test"] = { "127.0.0.2", "127.0.0.1" } } }
    local full, why = raw.full_listener()
    if not full then
      pending(why)
    end
    local response = fails(R.TIMEOUT_ERROR, { hostname = "many.test", port = full.port, timeout = { connect = 0.1 } })
    assert.equal("connect", response.error_detail.phase)
  end)
end)

describe("what ends in .localhost", function()
  after_each(function()
    http.configure {}
  end)
  helper.setup()

  for _, host in ipairs { "app.localhost", "a.b.LocalHost" } do
    it("is this machine, as " .. host, function()
      names({ answers = { [host] = { "127.0.0.9" } } }, "127.0.0.9 " .. host .. "\n")
      get { hostname = host, port = helper.respond(OK).port }
      assert.same({}, dns.queries)
    end)
  end
end)

describe("the hosts file", function()
  after_each(function()
    http.configure {}
  end)
  helper.setup()

  it("is read again when it has changed", function()
    local path = names({}, "127.0.0.9 here.test\n").hosts_file
    local server = helper.respond(OK)
    fails(R.CONNECTION_REFUSED_ERROR, { hostname = "here.test", port = server.port })
    local file = assert(io.open(path, "w"))
    file:write("# another one\n127.0.0.1 here.test\n")
    file:close()
    get { hostname = "here.test", port = server.port }
    assert.same({}, dns.queries)
  end)

  it("may have anything in its lines", function()
    names({}, "nonsense here.test\n::g here.test\n# 127.0.0.9 here.test\n127.0.0.9#here.test\n"
      .. "127.0.0.9 there.test # here.test\n127.0.0.9\n\n \t127.0.0.1\there.test\r\n127.0.0.9 here.tes")
    get { hostname = "here.test", port = helper.respond(OK).port }
    assert.same({}, dns.queries)
  end)
end)

describe("resolv.conf", function()
  after_each(function()
    http.configure {}
  end)
  helper.setup()

  it("has a search list, whose names come first where there are few dots", function()
    names({ answers = { ["www.two.test"] = { "127.0.0.1" }, ["www.sub"] = { "127.0.0.1" } } }, nil,
      "search one.test two.test\noptions ndots:1\n")
    local server = helper.respond(OK)
    get { hostname = "www", port = server.port }
    assert.same({ "www.one.test", "www.one.test", "www.two.test", "www.two.test" }, dns.queries)
    get { hostname = "www.sub", port = server.port }
    assert.equal("www.sub", dns.queries[5])
  end)

  it("has servers of which the next is asked where one cannot be reached", function()
    local path = names({ answers = { ["here.test"] = { "127.0.0.1" } } }).resolv_conf
    local file = assert(io.open(path, "w"))
    file:write(("nameserver [127.0.0.1]:%d\nnameserver 127.0.0.1:%d\n"):format(raw.refused_port(), dns.port))
    file:close()
    get { hostname = "here.test", port = helper.respond(OK).port }
  end)

  it("is read again when it has changed", function()
    local path = names({}).resolv_conf
    fails(R.HOST_NOT_FOUND_ERROR, { hostname = "here.test" })
    dns:close()
    dns = raw.dns { answers = { ["there.test"] = { "127.0.0.1" } } }
    local file = assert(io.open(path, "w"))
    file:write(("# moved\nnameserver 127.0.0.1:%d\n"):format(dns.port))
    file:close()
    get { hostname = "there.test", port = helper.respond(OK).port }
  end)
end)

describe("a name server", function()
  after_each(function()
    http.configure {}
  end)
  helper.setup()

  -- Fetches from here.test, whose entry this is, on a new connection; returns the seconds it took.
  local function timed(entry, options)
    if entry then
      names { answers = { ["here.test"] = entry } }
    end
    http._drop_idle()
    local begun = http.now()
    get(options)
    return http.now() - begun
  end

  it("is asked for both families at once", function()
    timed({ "127.0.0.1" }, { hostname = "here.test", port = helper.respond(OK).port })
    table.sort(dns.questions)
    assert.same({ "A here.test", "AAAA here.test" }, dns.questions)
  end)

  it("that is slow with IPv6 holds nothing up", function()
    local options = { hostname = "here.test", port = helper.respond(OK).port }
    assert.is_true(timed({ "127.0.0.1", delay_aaaa = 30 }, options) < 2)
  end)

  it("that is slow with IPv4 holds nothing up where there is a way by IPv6", function()
    local server = listen_v6()
    assert.is_true(timed({ "::1", delay_a = 30 }, { hostname = "here.test", port = server.port }) < 2)
  end)

  it("that is silent of one family only is not waited for either", function()
    local options = { hostname = "here.test", port = helper.respond(OK).port }
    assert.is_true(timed({ "127.0.0.1", silent = "AAAA" }, options) < 2)
  end)

  it("may have the other family a moment later", function()
    timed({ "127.0.0.1", delay_aaaa = 0.01 }, { hostname = "here.test", port = helper.respond(OK).port })
  end)

  it("may cut an answer: it is asked again over TCP", function()
    timed({ "127.0.0.1", cut = true }, { hostname = "here.test", port = helper.respond(OK).port })
    table.sort(dns.questions)
    assert.same({ "A here.test", "A here.test over TCP", "AAAA here.test", "AAAA here.test over TCP" },
      dns.questions)
  end)

  it("may send aliases on the way to the address", function()
    timed({ "127.0.0.1", alias = { "one.test", "two.example" } },
      { hostname = "here.test", port = helper.respond(OK).port })
  end)

  it("is not taken for another that answers with a wrong id", function()
    timed({ "127.0.0.1", wrong_id = true }, { hostname = "here.test", port = helper.respond(OK).port })
  end)

  it("is asked once for several look-ups at once", function()
    names { answers = { ["here.test"] = { "127.0.0.1", delay_a = 0.05 } } }
    local server = helper.respond(OK)
    for _ = 1, 10 do
      http.get({ hostname = "Here.test", port = server.port }, helper.expect(function(response)
        assert.equal("hi", response:read_string())
      end))
    end
    helper.wait_calls()
    assert.equal(2, #dns.queries)
  end)

  it("is asked again once the time to live is over, and not before", function()
    local options = { hostname = "here.test", port = helper.respond(OK).port }
    timed({ "127.0.0.1", ttl = 1 }, options)
    local begun = http.now()
    timed(nil, options)
    if http.now() - begun < 0.5 then -- a slow machine may have taken the whole second
      assert.equal(2, #dns.queries)
    end
    helper.wait(function() return http.now() - begun > 1.1 end)
    timed(nil, options)
    assert.equal(4, #dns.queries)
  end)

  it("is asked each time where the time to live is none", function()
    local options = { hostname = "here.test", port = helper.respond(OK).port }
    timed({ "127.0.0.1", ttl = 0 }, options)
    timed(nil, options)
    assert.equal(4, #dns.queries)
  end)

  it("is asked each time where that of an alias is none", function()
    local options = { hostname = "here.test", port = helper.respond(OK).port }
    timed({ "127.0.0.1", ttl = 60, alias = { "there.test" }, alias_ttl = 0 }, options)
    timed(nil, options)
    assert.equal(4, #dns.queries)
  end)

  local FAILURES = {
    ["that the name does not exist"] = { {}, "no such name" },
    ["that the name has no address"] = { { answers = { ["here.test"] = {} } }, "has no address" },
    ["that it failed"] = { { code = 2 }, "the name server failed" },
    ["that it refuses"] = { { code = 5 }, "the name server failed" },
  }
  for what, case in pairs(FAILURES) do
    it(("is not asked again at once after it said %s"):format(what), function()
      names(case[1])
      local response = fails(R.HOST_NOT_FOUND_ERROR, { hostname = "here.test" })
      assert.matches(case[2], response.error_string, 1, true)
      local asked = #dns.queries
      assert.is_true(asked > 0)
      fails(R.HOST_NOT_FOUND_ERROR, { hostname = "here.test" })
      assert.equal(asked, #dns.queries)
    end)
  end

  it("that cannot be reached is told of", function()
    names()
    dns:close()
    local response = fails(R.HOST_NOT_FOUND_ERROR, { hostname = "here.test" })
    assert.matches("cannot be reached", response.error_string, 1, true)
  end)

  it("is not asked for .onion", function()
    names()
    fails(R.HOST_NOT_FOUND_ERROR, { hostname = "here.onion" })
    assert.same({}, dns.queries)
  end)

  it("may be silent while the request is cancelled", function()
    names { silent = true }
    local response = http.get({ hostname = "here.test" }, helper.expect(function() end))
    helper.wait(function() return #dns.queries == 2 end)
    response:abort()
    helper.wait_calls()
    assert.equal(R.OPERATION_CANCELLED_ERROR, response.error)
  end)
end)
