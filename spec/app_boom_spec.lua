-- http.app: Boom's errors on ctx and ctx.response, as the documents show each.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

local apps = require("apps")
local helper = require("helper")
local http = require("http")

local assert_misuse = apps.assert_misuse
local logged = apps.logged
local JSON = "application/json; charset=utf-8"

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
