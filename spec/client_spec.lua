-- http.Client: defaults, relative URLs, what wins; http.client; what false and unknown options are told.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")

local OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
local NOWHERE = "http://127.0.0.1:1/"

local function told(words, fn)
  local ok, message = pcall(fn)
  assert.is_false(ok)
  assert.matches("^.-client_spec%.lua:%d+: ", message)
  assert.truthy(message:find(words, 1, true), message)
end

describe("http.Client", function()
  helper.setup()

  -- What arrives on the wire of a call that is made with a client of such options.
  local function ask(options, call)
    local server = helper.respond(OK)
    options.base_url = options.base_url and options.base_url:gsub("^HERE", helper.url(server, ""))
    local response = call(http.Client(options), helper.url(server, "")):await()
    assert.equal("", response.error_string)
    return server.requests[1]
  end

  local TARGETS = {
    { "HERE", "users", "/users" },
    { "HERE/v1", "users", "/users" },
    { "HERE/v1/", "users", "/v1/users" },
    { "HERE/v1/", "/users?a=b", "/users?a=b" },
    { "HERE/v1/", "../up", "/up" },
    { "HERE/v1/?key=1", "?a=b", "/v1/?a=b" },
    { "HERE/v1/", "", "/v1/" },
    { "HERE/v1/", nil, "/v1/" },
    { "HERE/v1/", { path = "x", query = { b = 2, a = "1 2" } }, "/v1/x?a=1%202&b=2" },
    { "HERE/v1/", { query = "a=b" }, "/v1/?a=b" },
    { "HERE/v1/", { url = "x#fragment" }, "/v1/x" },
    { "HERE/v1/", "a b", "/v1/a%20b" },
  }
  for _, row in ipairs(TARGETS) do
    local shown = type(row[2]) == "table" and (row[2].path or row[2].url or "a query") or tostring(row[2])
    it(("resolves %s against %s"):format(shown, row[1]), function()
      local request = ask({ base_url = row[1] }, function(client) return client:get(row[2]) end)
      assert.equal(row[3], request.target)
    end)
  end

  it("has the methods of the plain functions, with their arguments", function()
    for name, method in pairs { get = "GET", head = "HEAD", delete = "DELETE", options = "OPTIONS" } do
      local request = ask({ base_url = "HERE" }, function(client)
        return client[name](client, "x", helper.expect(function() end))
      end)
      assert.equal(method, request.method)
    end
    for name, method in pairs { put = "PUT", post = "POST", patch = "PATCH" } do
      local request = ask({ base_url = "HERE" }, function(client)
        return client[name](client, "x", "data", helper.expect(function() end))
      end)
      assert.equal(method .. "data", request.method .. request.body)
    end
    local request = ask({ base_url = "HERE" }, function(client)
      return client:request({ method = "OPTIONS", json = { 1 } }, nil, helper.expect(function() end))
    end)
    assert.equal("OPTIONS[1]", request.method .. request.body)
  end)

  it("works without options, as the plain functions do", function()
    local request = ask({}, function(client, url) return client:get(url .. "/x") end)
    assert.equal("/x", request.target)
    local server = helper.respond(OK)
    assert.equal(200, http.Client():get(helper.url(server)):await().status_code)
    told("it must start with a scheme", function() http.Client():get("x") end)
  end)

  it("merges headers by name, whatever their case; false leaves one out", function()
    local headers = { Accept = "a/b", ["X-One"] = "1", ["X-Two"] = { "2", "3" } }
    local request = ask({ base_url = "HERE", headers = headers }, function(client)
      local own = { accept = false, ["x-ONE"] = "own", ["X-Three"] = 3, ["X-No"] = false }
      return client:get { url = "x", headers = own }
    end)
    assert.is_nil(request.headers.accept)
    assert.is_nil(request.headers["x-no"])
    assert.equal("own", request.headers["x-one"])
    assert.equal("2, 3", request.headers["x-two"])
    assert.equal("3", request.headers["x-three"])
    assert.same({ Accept = "a/b", ["X-One"] = "1", ["X-Two"] = { "2", "3" } }, headers)
  end)

  it("leaves the options of a call as they are", function()
    local options = { url = "x", headers = { A = "1" }, json = { b = 1 } }
    ask({ base_url = "HERE", headers = { B = "2" }, timeout = 5 }, function(client) return client:post(options) end)
    assert.same({ url = "x", headers = { A = "1" }, json = { b = 1 } }, options)
  end)

  it("keeps the defaults that it was given, whatever becomes of their tables", function()
    local options = { headers = { A = "1" }, read_buffer_size = 77 }
    local client = http.Client(options)
    options.headers.A, options.headers.B, options.read_buffer_size = "2", "3", 88
    local server = helper.respond(OK)
    local response = client:get(helper.url(server))
    assert.equal(77, response.read_buffer_size)
    response:await()
    assert.equal("1", server.requests[1].headers.a)
    assert.is_nil(server.requests[1].headers.b)
  end)

  it("lets the options of a call win", function()
    local server = raw.listen({})
    local client = http.Client { base_url = helper.url(server), timeout = false, read_buffer_size = 5 }
    local first = client:get("x")
    assert.equal(5, first.read_buffer_size)
    first:abort()
    local response = client:get { timeout = 0.05, read_buffer_size = 6 }
    assert.equal(6, response.read_buffer_size)
    assert.equal(http.Response.TIMEOUT_ERROR, response:await().error)
  end)

  it("sends its credentials to no other origin than that of base_url", function()
    local headers = { Authorization = "secret", Cookie = "secret", ["Proxy-Authorization"] = "secret", ["X-A"] = "1" }
    local own = ask({ base_url = "HERE/v1/", headers = headers }, function(client, url)
      return client:get(url .. "/x")
    end)
    assert.equal("secret", own.headers.authorization)
    local other = helper.respond(OK)
    local client = http.Client { base_url = NOWHERE, headers = headers }
    for _, options in ipairs {
      helper.url(other), "//127.0.0.1:" .. other.port .. "/", { hostname = "127.0.0.1", port = other.port },
    } do
      assert.equal("", client:get(options):await().error_string)
      local request = other.requests[#other.requests]
      assert.is_nil(request.headers.authorization)
      assert.is_nil(request.headers.cookie)
      assert.is_nil(request.headers["proxy-authorization"])
      assert.equal("1", request.headers["x-a"])
    end
    assert.equal("", client:get { url = helper.url(other), headers = { Authorization = "own" } }:await().error_string)
    assert.equal("own", other.requests[#other.requests].headers.authorization)
  end)

  it("lets the user in the URL of a call win over its own credentials", function()
    local OWN, THEIRS = "Basic bWU6eA==", "Basic eW91Onk="
    for _, row in ipairs {
      { "HERE", nil, OWN }, { "HERE", "x", OWN }, { "USER", "x", OWN }, { "HERE", "//you:y@PORT/x", THEIRS },
      { "USER", "//you:y@PORT/x", THEIRS }, { "USER", "//PORT/x", OWN }, { "USER", "//it:z@PORT/x", OWN },
    } do
      local server = helper.respond(OK)
      local client = http.Client {
        base_url = helper.url(server, "/"):gsub("//", row[1] == "USER" and "//it:z@" or "//"),
        auth = { "me", "x" },
      }
      client:get(row[2] and row[2]:gsub("PORT", "127.0.0.1:" .. server.port)):await()
      assert.equal(row[3], server.requests[1].headers.authorization)
    end
  end)

  it("shows where it goes, without secrets", function()
    local client = http.Client { base_url = "http://u:secret@127.0.0.1:1/x" }
    assert.equal("http.Client (http://127.0.0.1:1)", tostring(client))
    assert.equal("http.Client", tostring(http.Client()))
  end)

  local MISTAKES = {
    { "unknown option 'timout' (did you mean 'timeout'?)", { timout = 1 } },
    { "unknown option 'base_ulr' (did you mean 'base_url'?)", { base_ulr = NOWHERE } },
    { "bad option 'url' (no default of a Client: it has base_url)", { url = NOWHERE } },
    { "bad option 'json' (no default of a Client", { json = 1 } },
    { "bad option 'method' (no default of a Client", { method = "GET" } },
    { "bad option 'base_url' (string expected, got boolean)", { base_url = false } },
    { "bad option 'base_url' (http or https expected)", { base_url = "ftp://127.0.0.1/" } },
    { "bad option 'base_url' (bad URL: it must start with a scheme", { base_url = "example.com" } },
    { "bad option 'base_url' (", { base_url = "http://127.0.0.1:99999/" } },
    { "bad option 'timeout' (", { timeout = "1" } },
    { "bad option 'headers' (", { headers = false } },
    { "bad argument #1 to 'Client' (table of options expected, got number)", 5 },
  }
  for _, row in ipairs(MISTAKES) do
    it("refuses: " .. row[1], function() told(row[1], function() http.Client(row[2]) end) end)
  end

  it("refuses what its methods do not take", function()
    local client = http.Client { base_url = NOWHERE }
    told("bad argument #1 to 'get' (table of options or URL expected, got number)", function() client:get(5) end)
    told("unknown option 'heders' (did you mean 'headers'?)", function() client:get { heders = {} } end)
    told("bad option 'url' (a control character is not allowed there)", function() client:get("a\r\nX: y") end)
    told("bad option 'url' (", function() client:get("http://[::1") end)
    told("bad option 'url' (it stands instead of", function() client:get { url = "x", query = "y" } end)
    for _, path in ipairs { "x?a=b", "x#a" } do
      told("bad option 'path' (", function() client:get { path = path, query = "y" } end)
    end
    told("bad self (http.Client expected", function() client.get("x") end)
    told("with a dot, not with a colon", function() http:Client() end)
  end)
end)

describe("http.client", function()
  helper.setup()
  after_each(function() http.client = nil end)

  it("is a client without defaults until one is set, and again once nil is", function()
    local server = helper.respond(OK)
    assert.equal(200, http.client:get(helper.url(server)):await().status_code)
    local client = http.Client { base_url = helper.url(server, "/v1/"), headers = { ["X-A"] = "1" } }
    http.client = client
    assert.equal(client, http.client)
    http.client = nil
    assert.not_equal(client, http.client)
    http.get(helper.url(server)):await()
    assert.is_nil(server.requests[2].headers["x-a"])
    told("it must start with a scheme", function() http.get("x") end)
  end)

  it("is the one that the plain functions use, also those that were taken before", function()
    local get, post = http.get, http.post
    local server = helper.respond(OK)
    http.client = http.Client { base_url = helper.url(server, "/v1/"), headers = { ["X-A"] = "1" } }
    get("x"):await()
    post({ url = "y", json = false }, nil, helper.expect(function() end)):await()
    http.request({ method = "PUT", url = "z" }, "data"):await()
    assert.equal("/v1/x/v1/y/v1/z",
      server.requests[1].target .. server.requests[2].target .. server.requests[3].target)
    for _, request in ipairs(server.requests) do
      assert.equal("1", request.headers["x-a"])
    end
    assert.equal("false", server.requests[2].body)
  end)

  it("has no say in what another client does", function()
    local server = helper.respond(OK)
    http.client = http.Client { headers = { ["X-A"] = "1" } }
    http.Client { base_url = helper.url(server) }:get("x"):await()
    http.PoolManager():request("GET", helper.url(server))
    assert.is_nil(server.requests[1].headers["x-a"])
    assert.is_nil(server.requests[2].headers["x-a"])
  end)

  it("tells of mistakes at the caller's line", function()
    http.client = http.Client { base_url = NOWHERE }
    told("unknown option 'timout' (did you mean 'timeout'?)", function() http.get { timout = 1 } end)
    told("bad option 'url' (", function() http.get("a\nb") end)
    for _, value in ipairs { 5, "x", false, {}, http } do
      told("bad http.client (an http.Client or nil expected, got " .. type(value), function() http.client = value end)
    end
  end)
end)

describe("an unknown option", function()
  helper.setup()

  it("is told of with the nearest name, wherever options are taken", function()
    told("unknown option 'timout' (did you mean 'timeout'?)", function() http.get { url = NOWHERE, timout = 1 } end)
    told("unknown option 'Headers' (did you mean 'headers'?)", function() http.get { url = NOWHERE, Headers = {} } end)
    told("unknown option '1'", function() http.get { NOWHERE } end)
    told("unknown option 'num_pool' (did you mean 'num_pools'?)", function() http.PoolManager { num_pool = 1 } end)
    told("unknown option 'feilds' (did you mean 'fields'?)", function()
      http.PoolManager():request("GET", NOWHERE, { feilds = {} })
    end)
    told("unknown option 'handle' (did you mean 'handler'?)", function() http.serve { handle = print } end)
    told("unknown option 'tls.cert' (did you mean 'tls.cert_file'?)", function()
      http.serve { handler = print, tls = { cert = "x" } }
    end)
    told("unknown option 'max_conections' (did you mean 'max_connections'?)", function()
      http.configure { max_conections = 1 }
    end)
    told("there is no part 'hostnam' of a URL (did you mean 'hostname'?)", function()
      http.url.build { hostnam = "x" }
    end)
    told("unknown option 'zzzzzzzz'", function() http.configure { zzzzzzzz = 1 } end)
  end)
end)

describe("false as an option", function()
  helper.setup()

  -- What it means, or the words with which it is refused. nil is no option at all.
  local MEANS = {
    json = "the JSON false", timeout = "never", max_body_size = "no limit", verify = "unchecked", redirect = "none",
    retries = "none", expect = "no", auth = "none, not even the URL's", cookies = "none", netrc = "none",
    agent = "everybody's connections", decode = "as it came", proxy = "none, not even the environment's",
    no_proxy = "none",
  }
  local names = {}
  for name in pairs(package.loaded["http.core"].option_names()) do
    names[#names + 1] = name
  end
  table.sort(names)

  for _, name in ipairs(names) do
    it(MEANS[name] and ("has a meaning for %s: %s"):format(name, MEANS[name]) or "is refused for " .. name, function()
      local function call()
        local response = http.post { url = name ~= "url" and NOWHERE or false, [name] = false }
        return response -- no tail call: the line of the call is told
      end
      if MEANS[name] then
        call():await()
      elseif not pcall(call) then
        told("bad option '" .. name .. "' (", call)
      else
        call():await()
        error("false is taken for " .. name .. ", which this table does not know")
      end
      http.post({ url = NOWHERE, [name ~= "url" and name or "json"] = nil }):await()
    end)
  end
end)
