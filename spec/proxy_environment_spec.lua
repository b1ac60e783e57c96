-- The variables http_proxy, https_proxy, all_proxy and no_proxy, and the option no_proxy. Each case is a
-- process of its own, since a runtime reads its environment once.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local proxies = require("proxies")

local COMMAND = (os.getenv("MW_BUILD") or "build") .. "/moonwire"

-- Asks for each URL in turn and prints "status error" of each.
local SCRIPT = [[
  local http = require("http")
  for i = 1, #arg do
    local url, proxy, no_proxy = arg[i]:match("^(%S+)%s*(%S*)%s*(%S*)$")
    local options = { url = url, timeout = { connect = 20 } }
    if proxy == "false" then options.proxy = false elseif proxy ~= "" then options.proxy = proxy end
    if no_proxy == "false" then options.no_proxy = false elseif no_proxy ~= "" then options.no_proxy = no_proxy end
    local r = http.get(options):await()
    print(r.status_code .. " " .. r.error .. " " .. r.error_string)
  end
]]

local NONE = { http_proxy = "", https_proxy = "", all_proxy = "", no_proxy = "", HTTP_PROXY = "",
  HTTPS_PROXY = "", ALL_PROXY = "", NO_PROXY = "" }

-- Runs it with these variables -> what it printed.
local function run(env, ...)
  local all = {}
  for name, value in pairs(NONE) do
    all[name] = env[name] or value
  end
  local status, output = helper.run_program({ COMMAND, "-e", SCRIPT, env = all, ... })
  assert.equal(0, status, output)
  return output
end

-- A proxy that answers everything by itself.
local function answering()
  return proxies.http({ on_request = function(request, conn)
    if request.method == "CONNECT" then
      conn:send("HTTP/1.1 418 Teapot\r\n\r\n")
    else
      conn:send("HTTP/1.1 204 No\r\nVia: spec\r\n\r\n")
    end
    return true
  end })
end

local function targets(proxy)
  local list = {}
  for _, request in ipairs(proxy.requests) do
    list[#list + 1] = request.target
  end
  return list
end

describe("the environment", function()
  helper.setup()

  helper.it_cannot("proxy", "that names a proxy makes an engine fail that has none, but for proxy = false", function()
    local server = helper.respond("HTTP/1.1 204 No\r\n\r\n")
    local env = { http_proxy = "http://127.0.0.1:1" }
    assert.matches("cannot go through a proxy", run(env, "http://name.test/"), 1, true)
    assert.matches("^204 0", run(env, helper.url(server, "/") .. " false"))
    assert.matches("^204 0", run(env, helper.url(server, "/"))) -- it is this machine's
  end)

  if not http.can("proxy") then
    return
  end

  it("names a proxy for http and one for https", function()
    local plain, secure = answering(), answering()
    local output = run({ http_proxy = proxies.url(plain), https_proxy = proxies.url(secure) },
      "http://name.test/a", "https://name.test/a")
    assert.equal("204 0 \n", output:match("^[^\n]*\n"))
    assert.matches("\n0 199 .*418 Teapot", output)
    assert.same({ "http://name.test/a" }, targets(plain))
    assert.same({ "name.test:443" }, targets(secure))
  end)

  it("names one for all, without a scheme, in capitals", function()
    local proxy = answering()
    run({ ALL_PROXY = "127.0.0.1:" .. proxy.port }, "http://name.test/", "https://name.test/")
    assert.same({ "http://name.test/", "name.test:443" }, targets(proxy))
  end)

  it("names one for all that counts for what has none of its own", function()
    local all, plain = answering(), answering()
    run({ all_proxy = proxies.url(all), http_proxy = proxies.url(plain) }, "http://name.test/",
      "https://name.test/")
    assert.equal(1, #plain.requests)
    assert.same({ "name.test:443" }, targets(all))
  end)

  it("gives credentials", function()
    local proxy = answering()
    run({ http_proxy = proxies.url(proxy, nil, "me:pw") }, "http://name.test/")
    assert.equal("Basic bWU6cHc=", proxy.requests[1].headers["proxy-authorization"])
  end)

  it("is not believed in HTTP_PROXY, which a stranger can set where CGI is spoken", function()
    local proxy = answering()
    local server = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    local dns = raw.dns({})
    assert.is_not_nil(dns)
    local output = run({ HTTP_PROXY = proxies.url(proxy) }, helper.url(server, "/"),
      "http://name.invalid./")
    assert.matches("^200 0 ", output)
    assert.equal(0, #proxy.requests)
  end)

  it("does not count where proxy is false, or another one", function()
    local proxy, other = answering(), answering()
    local port = raw.refused_port()
    local output = run({ all_proxy = proxies.url(proxy) }, "http://127.0.0.2:" .. port .. "/ false",
      "http://name.test/ " .. proxies.url(other))
    assert.matches("^0 1 ", output)
    assert.equal(0, #proxy.requests)
    assert.same({ "http://name.test/" }, targets(other))
  end)

  it("does not count for this machine", function()
    local proxy = answering()
    local server = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    local output = run({ all_proxy = proxies.url(proxy) }, helper.url(server, "/"),
      helper.url(server, "/", "localhost"), helper.url(server, "/", "127.0.0.1"))
    assert.equal("200 0 \n200 0 \n200 0 \n", output)
    assert.equal(0, #proxy.requests)
  end)

  it("that names nonsense makes the requests fail that would go there, and says which variable", function()
    local proxy = answering()
    local output = run({ https_proxy = "ftp://me:secret@proxy.test", http_proxy = proxies.url(proxy) },
      "https://name.test/", "http://name.test/", "https://127.0.0.1:1/ false")
    assert.matches("^0 199 https_proxy, of the environment, names no proxy", output)
    assert.not_matches("secret", output, 1, true)
    assert.matches("\n204 0 \n0 1 ", output)
  end)

  describe("no_proxy", function()
    helper.setup()

    it("names hosts that need none, and the option replaces it", function()
      local proxy = answering()
      local port = raw.refused_port()
      local direct = ("http://127.0.0.2:%d/"):format(port)
      local env = { all_proxy = proxies.url(proxy), no_proxy = "other.test, .name.test,192.0.2.0/24" }
      run(env, "http://a.test/", direct)
      assert.same({ "http://a.test/" }, targets(proxy))
      -- not looked up here, but sent to the proxy all the same
      run(env, "http://www.name.test/ " .. proxies.url(proxy), "http://www.name.test/ " ..
        proxies.url(proxy) .. " false")
      assert.equal(3, #proxy.requests)
    end)

    it("of a star is all hosts", function()
      local proxy = answering()
      local output = run({ all_proxy = proxies.url(proxy), NO_PROXY = "*" }, "http://name.invalid./")
      assert.matches("^0 3 ", output)
      assert.equal(0, #proxy.requests)
    end)
  end)
end)

if not http.can("proxy") then
  return
end

describe("the option no_proxy", function()
  helper.setup()

  local OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

  it("leaves the proxy out for its hosts, here and at each port", function()
    local proxy, server = proxies.http(), helper.respond(OK)
    local function goes(list, through)
      local before = #proxy.requests
      local response = http.get({ url = helper.url(server, "/"), proxy = proxies.url(proxy),
        no_proxy = list }):await()
      assert.equal(200, response.status_code, response.error_string)
      assert.equal(through and 1 or 0, #proxy.requests - before)
    end
    goes(nil, true)
    goes(false, true)
    goes("", true)
    goes("127.0.0.1", false)
    goes("a.test,127.0.0.0/8", false)
    goes({ "a.test", "127.0.0.1:" .. server.port }, false)
    goes({ "a.test", "127.0.0.1:1" }, true)
    goes({}, true)
    goes("*", false)
  end)

  it("is a string, a list of them, or false", function()
    for _, value in ipairs({ 1, true, { 1 }, { {} } }) do
      local ok, message = pcall(http.get, { url = "http://name.test/", no_proxy = value })
      assert.is_false(ok)
      assert.matches("bad option 'no_proxy'", message, 1, true)
    end
  end)
end)
