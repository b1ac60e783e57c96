-- http.app: what a handler may throw, what the client is told of it, and what the log.
-- SPDX-License-Identifier: MIT

local apps = require("apps")
local helper = require("helper")
local http = require("http")

local assert_misuse = apps.assert_misuse
local logged, reports_of = apps.logged, apps.reports_of
local TEXT = "text/plain; charset=utf-8"

describe("ctx.throw and ctx.assert", function()
  helper.setup()

  local cause = setmetatable({ status = 409 }, { __tostring = function() return "a cause" end })
  local ROWS = { -- arguments, status, body, message of the error
    { {}, 500, "Internal Server Error", "Internal Server Error" },
    { { 404 }, 404, "Not Found", "Not Found" },
    { { 400, "name required" }, 400, "name required", "name required" },
    { { http.HTTPStatus.CONFLICT, "twice" }, 409, "twice", "twice" },
    { { http.GONE }, 410, "Gone", "Gone" },
    { { 500, "secret" }, 500, "Internal Server Error", "secret" },
    { { 503, "secret" }, 503, "Service Unavailable", "secret" },
    { { 503, "told", { expose = true } }, 503, "told", "told" },
    { { 400, "hidden", { expose = false } }, 400, "Bad Request", "hidden" },
    { { "something exploded" }, 500, "Internal Server Error", "something exploded" },
    { { 401, "who?", { headers = { ["WWW-Authenticate"] = "Basic" } } }, 401, "who?", "who?" },
    { { 401, { headers = { ["WWW-Authenticate"] = "Basic" } } }, 401, "Unauthorized", "Unauthorized" },
    { { cause }, 409, "a cause", "a cause" },
    { { 422, cause }, 422, "a cause", "a cause" },
  }
  for i, row in ipairs(ROWS) do
    it("take status, message and fields, row " .. i, function()
      for _, name in ipairs { "throw", "assert" } do
        local reply, app = apps.ask(function(ctx)
          ctx.body = "lost"
          if name == "throw" then
            ctx:throw(unpack(row[1]))
          end
          ctx:assert(false, unpack(row[1]))
        end, {}, { may_fail = true })
        assert.equal(row[2], reply.status)
        assert.equal(row[3], reply.body)
        assert.equal(TEXT, reply.headers["Content-Type"])
        assert.equal(tostring(#row[3]), reply.headers["Content-Length"])
        assert.equal(i == 11 and "Basic" or i == 12 and "Basic" or nil, reply.headers["WWW-Authenticate"])
        assert.equal(row[2], app.errors[1].err.status)
        assert.equal(row[4], app.errors[1].err.message)
        assert.equal(row[4], tostring(app.errors[1].err))
      end
    end)
  end

  it("leave their fields on the error, and do not send them", function()
    local reply, app = apps.ask(function(ctx) ctx:throw(400, "no", { user = "jane" }) end, {}, { may_fail = true })
    assert.equal("jane", app.errors[1].err.user)
    assert.equal("no", reply.body)
  end)

  it("assert gives back what is true", function()
    apps.inside({}, function(ctx)
      assert.equal("value", ctx:assert("value", 400))
      assert.equal(0, ctx:assert(0))
    end)
  end)

  it("throw misuse at the caller's line", function()
    apps.inside({}, function(ctx)
      for _, call in ipairs {
        function(...) ctx:throw(...) end, function(...) ctx:assert(nil, ...) end,
      } do
        assert_misuse("unknown status 999; these are known:", call, 999)
        assert_misuse("(status, message or table of fields expected, got function)", call, 400, print)
        assert_misuse("(status, message or table of fields expected, got boolean)", call, true)
      end
      assert_misuse("bad self (http.Context expected, got number); call it with a colon", function() ctx.throw(404) end)
    end)
  end)
end)

describe("http.Failure", function()
  helper.setup()

  for _, row in ipairs {
    { { }, 400, "Bad request" }, { { "an id is needed" }, 400, "an id is needed" }, { { "gone", 410 }, 410, "gone" },
    { { "in here", 500 }, 500, "in here" },
  } do
    it("is what it says: " .. row[3], function()
      local reply, reports = logged(function(ctx)
        ctx.body = "lost"
        error(http.Failure(unpack(row[1])))
      end)
      assert.same({ row[2], row[3], TEXT }, { reply.status, reply.body, reply.headers["Content-Type"] })
      assert.same({}, reports)
    end)
  end
end)

describe("anything else that is thrown", function()
  helper.setup()

  local cyclic = setmetatable({}, { __tostring = function() return "an error with a cycle" end })
  cyclic.self = cyclic
  local bare = {}
  bare.self = bare
  local mute = setmetatable({}, { __tostring = function() error("no words") end })
  local ROWS = { -- what, words in the log
    { "a string", "a string" },
    { "", "" },
    { 42, "something that is no error was thrown: 42" },
    { false, "something that is no error was thrown: " },
    { print, "something that is no error was thrown: " },
    { bare, "something that is no error was thrown: " },
    { cyclic, "an error with a cycle" },
    { mute, "" },
    { http.null, "something that is no error was thrown: " },
  }
  local function check(value, words)
    local reply, reports = logged(function(ctx)
      ctx.body = "lost"
      ctx:set("X-Lost", "too")
      error(value, 0)
    end)
    assert.equal(500, reply.status)
    assert.equal("Internal Server Error", reply.body)
    assert.equal(TEXT, reply.headers["Content-Type"])
    assert.is_nil(reply.headers["X-Lost"])
    assert.equal(1, #reports)
    assert.truthy(reports[1]:find("stack traceback:", 1, true), reports[1])
    assert.truthy(reports[1]:find(words:match("[^: ]*$"), 1, true), reports[1])
    local _, app = apps.ask(function() error(value, 0) end, {}, { may_fail = true })
    assert.truthy(tostring(app.errors[1].err.message or app.errors[1].err):find(words, 1, true))
  end

  for i, row in ipairs(ROWS) do
    if row[1] ~= mute then
      it("is a 500, logged with its traceback, row " .. i, function()
        check(row[1], row[2])
      end)
    end
  end
  it("is a 500 even if it is nil", function()
    check(nil, "something that is no error was thrown: ")
  end)
  it("is a 500 even if it cannot be told", function()
    local reply, reports = logged(function() error(mute) end)
    assert.same({ 500, "Internal Server Error" }, { reply.status, reply.body })
    assert.equal(1, #reports)
  end)

  it("is a 500 even if it throws when it is asked for its status", function()
    local strict = setmetatable({}, { __index = function() error("no such field") end })
    local reply, reports = logged(function() error(strict) end)
    assert.same({ 500, "Internal Server Error" }, { reply.status, reply.body })
    assert.equal(1, #reports)
  end)

  it("is an uncaught error of Lua's, told at its line", function()
    local reply, reports = logged(function(ctx) ctx.body = ctx.nothing.more end)
    assert.equal(500, reply.status)
    assert.matches("app_error_spec%.lua:%d+: attempt to index", reports[1])
  end)

  it("is an error where a table says its status", function()
    for i, row in ipairs {
      { { status = 404, message = "hidden" }, 404, "Not Found" },
      { { status = 404, message = "told", expose = true }, 404, "told" },
      { { status_code = 409 }, 409, "Conflict" },
      { { status = 200 }, 500, "Internal Server Error" },
      { { status = 999 }, 500, "Internal Server Error" },
      { { status = "404" }, 500, "Internal Server Error" },
      { { status = http.HTTPStatus.CONFLICT }, 409, "Conflict" },
      { { status = 404, expose = true }, 404, "Not Found" },
    } do
      local reply = apps.ask(function() error(row[1]) end, {}, { may_fail = true })
      assert.same({ row[2], row[3] }, { reply.status, reply.body }, "row " .. i)
    end
  end)

  it("may bring headers, but no wrong ones", function()
    local reply = apps.ask(function(ctx)
      ctx:throw(503, { headers = { ["Retry-After"] = 120, ["Content-Type"] = "x/y", ["content-length"] = "1" } })
    end, {}, { may_fail = true })
    apps.check_headers({ ["Retry-After"] = "120", ["Content-Type"] = TEXT, ["Content-Length"] = "19" },
      reply.headers, "")
    for _, headers in ipairs { { ["X-A"] = "a\nb" }, { ["X A"] = "1" }, { ["X-A"] = print } } do
      local answer, reports = logged(function(ctx) ctx:throw(400, "words", { headers = headers }) end)
      assert.same({ 400, "words" }, { answer.status, answer.body })
      assert.is_nil(answer.headers["X-A"])
      assert.equal(1, #reports)
      assert.matches("header", reports[1])
    end
  end)

  it("may bring something that is no table as headers", function()
    local reply, reports = logged(function(ctx) ctx:throw(400, "words", { headers = "X: y" }) end)
    assert.same({ 400, "words" }, { reply.status, reply.body })
    assert.equal(1, #reports)
  end)
end)

describe("an error that cannot be told", function()
  helper.setup()

  it("is told by its status alone", function()
    for _, spoil in pairs({
      payload = function(err) err.output.payload.details = { f = print } end,
      output = function(err) err.output = nil end,
      status = function(err) err.output.status_code = 100 end,
      headers = function(err) err.output.headers = { ["bad name"] = "x" } end,
    }) do
      local reply = apps.logged(function()
        local err = http.boom.conflict("twice")
        spoil(err)
        error(err)
      end)
      assert.equal(409, reply.status)
    end
  end)

  it("is a 500 where the handler yields by itself", function()
    local reply
    apps.reports_of(function()
      local app = http.app()
      app:use(function() coroutine.yield() end)
      local server = assert(app:listen(0))
      reply = http.get(server.url):await()
      app:close()
      helper.wait(function() return http._live().timers == 0 end)
    end)
    assert.equal(500, reply.status_code)
  end)
end)

describe("app.on_error", function()
  helper.setup()

  it("is given the error itself, and its context", function()
    local thrown = setmetatable({ status = 409 }, { __tostring = function() return "mine" end })
    local _, app = apps.ask(function(ctx)
      ctx.state.user = "jane"
      error(thrown)
    end, { url = "/path" }, { may_fail = true })
    assert.equal(1, #app.errors)
    assert.is_true(rawequal(thrown, app.errors[1].err))
    assert.equal("/path", app.errors[1].ctx.path)
    assert.equal("jane", app.errors[1].ctx.state.user)
    assert.matches("^mine\nstack traceback:", app.errors[1].ctx.trace)
    assert.is_false(app.errors[1].ctx.exposed)
  end)

  it("is given an object for a string, and the trace of where it was thrown", function()
    local _, app = apps.ask(function() error("words") end, {}, { may_fail = true })
    local err = app.errors[1].err
    assert.equal(500, err.status)
    assert.matches("^spec/app_error_spec%.lua:%d+: words$", err.message)
    assert.equal(err.message, tostring(err))
    assert.matches("\nstack traceback:\n\t%[C%]: in function 'error'\n\tspec/app_error_spec%.lua:%d+: in function",
      app.errors[1].ctx.trace)
  end)

  it("logs by itself what the client is not told of, and no 404", function()
    for i, row in ipairs {
      { 0, function(ctx) ctx:throw(404) end },
      { 0, function(ctx) ctx:throw(404, "words", { expose = false }) end },
      { 0, function(ctx) ctx:throw(400, "words") end },
      { 0, function(ctx) ctx:throw(503, "words", { expose = true }) end },
      { 1, function(ctx) ctx:throw(400, "words", { expose = false }) end },
      { 1, function(ctx) ctx:throw(500) end },
      { 1, function(ctx) ctx:throw(503, "words") end },
      { 1, function() error("words") end },
      { 0, function(ctx) ctx.status = 500 end },
    } do
      local _, reports = logged(row[2])
      assert.equal(row[1], #reports, "row " .. i)
      local _, silence = logged(row[2], { silent = true })
      assert.same({}, silence)
    end
  end)

  it("is reported when it throws, and the client is answered all the same", function()
    local reply
    local reports = reports_of(function()
      local app = http.app()
      app.on_error = function() error("in on_error") end
      app:use(function() error("words") end)
      reply = app:callback()({})
    end)
    assert.same({ 500, "Internal Server Error" }, { reply.status, reply.body })
    assert.equal(1, #reports)
    assert.matches("in on_error", reports[1])
  end)

  it("is the one by itself again once another is taken away", function()
    local reports = reports_of(function()
      local app = http.app()
      app.on_error = function() end
      app.on_error = nil
      app:use(function(ctx) ctx:throw(500, "words") end)
      app:callback()({})
    end)
    assert.equal(1, #reports)
  end)

  it("may wait: the client is answered before", function()
    local app = http.app()
    local told, answered = false, false
    app.on_error = function()
      while not answered do
        http.sleep(0.005)
      end
      told = true
    end
    app:use(function() error("broken") end)
    local server = assert(app:listen(0))
    assert.equal(500, http.get(server.url):await().status_code)
    assert.is_false(told)
    answered = true
    helper.wait(function() return told end)
    app:close()
    helper.wait(function() return http._live().timers == 0 end)
  end)

  it("is told in words of a plain table", function()
    local _, reports = logged(function() error { status = 503, message = "in the table" } end)
    assert.equal(1, #reports)
    assert.matches("^GET /: in the table\nstack traceback:", reports[1])
  end)
end)
