-- http.trace: what is told of a request, in which order, and that no secret is in it.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local certs = require("certs")
local raw = require("raw")
local servers = require("servers")

local R = http.Response
local SECRET = "gEhEiM"

local events

local function listen(options)
  events = {}
  http.trace(function(event) events[#events + 1] = event end, options)
end

local function whats(id)
  local list = {}
  for _, event in ipairs(events) do
    if event.id == (id or event.id) then
      list[#list + 1] = event.what
    end
  end
  return table.concat(list, " ")
end

local function find(what)
  for _, event in ipairs(events) do
    if event.what == what then
      return event
    end
  end
  error("there was no event " .. what .. " in: " .. whats())
end

local function fetch(options, data)
  options.method = options.method or "GET"
  local response = http.request(options, data, helper.expect(function() end))
  helper.wait_calls()
  return response
end

local function url(server, path)
  return ("http://127.0.0.1:%d%s"):format(server.port, path or "/")
end

local function hello(_, response)
  response.headers["Set-Cookie"] = "sid=" .. SECRET .. "; Path=/; HttpOnly"
  response.body = "hello"
end

describe("http.trace", function()
  before_each(function() http._drop_idle() end)
  after_each(function()
    http.trace(nil)
    servers.close()
  end)
  helper.setup()

  it("tells of a request in the order in which things happen", function()
    local server = servers.serve(hello)
    listen()
    fetch { url = url(server, "/a?b=c"), headers = { ["X-Mine"] = "1" } }
    assert.equal("start connect send head done", whats())
    local before = 0
    for _, event in ipairs(events) do
      assert.equal(events[1].id, event.id)
      assert.equal(1, event.leg)
      assert.equal("GET", event.method)
      assert.equal(url(server, "/a?b=c"), event.url)
      assert.is_true(event.at >= before and event.at <= http.now())
      before = event.at
    end
    local send, head, done = find "send", find "head", find "done"
    assert.equal("1", send.headers["x-mine"])
    assert.equal("127.0.0.1:" .. server.port, send.address)
    assert.equal(200, head.status_code)
    assert.equal("OK", head.status_message)
    assert.equal("5", head.headers["Content-Length"])
    assert.equal(5, head.total)
    assert.equal(R.NO_ERROR, done.error)
    assert.equal(5, done.received)
    assert.equal(1, done.timings.attempts)
  end)

  it("tells of the end before the script's callback is called", function()
    local server, last = servers.serve(hello), nil
    http.trace(function(event) last = event.what end)
    http.get(url(server), helper.expect(function() assert.equal("done", last) end))
    helper.wait_calls()
  end)

  it("leaves out the connection where one is used again", function()
    local server = servers.serve(hello)
    fetch { url = url(server) }
    listen()
    fetch { url = url(server) }
    assert.equal("start send head done", whats())
    assert.is_true(find("done").timings.reused)
  end)

  it("tells of a look-up", function()
    listen()
    fetch { url = "http://nowhere.invalid/" }
    assert.equal("start resolve done", whats())
    assert.equal(R.HOST_NOT_FOUND_ERROR, find("done").error)
  end)

  it("tells of a handshake", function()
    local server = servers.serve(hello, { tls = certs.server })
    listen()
    fetch { url = ("https://127.0.0.1:%d/"):format(server.port), ca_file = certs.ca_file }
    -- Who connects by itself, and can do so anyhow, knows where the handshake begins.
    local tls = http.can("connect_anyhow") and "tls " or ""
    assert.equal("start connect " .. tls .. "send head done", whats())
  end)

  it("tells of each leg behind a redirect", function()
    local server = servers.serve(function(request, response)
      if request.target == "/" then
        response.status, response.headers.Location = 302, "/there"
      else
        response.body = "there"
      end
    end)
    listen()
    fetch({ url = url(server), method = "POST" }, "data")
    assert.equal("start connect send head redirect send head done", whats())
    local redirect = find "redirect"
    assert.equal("GET", redirect.next_method)
    assert.equal(url(server, "/there"), redirect.next_url)
    assert.equal(302, redirect.status_code)
    assert.equal(4, redirect.sent)
    assert.equal(2, events[#events].leg)
    assert.equal(url(server, "/there"), events[#events].url)
  end)

  it("tells of what is tried again, and after how long", function()
    local count = 0
    local server = servers.serve(function(_, response)
      count = count + 1
      response.status = count == 1 and 503 or 200
    end)
    listen()
    fetch { url = url(server), retries = { total = 1, backoff = 0.002 } }
    assert.equal("start connect send head retry send head done", whats())
    local retry = find "retry"
    assert.is_true(retry.wait > 0 and retry.wait <= 0.002)
    assert.equal(R.SERVICE_UNAVAILABLE_ERROR, retry.error)
  end)

  it("tells of failures that are tried again in their own words", function()
    local server = assert(raw.listen {})
    local port = server.port
    server:close()
    listen()
    fetch { url = ("http://127.0.0.1:%d/"):format(port), retries = { total = 1, backoff = 0.001 } }
    assert.equal("start connect retry connect done", whats())
    assert.equal(R.CONNECTION_REFUSED_ERROR, find("retry").error)
    assert.truthy(find("retry").error_string:find("refused", 1, true))
    assert.equal("127.0.0.1:" .. port, find("done").address)
  end)

  it("tells of an idle connection that had died", function()
    local server = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", { keep_open = true })
    fetch { url = helper.url(server) }
    local old = server.requests
    assert.equal(1, #old)
    listen()
    local first = true
    local second = helper.respond(function(_, conn)
      if first then
        first = false
        return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
      elseif conn.served then
        return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
      end
      conn:close()
    end, { keep_open = true })
    fetch { url = helper.url(second) }
    events = {}
    local response = fetch { url = helper.url(second) } -- its server closes in place of an answer
    assert.equal("start send retry connect send done", whats())
    assert.equal("the idle connection had died", find("retry").error_string)
    assert.equal(R.REMOTE_HOST_CLOSED_ERROR, response.error)
    server:close()
    second:close()
  end)

  it("tells of a reply that breaks off", function()
    local server = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")
    listen()
    fetch { url = helper.url(server) }
    assert.equal("start connect send head done", whats())
    assert.equal(R.REMOTE_HOST_CLOSED_ERROR, find("done").error)
    assert.equal(2, find("done").received)
    server:close()
  end)

  it("tells of a request that is aborted at once", function()
    listen()
    local response = http.get("http://127.0.0.1:1/", helper.expect(function() end))
    response:abort()
    helper.wait_calls()
    assert.truthy(whats():find("^start .*done$"))
    assert.equal(R.OPERATION_CANCELLED_ERROR, find("done").error)
  end)

  it("tells of one that is aborted while it waits to be tried again", function()
    local server = servers.serve(function(_, response) response.status = 503 end)
    local response
    events = {}
    http.trace(function(event)
      events[#events + 1] = event
      if event.what == "retry" then
        response:abort()
      end
    end)
    response = http.get({ url = url(server), retries = { total = 1, backoff = 30 } }, helper.expect(function() end))
    helper.wait_calls()
    assert.equal("start connect send head retry done", whats())
  end)

  it("tells of several requests by their numbers", function()
    local server = servers.serve(hello)
    listen()
    for _ = 1, 3 do
      http.get(url(server), helper.expect(function() end))
    end
    helper.wait_calls()
    local first = events[1].id
    for id = first, first + 2 do
      assert.truthy(whats(id):find("^start .*send head done$"), whats(id))
    end
  end)

  it("tells of what was refused before it was sent", function()
    listen()
    fetch { url = "gopher://127.0.0.1/" }
    assert.equal("start done", whats())
    assert.equal(R.PROTOCOL_UNKNOWN_ERROR, find("done").error)
  end)

  describe("with a hook", function()
    it("that throws is reported, and goes on", function()
      local server, count = servers.serve(hello), 0
      local status, output = helper.run_script([[
        local count = 0
        http.trace(function(event) count = count + 1; error("oops " .. event.what) end)
        local server = http.serve { handler = function(_, response) response.body = "x" end }
        print(http.get(server.url):await().status_code, count)
        server:close()
      ]])
      assert.equal(1, status)
      assert.truthy(output:find("200\t%d"), output)
      http.trace(function() count = count + 1 end)
      fetch { url = url(server) }
      assert.equal(5, count)
    end)

    it("that takes itself away is told of nothing more", function()
      local server, count = servers.serve(hello), 0
      http.trace(function()
        count = count + 1
        http.trace(nil)
      end)
      fetch { url = url(server) }
      assert.equal(1, count)
    end)

    it("that puts another in its place leaves the rest to that one", function()
      local server, told = servers.serve(hello), {}
      http.trace(function(first)
        told[#told + 1] = "first " .. first.what
        http.trace(function(event) told[#told + 1] = event.what end)
      end)
      fetch { url = url(server) }
      assert.equal("first start connect send head done", table.concat(told, " "))
    end)

    it("that starts requests is told of those as well", function()
      local server, more = servers.serve(hello), 3
      events = {}
      local done = helper.expect(function() end, 4)
      http.trace(function(event)
        events[#events + 1] = event
        if event.what == "done" and more > 0 then
          more = more - 1
          http.get(url(server), done)
        end
      end)
      http.get(url(server), done)
      helper.wait_calls()
      assert.equal("start connect send head done" .. (" start send head done"):rep(3), whats())
    end)

    it("may do with an event what it likes", function()
      local server, headers = servers.serve(hello), nil
      http.trace(function(event)
        for key in pairs(event) do
          event[key] = nil
        end
      end)
      local recorder = http.har.record()
      http.get(url(server), helper.expect(function(response) headers = response.headers end))
      helper.wait_calls()
      assert.equal("5", headers["Content-Length"])
      assert.equal(1, #recorder:stop().log.entries)
    end)

    it("counts as pending until it has been told, and is told where the loop ends", function()
      local server, last = servers.serve(hello), nil
      http.trace(function(event) last = event.what end)
      http.get(url(server), helper.expect(function() end))
      helper.wait(function() return last == "done" end)
      helper.wait_calls()
    end)

    for what, call in pairs {
      ["a string"] = function() http.trace("x") end,
      ["a number"] = function() http.trace(1) end,
      ["unknown options"] = function() http.trace(print, { redcat = {} }) end,
      ["a redact that is no list"] = function() http.trace(print, { redact = "token" }) end,
      ["a redact that is true"] = function() http.trace(print, { redact = true }) end,
      ["names that are no strings"] = function() http.trace(print, { redact = { 1 } }) end,
    } do
      it("given as " .. what .. " throws at the caller's line", function()
        local ok, message = pcall(call)
        assert.is_false(ok)
        assert.truthy(message:find("trace_spec.lua:%d+: "), message)
      end)
    end
  end)

  -- A secret in every place where one can be.
  describe("tells no secret", function()
    local function dump(value, seen)
      if type(value) ~= "table" then
        return tostring(value)
      end
      local parts = {}
      for key, item in pairs(value) do
        parts[#parts + 1] = tostring(key) .. "=" .. dump(item, seen)
      end
      return "{" .. table.concat(parts, ", ") .. "}"
    end

    local function leaky()
      return servers.serve(function(request, response)
        if request.target:find("^/%?") then
          response.status = 302
          response.headers.Location = ("http://me:%s@127.0.0.1:%s/there?token=%s"):format(SECRET,
            request.headers.host:match(":(%d+)$"), SECRET)
        else
          response.headers.Link = ("<http://me:%s@x/>; rel=next"):format(SECRET)
        end
        response.headers["Set-Cookie"] = { "a=" .. SECRET .. "; Path=/", SECRET, "b=" .. SECRET }
        response.headers["X-Token"] = "public"
      end)
    end

    local function go(server)
      return fetch {
        url = url(server, "/?token=" .. SECRET .. "&to%6Ben=" .. SECRET),
        headers = {
          Authorization = "Bearer " .. SECRET,
          ["proxy-authorization"] = SECRET,
          Cookie = ("a=%s; b=%s;%s"):format(SECRET, SECRET, SECRET),
          Referer = ("http://%s@x/?token=%s"):format(SECRET, SECRET),
          ["X-Api-Key"] = SECRET,
          ["X-Own"] = SECRET,
        },
      }
    end

    local options = { redact = { "token", "x-own" } }

    it("in events", function()
      local server = leaky()
      listen(options)
      local response = go(server)
      assert.equal(200, response.status_code, response.error_string)
      local text = dump(events)
      assert.is_nil(text:find(SECRET, 1, true), text)
      local send = find "send"
      assert.equal("Bearer ***", send.headers.Authorization)
      assert.equal("a=***; b=***;***", send.headers.Cookie)
      assert.equal("http://***@x/?token=***", send.headers.Referer)
      assert.equal("public", find("head").headers["X-Token"])
    end)

    it("in an HTTP archive, nor in a command line", function()
      local server = leaky()
      local recorder = http.har.record(options)
      local response = go(server)
      local text = dump(recorder:stop())
      assert.is_nil(text:find(SECRET, 1, true), text)
      local line = response:to_curl(options)
      assert.is_nil(line:find(SECRET, 1, true), line)
    end)

    helper.it_can("proxy", "of a proxy, of credentials or of a user in the URL", function()
      local server = servers.serve(function(_, response) response.status = 404 end)
      listen()
      local recorder = http.har.record()
      local proxy = ("http://me:%s@127.0.0.1:%d"):format(SECRET, server.port)
      fetch { url = ("http://me:%s@far.invalid/"):format(SECRET), proxy = proxy }
      fetch { url = "http://far.invalid/", auth = { "me", SECRET }, proxy = proxy }
      fetch { url = "http://far.invalid/", auth = { bearer = SECRET }, proxy = proxy }
      local text = dump(events) .. dump(recorder:stop())
      assert.equal(6, select(2, whats():gsub("send", "")) * 2)
      for _, secret in ipairs { SECRET, "bWU6Z0VoRWlN" } do -- in base64, "me:" in front
        assert.is_nil(text:find(secret, 1, true), text)
      end
      assert.equal("Basic ***", find("send").headers.Authorization)
    end)

    it("unless it is asked to", function()
      local server = leaky()
      listen { redact = false }
      go(server)
      assert.equal("Bearer " .. SECRET, find("send").headers.Authorization)
      assert.truthy(find("head").headers["Set-Cookie"]:find(SECRET, 1, true))
      assert.truthy(find("start").url:find(SECRET, 1, true))
    end)

    it("to one that listens because another may hear it", function()
      local server = leaky()
      listen { redact = false }
      local recorder = http.har.record(options)
      go(server)
      assert.is_nil(dump(recorder:stop()):find(SECRET, 1, true))
      assert.truthy(dump(events):find(SECRET, 1, true))
    end)
  end)

  describe("print", function()
    local SCRIPT = [[
      local server = http.serve { handler = function(_, response)
        response.headers["Set-Cookie"] = "sid=gEhEiM"
        response.body = "x"
      end }
      http.get({ url = server.url .. "/a?b", headers = { Authorization = "Basic gEhEiM" } }):await()
      http.get("http://127.0.0.1:1/"):await()
      server:close()
    ]]

    it("shows what happens on the standard error, by http.trace(true)", function()
      local status, output = helper.run_script("http.trace(true)\n" .. SCRIPT)
      assert.equal(0, status, output)
      for _, words in ipairs { "* #1 GET http://127.0.0.1:", "\n> GET /a?b\n", "\n> Authorization: Basic ***\n",
        "\n< 200 OK\n", "\n< Set-Cookie: sid=***\n", "* #1 ends: 200 OK", "Connection refused" } do
        assert.truthy(output:find(words, 1, true), words .. " in " .. output)
      end
      assert.is_nil(output:find(SECRET, 1, true), output)
    end)

    it("is the command's option --trace", function()
      local command = (os.getenv("MW_BUILD") or "build") .. "/moonwire"
      local status, output = helper.run_program { command, "--trace", "-e", SCRIPT }
      assert.equal(0, status, output)
      assert.truthy(output:find("* #1 ends: 200 OK", 1, true), output)
    end)
  end)
end)
