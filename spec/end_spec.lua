-- However an engine learns of it, an exchange has one end: told exactly once, always from the loop, never
-- from inside the call.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")

local R = http.Response
local OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

-- Starts a GET; `meanwhile(response)` is called at once, in the same turn. Checks that nothing runs
-- before the loop does, and which handlers then run, once each.
local function ends_once(options, error, meanwhile)
  local calls = {}

  local function note(name)
    return helper.expect(function(response)
      assert.is_true(response.finished)
      calls[#calls + 1] = name
    end, name == "error" and error == 0 and 0 or 1)
  end

  local response = http.get(options, note("callback"))
  response.error_handler = note("error")
  response.finished_handler = note("finished")
  if meanwhile then
    meanwhile(response)
  end
  assert.same({}, calls)
  assert.is_false(response.finished)
  helper.wait(function() return response.finished end)
  for _ = 1, 3 do
    http.poll(0)
  end
  assert.equal(error, response.error, response.error_string)
  assert.same(error == 0 and { "callback", "finished" } or { "error", "callback", "finished" }, calls)
  return response
end

describe("the end of an exchange", function()
  helper.setup()

  it("is told after success", function()
    local server = helper.respond(OK)
    assert.equal(200, ends_once(helper.url(server), R.NO_ERROR).status_code)
  end)

  it("is told after success on a connection that was kept, which needs no wait", function()
    local server = helper.respond(OK, { keep_open = true })
    ends_once(helper.url(server), R.NO_ERROR)
    ends_once(helper.url(server), R.NO_ERROR)
    assert.equal(1, server.accepted)
  end)

  it("is told with its cause where nobody listens", function()
    local response = ends_once({ hostname = "127.0.0.1", port = raw.refused_port() }, R.CONNECTION_REFUSED_ERROR)
    assert.equal(0, response.status_code)
    assert.equal(111, response.error_detail.errno)
  end)

  it("is told where connect() fails at once", function()
    -- a link-local address without a zone: no packet is sent
    local response = ends_once({ hostname = "fe80::1", port = 1, timeout = { connect = 1 } }, R.UNKNOWN_NETWORK_ERROR)
    assert.equal("connect", response.error_detail.phase)
  end)

  it("is told after a timeout", function()
    local server = raw.listen {}
    ends_once({ url = helper.url(server), timeout = { idle = 0.05 } }, R.TIMEOUT_ERROR)
  end)

  it("is told after the end of the connection", function()
    ends_once(helper.url(helper.respond("")), R.REMOTE_HOST_CLOSED_ERROR)
  end)

  it("is told after bytes that are not HTTP", function()
    ends_once(helper.url(helper.respond("what?\r\n\r\n")), R.PROTOCOL_FAILURE)
  end)

  it("is told where what is asked for cannot be done", function()
    ends_once({ protocol = "gopher", hostname = "127.0.0.1" }, R.PROTOCOL_UNKNOWN_ERROR)
    for capability, options in pairs {
      upgrade = { headers = { Upgrade = "x" } },
      stream_upload = { headers = { ["Transfer-Encoding"] = "chunked" } },
    } do
      if not http.can(capability) then
        options.hostname = "127.0.0.1"
        ends_once(options, R.PROTOCOL_INVALID_OPERATION_ERROR)
      end
    end
  end)

  it("is told after abort()", function()
    local server = helper.respond(OK)
    ends_once(helper.url(server), R.OPERATION_CANCELLED_ERROR, function(response)
      response:abort()
    end)
  end)

  it("is told after abort() of what is on its way", function()
    local server = raw.listen {}
    ends_once(helper.url(server), R.OPERATION_CANCELLED_ERROR, function(response)
      http.after(0.01, function() response:abort() end)
    end)
  end)

  it("is told after abort() in the turn in which it had failed", function()
    ends_once({ protocol = "gopher", hostname = "127.0.0.1" }, R.OPERATION_CANCELLED_ERROR, function(response)
      response:abort()
    end)
  end)

  it("is told where the script has let go of the Response", function()
    local server = helper.respond(OK)
    http.get(helper.url(server), helper.expect(function(response)
      assert.equal("hi", response:read_string())
    end))
    collectgarbage()
    helper.wait_calls()
  end)
end)

describe("the end of an exchange with a name", function()
  after_each(function() -- before the one that looks for what is left
    http.configure {}
  end)
  helper.setup()

  local dns

  before_each(function()
    dns = raw.dns { answers = { ["here.test"] = { "127.0.0.1" } } }
    local dir = raw.mkdtemp()
    local file = assert(io.open(dir .. "/resolv.conf", "w"))
    file:write(("nameserver 127.0.0.1:%d\n"):format(dns.port))
    file:close()
    file = assert(io.open(dir .. "/hosts", "w"))
    file:write("127.0.0.1 known.test\n")
    file:close()
    http.configure { resolv_conf = dir .. "/resolv.conf", hosts_file = dir .. "/hosts" }
  end)

  it("is told where there is no such name", function()
    ends_once({ hostname = "nobody.test" }, R.HOST_NOT_FOUND_ERROR)
  end)

  it("is told where the name is none that can be asked for", function()
    ends_once({ hostname = ("x"):rep(64) .. ".test" }, R.HOST_NOT_FOUND_ERROR)
    assert.same({}, dns.queries)
  end)

  it("is told where the hosts file answers at once", function()
    ends_once({ hostname = "known.test", port = raw.refused_port() }, R.CONNECTION_REFUSED_ERROR)
    ends_once({ hostname = "known.test", port = helper.respond(OK).port }, R.NO_ERROR)
  end)

  it("is told where the name server answers", function()
    ends_once({ hostname = "here.test", port = helper.respond(OK).port }, R.NO_ERROR)
  end)

  it("is told after abort() during the look-up", function()
    ends_once({ hostname = "here.test" }, R.OPERATION_CANCELLED_ERROR, function(response)
      response:abort()
    end)
  end)
end)

describe("the end of the runtime", function()
  helper.setup()

  -- Runs a script in a process of its own, whose Lua state closes at the script's end.
  local function run(script)
    local dir = raw.mkdtemp()
    local file = assert(io.open(dir .. "/script.lua", "w"))
    file:write(script)
    file:close()
    local build = os.getenv("MW_BUILD") or "build"
    local status = raw.run {
      "luajit", dir .. "/script.lua", stdout = dir .. "/out",
      env = { LUA_CPATH = build .. "/?.so;" .. package.cpath },
    }
    file = assert(io.open(dir .. "/out"))
    local output = file:read("*a")
    file:close()
    return status, output
  end

  it("calls nothing, whatever is on its way", function()
    if helper.under == "asan" then
      pending("luajit alone cannot load an instrumented library")
    end
    local status, output = run [[
      local http = require "http"
      local server = http.serve { handler = function() http.sleep(60) end }
      local refused = http.get("http://127.0.0.1:1/")
      local waiting = http.get(server.url)
      for _, response in ipairs { refused, waiting } do
        for _, name in ipairs { "finished_handler", "error_handler", "ready_read_handler" } do
          response[name] = function() print(name) end
        end
      end
      refused.finished_handler = nil
      refused.error_handler = nil
      http.poll(0)
      http.poll(0)
      http.get(server.url, function() print "callback" end)
      print "end"
    ]]
    assert.equal("end\n", output)
    assert.equal(0, status)
  end)
end)
