-- Names as dnsmasq answers for them: addresses, aliases, names that there are not, answers too long for UDP.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local peers = require("peers")

local R = http.Response
local MANY = 100 -- addresses of many.test: more than a datagram takes

local function hosts()
  local lines = { "127.0.0.1 target.test", "::1 six.test", "127.0.0.1 both.test", "::1 both.test" }
  for i = 1, MANY do
    lines[#lines + 1] = ("127.0.0.%d many.test"):format(i)
  end
  return table.concat(lines, "\n") .. "\n"
end

describe("dnsmasq's names", function()
  local dnsmasq

  setup(function() dnsmasq = peers.dnsmasq(hosts()) end)
  teardown(function()
    if dnsmasq then
      dnsmasq:stop()
    end
  end)
  after_each(function() http.configure {} end)
  helper.setup()
  before_each(function()
    local path = raw.mkdtemp() .. "/resolv.conf"
    local file = assert(io.open(path, "w"))
    file:write(("nameserver %s:%d\n"):format(dnsmasq.host, dnsmasq.port))
    file:close()
    http.configure { resolv_conf = path, hosts_file = path .. ".none" }
  end)

  local function get(name, host)
    local server = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", { host = host or "0.0.0.0" })
    local response = http.get { url = ("http://%s:%d/"):format(name, server.port) }
    response:await()
    return response
  end

  for _, name in ipairs { "target.test", "TARGET.test", "alias.test", "both.test", "many.test" } do
    it(("lead from %s to its address"):format(name), function()
      local response = get(name)
      assert.equal("", response.error_string)
      assert.equal("hi", response:read_string())
      assert.is_true(response.timings.resolve > 0)
    end)
  end

  it("lead to an address of IPv6, where the machine has one", function()
    if not raw.listen { host = "::1" } then
      return pending("there is no address of IPv6 here")
    end
    assert.equal("hi", get("six.test", "::1"):read_string())
  end)

  it("that are none are told of", function()
    local response = get("missing.test")
    assert.equal(R.HOST_NOT_FOUND_ERROR, response.error)
    assert.equal("resolve", response.error_detail.phase)
    assert.matches("missing%.test", response.error_string)
  end)

  it("are not asked for again while they hold", function()
    get("target.test")
    dnsmasq:stop()
    local ok, response = pcall(get, "target.test")
    dnsmasq = peers.dnsmasq(hosts())
    assert.is_true(ok)
    assert.equal("hi", response:read_string())
  end)
end)
