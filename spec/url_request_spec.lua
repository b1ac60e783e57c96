-- Where the names of hosts that are not ASCII lead, and the order of a query that is a table.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")

-- Checks that fn throws words at a line of this file.
local function throws(words, fn)
  local ok, message = pcall(fn)
  assert.is_false(ok, "nothing was thrown; expected: " .. words)
  assert.matches("^[^:]*url_request_spec%.lua:%d+: ", message)
  assert.truthy(message:find(words, 1, true), message .. "\nhas no: " .. words)
end

describe("a request", function()
  helper.setup()

  local function target_of(options)
    local server = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    options.port = server.port
    options.hostname = options.hostname or "127.0.0.1"
    local response = http.get(options, helper.expect(function() end))
    helper.wait_calls()
    assert.equal("", response.error_string)
    return server.requests[1], response, server
  end

  it("sends a query table in a stable order, and a list of pairs in its own", function()
    for _ = 1, 3 do
      assert.equal("/?a=1&b=2&b=3&c=4", target_of({ query = { c = 4, b = { 2, 3 }, a = 1 } }).target)
    end
    assert.equal("/?c=4&a=1&c=5", target_of({ query = { { "c", 4 }, { "a", 1 }, { "c", 5 } } }).target)
  end)

  it("throws for lists that are no pairs", function()
    for _, query in ipairs {
      { { "a" } }, { { 1, 2 } }, { { "a", 1 }, b = 2 }, { { "a", 1 }, [3] = { "b", 1 } }, { "a", "b" },
    } do
      throws("bad option 'query'", function() http.get { hostname = "127.0.0.1", query = query } end)
    end
  end)

  it("goes to a host that is not ASCII by its name in IDNA", function()
    local resolve = { ["xn--bcher-kva.test"] = "127.0.0.1" }
    local request, response, server = target_of { hostname = "B\195\188cher.test", resolve = resolve }
    assert.equal("xn--bcher-kva.test:" .. server.port, request.headers.host)
    assert.equal(("http://xn--bcher-kva.test:%d/"):format(server.port), response.url)
    response = http.get({ url = ("http://b\195\156cher.test:%d/a"):format(server.port), resolve = resolve },
      helper.expect(function() end))
    helper.wait_calls()
    assert.equal("", response.error_string)
    assert.equal("xn--bcher-kva.test:" .. server.port, server.requests[2].headers.host)
  end)

  it("throws for a host that IDNA does not take, or maps to what no host may hold", function()
    for _, hostname in ipairs {
      "-\195\169", "\195\169..b", "\239\188\133.b", "a\239\188\143b", "\226\132\128.b", "\195",
      "\195\169\r\nX: y", "\195\169 b", "\195\169/b", "\194\173",
    } do
      throws("bad hostname", function() http.get { hostname = hostname } end)
    end
  end)

  it("goes to the host that http.url reads in the same URL", function()
    for written, host in pairs {
      ["a%41.test"] = "aa.test", ["%EF%BC%A1.test"] = "a.test", ["0x7f.1"] = "127.0.0.1", ["2130706433"] = "127.0.0.1",
      ["127.1"] = "127.0.0.1", ["0177.0.0.1."] = "127.0.0.1",
    } do
      local url = ("http://%s/"):format(written)
      assert.equal(host, http.url.parse(url).hostname)
      local request, response, server = target_of { hostname = written, resolve = { [host] = "127.0.0.1" } }
      assert.equal(("%s:%d"):format(host, server.port), request.headers.host)
      assert.equal(("http://%s:%d/"):format(host, server.port), response.url)
    end
  end)

  it("throws for a host that http.url does not take, and for one that browsers see elsewhere", function()
    for _, host in ipairs { "a%00.test", "a%20b.test", "a%2fb.test", "1.2.3.4.5", "256.1", "a.0x1" } do
      assert.is_nil(http.url.parse(("http://%s/"):format(host)))
      throws("bad hostname", function() http.get { hostname = host } end)
      throws("bad hostname", function() http.get { url = ("http://%s/"):format(host) } end)
    end
    for _, authority in ipairs { "good.test\\@evil.test", "u:p\\@evil.test", "evil.test\\.good.test", "a.test:80\\" } do
      throws("bad url", function() http.get(("http://%s/"):format(authority)) end)
    end
  end)
end)
