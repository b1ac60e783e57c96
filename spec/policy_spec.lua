-- http.policy: what it refuses, and that nothing lifts it. Each in a process of its own, since it is set
-- once and for all.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local servers = require("servers")

local serve = servers.serve

-- Runs a script that has `ask(options)`, which returns words for what became of a request.
local SCRIPT = [[
local port = %d
local URL = "http://127.0.0.1:" .. port
local function ask(options, data)
  if type(options) == "string" then options = { url = options } end
  options.method = options.method or (data and "POST" or "GET")
  local response = http.request(options, data)
  response:await()
  if response.error == 0 then return response.status_code .. " " .. response:read_string() end
  return response.error .. " " .. response.error_string .. " [" .. response.error_detail.phase .. "]"
end
]]

local function run(script, handler)
  local asked = {}
  local server = serve(function(request, response)
    asked[#asked + 1] = request.target
    if handler then
      handler(request, response)
    else
      response.body = "hi"
    end
  end)
  local status, output = helper.run_script(SCRIPT:format(server.port) .. script)
  return output:gsub("%s+$", ""), #asked, status
end

local DENIED = "201 the policy "

-- What the policy is, what is asked for, and what comes of it.
local ROWS = {
  { "hosts = '127.0.0.1'", "URL", "^200 hi$" },
  { "hosts = { 'example.org', '127.0.0.1' }", "URL", "^200 hi$" },
  { "hosts = 'example.org'", "URL", DENIED .. "does not allow the host 127%.0%.0%.1 %[resolve%]" },
  { "hosts = { '*.example.org', '127.0.0.1' }",
    "'http://a.b.example.org:' .. port, resolve = { ['a.b.example.org'] = '127.0.0.1' }", "^200 hi$" },
  { "hosts = '*.example.org', networks = '127.0.0.0/8'",
    "'http://A.EXAMPLE.org:' .. port, resolve = { ['a.example.org'] = '127.0.0.1' }", "^200 hi$" },
  { "hosts = '*.example.org'", "'http://a.example.org:' .. port, resolve = { ['a.example.org'] = '127.0.0.1' }",
    DENIED .. "does not allow the address 127%.0%.0%.1" },
  { "hosts = 'example.org'", "'http://example.org/', unix = '/tmp/none.sock'",
    DENIED .. "does not allow a socket's file" },
  { "ports = '80'", "'http://example.org/', unix = '/tmp/none.sock'", DENIED .. "does not allow a socket's file" },
  { "hosts = 'example.org'", "'http://example.org/', proxy = 'http://u:p@127.0.0.1:' .. port",
    DENIED .. "does not allow the proxy http://127%.0%.0%.1:%d+ " },
  { "hosts = 'example.org'", "'http://example.org/', proxy = 'socks5h://127.0.0.1:' .. port",
    DENIED .. "does not allow the proxy socks5h://127%.0%.0%.1:%d+ " },
  { "ports = 80", "'http://example.org/', proxy = 'http://127.0.0.1:' .. port", DENIED .. "does not allow the proxy" },
  { "hosts = { 'example.org', '127.0.0.1' }", "'http://example.org/', proxy = 'http://127.0.0.1:' .. port",
    "^200 hi$" },
  { "public_only = true, networks = '127.0.0.1'", "'http://example.org/', proxy = 'http://127.0.0.1:' .. port",
    "^200 hi$" },
  { "hosts = '*.example.org'", "'http://example.org:' .. port", DENIED .. "does not allow the host" },
  { "hosts = '*.example.org'", "'http://badexample.org:' .. port", DENIED .. "does not allow the host" },
  { "ports = { 1, '2-65535' }", "URL", "^200 hi$" },
  { "ports = '1-2'", "URL", DENIED .. "does not allow the port of 127%.0%.0%.1:%d+" },
  { "schemes = 'http'", "URL", "^200 hi$" },
  { "schemes = { 'https' }", "URL", DENIED .. "does not allow http " },
  { "public_only = true", "URL", DENIED .. "does not allow 127%.0%.0%.1: its address is not of the public internet" },
  { "public_only = true", "'http://localhost:' .. port", DENIED .. "does not allow localhost" },
  { "public_only = true", "'http://x.test:' .. port, resolve = { ['x.test'] = '127.0.0.1' }", DENIED },
  { "public_only = true", "'http://x.test:' .. port, resolve = { ['x.test'] = '::ffff:127.0.0.1' }", DENIED },
  { "public_only = true", "'http://[::1]:' .. port", DENIED },
  { "public_only = true", "'http://169.254.169.254/latest/meta-data'", DENIED },
  { "public_only = true", "'http://10.0.0.1/'", DENIED },
  { "public_only = true, networks = '127.0.0.0/8'", "URL", "^200 hi$" },
  { "public_only = true, networks = { '10.0.0.0/8' }", "URL", DENIED },
  { "public_only = false", "URL", "^200 hi$" },
}

-- What is not public stays out of reach through a proxy that may be used.
for _, host in ipairs { "127.0.0.2", "10.0.0.1", "0x7f.2", "2130706434", "127.2", "127.0.0.2.", "[::1]",
  "[::ffff:127.0.0.2]", "169.254.169.254" } do
  ROWS[#ROWS + 1] = { "public_only = true, networks = '127.0.0.1'",
    ("'http://%s/', proxy = 'http://127.0.0.1:' .. port"):format(host), DENIED }
end

local MISUSE = {
  { "{ hots = 'x' }", "unknown option 'hots'" },
  { "{ ports = 'http' }", "bad ports of the policy" },
  { "{ ports = '0-5' }", "bad ports of the policy" },
  { "{ ports = '9-5' }", "bad ports of the policy" },
  { "{ ports = '70000' }", "bad ports of the policy" },
  { "{ schemes = 'ftp' }", "bad schemes of the policy" },
  { "{ networks = '10.0.0.0/40' }", "bad networks of the policy" },
  { "{ hosts = {} }", "empty list" },
  { "{ hosts = { true } }", "bad option 'hosts'" },
  { "{ public_only = 1 }", "bad option 'public_only'" },
  { "{ max_requests = 0 }", "bad option 'max_requests'" },
  { "'x'", "table expected" },
}

describe("a policy", function()
  after_each(servers.close)
  helper.setup()

  for _, row in ipairs(ROWS) do
    local can = row[2]:find("proxy = ", 1, true) and "proxy" or row[2]:find("unix = ", 1, true) and "connect_anyhow"
    local test = can and function(title, fn) helper.it_can(can, title, fn) end or it
    test(("of %s judges %s"):format(row[1], row[2]), function()
      local output, asked = run(("http.policy { %s } print(ask { url = %s })"):format(row[1], row[2]))
      assert.matches(row[3], output)
      assert.equal(output:find("^200") and 1 or 0, asked)
    end)
  end

  for _, row in ipairs(MISUSE) do
    it(("throws for %s, and is not set by it"):format(row[1]), function()
      local output = run(("print(select(2, pcall(http.policy, %s))) http.policy {}"):format(row[1]))
      assert.matches(row[2], output)
    end)
  end

  it("is set once: nothing lifts it", function()
    local output, asked = run([[
      http.policy { hosts = "example.org" }
      for _, policy in ipairs { {}, { hosts = "127.0.0.1" } } do
        print(pcall(http.policy, policy))
      end
      http.configure {}
      http.policy()
      for _, engine in ipairs(http.engines) do
        http.configure { engine = engine }
        print(ask(URL))
      end
    ]])
    assert.equal(0, asked)
    local _, set = output:gsub("the policy is set, and cannot be changed any more", "")
    local _, refused = output:gsub("does not allow the host", "")
    assert.equal(2, set)
    assert.equal(#http.engines, refused)
  end)

  it("judges redirects like first requests", function()
    local output, asked = run([[
      http.policy { public_only = true, networks = "127.0.0.1" }
      print(ask(URL .. "/private"))
      print(ask(URL .. "/name"))
    ]], function(request, response)
      response.status = 302
      response.headers.Location = request.target == "/private" and "http://169.254.169.254/" or "http://127.0.0.2/"
    end)
    assert.matches("^201 the policy .-\n201 the policy", output)
    assert.equal(2, asked)
  end)

  it("does not let a connection of before be used again", function()
    local output, asked = run([[
      print(ask(URL))
      http.policy { public_only = true }
      print(ask(URL))
    ]])
    assert.matches("^200 hi\n201 ", output)
    assert.equal(1, asked)
  end)

  it("counts requests, redirects and retries among them", function()
    local output, asked = run([[
      http.policy { max_requests = 3 }
      print(ask(URL .. "/"))
      print(ask(URL .. "/end"))
      print(ask(URL .. "/end"))
      print(http.policy().requests)
    ]], function(request, response)
      if request.target == "/" then
        response.status = 302
        response.headers.Location = "/end"
      end
    end)
    assert.matches("^200 \n200 \n201 the policy allows no further request [^\n]*\n3$", output)
    assert.equal(3, asked)
  end)

  it("bounds how many are under way at once, and no more than that", function()
    local output, asked = run([[
      http.policy { max_concurrent = 2 }
      local all = {}
      for i = 1, 3 do
        all[i] = http.get(URL)
      end
      for i = 1, 3 do
        all[i]:await()
        print(all[i].error)
      end
      print(ask(URL), http.policy().concurrent)
    ]])
    assert.matches("^0\n0\n201\n200 hi\t0$", output)
    assert.equal(3, asked)
  end)

  it("bounds the bytes of bodies in all", function()
    local output = run([[
      http.policy { max_received = 2500, max_sent = 100 }
      print(ask(URL)); print(ask(URL)); print(ask(URL))
      print(ask(URL, ("x"):rep(60))); print(ask(URL, ("x"):rep(60)))
    ]], function(_, response) response.body = ("x"):rep(1000) end)
    output = output:gsub("x+", "x")
    assert.matches("^200 x\n200 x\n201 the policy allows no further byte to be received", output)
  end)

  it("bounds what is sent", function()
    local output = run([[
      http.policy { max_sent = 100 }
      print(ask(URL, ("x"):rep(60))); print(ask(URL, ("x"):rep(60)))
    ]])
    assert.matches("^200 hi\n201 the policy allows no further byte to be sent", output)
  end)

  helper.it_can("stream_upload", "bounds what a function gives", function()
    local output = run([[
      http.policy { max_sent = 100 }
      local given = 0
      print(ask(URL, function()
        given = given + 1
        return given < 20 and ("x"):rep(10) or nil
      end))
    ]])
    assert.matches("^201 the policy allows no further byte to be sent", output)
  end)

  it("refuses servers where it says so", function()
    local output = run([[
      http.policy { servers = false }
      print(pcall(http.serve, { handler = print }))
    ]])
    assert.matches("the policy does not allow servers", output)
  end)

  helper.it_can("connect_anyhow", "refuses socket files where only the public internet is allowed", function()
    local output = run([[
      http.policy { public_only = true }
      print(ask { url = URL, unix = "/tmp/none.sock" })
    ]])
    assert.matches("^201 the policy does not allow a socket's file", output)
  end)
end)
