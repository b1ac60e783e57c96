-- http.PoolManager: retries and redirects as urllib3's Retry has them.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local servers = require("servers")

local serve = servers.serve
local R = http.Response

local count -- requests that came

-- A server that answers with these statuses, one after the other; then with 200.
local function flaky(statuses, headers)
  return serve(function(request, response)
    count = count + 1
    response.status = statuses[count] or 200
    for name, value in pairs(statuses[count] and headers or {}) do
      response.headers[name] = value
    end
    response.body = request.method .. count
  end)
end

-- One that redirects from /N to /N-1 as long as N is above 0.
local function stairs(status)
  return serve(function(request, response)
    count = count + 1
    local n = tonumber(request.path:match("%d+"))
    if n > 0 then
      response.status = status or 302
      response.headers.Location = "/" .. n - 1
    end
    response.body = request.method .. n
  end)
end

local function url(server, path)
  return ("http://127.0.0.1:%d%s"):format(server.port, path or "/")
end

local function request(server, options, method, path)
  return http.PoolManager():request(method or "GET", url(server, path), options)
end

describe("retries of http.PoolManager", function()
  before_each(function() count = 0 end)
  after_each(servers.close)
  helper.setup()

  describe("redirects", function()
    it("are followed, three by default", function()
      local response = assert(request(stairs(), nil, nil, "/3"))
      assert.same({ 200, "GET0", 4 }, { response.status, response.data, count })
      assert.equal(3, #response.response.history)
    end)

    it("that are too many leave no response, but words and a number", function()
      local response, message, code = request(stairs(), nil, nil, "/4")
      assert.is_nil(response)
      assert.equal("too many redirects; the last led to /0", message)
      assert.equal(R.TOO_MANY_REDIRECTS_ERROR, code)
      assert.equal(4, count)
    end)

    for _, row in ipairs {
      { "retries = 5", { retries = 5 }, 5 },
      { "a table, ten", { retries = {} }, 10 },
      { "retries.redirect", { retries = { redirect = 2 } }, 2 },
      { "retries.redirect within the total", { retries = { total = 1, redirect = 2 } }, 1 },
      { "retries.total", { retries = { total = 2, redirect = 7 } }, 2 },
      { "retries = 0", { retries = 0 }, 0 },
      { "retries.redirect = 0", { retries = { redirect = 0 } }, 0 },
    } do
      it(("are as many as %s says"):format(row[1]), function()
        assert.equal(200, assert(request(stairs(), row[2], nil, "/" .. row[3])).status)
        count = 0
        local response, _, code = request(stairs(), row[2], nil, "/" .. row[3] + 1)
        assert.same({ nil, R.TOO_MANY_REDIRECTS_ERROR, row[3] + 1 }, { response, code, count })
        count = 0
        row[2].preload_content = false
        response, _, code = request(stairs(), row[2], nil, "/" .. row[3] + 1)
        assert.same({ nil, R.TOO_MANY_REDIRECTS_ERROR }, { response, code })
        row[2].preload_content = nil
      end)
    end

    for _, row in ipairs {
      { "redirect = false", { redirect = false }, 1 },
      { "retries = false", { retries = false }, 1 },
      { "retries.redirect = false", { retries = { redirect = false } }, 1 },
      { "raise_on_redirect = false", { retries = { total = 2, raise_on_redirect = false } }, 3 },
    } do
      it(("are responses with %s"):format(row[1]), function()
        local response = assert(request(stairs(), row[2], nil, "/9"))
        assert.same({ 302, row[3] }, { response.status, count })
        assert.equal("GET" .. 10 - row[3], response.data)
      end)
    end

    it("count together with what is tried again", function()
      local server = serve(function(_, response)
        count = count + 1
        response.status = ({ 302, 503, 302, 503 })[count] or 200
        response.headers.Location = response.status == 302 and "/" or nil
      end)
      local options = { retries = { total = 4, status_forcelist = { 503 } } }
      assert.equal(200, assert(request(server, options)).status)
      count = 0
      options.retries.total = 3
      local response, message = request(server, options)
      assert.same({ nil, "too many responses with the status 503" }, { response, message })
      assert.equal(4, count)
    end)

    it("take no field to another origin that remove_headers_on_redirect names, and no secret", function()
      local seen
      local other = serve(function(req) seen = req.headers end)
      local server = serve(function(_, response)
        response.status = 302
        response.headers.Location = url(other)
      end)
      local options = { headers = { ["X-Key"] = "1", ["x-other"] = "2", ["X-Kept"] = "3", Authorization = "a",
        Cookie = "b=c" }, retries = { remove_headers_on_redirect = { "x-key", "X-Other" } } }
      assert(request(server, options))
      assert.same({ nil, nil, "3" }, { seen["x-key"], seen["x-other"], seen["x-kept"] })
      assert.is_nil(seen.authorization)
      assert.is_nil(seen.cookie)
      assert.same({ "x-key", "X-Other" }, options.retries.remove_headers_on_redirect)
    end)

    it("keep those fields in the origin", function()
      local seen
      local server = serve(function(req, response)
        seen = req.headers
        if req.path == "/" then
          response.status = 302
          response.headers.Location = "/to"
        end
      end)
      assert(request(server, { headers = { ["X-Key"] = "1" }, retries = { remove_headers_on_redirect = { "x-key" } } }))
      assert.equal("1", seen["x-key"])
    end)
  end)

  describe("statuses", function()
    it("are responses by default, whichever they are", function()
      for _, status in ipairs { 429, 500, 502, 503, 504 } do
        count = 0
        assert.same({ status, 1 }, { assert(request(flaky { status })).status, count })
      end
    end)

    it("of status_forcelist are tried again", function()
      local options = { retries = { total = 3, status_forcelist = { 500, 418 } } }
      assert.equal("GET3", assert(request(flaky { 500, 418 }, options)).data)
      count = 0
      assert.equal(502, assert(request(flaky { 502 }, options)).status)
      assert.same({ total = 3, status_forcelist = { 500, 418 } }, options.retries)
    end)

    for _, row in ipairs { { "total", { total = 2 }, 3 }, { "status", { status = 1 }, 2 },
      { "status = 0", { status = 0 }, 1 },
      { "status = false", { status = false }, 1 } } do
      it(("that are too many for %s leave no response"):format(row[1]), function()
        row[2].status_forcelist = { 503 }
        local response, message, code = request(flaky { 503, 503, 503, 503 }, { retries = row[2] })
        assert.same({ nil, "too many responses with the status 503", R.SERVICE_UNAVAILABLE_ERROR, row[3] },
          { response, message, code, count })
      end)
    end

    it("are responses with raise_on_status = false", function()
      local options = { retries = { total = 2, status_forcelist = { 503 }, raise_on_status = false } }
      local response = assert(request(flaky { 503, 503, 503, 503 }, options))
      assert.same({ 503, "GET3" }, { response.status, response.data })
    end)

    it("with Retry-After are waited for, after 413, 429 and 503", function()
      for _, status in ipairs { 413, 429, 503 } do
        count = 0
        assert.equal(200, assert(request(flaky({ status }, { ["Retry-After"] = "0" }))).status)
      end
      count = 0
      assert.equal(502, assert(request(flaky({ 502 }, { ["Retry-After"] = "0" }))).status)
      count = 0
      local before = http.now()
      assert.equal(200, assert(request(flaky({ 503 }, { ["Retry-After"] = "1" }))).status)
      assert.is_true(http.now() - before >= 1)
    end)

    it("with Retry-After are the response in the end: they were not listed", function()
      local statuses = { 503, 503, 503 }
      local response = assert(request(flaky(statuses, { ["Retry-After"] = "0" }), { retries = 2 }))
      assert.same({ 503, 3 }, { response.status, count })
    end)

    it("with Retry-After are not with respect_retry_after_header = false", function()
      local options = { retries = { respect_retry_after_header = false } }
      assert.equal(503, assert(request(flaky({ 503 }, { ["Retry-After"] = "0" }), options)).status)
      options.retries.status_forcelist = { 503 }
      count = 0
      assert.equal(200, assert(request(flaky({ 503 }, { ["Retry-After"] = "5000" }), options)).status)
    end)
  end)

  describe("methods", function()
    local list = { 503 }
    for _, row in ipairs { { "POST", nil, false }, { "PUT", nil, true }, { "POST", { "post" }, true },
      { "GET", { "POST" }, false }, { "PATCH", false, true }, { "GET", {}, false } } do
      it(("%s is %stried again with allowed_methods = %s"):format(row[1], row[3] and "" or "not ",
        type(row[2]) == "table" and "{" .. table.concat(row[2]) .. "}" or tostring(row[2])), function()
        local options = { retries = { status_forcelist = list, allowed_methods = row[2] } }
        assert.equal(row[3] and 200 or 503, assert(request(flaky { 503 }, options, row[1])).status)
      end)
    end

    it("of any kind are tried again where nothing was sent, as often as connect says", function()
      local port = raw.refused_port()
      local pool = http.PoolManager()
      local target = ("http://127.0.0.1:%d/"):format(port)
      for _, retries in ipairs { { connect = 0 }, { connect = 2 }, { total = 1 }, false } do
        local response, _, code = pool:request("POST", target, { retries = retries })
        assert.same({ nil, R.CONNECTION_REFUSED_ERROR }, { response, code })
      end
      for connect = 0, 2 do -- the client's option of that name, which tells how often it was
        local response = http.post({ url = target, retries = { backoff = 0, connect = connect } }, "data",
          helper.expect(function() end))
        helper.wait_calls()
        assert.equal(connect, #response.history)
      end
    end)

    it("are not when reading failed more often than read says", function()
      for most = 0, 2 do
        local server = helper.respond("") -- closes without an answer
        local response, _, code = request(server, { retries = { read = most } })
        assert.same({ nil, R.REMOTE_HOST_CLOSED_ERROR }, { response, code })
        assert.equal(most + 1, #server.requests)
        server = helper.respond("")
        assert.is_nil((request(server, { retries = { read = 2 } }, "POST")))
        assert.equal(1, #server.requests)
      end
    end)
  end)

  describe("waits", function()
    it("are none before the first, then backoff_factor times 2, 4 and so on, at most backoff_max", function()
      local function took(statuses, retries)
        count = 0
        retries.status_forcelist = { 503 }
        local before = http.now()
        assert.equal(200, assert(request(flaky(statuses), { retries = retries })).status)
        return http.now() - before
      end
      took({ 503 }, { backoff_factor = 1000 }) -- or nobody sees the end of it
      assert.is_true(took({ 503, 503 }, { backoff_factor = 0.1 }) >= 0.2)
      assert.is_true(took({ 503, 503, 503 }, { backoff_factor = 0.1 }) >= 0.6)
      took({ 503, 503, 503 }, { backoff_factor = 1000, backoff_max = 0.01 })
    end)
  end)

  it("are the manager's where the request has none", function()
    local pool = http.PoolManager { retries = { total = 1, status_forcelist = { 503 } }, redirect = false }
    assert.equal(200, assert(pool:request("GET", url(flaky { 503 }))).status)
    assert.equal(302, assert(pool:request("GET", url(stairs(), "/1"))).status)
    assert.equal(200, assert(pool:request("GET", url(stairs(), "/1"), { redirect = true })).status)
    count = 0
    assert.equal(503, assert(pool:request("GET", url(flaky { 503 }), { retries = false })).status)
  end)

  it("have their fields in http.request, which checks them", function()
    local function check(options, words)
      options.url = "http://127.0.0.1/"
      local ok, message = pcall(http.get, options)
      assert.is_false(ok)
      assert.truthy(message:find(words, 1, true), message)
    end
    check({ secret_headers = "X-Key" }, "bad option 'secret_headers' (list of names expected, got string)")
    check({ secret_headers = { 1, {} } }, "bad option 'secret_headers' (")
    check({ retries = { methods = "GET" } }, "bad option 'retries.methods' (list of names expected, got string)")
    check({ retries = { connect = -1 } }, "bad option 'retries.connect'")
    check({ retries = { jitter = 1 } }, "bad option 'retries.jitter' (boolean expected")
    check({ retries = { most_after = false } }, "bad option 'retries.most_after'")
    local options = { url = url(flaky { 503 }), retries = { backoff = 0, methods = { "POST", "PATCH" } } }
    assert.equal(200, http.post(options, "data"):await().status_code)
    count = 0
    assert.equal(503, http.get(options):await().status_code)
  end)

  local MISTAKES = {
    { { retries = true }, "bad option 'retries' (false, whole number" },
    { { retries = -1 }, "bad option 'retries'" },
    { { retries = "3" }, "bad option 'retries'" },
    { { retries = { totl = 3 } }, "unknown field of retries 'totl' (did you mean 'total'?)" },
    { { retries = { total = 1.5 } }, "bad option 'retries.total' (whole number from 0 to 1000, or false expected" },
    { { retries = { other = 1 } }, "bad option 'retries.other' (no other failures are tried again" },
    { { retries = { backoff_factor = -1 } }, "bad option 'retries.backoff_factor' (number of seconds, 0 or more" },
    { { retries = { backoff_max = "x" } }, "bad option 'retries.backoff_max'" },
    { { retries = { status_forcelist = 503 } }, "bad option 'retries.status_forcelist' (list of numbers" },
    { { retries = { status_forcelist = { a = 1 } } }, "bad option 'retries.status_forcelist' (list of numbers" },
    { { retries = { status_forcelist = { 5 } } }, "retries.statuses" },
    { { retries = { allowed_methods = "GET" } }, "bad option 'retries.allowed_methods' (list of strings, or false" },
    { { retries = { raise_on_status = 1 } }, "bad option 'retries.raise_on_status' (boolean" },
    { { retries = { remove_headers_on_redirect = {} } }, "which are always removed" },
    { { retries = { backoff_jitter = 1 } }, "unknown field of retries 'backoff_jitter'" },
  }
  for _, row in ipairs(MISTAKES) do
    it("throw at the caller's line: " .. row[2], function()
      local ok, message = pcall(function() http.PoolManager():request("GET", "http://127.0.0.1/", row[1]) end)
      assert.is_false(ok)
      assert.truthy(message:find("pool_retries_spec.lua:", 1, true), message)
      assert.truthy(message:find(row[2], 1, true), message)
    end)
  end
end)
