-- A client's TLS: which certificates it takes, what it says of those that it does not, its own
-- certificate, pins, sessions, and how a connection may end.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local certs = require("certs")
local matrix = require("cert_matrix")

local R = http.Response
local HEAD = "HTTP/1.1 200 OK\r\n"
local OK = HEAD .. "Content-Length: 2\r\n\r\nhi"
local KEPT = HEAD .. "Content-Length: 4\r\n\r\nkept"

local function get(options)
  local response = http.get(options, helper.expect(function() end))
  helper.wait_calls()
  return response
end

local function good(options)
  local response = get(options)
  assert.equal(R.NO_ERROR, response.error, response.error_string)
  return response
end

local function with(options, more)
  for name, value in pairs(more or {}) do
    options[name] = value
  end
  return options
end

-- Checks that a handshake failed for its certificate, and that all is told of it.
local function check_refused(response, row)
  local words = response.error_string
  assert.equal(R.SSL_HANDSHAKE_FAILED_ERROR, response.error, words)
  assert.matches(row.reason, words)
  assert.equal("tls", response.error_detail.phase)
  assert.is_nil(response.error_detail.errno)
  local tls = response.error_detail.tls
  assert.matches(row.reason, tls.reason)
  assert.equal(row.depth or 0, tls.depth)
  assert.matches("CN%s*=%s*" .. (row.subject or "localhost"), tls.subject)
  assert.truthy(words:find(tls.subject, 1, true), words)
end

-- Names that are none of the system's.
local function name_hosts()
  local path = raw.mkdtemp() .. "/hosts"
  local file = assert(io.open(path, "w"))
  file:write("127.0.0.1 a.test a.wild.test wild.test b.a.wild.test A.TEST\n")
  file:close()
  http.configure { hosts_file = path, resolv_conf = "/dev/null" }
end

-- One row: a server's certificate, the host that is asked for (localhost), the authorities (those of
-- certs), and what is found wrong with it, if anything is.
local MATRIX = {
  { "the right one", "server" },
  { "one of its address", "server", host = "127.0.0.1" },
  { "one of its IPv6 address", "server", host = "::1", at = "::1" },
  { "one that comes with its intermediate", "chained" },
  { "one of a wildcard", "wildcard", host = "a.wild.test" },
  { "one of another case", "first", host = "A.TEST" },
  { "the stranger's, whom the request knows", "stranger", ca_file = matrix.stranger_ca_file },
  { "one that has expired", "expired", reason = "certificate has expired" },
  { "one that is not valid yet", "future", reason = "not yet valid" },
  { "one that is signed by itself", "self_signed", reason = "self.signed certificate" },
  { "one of an unknown authority", "stranger", reason = "unable to get local issuer certificate" },
  { "one of an unknown authority that comes with it", "stranger_chain", reason = "self.signed certificate in",
    depth = 1, subject = "matrix stranger" },
  { "one of a known authority, to who knows another", "server", ca_file = matrix.stranger_ca_file,
    reason = "unable to get local issuer certificate" },
  { "one that lacks its intermediate", "unchained", reason = "unable to get local issuer certificate" },
  { "one whose intermediate has expired", "past_chain", reason = "certificate has expired", depth = 1,
    subject = "matrix past" },
  { "one that was signed by no authority", "leaf_chain", reason = "invalid CA certificate", depth = 1 },
  { "a client's", "client", reason = "purpose", subject = "client" },
  { "another host's", "wrong_host", reason = "[Hh]ostname mismatch", subject = "wrong.test" },
  { "another address's", "server", host = "127.0.0.2", at = "127.0.0.2", reason = "IP address mismatch" },
  { "a name's, at an address", "first", host = "127.0.0.1", reason = "IP address mismatch", subject = "first" },
  { "one without names but for the common one", "nameless", reason = "[Hh]ostname mismatch" },
  { "one of a wildcard, at the name itself", "wildcard", host = "wild.test", reason = "[Hh]ostname mismatch",
    subject = "wildcard" },
  { "one of a wildcard, two labels deep", "wildcard", host = "b.a.wild.test", reason = "[Hh]ostname mismatch",
    subject = "wildcard" },
}

describe("a server's certificate", function()
  after_each(function() http.configure {} end) -- before the one that looks for what is left
  helper.setup()

  local function serve(row)
    return helper.respond(OK, { tls = certs[row[2]] or matrix[row[2]], host = row.at })
  end

  local function request(row, server)
    name_hosts()
    return { url = helper.url(server, "/", row.host or "localhost"), ca_file = row.ca_file or certs.ca_file }
  end

  for _, row in ipairs(MATRIX) do
    local verb = row.reason and "is not accepted: " or "is accepted: "
    it(verb .. row[1], function()
      local server = serve(row)
      local response = get(request(row, server))
      if row.reason then
        check_refused(response, row)
        assert.same({}, server.requests)
      else
        assert.equal(R.NO_ERROR, response.error, response.error_string)
        assert.equal("hi", response:read_string())
      end
    end)

    it("is not looked at with verify = false: " .. row[1], function()
      local server = serve(row)
      assert.equal("hi", good(with(request(row, server), { verify = false })):read_string())
    end)
  end

  it("is asked for by the host's name, and not by an address", function()
    local seen = {}
    local server = raw.listen { tls = certs.server, on_connect = function(conn)
      conn.on_secure = function() seen[#seen + 1] = conn.tls.server_name or "none" end
      conn.on_data = function()
        conn:send(OK)
        conn:close()
      end
    end }
    good { url = helper.url(server, "/", "localhost"), ca_file = certs.ca_file }
    good { url = helper.url(server, "/", "127.0.0.1"), ca_file = certs.ca_file }
    assert.same({ "localhost", "none" }, seen)
  end)
end)

describe("authorities", function()
  helper.setup()

  local function ask(options)
    local server = helper.respond(OK, { tls = certs.server })
    return get(with({ url = helper.url(server) }, options))
  end

  it("may be a file, a folder or a text", function()
    for name, value in pairs {
      ca_file = certs.ca_file, ca_path = matrix.ca_path, ca_data = matrix.ca_data,
    } do
      assert.equal(R.NO_ERROR, ask({ [name] = value }).error, name)
    end
  end)

  it("add up", function()
    assert.equal(R.NO_ERROR, ask({ ca_file = matrix.stranger_ca_file, ca_data = matrix.ca_data }).error)
    assert.equal(R.NO_ERROR, ask({ ca_path = matrix.ca_path, ca_file = matrix.stranger_ca_file }).error)
    assert.equal(R.NO_ERROR, ask({ ca_path = matrix.empty_path, ca_data = matrix.ca_data }).error)
  end)

  it("are none other than those", function()
    check_refused(ask { ca_path = matrix.empty_path }, { reason = "unable to get local issuer certificate" })
  end)

  for what, row in pairs {
    ["a folder that is none"] = { { ca_path = certs.ca_file }, "ca%.pem: Not a directory", 20 },
    ["a folder that is not there"] = { { ca_path = "/nowhere" }, "/nowhere: No such file", 2 },
    ["a file that is not there"] = { { ca_file = "/nowhere.pem" }, "/nowhere.pem: No such file", 2 },
    ["a text without one"] = { { ca_data = "none" }, "ca_data: no start line" },
    ["a text that breaks off"] = { { ca_data = matrix.ca_data .. "-----BEGIN CERTIFICATE-----\nMII" }, "ca_data: " },
  } do
    it("fail with 6 and the name of what cannot be read: " .. what, function()
      local response = ask(row[1])
      assert.equal(R.SSL_HANDSHAKE_FAILED_ERROR, response.error)
      assert.matches("cannot read the authorities in .*" .. row[2], response.error_string)
      assert.equal("tls", response.error_detail.phase)
      assert.equal(row[3], response.error_detail.errno)
    end)
  end
end)

describe("a client's certificate", function()
  helper.setup()

  -- Both versions: one refuses within the handshake, the other behind it.
  for _, version in ipairs { "1.2", "1.3" } do
    local seen

    local function ask(options)
      seen = "nobody"
      local server = raw.listen {
        tls = with({ client_ca_file = certs.ca_file, max_version = version }, certs.server),
        on_connect = function(conn)
          conn.on_secure = function() seen = conn.tls.subject or "none" end
          conn.on_data = function()
            conn:send(OK)
            conn:close()
          end
        end,
      }
      return get(with({ url = helper.url(server), ca_file = certs.ca_file }, options))
    end

    local function refused(options, words)
      local response = ask(options)
      assert.equal(R.SSL_HANDSHAKE_FAILED_ERROR, response.error, response.error_string)
      assert.matches("TLS handshake.*" .. words, response.error_string)
      assert.equal("tls", response.error_detail.phase)
      assert.matches(words, response.error_detail.tls.reason)
      assert.is_nil(response.error_detail.tls.depth)
      assert.equal("nobody", seen)
    end

    it("is shown over TLS " .. version .. " to a server that asks", function()
      local response = ask(matrix.client)
      assert.equal(R.NO_ERROR, response.error, response.error_string)
      assert.equal("/CN=client", seen)
    end)

    it("is missed over TLS " .. version .. ", and the failure says so", function()
      refused({}, version == "1.2" and "handshake failure" or "certificate required")
    end)

    it("of a stranger's is refused over TLS " .. version .. ", and the failure says so", function()
      refused(matrix.stranger_client, "unknown ca")
    end)
  end

  it("is not shown to a server that does not ask", function()
    local subject = "none"
    local server = raw.listen { tls = certs.server, on_connect = function(conn)
      conn.on_secure = function() subject = conn.tls.subject or "none" end
      conn.on_data = function()
        conn:send(OK)
        conn:close()
      end
    end }
    good(with({ url = helper.url(server), ca_file = certs.ca_file }, matrix.client))
    assert.equal("none", subject)
  end)

  for what, row in pairs {
    ["is not there"] = { { cert_file = "/nowhere.pem" }, "cannot use /nowhere.pem: No such file" },
    ["has the key of another"] = {
      { cert_file = matrix.client.cert_file, key_file = certs.server.key_file }, "key values mismatch",
    },
    ["is without a key"] = { { cert_file = matrix.client.cert_file }, "cannot use .*client%.pem: " },
    ["is none"] = { { cert_file = certs.dir .. "/openssl.cnf" }, "cannot use .*openssl%.cnf: no start line" },
  } do
    it("that " .. what .. " fails with 6 before anything is sent", function()
      local server = helper.respond(OK, { tls = certs.server })
      local response = get(with({ url = helper.url(server), ca_file = certs.ca_file }, row[1]))
      assert.equal(R.SSL_HANDSHAKE_FAILED_ERROR, response.error)
      assert.matches(row[2], response.error_string)
      assert.same({}, server.requests)
    end)
  end
end)

it("key_file without cert_file is misuse", function()
  assert.error_matches(function() http.get { url = "https://a.test", key_file = "key.pem" } end,
    "bad key_file: it needs a cert_file")
end)

describe("pins", function()
  helper.setup()

  local right, wrong = matrix.pin(certs.server), matrix.pin(certs.self_signed)

  local function ask(pins, options)
    local server = helper.respond(OK, { tls = certs.server })
    return get(with({ url = helper.url(server), ca_file = certs.ca_file, pins = pins }, options))
  end

  it("that the server's key is among are as good as none", function()
    for _, pins in ipairs { right, wrong .. ";" .. right, { right }, { wrong, right } } do
      assert.equal(R.NO_ERROR, ask(pins).error)
      assert.equal(R.NO_ERROR, ask(pins, { verify = false }).error)
    end
  end)

  it("that it is not among are a failure that tells which it is, even with verify = false", function()
    for _, options in ipairs { {}, { verify = false } } do
      for _, pins in ipairs { wrong, { wrong, wrong } } do
        local response = ask(pins, options)
        check_refused(response, { reason = "its key sha256//" })
        assert.truthy(response.error_string:find(right, 1, true), response.error_string)
      end
    end
  end)

  it("do not stand in for the certificate's other checks", function()
    local server = helper.respond(OK, { tls = certs.self_signed })
    local response = get { url = helper.url(server), ca_file = certs.ca_file, pins = wrong }
    check_refused(response, { reason = "self.signed certificate" })
  end)

  for what, pins in pairs {
    ["without a kind"] = right:sub(9),
    ["that are too short"] = "sha256//AAAA",
    ["of nothing"] = "",
    ["of which one is wrong"] = { right, "md5//AAAA" },
    ["of an empty list"] = {},
  } do
    it(what .. " are misuse", function()
      assert.error_matches(function() http.get { url = "https://a.test", pins = pins } end,
        "bad pins: \".*\" is not \"sha256//\" and a digest in base64")
    end)
  end

  it("of another type are misuse", function()
    for _, pins in ipairs { 5, { 5 } } do
      assert.error_matches(function() http.get { url = "https://a.test", pins = pins } end,
        "bad option 'pins' %(string expected, got 5%)")
    end
  end)
end)

describe("a session", function()
  helper.setup()

  local conns

  -- Serves one request on each connection.
  local function serve(version)
    conns = {}
    return raw.listen { tls = with({ max_version = version }, certs.server), on_connect = function(conn)
      conn.on_secure = function() conns[#conns + 1] = conn.tls end
      conn.on_data = function() conn:send(KEPT) end
    end }
  end

  local function ask(server, options, host)
    good(with({ url = helper.url(server, "/", host), ca_file = certs.ca_file }, options))
    http._drop_idle()
    http.poll(0)
  end

  local function resumed()
    local list = {}
    for i, tls in ipairs(conns) do
      list[i] = tls.resumed
    end
    return list
  end

  for _, version in ipairs { "1.2", "1.3" } do
    it("of TLS " .. version .. " is resumed by the next connection to the same origin", function()
      local server = serve(version)
      for _ = 1, 4 do
        ask(server)
      end
      assert.same({ false, true, true, true }, resumed())
      assert.equal("TLSv" .. version, conns[1].version)
    end)

    it("of TLS " .. version .. " is not resumed by another host, or with other options", function()
      local server = serve(version)
      ask(server)
      ask(server, {}, "localhost")
      ask(server, { verify = false })
      ask(server, { pins = matrix.pin(certs.server) })
      ask(server, { ca_path = matrix.ca_path })
      ask(server, { ca_data = matrix.ca_data })
      ask(server, matrix.client)
      assert.same({ false, false, false, false, false, false, false }, resumed())
      ask(server)
      ask(server, { verify = false })
      assert.is_true(conns[8].resumed)
      assert.is_true(conns[9].resumed)
    end)
  end

  it("is not resumed by another port", function()
    local first = serve()
    ask(first)
    local second = raw.listen { tls = certs.server, on_connect = function(conn)
      conn.on_secure = function() conns[#conns + 1] = conn.tls end
      conn.on_data = function() conn:send(KEPT) end
    end }
    ask(second)
    assert.same({ false, false }, resumed())
  end)
end)

-- How replies end, over a connection that says goodbye and over one that does not.
local ENDINGS = {
  { "counted", HEAD .. "Content-Length: 5\r\n\r\nhello", quiet = "whole" },
  { "in chunks", HEAD .. "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", quiet = "whole" },
  { "until the end", HEAD .. "Connection: close\r\n\r\nhello", quiet = "cut" },
  { "counted, and short", HEAD .. "Content-Length: 9\r\n\r\nhello", notify = "cut", quiet = "cut" },
  { "in chunks, and short", HEAD .. "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", notify = "cut", quiet = "cut" },
}

describe("a body over TLS", function()
  helper.setup()

  local function ask(bytes, notify)
    local server = raw.listen { tls = certs.server, on_connect = function(conn)
      conn.on_data = function()
        conn:send(bytes)
        conn:close { notify = notify }
      end
    end }
    return get { url = helper.url(server), ca_file = certs.ca_file }
  end

  for _, row in ipairs(ENDINGS) do
    for ending, notify in pairs { notify = true, quiet = false } do
      local fate = row[ending] or "whole"
      it(("%s is %s %s close_notify"):format(row[1], fate, notify and "with" or "without"), function()
        local response = ask(row[2], notify)
        assert.equal("hello", response:read_string())
        if fate == "whole" then
          assert.equal(R.NO_ERROR, response.error, response.error_string)
          return
        end
        assert.equal(R.REMOTE_HOST_CLOSED_ERROR, response.error, response.error_string)
        assert.equal("body", response.error_detail.phase)
        assert.is_nil(response.error_detail.errno)
        assert.equal(not notify, response.error_string:find("without close_notify", 1, true) ~= nil)
      end)
    end
  end
end)

describe("a handshake", function()
  helper.setup()

  it("offers http/1.1, and TLS 1.3", function()
    local tls
    local server = raw.listen { tls = certs.server, on_connect = function(conn)
      conn.on_secure = function() tls = conn.tls end
      conn.on_data = function()
        conn:send(OK)
        conn:close()
      end
    end }
    good { url = helper.url(server), ca_file = certs.ca_file }
    assert.equal("http/1.1", tls.alpn)
    assert.equal("TLSv1.3", tls.version)
  end)

  for _, version in ipairs { "1.0", "1.1" } do
    it("with a server that speaks TLS " .. version .. " at most fails with 6", function()
      local server = helper.respond(OK, { tls = with({ max_version = version }, certs.server) })
      for _, verify in ipairs { true, false } do
        local response = get { url = helper.url(server), ca_file = certs.ca_file, verify = verify }
        assert.equal(R.SSL_HANDSHAKE_FAILED_ERROR, response.error)
        assert.matches("TLS handshake.*version", response.error_string)
        assert.equal("tls", response.error_detail.phase)
      end
    end)
  end
end)

describe("keylog_file", function()
  after_each(function() http.configure { keylog_file = false } end)
  helper.setup()

  local function ask()
    local server = helper.respond(OK, { tls = certs.server })
    good { url = helper.url(server), ca_file = certs.ca_file }
  end

  local function read(path)
    local file = assert(io.open(path))
    local text = file:read("*a")
    file:close()
    return text
  end

  it("gets the secrets of the connections from then on, until it is false", function()
    local path = raw.mkdtemp() .. "/keys"
    ask()
    assert.is_true(http.configure { keylog_file = path })
    assert.equal("", read(path))
    ask()
    local text = read(path)
    assert.matches("\nCLIENT_TRAFFIC_SECRET_0 %x+ %x+\n", text)
    assert.matches("\nSERVER_TRAFFIC_SECRET_0 %x+ %x+\n", text)
    assert.is_true(http.configure { keylog_file = false })
    ask()
    assert.equal(text, read(path))
  end)

  it("that cannot be opened is told of", function()
    local ok, message, code = http.configure { keylog_file = "/nowhere/keys" }
    assert.same({ nil, "system" }, { ok, code })
    assert.equal("cannot write keylog_file /nowhere/keys: No such file or directory", message)
  end)

  it("is not what the environment says", function()
    local path = raw.mkdtemp() .. "/keys"
    local server = helper.respond(OK, { tls = certs.server })
    local command = (os.getenv("MW_BUILD") or "build") .. "/moonwire"
    local code = ("local r = http.get { url = %q, ca_file = %q }:await() assert(r.ok, r.error_string)")
      :format(helper.url(server), certs.ca_file)
    local pid = assert(raw.spawn { command, "-e", code, env = { SSLKEYLOGFILE = path } })
    local status
    helper.wait(function()
      status = raw.reap(pid)
      return status
    end, 20, "the command to end")
    assert.equal(0, status)
    assert.is_nil(io.open(path))
  end)
end)
