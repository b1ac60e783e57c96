-- Through proxies that others wrote: squid, tinyproxy and microsocks, with and without credentials.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local certs = require("certs")
local peers = require("proxy_peers")
local proxies = require("proxies")
local raw = require("raw")

local R = http.Response

if not http.can("proxy") then
  return
end

local function escape(text)
  return (text:gsub("[^%w]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function ask(options)
  local response = http.get(options, helper.expect(function() end))
  helper.wait_calls(60)
  return response
end

local USERINFO = escape(peers.USER) .. ":" .. escape(peers.PASSWORD)
local TINY_USERINFO = peers.TINYPROXY_USER .. ":" .. peers.TINYPROXY_PASSWORD

-- title, how it is started, the scheme of its URL, who it knows (nil: anybody)
local CASES = {
  { "squid", function() return peers.squid() end, "http" },
  { "squid that wants Basic", function() return peers.squid("basic") end, "http", USERINFO },
  { "squid that wants a Digest", function() return peers.squid("digest") end, "http", USERINFO },
  { "tinyproxy", function() return peers.tinyproxy() end, "http" },
  { "tinyproxy that wants Basic", function() return peers.tinyproxy("basic") end, "http", TINY_USERINFO },
  { "microsocks", function() return peers.microsocks() end, "socks5h" },
  { "microsocks that wants a password", function() return peers.microsocks("basic") end, "socks5",
    USERINFO },
}

for _, case in ipairs(CASES) do
  local title, launch, scheme, userinfo = unpack(case, 1, 4)
  local forwards = scheme == "http"

  describe(title, function()
    local peer

    setup(function() peer = launch() end)
    teardown(function()
      if peer then
        peer:stop()
      end
    end)
    helper.setup()

    local function url(info)
      return proxies.url(peer, scheme, info)
    end

    -- tinyproxy asks for a close, and passes on whatever follows until then.
    local function echo(tls)
      return helper.respond(function(request, conn)
        local close = (request.headers.connection or ""):lower() == "close"
        conn:send(("HTTP/1.1 200 OK\r\nX-Seen: %s\r\nConnection: %s\r\nContent-Length: %d\r\n\r\n%s")
          :format(request.headers["proxy-authorization"] or "nothing", close and "close" or "keep-alive",
            #request.body, request.body))
        if close then
          conn:close()
        end
      end, { tls = tls, keep_open = true })
    end

    it("brings plain requests to their host", function()
      local server = echo()
      for i = 1, 5 do
        local response = ask({ url = helper.url(server, "/a?b=" .. i), proxy = url(userinfo) })
        assert.equal("", response.error_string)
        assert.equal("nothing", response.headers["X-Seen"])
        assert.equal("/a?b=" .. i, server.requests[i].target)
      end
    end)

    it("brings a body there and back", function()
      local server = echo()
      local body = ("some text "):rep(50000)
      local response = http.post({ url = helper.url(server, "/"), proxy = url(userinfo) }, body)
      helper.wait(function() return response.finished end, 60)
      assert.equal("", response.error_string)
      assert.is_true(response:read_all_string() == body)
    end)

    it("lets https through, there and back", function()
      local server = echo(certs.server)
      for i = 1, 3 do
        local body = ("x"):rep(i * 100000)
        local response = http.put({ url = helper.url(server, "/", "127.0.0.1"), ca_file = certs.ca_file,
          proxy = url(userinfo) }, body)
        helper.wait(function() return response.finished end, 60)
        assert.equal("", response.error_string)
        assert.is_true(response:read_all_string() == body)
        assert.equal("nothing", response.headers["X-Seen"])
      end
    end)

    it("serves many at once", function()
      local server = echo(certs.server)
      local plain = echo()
      local count = 0
      for i = 1, 20 do
        local to = i % 2 == 0 and server or plain
        http.get({ url = helper.url(to, "/" .. i, "127.0.0.1"), ca_file = certs.ca_file,
          proxy = url(userinfo) }, helper.expect(function(response)
          assert.equal("", response.error_string)
          count = count + 1
        end))
      end
      helper.wait(function() return count == 20 end, 60)
    end)

    it("tells of a host that cannot be reached", function()
      local port = raw.refused_port()
      local plain = ask({ url = ("http://127.0.0.1:%d/"):format(port), proxy = url(userinfo) })
      local secure = ask({ url = ("https://127.0.0.1:%d/"):format(port), proxy = url(userinfo) })
      if forwards then
        assert.is_true(plain.status_code >= 500)
        assert.equal(R.UNKNOWN_PROXY_ERROR, secure.error)
        assert.matches("it answered CONNECT with 50%d", secure.error_string)
      else
        assert.equal(R.CONNECTION_REFUSED_ERROR, plain.error)
        assert.equal(R.CONNECTION_REFUSED_ERROR, secure.error)
        assert.equal("proxy", secure.error_detail.phase)
      end
    end)

    if userinfo then
      it("lets nobody through whom it does not know", function()
        local server, plain = echo(certs.server), echo()
        for _, info in ipairs({ "nobody:wrong", false }) do
          for _, to in ipairs({ server, plain }) do
            local response = ask({ url = helper.url(to, "/", "127.0.0.1"), ca_file = certs.ca_file,
              proxy = url(info or nil) })
            -- tinyproxy answers 401 to a wrong password
            local code = response.status_code == 401 and R.AUTHENTICATION_REQUIRED_ERROR
              or R.PROXY_AUTHENTICATION_REQUIRED_ERROR
            assert.equal(code, response.error, response.error_string)
            assert.not_matches("wrong", response.error_string, 1, true)
          end
        end
        assert.equal(0, #server.requests + #plain.requests)
      end)
    end
  end)
end
