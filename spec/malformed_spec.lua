-- Replies that are malformed or odd: each comes to its error, or to a body, however it is cut into
-- pieces, and none hangs.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local certs = require("certs")

local R = http.Response
local BAD, LOST, IMPOSSIBLE, LARGE = R.PROTOCOL_FAILURE, R.REMOTE_HOST_CLOSED_ERROR,
  R.PROTOCOL_INVALID_OPERATION_ERROR, R.UNKNOWN_CONTENT_ERROR

-- What a strict engine takes for malformed, and one that is not makes of it: this value, or one of these.
local function lenient(...)
  return http.can "be_strict" and BAD or { ... }
end

-- What an engine makes of it that can do something, and one that cannot.
local function can(capability, value, otherwise)
  if http.can(capability) then
    return value
  end
  return otherwise
end

-- A reply of 200 with these fields.
local function ok(fields, rest)
  return "HTTP/1.1 200 OK\r\n" .. fields .. "\r\n\r\n" .. (rest or "")
end

local function chunked(rest)
  return ok("Transfer-Encoding: chunked", rest)
end

-- A reply with this status line.
local function line(status_line)
  return status_line .. "\r\nContent-Length: 2\r\n\r\nhi"
end

-- Each: the title; the bytes; the body that is expected, or the number of the error, or a list of what is
-- allowed; options: close (the server closes after it), method, words (of the error).
local GROUPS = {
  ["Content-Length"] = {
    { "twice with two values", ok("Content-Length: 2\r\nContent-Length: 5", "hello"), BAD },
    { "twice with one value", ok("Content-Length: 2\r\nContent-Length: 2", "hi"), BAD },
    { "as a list", ok("Content-Length: 2, 2", "hi"), BAD },
    { "with a sign", ok("Content-Length: +2", "hi"), BAD },
    { "below zero", ok("Content-Length: -2", "hi"), BAD },
    { "of minus zero", ok("Content-Length: -0"), BAD },
    { "of two numbers", ok("Content-Length: 2 2", "hi"), BAD },
    { "in hexadecimal", ok("Content-Length: 0x2", "hi"), BAD },
    { "with a fraction", ok("Content-Length: 2.0", "hi"), BAD },
    { "of nothing", ok("Content-Length:", "hi"), BAD },
    { "of a word", ok("Content-Length: two", "hi"), BAD },
    { "behind a vertical tab", ok("Content-Length: \v2", "hi"), BAD },
    { "before a form feed", ok("Content-Length: 2\f", "hi"), BAD },
    { "before a NUL", ok("Content-Length: 2\0abc", "hi"), BAD },
    { "beyond 64 bits", ok("Content-Length: 18446744073709551618", "hi"), BAD },
    { "at the end of 63 bits", ok("Content-Length: 9223372036854775807", "hi"), LARGE },
    { "beside Transfer-Encoding", ok("Content-Length: 2\r\nTransfer-Encoding: chunked", "2\r\nhi\r\n0\r\n\r\n"), BAD },
    { "behind Transfer-Encoding", ok("Transfer-Encoding: chunked\r\nContent-Length: 2", "2\r\nhi\r\n0\r\n\r\n"), BAD },
    { "between blanks", ok("Content-Length: \t 2 \t", "hi"), "hi" },
    { "with zeros in front", ok("Content-Length: 002", "hi"), "hi" },
    { "in small letters", ok("content-length:2", "hi"), "hi" },
  },

  ["Transfer-Encoding"] = {
    { "of another coding", ok("Transfer-Encoding: gzip"), BAD },
    { "of another coding and chunked", ok("Transfer-Encoding: gzip, chunked", "2\r\nhi\r\n0\r\n\r\n"), BAD },
    { "of chunked and another coding", ok("Transfer-Encoding: chunked, gzip", "2\r\nhi\r\n0\r\n\r\n"), BAD },
    { "of identity", ok("Transfer-Encoding: identity", "hi"), BAD },
    { "that only looks like chunked", ok("Transfer-Encoding: xchunked", "2\r\nhi\r\n0\r\n\r\n"), BAD },
    { "behind a vertical tab", ok("Transfer-Encoding: \vchunked", "2\r\nhi\r\n0\r\n\r\n"), BAD },
    { "of nothing", ok("Transfer-Encoding:", "2\r\nhi\r\n0\r\n\r\n"), BAD },
    { "of chunked twice", chunked("2\r\nhi\r\n0\r\n\r\n"):gsub(": chunked", ": chunked, chunked"), BAD },
    { "in two fields", ok("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "2\r\nhi\r\n0\r\n\r\n"), BAD },
    { "in capitals", ok("TRANSFER-ENCODING: CHUNKED", "2\r\nhi\r\n0\r\n\r\n"), "hi" },
    { "in a reply of 1.0", "HTTP/1.0" .. chunked("2\r\nhi\r\n0\r\n\r\n"):sub(9), lenient("hi", BAD) },
  },

  ["a chunk"] = {
    { "with a size that is no number", chunked("zz\r\nhi\r\n0\r\n\r\n"), BAD, { words = "chunk" } },
    { "without a size", chunked("\r\nhi\r\n0\r\n\r\n"), { BAD, LOST }, { close = true } },
    { "with a size below zero", chunked("-2\r\nhi\r\n0\r\n\r\n"), BAD },
    { "with a size beyond 64 bits", chunked("10000000000000002\r\nhi\r\n0\r\n\r\n"), { BAD, LARGE } },
    { "with a size at the end of 63 bits", chunked("7fffffffffffffff\r\nhi\r\n0\r\n\r\n"), { BAD, LARGE } },
    { "with a signed size", chunked("+2\r\nhi\r\n0\r\n\r\n"), lenient(BAD, "hi") },
    { "with a size in C's notation", chunked("0x2\r\nhi\r\n0\r\n\r\n"), lenient(BAD, "hi") },
    { "with a blank before its size", chunked(" 2\r\nhi\r\n0\r\n\r\n"), lenient(BAD, "hi") },
    { "with a blank behind its size", chunked("2 \r\nhi\r\n0\r\n\r\n"), lenient(BAD, "hi") },
    { "without a line end behind it", chunked("2\r\nhi0\r\n\r\n"), lenient(BAD, "hi") },
    { "with a line feed alone behind its size", chunked("2\nhi\r\n0\r\n\r\n"), lenient(BAD, "hi") },
    { "with a line feed alone behind it", chunked("2\r\nhi\n0\r\n\r\n"), lenient(BAD, "hi") },
    { "longer than its size", chunked("2\r\nhello\r\n0\r\n\r\n"), BAD },
    { "with an extension", chunked("2;a=b\r\nhi\r\n0;c\r\n\r\n"), can("be_strict", "hi", BAD) },
    { "with a malformed extension", chunked("2;=b\r\nhi\r\n0\r\n\r\n"), BAD },
    { "with an extension that hides a line's end", chunked('2;a="\n\r\nhi\r\n0\r\n\r\n'), BAD },
    { "with a size in capitals", chunked("A\r\n0123456789\r\n0\r\n\r\n"), "0123456789" },
    { "with zeros before its size", chunked("0002\r\nhi\r\n000\r\n\r\n"), "hi" },
    { "followed by trailers", chunked("2\r\nhi\r\n0\r\nX-Sum: 1\r\nX-Name: x\r\n\r\n"), "hi" },
    { "followed by a trailer that would frame it", chunked("2\r\nhi\r\n0\r\nContent-Length: 5\r\n\r\n"),
      lenient("hi") },
    { "followed by a malformed trailer", chunked("2\r\nhi\r\n0\r\nno colon\r\n\r\n"), BAD },
    { "that is the last at once", chunked("0\r\n\r\n"), "" },
  },

  ["a field"] = {
    { "without a colon", ok("X"), BAD },
    { "without a name", ok(": x"), BAD },
    { "with a blank in its name", ok("X Y: x"), BAD },
    { "with a blank behind its name", ok("Content-Length : 2", "hi"), BAD },
    { "with a tab behind its name", ok("Content-Length\t: 2", "hi"), BAD },
    { "with a control byte in its name", ok("X\1: x"), BAD },
    { "with a NUL in its name", ok("X\0Y: x"), BAD },
    { "with a byte above ASCII in its name", ok("X\195\169: x"), BAD },
    { "with a bracket in its name", ok("X(Y): x"), BAD },
    { "with a control byte in its value", ok("X: x\1"), BAD },
    { "with a NUL in its value", ok("X: x\0y\r\nContent-Length: 2", "hi"), BAD },
    { "with a CR in its value", ok("X: x\ry\r\nContent-Length: 2", "hi"), BAD },
    { "with a DEL in its value", ok("X: x\127"), BAD },
    { "that starts with a NUL", ok("\0X: x\r\nContent-Length: 2", "hi"), BAD },
    { "that continues none", ok(" X: x\r\nContent-Length: 2", "hi"), BAD },
    { "over two lines", ok("X: one\r\n two\r\nContent-Length: 2", "hi"), lenient("hi"), { x = "one two" } },
    { "over lines of which one is blank", ok("X: one\r\n \t \r\n\ttwo \r\n  three\r\nContent-Length: 2", "hi"),
      lenient("hi"),
      { x = "one two three" } },
    { "with its value on the next line", ok("X:\r\n one\r\nContent-Length:\r\n\t2", "hi"),
      lenient("hi"), { x = "one" } },
    { "with a control byte in a second line", ok("X: one\r\n t\1wo\r\nContent-Length: 2", "hi"), BAD },
    { "with bytes above ASCII in its value", ok("X: \195\169\r\nContent-Length: 2", "hi"), "hi", { x = "\195\169" } },
    { "without a value", ok("X:\r\nContent-Length: 2", "hi"), "hi", { x = "" } },
    { "between blanks", ok("X:  \t x y \t\r\nContent-Length: 2", "hi"), "hi", { x = "x y" } },
  },

  ["a status line"] = {
    { "of HTTP/2.0", line "HTTP/2.0 200 OK", BAD },
    { "of HTTP/0.9", line "HTTP/0.9 200 OK", BAD },
    { "of HTTP/1.10", line "HTTP/1.10 200 OK", BAD },
    { "of a version below zero", line "HTTP/1.-1 200 OK", BAD },
    { "of half a version", line "HTTP/1 200 OK", BAD },
    { "of no version", line "HTTP/ 200 OK", BAD },
    { "in small letters", line "http/1.1 200 OK", BAD },
    { "of another protocol", line "ICY 200 OK", BAD },
    { "without a blank behind the version", line "HTTP/1.1200 OK", BAD },
    { "with two blanks behind the version", line "HTTP/1.1  200 OK", BAD },
    { "behind a blank", line " HTTP/1.1 200 OK", BAD },
    { "behind an empty line", line "\r\nHTTP/1.1 200 OK", BAD },
    { "without a status", line "HTTP/1.1", BAD },
    { "with a blank for a status", line "HTTP/1.1 ", BAD },
    { "of status 0", line "HTTP/1.1 000 No", BAD },
    { "of status 20", line "HTTP/1.1 20 OK", BAD },
    { "of status 99", line "HTTP/1.1 99 Low", BAD },
    { "of status 1000", line "HTTP/1.1 1000 High", BAD },
    { "of status abc", line "HTTP/1.1 abc OK", BAD },
    { "of status 200x", line "HTTP/1.1 200x OK", BAD },
    { "of status +200", line "HTTP/1.1 +200 OK", BAD },
    { "of status 0200", line "HTTP/1.1 0200 OK", BAD },
    { "of status -200", line "HTTP/1.1 -200 OK", BAD },
    { "with a control byte in its words", line "HTTP/1.1 200 O\1K", BAD },
    { "with a NUL in its words", line "HTTP/1.1 200 O\0K", BAD },
    { "with a CR at its end", line "HTTP/1.1 200 OK\r", BAD },
    { "that is HTML", "<html>\r\n<body>hi</body>\r\n\r\n", BAD },
    { "of version 1.2", line "HTTP/1.2 200 OK", lenient("hi") },
    { "without words", line "HTTP/1.1 200 ", "hi", { message = "" } },
    { "that ends with the status", line "HTTP/1.1 200", "hi", { message = "" } },
    { "of many words", line "HTTP/1.1 200 As  you wish, \195\169", "hi", { message = "As  you wish, \195\169" } },
    { "of a status of which nobody has heard", line "HTTP/1.1 299 Hm", "hi", { message = "Hm" } },
  },

  ["a reply"] = {
    { "that is empty", "", LOST, { close = true } },
    { "that is one empty line", "\r\n", { BAD, LOST }, { close = true } },
    { "that is half a status line", "HTTP/1.1 200", LOST, { close = true } },
    { "with line feeds alone", "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", lenient("hi") },
    { "with one line feed alone", ok("X: y\nContent-Length: 2", "hi"), lenient("hi") },
    { "without fields and without a body", "HTTP/1.1 200 OK\r\n\r\n", "", { close = true } },
    { "without a length", "HTTP/1.1 200 OK\r\nX: y\r\n\r\nhi", "hi", { close = true } },
    { "of 1.0 without a length", "HTTP/1.0 200 OK\r\n\r\nhi", "hi", { close = true } },
    { "of 1.0 with a length", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", "hi" },
    { "of 1.0 that keeps alive without a length", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nhi", "hi",
      { close = true } },
    { "that keeps alive without a length", ok("Connection: keep-alive", "hi"), "hi", { close = true } },
    { "with an unknown Connection and no length", ok("Connection: x, y", "hi"), "hi", { close = true } },
    { "that closes, in capitals, without a length", ok("Connection: CLOSE", "hi"), "hi", { close = true } },
    { "to HEAD with a body", ok("Content-Length: 2", "hi"), "", { method = "HEAD" } },
    { "to HEAD with chunks", chunked("2\r\nhi\r\n0\r\n\r\n"), "", { method = "HEAD" } },
    { "to HEAD without a length", ok("X: y"), "", { method = "HEAD" } },
    { "of 204 with a body", "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nhi", "" },
    { "of 204 without a length", "HTTP/1.1 204 No Content\r\n\r\n", "" },
    { "of 204 with chunks", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "" },
    { "of 304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", "" },
    { "of 304 with a body", "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\nhi", "" },
  },

  ["an interim reply"] = {
    { "of 100 passes by", "HTTP/1.1 100 Continue\r\n\r\n" .. line "HTTP/1.1 200 OK", "hi" },
    { "of 100 passes by twice", ("HTTP/1.1 100 Continue\r\n\r\n"):rep(2) .. line "HTTP/1.1 200 OK", "hi" },
    { "of 100 with fields passes by", "HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" .. line "HTTP/1.1 200 OK", "hi",
      { x = false } },
    { "of 100 passes by after POST", "HTTP/1.1 100 Continue\r\n\r\n" .. line "HTTP/1.1 200 OK", "hi",
      { method = "POST" } },
    { "of 100 passes by twice after POST", ("HTTP/1.1 100 Continue\r\n\r\n"):rep(2) .. line "HTTP/1.1 200 OK", "hi",
      { method = "POST" } },
    { "of 100 passes by before a body without a length", "HTTP/1.1 100 Continue\r\n\r\n" .. ok("X: y", "hi"), "hi",
      { close = true } },
    { "of 100 and nothing more", "HTTP/1.1 100 Continue\r\n\r\n", LOST, { close = true } },
    { "of 100 and nothing more after POST", "HTTP/1.1 100 Continue\r\n\r\n", LOST, { close = true, method = "POST" } },
    { "of 100 and a malformed reply", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 what\r\n\r\n", BAD },
    { "of 101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", can("upgrade", BAD, IMPOSSIBLE),
      { words = "101" } },
    { "of 102", "HTTP/1.1 102 Processing\r\n\r\n" .. line "HTTP/1.1 200 OK", can("interim", "hi", IMPOSSIBLE),
      { words = "interim" } },
    { "of 103", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" .. line "HTTP/1.1 200 OK",
      can("interim", "hi", IMPOSSIBLE), { words = "interim" } },
    { "of 103 after POST", "HTTP/1.1 103 Early Hints\r\n\r\n" .. line "HTTP/1.1 200 OK",
      can("interim", "hi", IMPOSSIBLE), { words = "interim", method = "POST" } },
  },
}

-- Asks a server that sends these bytes in pieces of `size`.
local function fetch(bytes, size, options)
  local conn
  local server = raw.listen {
    tls = options.tls,
    on_connect = function(c)
      c.on_data = function()
        conn = conn or (helper.parse_request(c.received) and c)
      end
    end,
  }
  local method = options.method or "GET"
  local response = http.request({ url = helper.url(server), method = method, timeout = 2, ca_file = certs.ca_file },
    method == "POST" and "data" or nil, helper.expect(function() end))
  helper.wait(function() return conn end)
  helper.drip(conn, bytes, size)
  if options.close then
    conn:close()
  end
  helper.wait(function() return response.finished end)
  return response
end

local function allows(expected, value)
  for _, one in ipairs(type(expected) == "table" and expected or { expected }) do
    if one == value then
      return true
    end
  end
  return false
end

local function check(response, expected, options)
  local outcome = response.error == 0 and response:read_string() or response.error
  if not allows(expected, outcome) then
    assert.same(expected, outcome, response.error_string)
  end
  if response.error ~= 0 then
    assert.matches(options.words or ".", response.error_string)
    return
  end
  if options.message then
    assert.equal(options.message, response.status_message)
  end
  if options.x ~= nil then
    assert.equal(options.x or nil, response.headers.X)
  end
end

for name, cases in pairs(GROUPS) do
  describe(name, function()
    helper.setup()

    for _, case in ipairs(cases) do
      local title, bytes, expected, options = case[1], case[2], case[3], case[4] or {}
      local size = math.max(#bytes, 1)

      it(title, function()
        check(fetch(bytes, size, options), expected, options)
      end)

      it(title .. ", in pieces", function()
        check(fetch(bytes, math.ceil(size / 2), options), expected, options)
        check(fetch(bytes, 1, options), expected, options)
      end)
    end
  end)
end

describe("an interim reply over TLS", function()
  helper.setup()

  for _, method in ipairs { "GET", "POST" } do
    for _, count in ipairs { 1, 2 } do
      it(("of 100 passes by %d times after %s"):format(count, method), function()
        local bytes = ("HTTP/1.1 100 Continue\r\n\r\n"):rep(count) .. line "HTTP/1.1 200 OK"
        for _, size in ipairs { #bytes, 25, 10, 1 } do
          check(fetch(bytes, size, { method = method, tls = certs.server }), "hi", {})
        end
      end)
    end
  end
end)

describe("bytes behind a reply", function()
  helper.setup()

  local EVIL = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

  local function never_taken(reply, method, later)
    local count = 0
    local server = helper.respond(function(_, conn)
      count = count + 1
      if count > 1 then
        return "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"
      end
      if later then
        conn:send(reply)
        return nil
      end
      return reply .. EVIL
    end, { keep_open = true })

    local first = http.request({ url = helper.url(server), method = method }, nil, helper.expect(function() end))
    helper.wait_calls()
    assert.equal(0, first.error, first.error_string)
    assert.is_nil(first:read_string():find("evil", 1, true))
    if later then
      later(server)
    end
    local second = http.get(helper.url(server), helper.expect(function() end))
    helper.wait_calls()
    assert.equal("good", second:read_string())
  end

  for title, case in pairs {
    ["with a length"] = { ok("Content-Length: 2", "hi") },
    ["of no length"] = { ok("Content-Length: 0") },
    ["in chunks"] = { chunked("2\r\nhi\r\n0\r\n\r\n") },
    ["to HEAD"] = { ok("Content-Length: 9"), "HEAD" },
    ["of 204"] = { "HTTP/1.1 204 No Content\r\n\r\n" },
    ["of 304"] = { "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n" },
  } do
    it(title .. " are not taken for the next one", function()
      never_taken(case[1], case[2] or "GET")
    end)
  end

  it("that come later are not taken for the next one", function()
    local conn
    local server
    local count = 0
    server = helper.respond(function(_, c)
      count = count + 1
      conn = conn or c
      return ok("Content-Length: 4", count == 1 and "good" or "well")
    end, { keep_open = true })
    local first = http.get(helper.url(server), helper.expect(function() end))
    helper.wait_calls()
    assert.equal("good", first:read_string())
    conn:send(EVIL)
    local second = http.get(helper.url(server), helper.expect(function() end))
    helper.wait_calls()
    assert.equal("well", second:read_string())
  end)
end)
