-- http.app: what a handler may throw, what the client is told of it, and what the log.
-- SPDX-License-Identifier: MIT

local apps = require("apps")
local core = require("http.core")
local helper = require("helper")
local http = require("http")

local assert_misuse = apps.assert_misuse
local JSON, TEXT = "application/json; charset=utf-8", "text/plain; charset=utf-8"

-- Calls fn and returns what was reported meanwhile.
local function reports_of(fn)
  local report, list = core.report, {}
  core.report = function(message) -- luacheck: ignore 122
    list[#list + 1] = message
  end
  local ok, why = pcall(fn)
  core.report = report -- luacheck: ignore 122
  if not ok then
    error(why, 0)
  end
  return list
end

-- The reply of an application whose on_error is the one that it has by itself, and what was reported.
local function logged(handler, settings, request)
  local reply
  local reports = reports_of(function()
    local app = http.app(settings)
    app:use(handler)
    reply = app:callback()(request or {})
  end)
  return reply, reports
end

describe("Boom's errors", function()
  helper.setup()

  -- The documents' examples: method, the same in camelCase, arguments, status, payload.
  local ROWS = {
    { "bad_request", "badRequest", { "invalid query" }, 400,
      '{"statusCode":400,"error":"Bad Request","message":"invalid query"}' },
    { "unauthorized", "unauthorized", { "invalid password" }, 401,
      '{"statusCode":401,"error":"Unauthorized","message":"invalid password"}' },
    { "payment_required", "paymentRequired", { "bandwidth used" }, 402,
      '{"statusCode":402,"error":"Payment Required","message":"bandwidth used"}' },
    { "forbidden", "forbidden", { "try again some time" }, 403,
      '{"statusCode":403,"error":"Forbidden","message":"try again some time"}' },
    { "not_found", "notFound", { "missing" }, 404, '{"statusCode":404,"error":"Not Found","message":"missing"}' },
    { "method_not_allowed", "methodNotAllowed", { "that method is not allowed" }, 405,
      '{"statusCode":405,"error":"Method Not Allowed","message":"that method is not allowed"}' },
    { "not_acceptable", "notAcceptable", { "unacceptable" }, 406,
      '{"statusCode":406,"error":"Not Acceptable","message":"unacceptable"}' },
    { "proxy_auth_required", "proxyAuthRequired", { "auth missing" }, 407,
      '{"statusCode":407,"error":"Proxy Authentication Required","message":"auth missing"}' },
    { "client_timeout", "clientTimeout", { "timed out" }, 408,
      '{"statusCode":408,"error":"Request Time-out","message":"timed out"}' },
    { "conflict", "conflict", { "there was a conflict" }, 409,
      '{"statusCode":409,"error":"Conflict","message":"there was a conflict"}' },
    { "resource_gone", "resourceGone", { "it is gone" }, 410,
      '{"statusCode":410,"error":"Gone","message":"it is gone"}' },
    { "length_required", "lengthRequired", { "length needed" }, 411,
      '{"statusCode":411,"error":"Length Required","message":"length needed"}' },
    { "precondition_failed", "preconditionFailed", {}, 412, '{"statusCode":412,"error":"Precondition Failed"}' },
    { "entity_too_large", "entityTooLarge", { "too big" }, 413,
      '{"statusCode":413,"error":"Request Entity Too Large","message":"too big"}' },
    { "uri_too_long", "uriTooLong", { "uri is too long" }, 414,
      '{"statusCode":414,"error":"Request-URI Too Large","message":"uri is too long"}' },
    { "unsupported_media_type", "unsupportedMediaType", { "that media is not supported" }, 415,
      '{"statusCode":415,"error":"Unsupported Media Type","message":"that media is not supported"}' },
    { "range_not_satisfiable", "rangeNotSatisfiable", {}, 416,
      '{"statusCode":416,"error":"Requested Range Not Satisfiable"}' },
    { "expectation_failed", "expectationFailed", { "expected this to work" }, 417,
      '{"statusCode":417,"error":"Expectation Failed","message":"expected this to work"}' },
    { "teapot", "teapot", { "Sorry, no coffee..." }, 418,
      '{"statusCode":418,"error":"I\'m a Teapot","message":"Sorry, no coffee..."}' },
    { "bad_data", "badData", { "your data is bad and you should feel bad" }, 422,
      '{"statusCode":422,"error":"Unprocessable Entity","message":"your data is bad and you should feel bad"}' },
    { "locked", "locked", { "this resource has been locked" }, 423,
      '{"statusCode":423,"error":"Locked","message":"this resource has been locked"}' },
    { "precondition_required", "preconditionRequired", { "you must supply an If-Match header" }, 428,
      '{"statusCode":428,"error":"Precondition Required","message":"you must supply an If-Match header"}' },
    { "too_many_requests", "tooManyRequests", { "you have exceeded your request limit" }, 429,
      '{"statusCode":429,"error":"Too Many Requests","message":"you have exceeded your request limit"}' },
    { "illegal", "illegal", { "you are not permitted to view this resource for legal reasons" }, 451,
      '{"statusCode":451,"error":"Unavailable For Legal Reasons",'
        .. '"message":"you are not permitted to view this resource for legal reasons"}' },
    { "bad_implementation", "badImplementation", { "terrible implementation" }, 500,
      '{"statusCode":500,"error":"Internal Server Error","message":"An internal server error occurred"}' },
    { "internal", "internal", { "terrible implementation" }, 500,
      '{"statusCode":500,"error":"Internal Server Error","message":"An internal server error occurred"}' },
    { "not_implemented", "notImplemented", { "method not implemented" }, 501,
      '{"statusCode":501,"error":"Not Implemented","message":"method not implemented"}' },
    { "bad_gateway", "badGateway", { "that is a bad gateway" }, 502,
      '{"statusCode":502,"error":"Bad Gateway","message":"that is a bad gateway"}' },
    { "server_unavailable", "serverUnavailable", { "unavailable" }, 503,
      '{"statusCode":503,"error":"Service Unavailable","message":"unavailable"}' },
    { "gateway_timeout", "gatewayTimeout", {}, 504, '{"statusCode":504,"error":"Gateway Time-out"}' },
  }

  -- The four ways to throw one: from ctx.response and ctx, in both spellings; and http.boom's two.
  local function each_way(row, fn)
    for _, name in ipairs { row[1], row[2] } do
      fn(function(ctx, ...) ctx.response[name](ctx.response, ...) end)
      fn(function(ctx, ...) ctx[name](ctx, ...) end)
      fn(function(_, ...) error(http.boom[name](...)) end)
    end
  end

  for _, row in ipairs(ROWS) do
    it(row[1] .. " is what the documents show", function()
      each_way(row, function(throw)
        local went_on = false
        local reply, app = apps.ask(function(ctx)
          ctx.body = "lost"
          ctx:set("X-Lost", "too")
          throw(ctx, unpack(row[3]))
          went_on = true
        end, {}, { may_fail = true })
        assert.is_false(went_on)
        assert.equal(row[4], reply.status)
        assert.equal(row[5], reply.body)
        assert.equal(JSON, reply.headers["Content-Type"])
        assert.equal(tostring(#row[5]), reply.headers["Content-Length"])
        assert.is_nil(reply.headers["X-Lost"])
        assert.is_true(app.errors[1].err.is_boom)
        assert.equal(row[3][1], app.errors[1].err.message)
      end)
    end)
  end

  for _, row in ipairs(ROWS) do
    if row[1] ~= "unauthorized" then
      it(row[1] .. " keeps its data for the log", function()
        each_way(row, function(throw)
          local reply, app = apps.ask(function(ctx)
            throw(ctx, "words", { secret = "data" })
          end, {}, { may_fail = true })
          assert.is_nil(reply.body:find("secret", 1, true))
          assert.is_nil(reply.body:find("data", 1, true))
          assert.same({ secret = "data" }, app.errors[1].err.data)
        end)
      end)
    end
  end

  local ATTRIBUTES = { { "ttl", 0 }, { "cache", http.null }, { "foo", "bar" } }
  local CHALLENGES = { -- arguments, payload, WWW-Authenticate
    { { "invalid password" }, '{"statusCode":401,"error":"Unauthorized","message":"invalid password"}', nil },
    { { "invalid password", "sample" }, '{"statusCode":401,"error":"Unauthorized","message":"invalid password",'
      .. '"attributes":{"error":"invalid password"}}', 'sample error="invalid password"' },
    { { nil, "Negotiate", "VGhpcyBpcyBhIHRlc3QgdG9rZW4=" },
      '{"statusCode":401,"error":"Unauthorized","attributes":"VGhpcyBpcyBhIHRlc3QgdG9rZW4="}',
      "Negotiate VGhpcyBpcyBhIHRlc3QgdG9rZW4=" },
    { { "invalid password", "sample", ATTRIBUTES },
      '{"statusCode":401,"error":"Unauthorized","message":"invalid password",'
        .. '"attributes":{"error":"invalid password","ttl":0,"cache":"","foo":"bar"}}',
      'sample ttl="0", cache="", foo="bar", error="invalid password"' },
    { { nil, { "Basic", "Negotiate" } }, '{"statusCode":401,"error":"Unauthorized"}', "Basic, Negotiate" },
    { { nil, "Basic" }, '{"statusCode":401,"error":"Unauthorized"}', "Basic" },
  }
  for i, row in ipairs(CHALLENGES) do
    it("unauthorized builds WWW-Authenticate, row " .. i, function()
      each_way({ "unauthorized", "unauthorized" }, function(throw)
        local reply = apps.ask(function(ctx) throw(ctx, unpack(row[1], 1, 3)) end, {}, { may_fail = true })
        assert.equal(401, reply.status)
        assert.equal(row[2], reply.body)
        assert.equal(row[3], reply.headers["WWW-Authenticate"])
      end)
    end)
  end

  it("method_not_allowed builds Allow", function()
    for _, allow in ipairs { "GET, POST", { "GET", "POST" } } do
      each_way({ "method_not_allowed", "methodNotAllowed" }, function(throw)
        local reply = apps.ask(function(ctx) throw(ctx, nil, nil, allow) end, {}, { may_fail = true })
        assert.equal(405, reply.status)
        assert.equal("GET, POST", reply.headers.Allow)
        assert.equal('{"statusCode":405,"error":"Method Not Allowed"}', reply.body)
      end)
    end
  end)

  it("throw misuse at the caller's line", function()
    apps.inside({}, function(ctx)
      for _, half in ipairs { ctx, ctx.response } do
        assert_misuse("bad argument #1 to 'bad_request' (string or nil expected, got table)",
          function() half:bad_request {} end)
        assert_misuse("bad argument #1 to 'not_found' (string or nil expected, got number)",
          function() half:notFound(404) end)
        assert_misuse("bad argument #2 to 'unauthorized'", function() half:unauthorized("x", 7) end)
        assert_misuse("bad attribute 'a b'", function() half:unauthorized("x", "Basic", { ["a b"] = 1 }) end)
        assert_misuse("bad argument #3 to 'method_not_allowed'",
          function() half:method_not_allowed("x", nil, "a\r\nb") end)
        assert_misuse("call it with a colon", function() half.not_found("missing") end)
        assert_misuse("call it with a colon", function() half.notFound() end)
      end
    end)
  end)

  it("of 500 are logged with their message, the others are not", function()
    for _, row in ipairs(ROWS) do
      local reply, reports = logged(function(ctx) ctx[row[1]](ctx, "for the log") end)
      assert.equal(row[4], reply.status)
      assert.equal(row[4] == 500 and 1 or 0, #reports, row[1])
      if row[4] == 500 then
        assert.matches("for the log\nstack traceback:", reports[1])
        assert.is_nil(reply.body:find("for the log", 1, true))
      else
        assert.truthy(reply.body:find("for the log", 1, true))
      end
    end
  end)

  it("may be caught by a middleware", function()
    local reply = apps.ask(function(ctx)
      local ok, err = pcall(ctx.not_found, ctx, "no such user")
      ctx.body = { caught = not ok, status = err.status }
      ctx.body = ("%s %d %s"):format(tostring(ok), err.status, tostring(err))
    end)
    assert.equal("false 404 no such user", reply.body)
  end)
end)

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
    assert.matches("spec/app_error_spec%.lua:%d+: in function", app.errors[1].ctx.trace)
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

  it("is told in words of a plain table", function()
    local _, reports = logged(function() error { status = 503, message = "in the table" } end)
    assert.equal(1, #reports)
    assert.matches("^in the table\nstack traceback:", reports[1])
  end)
end)
