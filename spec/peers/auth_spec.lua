-- Credentials against servers that others wrote: nginx's auth_basic; Basic, Digest and tokens of httpbin.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local peers = require("peers")

local Response = http.Response

describe("httpbin's auth", function()
  local httpbin

  peers.during(peers.httpbin, function(peer) httpbin = peer end)
  helper.setup()

  local function get(path, auth, options)
    options = options or {}
    options.url = helper.url(httpbin, path)
    options.auth = auth
    return http.get(options):await()
  end

  local function assert_in(response)
    assert.equal("", response.error_string)
    assert.equal(200, response.status_code)
    assert.is_true(response:json().authenticated)
    return response
  end

  it("by Basic", function()
    assert_in(get("/basic-auth/user/pa%20ss", { "user", "pa ss" }))
    assert_in(get("/basic-auth/user/pa%20ss", { "user", "pa ss", scheme = "any" }))
    local response = get("/basic-auth/user/pass", { "user", "wrong" })
    assert.equal(Response.AUTHENTICATION_REQUIRED_ERROR, response.error)
    assert.equal(0, #response.history)
  end)

  it("by Basic, from the URL", function()
    local url = helper.url(httpbin, "/basic-auth/user/pass"):gsub("://", "://user:pass@")
    assert_in(http.get(url):await())
  end)

  it("by a token", function()
    assert.equal("to.ken", assert_in(get("/bearer", { bearer = "to.ken" })):json().token)
    assert.equal(401, get("/bearer").status_code)
  end)

  for _, algorithm in ipairs { "MD5", "SHA-256" } do
    for _, qop in ipairs { "auth", "auth-int" } do
      it(("by Digest: %s, %s"):format(algorithm, qop), function()
        local path = ("/digest-auth/%s/user/pass/%s"):format(qop, algorithm)
        local cookies = { headers = { Cookie = "stale_after=never; fake=fake_value" } }
        assert_in(get(path, { "user", "pass", scheme = "digest" }, cookies))
        assert_in(get(path, { "user", "pass" }, cookies))
        local response = get(path, { "user", "wrong", scheme = "digest" }, cookies)
        assert.equal(Response.AUTHENTICATION_REQUIRED_ERROR, response.error)
      end)
    end
  end
end)

describe("nginx's auth_basic", function()
  local nginx

  peers.during(peers.nginx, function(peer) nginx = peer end)
  helper.setup()

  local function get(auth)
    return http.get({ url = helper.url(nginx.http, "/private"), auth = auth }):await()
  end

  it("lets in who has the password, sent at once or when asked", function()
    for _, scheme in ipairs { "basic", "any" } do
      local response = get { peers.USER, peers.PASSWORD, scheme = scheme }
      assert.equal(peers.SMALL, response:read_string(), response.error_string)
      assert.equal(scheme == "any" and 1 or 0, #response.history)
    end
  end)

  it("lets nobody else in, and is asked once", function()
    local response = get { peers.USER, "wrong" }
    assert.equal(Response.AUTHENTICATION_REQUIRED_ERROR, response.error)
    assert.equal(0, #response.history)
    assert.equal(401, get(nil).status_code)
  end)
end)
