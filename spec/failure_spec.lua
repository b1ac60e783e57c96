-- http.Failure, http.serve.catching_failure, http.redirect, and responses that a handler returns.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local servers = require("servers")

local catching = http.serve.catching_failure

-- What a handler's response looks like from outside: the Response of a client that follows nothing.
local function ask(handler)
  local head, body = servers.talk(servers.serve(handler)):match("^(.-\r\n)\r\n(.*)$")
  assert(head, "no reply")
  local status, reason = head:match("^HTTP/1%.1 (%d+) ([^\r\n]*)\r\n")
  local headers = {}
  for name, value in head:gmatch("([^:\r\n]+): *([^\r\n]*)\r\n") do
    headers[name] = headers[name] and headers[name] .. "; " .. value or value
  end
  return { status = tonumber(status), reason = reason, headers = headers, body = body }
end

-- A script that asks its own server once and prints status and body.
local function once(handler)
  return ([[
    local server = http.serve { handler = %s }
    local response = http.get(server.url):await()
    print(response.status_code, response.error, (response:read_all():gsub("\n", "")))
    server:close()
  ]]):format(handler)
end

-- That fn throws words, told at the line of this file where it stands.
local function assert_misuse(words, fn)
  local ok, message = pcall(fn)
  assert.is_false(ok)
  assert.truthy(tostring(message):find(words, 1, true), tostring(message))
  assert.matches("^spec/failure_spec%.lua:" .. debug.getinfo(fn, "S").linedefined .. ": ", message)
end

describe("http.Failure", function()
  it("is a bad request by default", function()
    for _, failure in ipairs({ http.Failure(), http.Failure(nil, nil), http.Failure(http.null) }) do
      assert.equal("Bad request", failure.message)
      assert.equal(400, failure.status)
      assert.equal("Bad request", tostring(failure))
    end
  end)

  it("has a message and a status, a number", function()
    local failure = http.Failure("no such item", http.NOT_FOUND)
    assert.equal("no such item", failure.message)
    assert.equal(404, failure.status)
    assert.equal("no such item", tostring(failure))
    failure = http.Failure(nil, http.HTTPStatus.CONFLICT)
    assert.equal("number", type(failure.status))
    assert.equal(409, failure.status)
    assert.equal("Bad request", failure.message)
    assert.equal("", http.Failure("").message)
  end)

  it("is told from all else", function()
    local ok, thrown = pcall(function() error(http.Failure("x")) end)
    assert.is_false(ok)
    assert.is_true(http.Failure.is(thrown))
    assert.is_true(require("http.failure").is(thrown))
    for _, other in ipairs({ "x", 400, {}, { message = "x", status = 400 }, http.Failure, http.boom.conflict() }) do
      assert.is_false(http.Failure.is(other))
    end
    assert.is_false(http.Failure.is(nil))
  end)

  it("refuses misuse, at the caller's line", function()
    assert_misuse("bad argument #1 to 'Failure' (string expected, got number)",
      function() return (http.Failure(404)) end)
    assert_misuse("bad argument #1 to 'Failure' (string expected, got table)",
      function() return (http.Failure({})) end)
    assert_misuse("unknown status 499; these are known:", function() return (http.Failure("x", 499)) end)
    assert_misuse("got string)", function() return (http.Failure("x", "404")) end)
    assert_misuse("got 404.5)", function() return (http.Failure("x", 404.5)) end)
    assert_misuse("a Failure ends the request, which 100 does not", function() return (http.Failure("x", 100)) end)
  end)
end)

describe("http.serve.catching_failure", function()
  after_each(servers.close) -- before helper looks for what is left
  helper.setup()

  it("is catchingFailure, too", function()
    assert.equal(http.serve.catching_failure, http.serve.catchingFailure)
    assert.is_nil(http.serve.catching)
  end)

  it("makes a response of a Failure", function()
    local reply = ask(catching(function() error(http.Failure("no such item: ä", http.NOT_FOUND)) end))
    assert.equal(404, reply.status)
    assert.equal("Not Found", reply.reason)
    assert.equal("no such item: ä", reply.body)
    assert.equal("text/plain; charset=utf-8", reply.headers["Content-Type"])
    assert.equal("16", reply.headers["Content-Length"])
  end)

  it("makes a response of the default one", function()
    local reply = ask(catching(function() error(http.Failure()) end))
    assert.same({ 400, "Bad Request", "Bad request" }, { reply.status, reply.reason, reply.body })
  end)

  it("replaces what the handler had set", function()
    local reply = ask(catching(function(_, response)
      response.status = 201
      response.reason = "Made"
      response.headers["content-type"] = "text/html"
      response.headers["X-Secret"] = "words"
      response.body = "half"
      error(http.Failure("no", 403))
    end))
    assert.same({ 403, "Forbidden", "no" }, { reply.status, reply.reason, reply.body })
    assert.equal("text/plain; charset=utf-8", reply.headers["Content-Type"])
    assert.is_nil(reply.headers["X-Secret"])
    assert.is_nil(reply.headers["content-type"])
  end)

  it("catches at any depth: through pcall, tasks that are awaited, and waits", function()
    local function fail()
      http.sleep(0)
      error(http.Failure("deep", 409))
    end
    for _, handler in ipairs({
      fail,
      function() fail() end,
      function()
        local ok, err = pcall(fail)
        assert(not ok)
        error(err)
      end,
      function() error((select(2, pcall(fail))), 0) end,
      function() http.spawn(fail):await() end,
      function() http.all({ fail }) end,
      function() http.spawn(function() http.spawn(fail):await() end):await() end,
      catching(fail), -- twice
    }) do
      local reply = ask(catching(handler))
      assert.same({ 409, "deep" }, { reply.status, reply.body })
    end
  end)

  it("passes on what the handler was given, and what it returns", function()
    local wrapped = catching(function(...) return select("#", ...), ... end)
    local request, response = {}, {}
    local results = { wrapped(request, response, nil) }
    assert.same({ 3, request, response }, results)
    assert.is_true(rawequal(request, results[2]) and rawequal(response, results[3]))
    local reply = ask(catching(function() return http.redirect("/next") end))
    assert.same({ 302, "/next" }, { reply.status, reply.headers["Location"] })
  end)

  it("leaves other responses alone", function()
    local reply = ask(catching(function(request, response) response.body = request.path end))
    assert.same({ 200, "/" }, { reply.status, reply.body })
  end)

  it("refuses what is no function, at the caller's line", function()
    assert_misuse("bad argument #1 to 'catching_failure' (function expected, got nil)",
      function() return (http.serve.catchingFailure()) end)
    local wrapped = catching(print)
    assert_misuse("catching_failure is for handlers of http.serve (a response expected, got function)",
      function() return (wrapped({}, print)) end)
  end)

  it("passes other errors, with the traceback of where they were thrown", function()
    local status, output = helper.run_script([[
      local function culprit() http.sleep(0) error("secret words") end
      local function handler() local ok = culprit() return ok end
    ]] .. once("http.serve.catching_failure(http.serve.catching_failure(handler))"))
    assert.equal(1, status)
    assert.matches("^500\t", output:match("500.*"))
    assert.matches("secret words\nstack traceback:\n", output)
    assert.matches("in function 'culprit'", output)
    local _, tracebacks = output:gsub("stack traceback:", "")
    assert.equal(1, tracebacks)
  end)

  it("passes error objects as they are", function()
    local thrown = setmetatable({}, { __tostring = function() return "an object" end })
    local response = { sent = false, finished = false }
    for _, value in ipairs({ thrown, http.boom.conflict(), "words", 12 }) do
      local ok, caught = pcall(catching(function() error(value, 0) end), {}, response)
      assert.is_false(ok)
      assert.equal(value, caught)
    end
    local ok, caught = pcall(catching(function() error() end), {}, response)
    assert.is_false(ok)
    assert.is_nil(caught)
  end)

  it("tells where an error was thrown that another one followed", function()
    local _, output = helper.run_script([[
      local inner = http.serve.catching_failure(function() error("the first") end)
      local function second() error("the second") end
      local function handler(...) pcall(inner, ...) local ok = second() return ok end
    ]] .. once("handler"))
    assert.matches("the second\nstack traceback:\n", output)
    assert.matches("in function 'second'", output)
    assert.is_nil(output:find("the first", 1, true))
  end)

  it("cuts the connection where the head has been sent", function()
    local status, output = helper.run_script([[
      local function handler(_, response) response:write("part") error(http.Failure("too late")) end
    ]] .. once("http.serve.catching_failure(handler)"))
    assert.equal(1, status)
    assert.matches("too late\nstack traceback:\n", output)
    assert.matches("^%d+\t" .. http.Response.REMOTE_HOST_CLOSED_ERROR .. "\t", output:match("[^\n]*\n$"))
  end)

  it("does no harm where the response is finished", function()
    local status, output = helper.run_script([[
      local function handler(_, response) response:finish("whole") error(http.Failure("too late")) end
    ]] .. once("http.serve.catching_failure(handler)"))
    assert.equal(1, status)
    assert.matches("200\t0\twhole\n", output)
    assert.matches("too late\nstack traceback:\n", output)
  end)
end)

describe("a Failure that nobody catches", function()
  helper.setup()

  it("is told by its message, and makes a 500 without it", function()
    local status, output = helper.run_script(once("function() error(http.Failure('the reason')) end"))
    assert.equal(1, status)
    assert.matches("the reason\nstack traceback:\n", output)
    assert.matches("500\t%d+\tInternal Server Error\n", output)
  end)
end)

describe("http.redirect", function()
  it("is a response that a handler may return", function()
    assert.same({
      status = 302,
      headers = { ["Location"] = "/next?a=b#c", ["Content-Type"] = "text/plain; charset=utf-8" },
      body = "Redirecting to /next?a=b#c\n",
    }, http.redirect("/next?a=b#c"))
  end)

  it("takes every status that is a redirect", function()
    for _, code in ipairs({ 300, 301, 302, 303, 305, 307, 308 }) do
      assert.equal(code, http.redirect("/", code).status)
    end
    assert.equal(303, http.redirect("/", http.HTTPStatus.SEE_OTHER).status)
    for _, code in ipairs({ 200, 304, 404 }) do
      assert_misuse(("bad status (a redirect expected, got %d "):format(code),
        function() return (http.redirect("/", code)) end)
    end
    assert_misuse("unknown status 306;", function() return (http.redirect("/", 306)) end)
    assert_misuse("got string)", function() return (http.redirect("/", "302")) end)
  end)

  it("encodes what cannot stand in a URL, and nothing else", function()
    for url, location in pairs({
      ["http://[::1]:80/a%20b;c?d=e&f=(g)'!*$,~@+#h"] = "http://[::1]:80/a%20b;c?d=e&f=(g)'!*$,~@+#h",
      ["/a b/ä"] = "/a%20b/%C3%A4",
      ['/<script>"\\^`{|}'] = "/%3Cscript%3E%22%5C%5E%60%7B%7C%7D",
    }) do
      local redirect = http.redirect(url)
      assert.equal(location, redirect.headers["Location"])
      assert.equal("Redirecting to " .. location .. "\n", redirect.body)
    end
  end)

  it("refuses what is no URL, at the caller's line", function()
    for _, url in ipairs({ "/a\r\nX: y", "/\n", "/\r", "/\0", "/\0a", "\t/", "/\127" }) do
      assert_misuse("bad argument #1 to 'redirect' (URL expected, got one with a control character)",
        function() return (http.redirect(url)) end)
    end
    assert_misuse("(URL expected, got an empty string)", function() return (http.redirect("")) end)
    assert_misuse("(string expected, got nil)", function() return (http.redirect()) end)
    assert_misuse("(string expected, got table)", function() return (http.redirect({})) end)
  end)
end)

describe("a handler that returns its response", function()
  after_each(servers.close) -- before helper looks for what is left
  helper.setup()

  it("sends the status, the reason, the headers and the body of the table", function()
    local reply = ask(function()
      return { status = 418, reason = "Short", headers = { ["X-A"] = "b", ["X-L"] = { 1, 2 } }, body = "tea" }
    end)
    assert.same({ 418, "Short", "tea" }, { reply.status, reply.reason, reply.body })
    assert.same({ "b", "1; 2", "3" },
      { reply.headers["X-A"], reply.headers["X-L"], reply.headers["Content-Length"] })
  end)

  it("keeps what it had set and does not return", function()
    local reply = ask(function(_, response)
      response.status = 201
      response.headers["Set-Cookie"] = "a=b"
      response.headers["content-type"] = "text/html"
      response.body = "kept"
      return { headers = { ["Content-Type"] = "text/css" } }
    end)
    assert.same({ 201, "kept" }, { reply.status, reply.body })
    assert.same({ "a=b", "text/css" }, { reply.headers["Set-Cookie"], reply.headers["Content-Type"] })
    assert.is_nil(reply.headers["content-type"])
  end)

  it("may return a member of HTTPStatus, or assign it", function()
    assert.equal(404, ask(function() return { status = http.HTTPStatus.NOT_FOUND } end).status)
    assert.equal(404, ask(function(_, response) response.status = http.HTTPStatus.NOT_FOUND end).status)
  end)

  it("redirects", function()
    local reply = ask(function(_, response)
      response.headers["Set-Cookie"] = "seen=1"
      return http.redirect("/home", http.SEE_OTHER)
    end)
    assert.same({ 303, "See Other", "/home" }, { reply.status, reply.reason, reply.headers["Location"] })
    assert.equal("seen=1", reply.headers["Set-Cookie"])
    assert.equal("Redirecting to /home\n", reply.body)
  end)

  it("may return other things, which mean nothing", function()
    for _, value in ipairs({ true, 12, "text", print, {} }) do
      assert.equal("body", ask(function(_, response)
        response.body = "body"
        return value
      end).body)
    end
    assert.equal("body", ask(function(_, response)
      response.body = "body"
      return response
    end).body)
    assert.equal("early", ask(function(_, response) return response:finish("early") end).body)
  end)

  it("is told what is wrong with the table", function()
    for words, handler in pairs({
      ["unknown field 'stat' of a returned response"] = "function() return { stat = 404 } end",
      ["the handler returned an http.Failure (a response is a plain table; errors are thrown)"] =
        "function() return http.Failure('x') end",
      ["unknown field '1' of a returned response"] = "function() return { 'a' } end",
      ["bad headers (table expected, got string)"] = "function() return { headers = 'X: y' } end",
      ["bad status (integer expected, got 404)"] = "function() return { status = '404' } end",
      ["bad body (string expected, got table)"] = "function() return { body = {} } end",
    }) do
      local status, output = helper.run_script(once(handler))
      assert.equal(1, status)
      assert.truthy(output:find(words, 1, true), output)
      assert.matches("500\t", output)
    end
    local _, output = helper.run_script(once("function(_, r) r:write('x') return { status = 404 } end"))
    assert.truthy(output:find("returned a response although it had sent one", 1, true), output)
    assert.matches("\n%d+\t" .. http.Response.REMOTE_HOST_CLOSED_ERROR, output)
  end)
end)
