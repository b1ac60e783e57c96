-- response.timings: how long the parts of a request took.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local certs = require("certs")
local servers = require("servers")

local PARTS = { "queue", "resolve", "connect", "proxy", "tls", "send", "first_byte", "body", "total" }

local function fetch(options)
  local response = http.get(options, helper.expect(function() end))
  helper.wait_calls()
  return response, response.timings
end

-- What holds of all of them: no part is negative, nor longer than the whole.
local function check(timings)
  local sum = 0
  for _, part in ipairs(PARTS) do
    assert.is_true(timings[part] >= 0, part)
    assert.is_true(timings[part] <= timings.total + 1e-6, part)
    sum = sum + (part == "total" and 0 or timings[part])
  end
  assert.is_true(sum <= timings.total + 0.001, ("%g in parts of %g"):format(sum, timings.total))
end

describe("timings", function()
  after_each(servers.close)
  helper.setup()

  it("tell of a new connection, and of one that is used again", function()
    http._drop_idle()
    local server = servers.serve(function(_, response) response.body = "x" end)
    local url = ("http://127.0.0.1:%d/"):format(server.port)
    local _, first = fetch(url)
    check(first)
    assert.is_false(first.reused)
    assert.is_true(first.connect > 0)
    assert.equal(1, first.attempts)
    local _, second = fetch(url)
    check(second)
    assert.is_true(second.reused)
    assert.equal(0, second.connect)
  end)

  it("tell how long the server took", function()
    local server = servers.serve(function(_, response)
      http.sleep(0.2)
      response.body = "x"
    end)
    local _, timings = fetch(("http://127.0.0.1:%d/"):format(server.port))
    check(timings)
    assert.is_true(timings.first_byte >= 0.15, tostring(timings.first_byte))
  end)

  it("tell of a body that comes slowly", function()
    local server = servers.serve(function(_, response)
      response:write("a")
      http.sleep(0.2)
      response:write("b")
    end)
    local _, timings = fetch(("http://127.0.0.1:%d/"):format(server.port))
    check(timings)
    assert.is_true(timings.body >= 0.15, tostring(timings.body))
  end)

  it("tell of a handshake", function()
    http._drop_idle()
    local server = servers.serve(function(_, response) response.body = "x" end, { tls = certs.server })
    local response, timings = fetch { url = ("https://127.0.0.1:%d/"):format(server.port), ca_file = certs.ca_file }
    assert.equal(200, response.status_code, response.error_string)
    check(timings)
    assert.is_true(timings.tls + timings.connect > 0) -- evhttp does not tell one from the other
  end)

  it("count redirects among the attempts, and in the total", function()
    local server = servers.serve(function(request, response)
      if request.target == "/" then
        http.sleep(0.2)
        response.status = 302
        response.headers.Location = "/next"
      end
    end)
    local _, timings = fetch(("http://127.0.0.1:%d/"):format(server.port))
    check(timings)
    assert.equal(2, timings.attempts)
    assert.is_true(timings.total >= 0.15)
    assert.is_true(timings.first_byte < timings.total - 0.1)
  end)

  it("are there of what fails, and of what is under way", function()
    local server = helper.respond(function() end, { keep_open = true })
    local response = http.get(helper.url(server), helper.expect(function() end))
    helper.wait(function() return #server.requests == 1 end)
    check(response.timings)
    response:abort()
    helper.wait_calls()
    check(response.timings)
    local total = response.timings.total
    http.poll(0.01)
    assert.equal(total, response.timings.total)
  end)
end)
