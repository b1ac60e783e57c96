-- Retries: what is tried again, how often, after how long; and what never is.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local servers = require("servers")

local serve = servers.serve
local R = http.Response
local SOON = 0.001 -- seconds of backoff

local function fetch(options, data)
  options.method = options.method or "GET"
  local response = http.request(options, data, helper.expect(function() end))
  helper.wait_calls()
  return response
end

local count -- requests that came

-- A server that answers with these statuses, one after the other; then with 200.
local function flaky(statuses, headers)
  return serve(function(request, response)
    count = count + 1
    response.status = statuses[count] or 200
    for name, value in pairs(statuses[count] and headers or {}) do
      response.headers[name] = value
    end
    response.body = request.body .. count
  end)
end

local function url(server)
  return ("http://127.0.0.1:%d/"):format(server.port)
end

describe("retries", function()
  before_each(function() count = 0 end)
  after_each(servers.close)
  helper.setup()

  it("are off by default", function()
    local response = fetch { url = url(flaky { 503 }) }
    assert.equal(503, response.status_code)
    assert.equal(1, count)
  end)

  for _, status in ipairs { 429, 502, 503, 504 } do
    it(("follow a %d"):format(status), function()
      local response = fetch { url = url(flaky { status, status }), retries = { total = 3, backoff = SOON } }
      assert.equal(200, response.status_code)
      assert.equal("3", response:read_string())
      assert.equal(2, #response.history)
      assert.same({ status, "retry" }, { response.history[2].status_code, response.history[2].why })
    end)
  end

  for _, status in ipairs { 400, 404, 408, 500, 501 } do
    it(("do not follow a %d"):format(status), function()
      assert.equal(status, fetch({ url = url(flaky { status }), retries = 3 }).status_code)
      assert.equal(1, count)
    end)
  end

  it("follow the statuses that are listed, and no others", function()
    local options = { total = 3, backoff = SOON, statuses = { 418, 500 } }
    assert.equal(200, fetch({ url = url(flaky { 418, 500 }), retries = options }).status_code)
    count = 0
    assert.equal(503, fetch({ url = url(flaky { 503 }), retries = options }).status_code)
    assert.same({ total = 3, backoff = SOON, statuses = { 418, 500 } }, options)
  end)

  it("end with the last reply, and its body", function()
    local response = fetch { url = url(flaky { 503, 503, 503, 503 }), retries = { total = 2, backoff = SOON } }
    assert.equal(503, response.status_code)
    assert.equal(R.SERVICE_UNAVAILABLE_ERROR, response.error)
    assert.equal("3", response:read_string())
  end)

  for _, off in ipairs { { false }, { 0 } } do
    it(("are off with %s"):format(tostring(off[1])), function()
      assert.equal(503, fetch({ url = url(flaky { 503 }), retries = off[1] }).status_code)
    end)
  end

  for _, row in ipairs { { "GET", true }, { "HEAD", true }, { "PUT", true }, { "DELETE", true }, { "OPTIONS", true },
    { "POST", false }, { "PATCH", false } } do
    it(("%s %s"):format(row[2] and "repeat" or "do not repeat", row[1]), function()
      local response = fetch { url = url(flaky { 503 }), method = row[1], retries = { backoff = SOON } }
      assert.equal(row[2] and 200 or 503, response.status_code)
    end)
  end

  it("repeat a POST where that is asked for, with its body", function()
    local response = fetch({ url = url(flaky { 503 }), method = "POST",
      retries = { backoff = SOON, any_method = true } }, "data")
    assert.equal("data2", response:read_string())
  end)

  helper.it_can("stream_upload", "do not repeat what cannot be read again: the reply counts", function()
    local given = false
    local response = fetch({ url = url(flaky { 503 }), method = "PUT", retries = { backoff = SOON } }, function()
      given = not given
      return given and "data" or nil
    end)
    assert.equal(503, response.status_code)
    assert.equal("data1", response:read_string())
  end)

  it("wait as long as Retry-After says", function()
    local start = http.now()
    local response = fetch { url = url(flaky({ 503 }, { ["Retry-After"] = "1" })), retries = { backoff = SOON } }
    assert.equal(200, response.status_code)
    assert.is_true(http.now() - start >= 0.95)
  end)

  it("wait until the date of Retry-After", function()
    local date = os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + 2)
    local start = http.now()
    local response = fetch { url = url(flaky({ 503 }, { ["Retry-After"] = date })), retries = { backoff = SOON } }
    assert.equal(200, response.status_code)
    assert.is_true(http.now() - start >= 0.5)
  end)

  it("go on at once where that date is over, or is none", function()
    for _, value in ipairs { "Sun, 06 Nov 1994 08:49:37 GMT", "soon", "-1", "" } do
      count = 0
      local response = fetch { url = url(flaky({ 503 }, { ["Retry-After"] = value })), retries = { backoff = SOON },
        timeout = 5 }
      assert.equal(200, response.status_code, value)
    end
  end)

  it("do not wait longer than most_wait: the reply counts", function()
    for _, after in ipairs { "100000", "200" } do
      count = 0
      assert.equal(503, fetch({ url = url(flaky({ 503 }, { ["Retry-After"] = after })), retries = 3 }).status_code)
    end
    count = 0
    assert.equal(503, fetch({ url = url(flaky({ 503 }, { ["Retry-After"] = "2" })),
      retries = { most_wait = 1 } }).status_code)
  end)

  it("do not wait beyond the total time: the reply counts", function()
    local response = fetch { url = url(flaky({ 503 }, { ["Retry-After"] = "30" })), retries = 3, timeout = 10 }
    assert.equal(503, response.status_code)
  end)

  it("follow a connection that is refused, and tell of it", function()
    local port = raw.refused_port()
    local response = fetch { url = ("http://127.0.0.1:%d/"):format(port), retries = { total = 2, backoff = SOON } }
    assert.equal(R.CONNECTION_REFUSED_ERROR, response.error)
    assert.equal(2, #response.history)
    assert.same({ 0, R.CONNECTION_REFUSED_ERROR }, { response.history[1].status_code, response.history[1].error })
  end)

  it("repeat even a POST that was never sent", function()
    local port = raw.refused_port()
    local response = fetch({ url = ("http://127.0.0.1:%d/"):format(port), method = "POST",
      retries = { total = 2, backoff = SOON } }, "x")
    assert.equal(2, #response.history)
  end)

  it("follow a connection that closes without a reply, but for a POST", function()
    local function cut(method)
      count = 0
      local server = helper.respond(function()
        count = count + 1
        return count > 2 and "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi" or nil
      end)
      return fetch({ url = helper.url(server), method = method, retries = { backoff = SOON } })
    end
    assert.equal(200, cut("GET").status_code)
    assert.equal(3, count)
    assert.equal(R.REMOTE_HOST_CLOSED_ERROR, cut("POST").error)
    assert.equal(1, count)
  end)

  it("do not follow a reply that breaks off: its head was told of", function()
    local server = helper.respond(function()
      count = count + 1
      return "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi"
    end)
    assert.equal(R.REMOTE_HOST_CLOSED_ERROR, fetch({ url = helper.url(server), retries = 3 }).error)
    assert.equal(1, count)
  end)

  it("do not follow a malformed reply", function()
    local server = helper.respond(function()
      count = count + 1
      return "nonsense\r\n\r\n"
    end)
    assert.equal(R.PROTOCOL_FAILURE, fetch({ url = helper.url(server), retries = 3 }).error)
    assert.equal(1, count)
  end)

  it("follow a server that keeps silent", function()
    local server = helper.respond(function(_, conn)
      count = count + 1
      conn.kept = true
      return count > 1 and "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi" or nil
    end, { keep_open = true })
    local response = fetch { url = helper.url(server), timeout = { idle = 0.2 }, retries = { backoff = SOON } }
    assert.equal(200, response.status_code)
    assert.equal(R.TIMEOUT_ERROR, response.history[1].error)
  end)

  it("end when the total time is over", function()
    local server = helper.respond(function() end, { keep_open = true })
    local response = fetch { url = helper.url(server), timeout = { idle = 0.1, total = 0.5 },
      retries = { total = 1000, backoff = SOON } }
    assert.equal(R.TIMEOUT_ERROR, response.error)
  end)

  it("can be aborted while they wait", function()
    local response = http.get({ url = url(flaky({ 503 }, { ["Retry-After"] = "60" })), retries = 3 },
      helper.expect(function() end))
    helper.wait(function() return #response.history == 1 end)
    response:abort()
    helper.wait_calls()
    assert.equal(R.OPERATION_CANCELLED_ERROR, response.error)
  end)

  it("go on after a redirect, and redirects after a retry", function()
    local server
    server = serve(function(request, response)
      count = count + 1
      if count == 1 or count == 3 then
        response.status = 503
      elseif request.target == "/" then
        response.status = 302
        response.headers.Location = "/next"
      end
    end)
    local response = fetch { url = url(server), retries = { total = 2, backoff = SOON } }
    assert.equal(200, response.status_code)
    local why = {}
    for i, past in ipairs(response.history) do
      why[i] = past.why
    end
    assert.same({ "retry", "redirect", "retry" }, why)
  end)

  for _, bad in ipairs { "three", -1, 1.5, true, { total = -1 }, { backoff = "x" }, { statuses = 500 }, { methods = 1 },
    { statuses = { 99 } }, { any_method = 1 } } do
    it(("throw for %s"):format(type(bad) == "table" and next(bad) or tostring(bad)), function()
      assert.has_error(function() http.get { url = "http://127.0.0.1/", retries = bad } end)
    end)
  end
end)
