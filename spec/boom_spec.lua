-- http.boom: the errors, their payloads to the byte, their headers, and what they refuse.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

local http = require("http")

local boom = http.boom

-- Both names, a message, the payload: the examples of the documentation.
local EXAMPLES = {
  { "bad_request", "badRequest", "invalid query",
    '{"statusCode":400,"error":"Bad Request","message":"invalid query"}' },
  { "payment_required", "paymentRequired", "bandwidth used",
    '{"statusCode":402,"error":"Payment Required","message":"bandwidth used"}' },
  { "forbidden", "forbidden", "try again some time",
    '{"statusCode":403,"error":"Forbidden","message":"try again some time"}' },
  { "not_found", "notFound", "missing", '{"statusCode":404,"error":"Not Found","message":"missing"}' },
  { "method_not_allowed", "methodNotAllowed", "that method is not allowed",
    '{"statusCode":405,"error":"Method Not Allowed","message":"that method is not allowed"}' },
  { "not_acceptable", "notAcceptable", "unacceptable",
    '{"statusCode":406,"error":"Not Acceptable","message":"unacceptable"}' },
  { "proxy_auth_required", "proxyAuthRequired", "auth missing",
    '{"statusCode":407,"error":"Proxy Authentication Required","message":"auth missing"}' },
  { "client_timeout", "clientTimeout", "timed out",
    '{"statusCode":408,"error":"Request Time-out","message":"timed out"}' },
  { "conflict", "conflict", "there was a conflict",
    '{"statusCode":409,"error":"Conflict","message":"there was a conflict"}' },
  { "resource_gone", "resourceGone", "it is gone", '{"statusCode":410,"error":"Gone","message":"it is gone"}' },
  { "length_required", "lengthRequired", "length needed",
    '{"statusCode":411,"error":"Length Required","message":"length needed"}' },
  { "precondition_failed", "preconditionFailed", nil, '{"statusCode":412,"error":"Precondition Failed"}' },
  { "entity_too_large", "entityTooLarge", "too big",
    '{"statusCode":413,"error":"Request Entity Too Large","message":"too big"}' },
  { "uri_too_long", "uriTooLong", "uri is too long",
    '{"statusCode":414,"error":"Request-URI Too Large","message":"uri is too long"}' },
  { "unsupported_media_type", "unsupportedMediaType", "that media is not supported",
    '{"statusCode":415,"error":"Unsupported Media Type","message":"that media is not supported"}' },
  { "range_not_satisfiable", "rangeNotSatisfiable", nil,
    '{"statusCode":416,"error":"Requested Range Not Satisfiable"}' },
  { "expectation_failed", "expectationFailed", "expected this to work",
    '{"statusCode":417,"error":"Expectation Failed","message":"expected this to work"}' },
  -- The page shows "Sorry" for "sorry" here, by an accident of its own: a message is kept as it is given.
  { "teapot", "teapot", "sorry, no coffee...",
    [[{"statusCode":418,"error":"I'm a Teapot","message":"sorry, no coffee..."}]] },
  { "bad_data", "badData", "your data is bad and you should feel bad",
    '{"statusCode":422,"error":"Unprocessable Entity","message":"your data is bad and you should feel bad"}' },
  { "locked", "locked", "this resource has been locked",
    '{"statusCode":423,"error":"Locked","message":"this resource has been locked"}' },
  { "precondition_required", "preconditionRequired", "you must supply an If-Match header",
    '{"statusCode":428,"error":"Precondition Required","message":"you must supply an If-Match header"}' },
  { "too_many_requests", "tooManyRequests", "you have exceeded your request limit",
    '{"statusCode":429,"error":"Too Many Requests","message":"you have exceeded your request limit"}' },
  { "illegal", "illegal", "you are not permitted to view this resource for legal reasons",
    '{"statusCode":451,"error":"Unavailable For Legal Reasons",' ..
    '"message":"you are not permitted to view this resource for legal reasons"}' },
  { "bad_implementation", "badImplementation", "terrible implementation",
    '{"statusCode":500,"error":"Internal Server Error","message":"An internal server error occurred"}' },
  { "not_implemented", "notImplemented", "method not implemented",
    '{"statusCode":501,"error":"Not Implemented","message":"method not implemented"}' },
  { "bad_gateway", "badGateway", "that is a bad gateway",
    '{"statusCode":502,"error":"Bad Gateway","message":"that is a bad gateway"}' },
  { "server_unavailable", "serverUnavailable", "unavailable",
    '{"statusCode":503,"error":"Service Unavailable","message":"unavailable"}' },
  { "gateway_timeout", "gatewayTimeout", nil, '{"statusCode":504,"error":"Gateway Time-out"}' },
}

-- What each says without a message.
local PHRASES = {
  bad_request = { 400, "Bad Request" },
  unauthorized = { 401, "Unauthorized" },
  payment_required = { 402, "Payment Required" },
  forbidden = { 403, "Forbidden" },
  not_found = { 404, "Not Found" },
  method_not_allowed = { 405, "Method Not Allowed" },
  not_acceptable = { 406, "Not Acceptable" },
  proxy_auth_required = { 407, "Proxy Authentication Required" },
  client_timeout = { 408, "Request Time-out" },
  conflict = { 409, "Conflict" },
  resource_gone = { 410, "Gone" },
  length_required = { 411, "Length Required" },
  precondition_failed = { 412, "Precondition Failed" },
  entity_too_large = { 413, "Request Entity Too Large" },
  uri_too_long = { 414, "Request-URI Too Large" },
  unsupported_media_type = { 415, "Unsupported Media Type" },
  range_not_satisfiable = { 416, "Requested Range Not Satisfiable" },
  expectation_failed = { 417, "Expectation Failed" },
  teapot = { 418, "I'm a Teapot" },
  bad_data = { 422, "Unprocessable Entity" },
  locked = { 423, "Locked" },
  precondition_required = { 428, "Precondition Required" },
  too_many_requests = { 429, "Too Many Requests" },
  illegal = { 451, "Unavailable For Legal Reasons" },
  bad_implementation = { 500, "Internal Server Error" },
  internal = { 500, "Internal Server Error" },
  not_implemented = { 501, "Not Implemented" },
  bad_gateway = { 502, "Bad Gateway" },
  server_unavailable = { 503, "Service Unavailable" },
  gateway_timeout = { 504, "Gateway Time-out" },
}

-- That fn throws words, told at the line of this file where it stands.
local function assert_misuse(words, fn)
  local ok, message = pcall(fn)
  assert.is_false(ok)
  assert.truthy(tostring(message):find(words, 1, true), tostring(message))
  assert.matches("^spec/boom_spec%.lua:" .. debug.getinfo(fn, "S").linedefined .. ": ", message)
end

describe("http.boom", function()
  for _, example in ipairs(EXAMPLES) do
    local name, camel, message, payload = example[1], example[2], example[3], example[4]

    it((".%s gives the payload of its example"):format(camel), function()
      assert.equal(boom[name], boom[camel])
      local err = boom[name](message)
      assert.equal(payload, err:to_json())
      assert.equal(payload, boom.payload_json(err))
      assert.equal(message, err.message)
      assert.same({}, err.output.headers)
    end)
  end

  for name, expected in pairs(PHRASES) do
    it((".%s makes an error without a message"):format(name), function()
      local status, phrase = unpack(expected)
      local err = boom[name]()
      assert.is_true(boom.is(err))
      assert.is_true(err.is_boom)
      assert.equal(status >= 500, err.is_server)
      assert.is_false(err.is_missing)
      assert.equal(status, err.status)
      assert.equal(status, err.output.status_code)
      assert.equal("number", type(err.status))
      assert.is_nil(err.message)
      assert.is_nil(err.data)
      assert.equal(phrase, tostring(err))
      local hidden = status == 500 and "An internal server error occurred" or nil
      assert.same({ statusCode = status, error = phrase, message = hidden }, err.output.payload)
      assert.same({}, err.output.headers)
    end)
  end

  it("has twenty-nine kinds, and an alias", function()
    local count = 0
    for _ in pairs(PHRASES) do
      count = count + 1
    end
    assert.equal(30, count)
    local functions = {}
    for _, value in pairs(boom) do
      functions[value] = true
    end
    functions[boom.is] = nil
    functions[boom.payload_json] = nil
    for name in pairs(PHRASES) do
      functions[boom[name]] = nil
    end
    assert.same({}, functions) -- no other
  end)

  it("keeps data to itself", function()
    local data = { secret = "words" }
    for name in pairs(PHRASES) do
      if name ~= "unauthorized" then
        local err = boom[name]("message", data)
        assert.equal(data, err.data)
        assert.is_nil(err:to_json():find("words", 1, true))
        assert.is_nil(next(err.output.headers))
      end
    end
    assert.is_false(boom.conflict(nil, false).data)
  end)

  it("hides the message of a 500 from the client, and keeps it for the log", function()
    local err = boom.internal("the disk is full")
    assert.equal("the disk is full", err.message)
    assert.equal("the disk is full", tostring(err))
    assert.is_nil(err:to_json():find("disk", 1, true))
    assert.equal('{"statusCode":500,"error":"Internal Server Error","message":"An internal server error occurred"}',
      boom.internal():to_json())
  end)

  it("makes errors to throw and to catch", function()
    local ok, err = pcall(function() error(boom.not_found("no such item")) end)
    assert.is_false(ok)
    assert.is_true(boom.is(err))
    assert.equal("no such item", tostring(err))
    local other = setmetatable({ is_boom = true, output = {} }, { __tostring = tostring })
    for _, value in ipairs({ "text", 404, {}, other, http.Failure(), http.HTTPStatus.OK, print }) do
      assert.is_false(boom.is(value))
    end
    assert.is_false(boom.is(nil))
  end)

  it("takes a null or an empty message as none", function()
    for _, none in ipairs({ http.null, "" }) do
      local err = boom.bad_gateway(none)
      assert.is_nil(err.message)
      assert.equal('{"statusCode":502,"error":"Bad Gateway"}', err:to_json())
    end
  end)

  it("refuses another message, at the caller's line", function()
    for name in pairs(PHRASES) do
      local words = ("bad argument #1 to '%s' (string or nil expected, got "):format(name)
      assert_misuse(words .. "table)", function() return (boom[name]({})) end)
      assert_misuse(words .. "number)", function() return (boom[name](12)) end)
      assert_misuse(words .. "boolean)", function() return (boom[name](false)) end)
      assert_misuse(("call http.boom.%s with a dot"):format(name), function() return (boom[name](boom, "x")) end)
    end
  end)

  it("knows the fields in camelCase, too", function()
    local err = boom.unauthorized(nil, "Basic")
    assert.is_true(err.isBoom)
    assert.is_false(err.isServer)
    assert.is_true(err.isMissing)
    assert.equal(err:to_json(), err:toJson())
    assert.is_nil(err.other)
  end)
end)

describe("a payload", function()
  local function message_of(text)
    return (boom.bad_request(text):to_json():match('^{"statusCode":400,"error":"Bad Request","message":(.*)}$'))
  end

  it("escapes what JSON must escape, and nothing else", function()
    for text, expected in pairs({
      ['say "no"'] = [["say \"no\""]],
      ["C:\\temp"] = [["C:\\temp"]],
      ["a/b </script>"] = [["a/b </script>"]],
      ["\b\f\n\r\t"] = [["\b\f\n\r\t"]],
      ["\0\1\11\14\31"] = [["\u0000\u0001\u000b\u000e\u001f"]],
      ["Grüße, 世界 😀"] = '"Grüße, 世界 😀"',
      ["\226\128\168\226\128\169"] = '"\226\128\168\226\128\169"', -- U+2028, U+2029
      ["%d %s %%"] = '"%d %s %%"',
    }) do
      assert.equal(expected, message_of(text))
    end
  end)

  it("may be changed by a script, and keeps its order", function()
    local err = boom.conflict("twice")
    local payload = err.output.payload
    payload.message = "three times"
    payload.zone = { 1, 2.5, "x", true, http.null, {} }
    payload.detail = { ["a/b"] = false }
    assert.equal('{"statusCode":409,"error":"Conflict","message":"three times",' ..
      '"detail":{"a/b":false},"zone":[1,2.5,"x",true,null,{}]}', err:to_json())
  end)

  it("refuses what JSON does not have, at the caller's line", function()
    local err = boom.conflict()
    local cycle = {}
    cycle.cycle = cycle
    for _, value in ipairs({ print, 0 / 0, { [true] = 1 }, cycle }) do
      local words = "the payload cannot be written as JSON: "
      err.output.payload.extra = value
      assert_misuse(words, function() return (err:to_json()) end)
      assert_misuse(words, function() return (boom.payload_json(err)) end)
    end
    assert_misuse("bad self (http.Boom expected, got table)", function() return (err.to_json({})) end)
    assert_misuse("bad argument #1 to 'payload_json' (http.Boom", function() return (boom.payload_json()) end)
  end)
end)

describe("http.boom.method_not_allowed", function()
  it("sets Allow", function()
    for _, case in ipairs({
      { "GET", "GET" }, { { "GET", "HEAD" }, "GET, HEAD" }, { { "PUT" }, "PUT" }, { {}, "" },
    }) do
      local err = boom.method_not_allowed("no", nil, case[1])
      assert.same({ Allow = case[2] }, err.output.headers)
      assert.equal('{"statusCode":405,"error":"Method Not Allowed","message":"no"}', err:to_json())
    end
    assert.same({}, boom.method_not_allowed("no", nil, http.null).output.headers)
  end)

  it("refuses what is no method", function()
    local words = "bad argument #3 to 'method_not_allowed' (string or list of strings expected, got "
    local function try(allow)
      return function() return (boom.methodNotAllowed("no", nil, allow)) end
    end
    local line = debug.getinfo(try("GET"), "S").linedefined
    for expected, allow in pairs({
      ["number)"] = 12, ["boolean)"] = true, ["list with a number)"] = { "GET", 1 },
      ["table with names)"] = { GET = true },
    }) do
      local ok, message = pcall(try(allow))
      assert.is_false(ok)
      assert.equal(("spec/boom_spec.lua:%d: "):format(line) .. words .. expected, message)
    end
    for _, allow in ipairs({ "GET\r\nX: y", "GET\0", { "GET", "\n" } }) do
      assert_misuse("(header value expected, got a control character)", try(allow))
    end
  end)
end)

describe("http.boom.unauthorized", function()
  -- Arguments, payload, WWW-Authenticate, is_missing.
  local function check(arguments, payload, header, is_missing)
    local err = boom.unauthorized(unpack(arguments, 1, 3))
    assert.equal(payload, err:to_json())
    assert.same({ ["WWW-Authenticate"] = header }, err.output.headers)
    assert.equal(is_missing, err.is_missing)
    assert.equal(401, err.status)
    return err
  end

  it("sets no header without a scheme", function()
    check({ "invalid password" }, '{"statusCode":401,"error":"Unauthorized","message":"invalid password"}', nil, false)
  end)

  it("puts the message into the challenge", function()
    check({ "invalid password", "sample" }, '{"statusCode":401,"error":"Unauthorized","message":"invalid password",' ..
      '"attributes":{"error":"invalid password"}}', 'sample error="invalid password"', false)
  end)

  it("takes the scheme's value as a string", function()
    for _, null in ipairs({ http.null, false }) do
      check({ null or nil, "Negotiate", "VGhpcyBpcyBhIHRlc3QgdG9rZW4=" },
        '{"statusCode":401,"error":"Unauthorized","attributes":"VGhpcyBpcyBhIHRlc3QgdG9rZW4="}',
        "Negotiate VGhpcyBpcyBhIHRlc3QgdG9rZW4=", true)
    end
  end)

  it("takes attributes as pairs, in their order", function()
    check({ "invalid password", "sample", { { "ttl", 0 }, { "cache", http.null }, { "foo", "bar" } } },
      '{"statusCode":401,"error":"Unauthorized","message":"invalid password",' ..
      '"attributes":{"error":"invalid password","ttl":0,"cache":"","foo":"bar"}}',
      'sample ttl="0", cache="", foo="bar", error="invalid password"', false)
  end)

  it("takes attributes as a table, by their names", function()
    check({ "invalid password", "sample", { ttl = 0, cache = http.null, foo = "bar" } },
      '{"statusCode":401,"error":"Unauthorized","message":"invalid password",' ..
      '"attributes":{"error":"invalid password","cache":"","foo":"bar","ttl":0}}',
      'sample cache="", foo="bar", ttl="0", error="invalid password"', false)
  end)

  it("is missing credentials where there is no message", function()
    check({ nil, "Basic" }, '{"statusCode":401,"error":"Unauthorized"}', "Basic", true)
    check({ nil, "Basic", {} }, '{"statusCode":401,"error":"Unauthorized"}', "Basic", true)
    check({ "", "Basic", "" }, '{"statusCode":401,"error":"Unauthorized"}', "Basic", true)
    check({ nil, "Basic", { realm = "shop" } },
      '{"statusCode":401,"error":"Unauthorized","attributes":{"realm":"shop"}}', 'Basic realm="shop"', true)
    check({ nil, "Bearer", { error = "invalid_token" } },
      '{"statusCode":401,"error":"Unauthorized","attributes":{"error":"invalid_token"}}',
      'Bearer error="invalid_token"', true)
  end)

  it("takes a list of challenges, without attributes", function()
    check({ "who are you", { "Basic", 'Digest realm="x"' }, { ignored = "yes" } },
      '{"statusCode":401,"error":"Unauthorized","message":"who are you"}', 'Basic, Digest realm="x"', false)
    check({ nil, { "Basic" } }, '{"statusCode":401,"error":"Unauthorized"}', "Basic", true)
  end)

  it("lets the message be the error, whatever the attributes say", function()
    check({ "no", "sample", { error = "yes", a = true } },
      '{"statusCode":401,"error":"Unauthorized","message":"no","attributes":{"error":"no","a":true}}',
      'sample a="true", error="no"', false)
  end)

  it("quotes the values of the header", function()
    check({ 'say "x\\y"', "sample", { path = 'C:\\"a"', n = 1.5 } },
      [[{"statusCode":401,"error":"Unauthorized","message":"say \"x\\y\"",]] ..
      [["attributes":{"error":"say \"x\\y\"","n":1.5,"path":"C:\\\"a\""}}]],
      [[sample n="1.5", path="C:\\\"a\"", error="say \"x\\y\""]], false)
  end)

  it("keeps the order when a script adds an attribute", function()
    local err = boom.unauthorized("no", "sample", { { "z", 1 }, { "b", 2 } })
    err.output.payload.attributes.a = 3
    assert.matches('"attributes":{"error":"no","z":1,"b":2,"a":3}}$', err:to_json())
  end)

  it("refuses misuse, at the caller's line", function()
    local function refuse(words, ...)
      local arguments = { ... }
      local count = select("#", ...)
      assert_misuse(words, function() return (boom.unauthorized(unpack(arguments, 1, count))) end)
    end
    refuse("bad argument #1 to 'unauthorized' (string or nil expected, got table)", {})
    refuse("bad argument #1 to 'unauthorized' (nil beside attributes that are a string expected, got string)",
      "message", "Negotiate", "token")
    refuse("bad argument #2 to 'unauthorized' (scheme for the attributes expected, got nil)", "x", nil, { a = 1 })
    refuse("bad argument #2 to 'unauthorized' (scheme for the attributes expected, got nil)", nil, nil, "token")
    refuse("bad argument #2 to 'unauthorized' (string or list of strings expected, got number)", "x", 12)
    refuse("bad argument #2 to 'unauthorized' (string or list of strings expected, got list with a table)", "x", { {} })
    refuse("bad argument #2 to 'unauthorized' (scheme or list of schemes expected, got an empty list)", "x", {})
    refuse("bad argument #3 to 'unauthorized' (table, string or nil expected, got number)", "x", "sample", 12)
    refuse("bad attribute 'a b' (a name must be a token)", "x", "sample", { ["a b"] = 1 })
    refuse("bad attribute '' (a name must be a token)", "x", "sample", { [""] = 1 })
    refuse("bad attribute 'nil' (a name must be a token)", "x", "sample", { {} })
    refuse("bad attribute 'a' (it is given twice)", "x", "sample", { { "a", 1 }, { "a", 2 } })
    refuse("bad attribute 2 (a pair of name and value expected, got string)", "x", "sample", { { "a", 1 }, "b" })
    refuse("bad attribute 'a' (string, finite number, boolean or http.null expected, got table)",
      "x", "sample", { a = {} })
    refuse("bad attribute 'a' (string, finite number, boolean or http.null expected, got inf)",
      "x", "sample", { a = 1 / 0 })
    refuse("bad attribute 'a' (string, finite number, boolean or http.null expected, got nan)",
      "x", "sample", { { "a", 0 / 0 } })
  end)

  it("lets nothing break out of the header", function()
    for _, evil in ipairs({ "a\r\nX: y", "a\nb", "a\rb", "a\0b", "\127", "\27[0m" }) do
      assert_misuse("a control character", function() return (boom.unauthorized(evil, "sample")) end)
      assert_misuse("a control character", function() return (boom.unauthorized("x", evil)) end)
      assert_misuse("a control character", function() return (boom.unauthorized("x", { "sample", evil })) end)
      assert_misuse("a control character", function() return (boom.unauthorized("x", "sample", { a = evil })) end)
      assert_misuse("a control character", function() return (boom.unauthorized(nil, "sample", evil)) end)
      assert_misuse("must be a token", function() return (boom.unauthorized("x", "sample", { [evil] = 1 })) end)
    end
    assert.equal("a\nb", boom.unauthorized("a\nb").message) -- no header, no harm
    assert.equal('sample error="a\tb"', boom.unauthorized("a\tb", "sample").output.headers["WWW-Authenticate"])
  end)
end)
