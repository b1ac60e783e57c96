-- http.HTTPStatus, the constants of http, and what http.status knows of codes.
-- SPDX-License-Identifier: MIT

local ffi = require("ffi")
local helper = require("helper")
local http = require("http")
local status = require("http.status")

local HTTPStatus = http.HTTPStatus

-- Value, name, phrase, where it is specified.
local DOCUMENTED = {
  { 100, "CONTINUE", "Continue", "HTTP/1.1 RFC 7231, Section 6.2.1" },
  { 101, "SWITCHING_PROTOCOLS", "Switching Protocols", "HTTP/1.1 RFC 7231, Section 6.2.2" },
  { 102, "PROCESSING", "Processing", "WebDAV RFC 2518, Section 10.1" },
  { 200, "OK", "OK", "HTTP/1.1 RFC 7231, Section 6.3.1" },
  { 201, "CREATED", "Created", "HTTP/1.1 RFC 7231, Section 6.3.2" },
  { 202, "ACCEPTED", "Accepted", "HTTP/1.1 RFC 7231, Section 6.3.3" },
  { 203, "NON_AUTHORITATIVE_INFORMATION", "Non-Authoritative Information", "HTTP/1.1 RFC 7231, Section 6.3.4" },
  { 204, "NO_CONTENT", "No Content", "HTTP/1.1 RFC 7231, Section 6.3.5" },
  { 205, "RESET_CONTENT", "Reset Content", "HTTP/1.1 RFC 7231, Section 6.3.6" },
  { 206, "PARTIAL_CONTENT", "Partial Content", "HTTP/1.1 RFC 7233, Section 4.1" },
  { 207, "MULTI_STATUS", "Multi-Status", "WebDAV RFC 4918, Section 11.1" },
  { 208, "ALREADY_REPORTED", "Already Reported", "WebDAV Binding Extensions RFC 5842, Section 7.1 (Experimental)" },
  { 226, "IM_USED", "IM Used", "Delta Encoding in HTTP RFC 3229, Section 10.4.1" },
  { 300, "MULTIPLE_CHOICES", "Multiple Choices", "HTTP/1.1 RFC 7231, Section 6.4.1" },
  { 301, "MOVED_PERMANENTLY", "Moved Permanently", "HTTP/1.1 RFC 7231, Section 6.4.2" },
  { 302, "FOUND", "Found", "HTTP/1.1 RFC 7231, Section 6.4.3" },
  { 303, "SEE_OTHER", "See Other", "HTTP/1.1 RFC 7231, Section 6.4.4" },
  { 304, "NOT_MODIFIED", "Not Modified", "HTTP/1.1 RFC 7232, Section 4.1" },
  { 305, "USE_PROXY", "Use Proxy", "HTTP/1.1 RFC 7231, Section 6.4.5" },
  { 307, "TEMPORARY_REDIRECT", "Temporary Redirect", "HTTP/1.1 RFC 7231, Section 6.4.7" },
  { 308, "PERMANENT_REDIRECT", "Permanent Redirect", "Permanent Redirect RFC 7238, Section 3 (Experimental)" },
  { 400, "BAD_REQUEST", "Bad Request", "HTTP/1.1 RFC 7231, Section 6.5.1" },
  { 401, "UNAUTHORIZED", "Unauthorized", "HTTP/1.1 Authentication RFC 7235, Section 3.1" },
  { 402, "PAYMENT_REQUIRED", "Payment Required", "HTTP/1.1 RFC 7231, Section 6.5.2" },
  { 403, "FORBIDDEN", "Forbidden", "HTTP/1.1 RFC 7231, Section 6.5.3" },
  { 404, "NOT_FOUND", "Not Found", "HTTP/1.1 RFC 7231, Section 6.5.4" },
  { 405, "METHOD_NOT_ALLOWED", "Method Not Allowed", "HTTP/1.1 RFC 7231, Section 6.5.5" },
  { 406, "NOT_ACCEPTABLE", "Not Acceptable", "HTTP/1.1 RFC 7231, Section 6.5.6" },
  { 407, "PROXY_AUTHENTICATION_REQUIRED", "Proxy Authentication Required",
    "HTTP/1.1 Authentication RFC 7235, Section 3.2" },
  { 408, "REQUEST_TIMEOUT", "Request Timeout", "HTTP/1.1 RFC 7231, Section 6.5.7" },
  { 409, "CONFLICT", "Conflict", "HTTP/1.1 RFC 7231, Section 6.5.8" },
  { 410, "GONE", "Gone", "HTTP/1.1 RFC 7231, Section 6.5.9" },
  { 411, "LENGTH_REQUIRED", "Length Required", "HTTP/1.1 RFC 7231, Section 6.5.10" },
  { 412, "PRECONDITION_FAILED", "Precondition Failed", "HTTP/1.1 RFC 7232, Section 4.2" },
  { 413, "REQUEST_ENTITY_TOO_LARGE", "Payload Too Large", "HTTP/1.1 RFC 7231, Section 6.5.11" },
  { 414, "REQUEST_URI_TOO_LONG", "URI Too Long", "HTTP/1.1 RFC 7231, Section 6.5.12" },
  { 415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type", "HTTP/1.1 RFC 7231, Section 6.5.13" },
  { 416, "REQUEST_RANGE_NOT_SATISFIABLE", "Range Not Satisfiable", "HTTP/1.1 Range Requests RFC 7233, Section 4.4" },
  { 417, "EXPECTATION_FAILED", "Expectation Failed", "HTTP/1.1 RFC 7231, Section 6.5.14" },
  { 422, "UNPROCESSABLE_ENTITY", "Unprocessable Entity", "WebDAV RFC 4918, Section 11.2" },
  { 423, "LOCKED", "Locked", "WebDAV RFC 4918, Section 11.3" },
  { 424, "FAILED_DEPENDENCY", "Failed Dependency", "WebDAV RFC 4918, Section 11.4" },
  { 426, "UPGRADE_REQUIRED", "Upgrade Required", "HTTP/1.1 RFC 7231, Section 6.5.15" },
  { 428, "PRECONDITION_REQUIRED", "Precondition Required", "Additional HTTP Status Codes RFC 6585" },
  { 429, "TOO_MANY_REQUESTS", "Too Many Requests", "Additional HTTP Status Codes RFC 6585" },
  { 431, "REQUEST_HEADER_FIELDS_TOO_LARGE", "Request Header Fields Too Large",
    "Additional HTTP Status Codes RFC 6585" },
  { 500, "INTERNAL_SERVER_ERROR", "Internal Server Error", "HTTP/1.1 RFC 7231, Section 6.6.1" },
  { 501, "NOT_IMPLEMENTED", "Not Implemented", "HTTP/1.1 RFC 7231, Section 6.6.2" },
  { 502, "BAD_GATEWAY", "Bad Gateway", "HTTP/1.1 RFC 7231, Section 6.6.3" },
  { 503, "SERVICE_UNAVAILABLE", "Service Unavailable", "HTTP/1.1 RFC 7231, Section 6.6.4" },
  { 504, "GATEWAY_TIMEOUT", "Gateway Timeout", "HTTP/1.1 RFC 7231, Section 6.6.5" },
  { 505, "HTTP_VERSION_NOT_SUPPORTED", "HTTP Version Not Supported", "HTTP/1.1 RFC 7231, Section 6.6.6" },
  { 506, "VARIANT_ALSO_NEGOTIATES", "Variant Also Negotiates",
    "Transparent Content Negotiation in HTTP RFC 2295, Section 8.1 (Experimental)" },
  { 507, "INSUFFICIENT_STORAGE", "Insufficient Storage", "WebDAV RFC 4918, Section 11.5" },
  { 508, "LOOP_DETECTED", "Loop Detected", "WebDAV Binding Extensions RFC 5842, Section 7.2 (Experimental)" },
  { 510, "NOT_EXTENDED", "Not Extended", "An HTTP Extension Framework RFC 2774, Section 7 (Experimental)" },
  { 511, "NETWORK_AUTHENTICATION_REQUIRED", "Network Authentication Required",
    "Additional HTTP Status Codes RFC 6585, Section 6" },
}

local LATER = {
  { 103, "EARLY_HINTS", "Early Hints", "An HTTP Status Code for Indicating Hints RFC 8297, Section 2" },
  { 418, "IM_A_TEAPOT", "I'm a Teapot", "HTCPCP/1.0 RFC 2324, Section 2.3.2" },
  { 421, "MISDIRECTED_REQUEST", "Misdirected Request", "HTTP/2 RFC 7540, Section 9.1.2" },
  { 425, "TOO_EARLY", "Too Early", "Using Early Data in HTTP RFC 8470, Section 5.2" },
  { 451, "UNAVAILABLE_FOR_LEGAL_REASONS", "Unavailable For Legal Reasons",
    "An HTTP Status Code to Report Legal Obstacles RFC 7725, Section 3" },
}

local ALIASES = {
  CONTENT_TOO_LARGE = "REQUEST_ENTITY_TOO_LARGE",
  URI_TOO_LONG = "REQUEST_URI_TOO_LONG",
  RANGE_NOT_SATISFIABLE = "REQUEST_RANGE_NOT_SATISFIABLE",
  UNPROCESSABLE_CONTENT = "UNPROCESSABLE_ENTITY",
}

-- How an unknown code is told what would be right; the codes that came later stand among them.
local KNOWN = [[
100 "continue"
101 "switching protocols"
102 "processing"
200 "ok"
201 "created"
202 "accepted"
203 "non-authoritative information"
204 "no content"
205 "reset content"
206 "partial content"
207 "multi-status"
208 "already reported"
226 "im used"
300 "multiple choices"
301 "moved permanently"
302 "found"
303 "see other"
304 "not modified"
305 "use proxy"
307 "temporary redirect"
308 "permanent redirect"
400 "bad request"
401 "unauthorized"
402 "payment required"
403 "forbidden"
404 "not found"
405 "method not allowed"
406 "not acceptable"
407 "proxy authentication required"
408 "request timeout"
409 "conflict"
410 "gone"
411 "length required"
412 "precondition failed"
413 "payload too large"
414 "uri too long"
415 "unsupported media type"
416 "range not satisfiable"
417 "expectation failed"
418 "I'm a teapot"
422 "unprocessable entity"
423 "locked"
424 "failed dependency"
426 "upgrade required"
428 "precondition required"
429 "too many requests"
431 "request header fields too large"
500 "internal server error"
501 "not implemented"
502 "bad gateway"
503 "service unavailable"
504 "gateway timeout"
505 "http version not supported"
506 "variant also negotiates"
507 "insufficient storage"
508 "loop detected"
510 "not extended"
511 "network authentication required"]]

local ROWS = {}
for _, rows in ipairs({ DOCUMENTED, LATER }) do
  for _, row in ipairs(rows) do
    ROWS[#ROWS + 1] = row
  end
end
table.sort(ROWS, function(a, b) return a[1] < b[1] end)

-- That fn throws words, told at the line of this file where it stands.
local function assert_misuse(words, fn)
  local ok, message = pcall(fn)
  assert.is_false(ok)
  assert.truthy(tostring(message):find(words, 1, true), message)
  assert.matches("^spec/status_spec%.lua:" .. debug.getinfo(fn, "S").linedefined .. ": ", message)
end

describe("http.HTTPStatus", function()
  for _, row in ipairs(ROWS) do
    local value, name, phrase, spec = unpack(row)

    it(("has %s, %d"):format(name, value), function()
      local member = HTTPStatus[name]
      assert.equal(value, member.value)
      assert.equal(name, member.name)
      assert.equal(phrase, member.phrase)
      assert.equal(spec, member.spec)
      assert.equal(("<HTTPStatus.%s: %d>"):format(name, value), tostring(member))
      assert.equal(value, http[name])
      assert.is_true(rawequal(member, HTTPStatus(value)))
      assert.matches("^%u[^\n]+[^.%s]$", member.description)
    end)
  end

  it("is shown as it is documented", function()
    assert.equal("<HTTPStatus.OK: 200>", tostring(HTTPStatus.OK))
    assert.is_true(HTTPStatus.OK == 200)
    assert.equal(200, HTTPStatus.OK.value)
    assert.equal("OK", HTTPStatus.OK.phrase)
    assert.equal("Request fulfilled, document follows", HTTPStatus.OK.description)
    assert.equal("<HTTPStatus.CONTINUE: 100>", tostring(HTTPStatus.list()[1]))
    assert.equal("<HTTPStatus.SWITCHING_PROTOCOLS: 101>", tostring(HTTPStatus.list()[2]))
  end)

  it("describes each status in words of its own", function()
    local seen = {}
    for _, member in ipairs(HTTPStatus.list()) do
      assert.is_nil(seen[member.description])
      seen[member.description] = true
    end
  end)

  it("lists all members once, in their order", function()
    local list = HTTPStatus.list()
    assert.equal(#ROWS, #list)
    for i, row in ipairs(ROWS) do
      assert.is_true(list[i] == row[1])
    end
    list[1] = nil -- the list is the caller's own
    assert.equal(#ROWS, #HTTPStatus.list())
  end)

  it("knows the current names of four members", function()
    for alias, name in pairs(ALIASES) do
      assert.is_true(rawequal(HTTPStatus[name], HTTPStatus[alias]))
      assert.equal(name, HTTPStatus[alias].name)
      assert.equal(http[name], http[alias])
    end
  end)

  it("gives the member of a number, and a member back", function()
    assert.is_true(rawequal(HTTPStatus.NOT_FOUND, HTTPStatus(404)))
    assert.is_true(rawequal(HTTPStatus.NOT_FOUND, HTTPStatus(HTTPStatus.NOT_FOUND)))
  end)

  it("refuses what is no status, at the caller's line", function()
    assert_misuse("unknown status 299; these are known:\n100 \"continue\"\n", function() return (HTTPStatus(299)) end)
    assert_misuse("unknown status 0;", function() return (HTTPStatus(0)) end)
    assert_misuse("unknown status -200;", function() return (HTTPStatus(-200)) end)
    assert_misuse("bad status (integer or HTTPStatus expected, got 200.5)", function() return (HTTPStatus(200.5)) end)
    assert_misuse("bad status (integer or HTTPStatus expected, got nan)", function() return (HTTPStatus(0 / 0)) end)
    assert_misuse("bad status (integer or HTTPStatus expected, got inf)", function() return (HTTPStatus(1 / 0)) end)
    assert_misuse("bad status (integer or HTTPStatus expected, got string)", function() return (HTTPStatus("200")) end)
    assert_misuse("bad status (integer or HTTPStatus expected, got nil)", function() return (HTTPStatus()) end)
    assert_misuse("bad status (integer or HTTPStatus expected, got cdata)", function() return (HTTPStatus(200LL)) end)
  end)

  it("tells a misspelled member", function()
    assert_misuse("HTTPStatus has no member 'NOT_FUOND'", function() return HTTPStatus.NOT_FUOND end)
    assert_misuse("HTTPStatus has no member '404'; call it: HTTPStatus(404)", function() return HTTPStatus[404] end)
  end)
end)

describe("a member of http.HTTPStatus", function()
  local OK, NOT_FOUND = HTTPStatus.OK, HTTPStatus.NOT_FOUND

  it("equals its number, on either side, and itself", function()
    assert.is_true(OK == 200)
    assert.is_true(200 == OK)
    assert.is_true(OK == HTTPStatus(200))
    assert.is_false(OK ~= 200)
    assert.is_true(OK ~= 201)
    assert.is_true(201 ~= OK)
    assert.is_true(OK ~= NOT_FOUND)
  end)

  it("equals nothing else, and may be compared with it", function()
    for _, other in ipairs({ "200", true, {}, print, "OK", ffi.new("int[1]", 200), coroutine.create(print) }) do
      assert.is_false(OK == other)
      assert.is_false(other == OK)
    end
    assert.is_false(OK == nil)
    assert.is_false(nil == OK)
  end)

  it("is ordered among numbers and members", function()
    assert.is_true(OK < 201 and 199 < OK and OK < NOT_FOUND)
    assert.is_true(OK <= 200 and 200 <= OK and OK <= NOT_FOUND and OK <= OK)
    assert.is_true(OK > 199 and 201 > OK and NOT_FOUND > OK)
    assert.is_true(OK >= 200 and 200 >= OK and NOT_FOUND >= OK)
    assert.is_false(OK < 200 or 200 < OK or NOT_FOUND < OK)
    assert.is_false(OK <= 199 or 201 <= OK or NOT_FOUND <= OK)
    local codes = HTTPStatus.list()
    table.sort(codes, function(a, b) return a > b end)
    assert.is_true(codes[1] == 511 and codes[#codes] == 100)
  end)

  it("has no order among other things", function()
    assert_misuse("cannot compare an HTTPStatus with a string", function() return OK < "300" end)
    assert_misuse("cannot compare an HTTPStatus with a nil", function() return nil <= OK end)
    assert_misuse("cannot compare an HTTPStatus with a table", function() return OK > {} end)
  end)

  it("knows its class", function()
    local classes = { "is_informational", "is_success", "is_redirection", "is_client_error", "is_server_error" }
    for _, member in ipairs(HTTPStatus.list()) do
      for i, class in ipairs(classes) do
        assert.equal(math.floor(member.value / 100) == i, member[class])
      end
    end
  end)

  it("has no other fields, and none can be set", function()
    assert_misuse("an HTTPStatus has no field 'phras' (it has value, phrase,", function() return OK.phras end)
    assert_misuse("an HTTPStatus has no field '1'", function() return OK[1] end)
    assert_misuse("", function() OK.value = 201 end)
    assert_misuse("", function() OK.other = 201 end)
    assert.equal(200, OK.value)
  end)

  it("is a table's key by its value", function()
    local texts = { [200] = "fine" }
    assert.is_nil(texts[OK])
    assert.equal("fine", texts[OK.value])
  end)
end)

describe("the constants of http", function()
  it("are plain numbers, one for every name", function()
    local count = 0
    for name, value in pairs(status.constants) do
      assert.equal("number", type(http[name]))
      assert.is_true(HTTPStatus[name] == value)
      count = count + 1
    end
    assert.equal(#ROWS + 4, count)
    assert.equal(200, http.OK)
    assert.equal(503, http.SERVICE_UNAVAILABLE)
  end)

  it("leave other names alone", function()
    assert.is_nil(http.OPTIONS)
    assert.is_nil(http.GET)
    assert.is_nil(http.nothing)
    assert.is_nil(http[1])
    assert.is_nil(http[nil])
  end)

  it("stand beside http.null, which is cjson's as well", function()
    assert.equal(require("cjson").null, http.null)
    assert.is_true(http.null ~= nil)
  end)
end)

describe("http.status", function()
  it("knows phrases", function()
    assert.equal("Not Found", status.phrase(404))
    assert.equal("Not Found", status.phrase(HTTPStatus.NOT_FOUND))
    for _, other in ipairs({ 299, 0, -1, 404.5, 1e300, 0 / 0, 1 / 0, "404", {}, true }) do
      assert.is_nil(status.phrase(other))
      assert.is_false(status.is_known(other))
    end
    assert.is_nil(status.phrase(nil))
    assert.is_false(status.is_known(nil))
  end)

  it("knows what is known, without content, a redirect", function()
    local known, empty, redirect = {}, {}, {}
    for _, row in ipairs(ROWS) do
      known[row[1]] = true
    end
    for code = 0, 1000 do
      assert.equal(known[code] or false, status.is_known(code))
      empty[#empty + 1] = status.is_empty(code) and code or nil
      redirect[#redirect + 1] = status.is_redirect(code) and code or nil
    end
    assert.same({ 204, 205, 304 }, empty)
    assert.same({ 300, 301, 302, 303, 305, 307, 308 }, redirect)
    assert.is_true(status.is_known(HTTPStatus.OK))
    assert.is_true(status.is_empty(HTTPStatus.NO_CONTENT))
    assert.is_true(status.is_redirect(HTTPStatus.FOUND))
    for _, other in ipairs({ "304", 304.5, {}, 0 / 0 }) do
      assert.is_false(status.is_empty(other))
      assert.is_false(status.is_redirect(other))
    end
    assert.is_false(status.is_empty(nil))
  end)

  it("gives the plain number of a status that it has checked", function()
    assert.equal(404, status.check(404))
    local plain = status.check(HTTPStatus.NOT_FOUND)
    assert.equal("number", type(plain))
    assert.equal(404, plain)
  end)

  it("throws at the level that it is told", function()
    local function here() return (status.check(299, 1)) end
    local function caller() return (status.check(299, 2)) end
    local function default() return (status.check(299)) end
    local function line_of(fn)
      local ok, message = pcall(function()
        local _ = 1
        fn()
      end)
      assert.is_false(ok)
      return tonumber(message:match("^spec/status_spec%.lua:(%d+): unknown status 299;"))
    end
    assert.equal(debug.getinfo(here, "S").linedefined, line_of(here))
    assert.equal(debug.getinfo(line_of, "S").linedefined + 3, line_of(caller))
    assert.equal(line_of(caller), line_of(default))
  end)

  it("lists what it knows where it is given what it does not", function()
    local _, message = pcall(status.check, 299)
    local list = message:match("these are known:\n(.*)$") .. "\n"
    for line in KNOWN:gmatch("[^\n]+") do
      assert.truthy(("\n" .. list):find("\n" .. line .. "\n", 1, true), line)
    end
    for _, line in ipairs({ '103 "early hints"', '421 "misdirected request"', '425 "too early"',
      '451 "unavailable for legal reasons"' }) do
      assert.truthy(list:find("\n" .. line .. "\n", 1, true), line)
    end
    local _, lines = list:gsub("\n", "")
    assert.equal(#ROWS, lines)
  end)
end)

describe("a reply", function()
  local server
  after_each(function() server:close() end) -- before helper looks for what is left
  helper.setup()

  it("carries the phrase of its status", function()
    server = assert(http.serve({
      handler = function(request, response) response.status = HTTPStatus(tonumber(request.path:sub(2))) end,
    }))
    for _, row in ipairs(ROWS) do
      if row[1] >= 200 then
        local response = http.get(server.url .. "/" .. row[1]):await()
        assert.equal(row[1], response.status_code)
        assert.equal(row[3], response.status_message)
      end
    end
  end)
end)
