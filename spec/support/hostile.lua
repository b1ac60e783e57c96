-- Hostile messages, and odd ones that are legal: what a strict reader of RFC 9112 makes of each.
--
-- Each is { name=, kind="request" or "response", bytes=, verdict="refuse" or "accept", reason= }, the reason
-- being where it is said. Requests that are refused have the `status` of the answer, and behind them comes
-- M.SMUGGLED, which nobody may ever take for a request; behind those that are accepted comes M.NEXT, which
-- must be taken for one. `part` is "body" where the head is good. Accepted ones have `method` and `target`
-- or `status`, and `body`; `close`: the reply ends with its connection; `asked`: the method it answers.
-- SPDX-License-Identifier: MIT

local M = {
  SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
  NEXT = "GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
}

local HOST = "Host: x\r\n"
local CHUNKED = "Transfer-Encoding: chunked\r\n"

local messages = {}
M.messages = messages

local function add(message)
  messages[#messages + 1] = message
end

-- Rows: { name, bytes, status (400) }.
local function refuse(reason, rows, part)
  for _, row in ipairs(rows) do
    add({ kind = "request", name = row[1], bytes = row[2] .. M.SMUGGLED, verdict = "refuse", reason = reason,
      status = row[3] or 400, part = part or "head" })
  end
end

-- Rows: { name, bytes, body (""), method ("GET"), target ("/") }.
local function accept(reason, rows)
  for _, row in ipairs(rows) do
    add({ kind = "request", name = row[1], bytes = row[2] .. M.NEXT, verdict = "accept", reason = reason,
      body = row[3] or "", method = row[4] or "GET", target = row[5] or "/" })
  end
end

-- A request of this line, that is whole but for it.
local function line(request_line)
  return request_line .. "\r\n" .. HOST .. "\r\n"
end

local function get(fields)
  return "GET / HTTP/1.1\r\n" .. HOST .. fields .. "\r\n"
end

local function post(fields, body)
  return "POST / HTTP/1.1\r\n" .. HOST .. fields .. "\r\n" .. (body or "")
end

local function chunks(body)
  return post(CHUNKED, body)
end

---- requests: lines

refuse("RFC 9112, 2.2: lines end in CR LF, and a CR stands nowhere else", {
  { "LF behind the request line", "GET / HTTP/1.1\n" .. HOST .. "\r\n" },
  { "LF behind a field", "GET / HTTP/1.1\r\nHost: x\n\r\n" },
  { "LF for the empty line", "GET / HTTP/1.1\r\n" .. HOST .. "\n" },
  { "LF everywhere", "GET / HTTP/1.1\nHost: x\n\n" },
  { "CR behind the request line", "GET / HTTP/1.1\rHost: x\r\n\r\n" },
  { "CR within a value", get("X: a\rb\r\n") },
  { "CR between two fields", get("X: a\rTransfer-Encoding: chunked\r\n") },
  { "CR before CR LF", "GET / HTTP/1.1\r\r\n" .. HOST .. "\r\n" },
  { "CR before the CR LF of a field", get("X: a\r\r\n") },
  { "CR before the empty line", get("\r") },
  { "LF before a field's name", get("X: a\r\n\nY: b\r\n") },
  { "CR before a field's name", get("\rX: a\r\n") },
  { "CR LF turned round", "GET / HTTP/1.1\n\rHost: x\n\r\n\r" },
})

refuse("RFC 9112, 2.2: one empty line before a request is forgiven", {
  { "two empty lines in front", "\r\n\r\n" .. line("GET / HTTP/1.1") },
  { "LF in front", "\n" .. line("GET / HTTP/1.1") },
  { "CR in front", "\r" .. line("GET / HTTP/1.1") },
  { "a blank line in front", " \r\n" .. line("GET / HTTP/1.1") },
})

refuse("RFC 9112, 3: method SP request-target SP HTTP-version", {
  { "a blank in front", line(" GET / HTTP/1.1") },
  { "two blanks before the target", line("GET  / HTTP/1.1") },
  { "two blanks before the version", line("GET /  HTTP/1.1") },
  { "a blank behind the version", line("GET / HTTP/1.1 ") },
  { "a tab behind the version", line("GET / HTTP/1.1\t") },
  { "tabs for blanks", line("GET\t/\tHTTP/1.1") },
  { "a vertical tab for a blank", line("GET\v/ HTTP/1.1") },
  { "a form feed for a blank", line("GET /\fHTTP/1.1") },
  { "a blank within the target", line("GET /a b HTTP/1.1") },
  { "a request within the target", line("GET /a HTTP/1.1 /b HTTP/1.1") },
  { "no target", line("GET HTTP/1.1") },
  { "a target of nothing", line("GET  HTTP/1.1") },
  { "no version, as in HTTP/0.9", line("GET /") },
  { "a blank for a version", line("GET / ") },
  { "a method alone", line("GET") },
  { "no method", line("/ HTTP/1.1") },
  { "another protocol", line("GET / FTP/1.1") },
  { "the version first", line("HTTP/1.1 GET /") },
  { "a status line", line("HTTP/1.1 200 OK") },
  { "the start of TLS", "\22\3\1\2\0\1\0\1\252\3\3\r\n\r\n" },
})

refuse("RFC 9110, 9.1: a method is a token", {
  { "= in the method", line("G=T / HTTP/1.1") },
  { "( in the method", line("G(T / HTTP/1.1") },
  { "a NUL in the method", line("G\0T / HTTP/1.1") },
  { "a colon behind the method", line("GET: / HTTP/1.1") },
  { "a byte above ASCII in the method", line("G\195\137T / HTTP/1.1") },
})

refuse("RFC 9112, 3.2: the target", {
  { "a NUL in the target", line("GET /a\0b HTTP/1.1") },
  { "a control byte in the target", line("GET /a\1b HTTP/1.1") },
  { "a DEL in the target", line("GET /a\127b HTTP/1.1") },
  { "a CR in the target", line("GET /a\rb HTTP/1.1") },
  { "a byte above ASCII in the target", line("GET /\195\169 HTTP/1.1") },
  { "a fragment in the target", line("GET /a#b HTTP/1.1") },
  { "quotes in the target", line("GET /\"a\" HTTP/1.1") },
  { "brackets of HTML in the target", line("GET /<a> HTTP/1.1") },
  { "a target without a slash", line("GET a HTTP/1.1") },
  { "a query alone", line("GET ?a HTTP/1.1") },
  { "* with another method than OPTIONS", line("GET * HTTP/1.1") },
  { "a host and port without CONNECT", line("GET a:80 HTTP/1.1") },
  { "a URL without a host", line("GET http:///a HTTP/1.1") },
  { "a URL with one slash", line("GET http:/a HTTP/1.1") },
  { "a URL with a user", line("GET http://x@y/ HTTP/1.1") },
  { "a URL with a port that is none", line("GET http://x:y/ HTTP/1.1") },
  { "a URL with half a bracket", line("GET http://[::1/ HTTP/1.1") },
  { "CONNECT to a path", line("CONNECT / HTTP/1.1") },
  { "CONNECT without a port", line("CONNECT x HTTP/1.1") },
  { "CONNECT to a URL", line("CONNECT http://x:80/ HTTP/1.1") },
})

refuse("RFC 9112, 2.3: HTTP/1.1 and HTTP/1.0, and 505 for other versions (RFC 9110, 15.6.6)", {
  { "a version in small letters", line("GET / http/1.1") },
  { "a version of two digits", line("GET / HTTP/1.10") },
  { "a version with a zero in front", line("GET / HTTP/01.1") },
  { "a version below zero", line("GET / HTTP/-1.1") },
  { "a version with a sign", line("GET / HTTP/+1.1") },
  { "half a version", line("GET / HTTP/1") },
  { "a version without its minor digit", line("GET / HTTP/1.") },
  { "a version with a comma", line("GET / HTTP/1,1") },
  { "a version that is a letter", line("GET / HTTP/1.x") },
  { "a version with something behind it", line("GET / HTTP/1.1x") },
  { "a NUL behind the version", line("GET / HTTP/1.1\0") },
  { "HTTP/0.9", line("GET / HTTP/0.9"), 505 },
  { "HTTP/1.2", line("GET / HTTP/1.2"), 505 },
  { "HTTP/2.0", line("GET / HTTP/2.0"), 505 },
  { "the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505 },
})

---- requests: fields

refuse("RFC 9112, 5.1: no blank before the colon", {
  { "a blank before a colon", get("X : a\r\n") },
  { "a tab before a colon", get("X\t: a\r\n") },
  { "a blank before the colon of Content-Length", post("Content-Length : 5\r\n", "hello") },
  { "a tab before the colon of Content-Length", post("Content-Length\t: 37\r\n") },
  { "a blank before the colon of Transfer-Encoding", post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n") },
  { "a blank before the colon of Host", "GET / HTTP/1.1\r\nHost : x\r\n\r\n" },
})

refuse("RFC 9110, 5.1: a field's name is a token", {
  { "a blank in a name", get("X Y: a\r\n") },
  { "no name", get(": a\r\n") },
  { "no colon", get("Transfer-Encoding chunked\r\n") },
  { "a NUL in a name", get("X\0Y: a\r\n") },
  { "a NUL in front of a name", get("\0Transfer-Encoding: chunked\r\n") },
  { "a NUL for the empty line", "GET / HTTP/1.1\r\n" .. HOST .. "\0\r\n" },
  { "a NUL behind Content-Length", post("Content-Length\0: 37\r\n") },
  { "a control byte in a name", get("X\1: a\r\n") },
  { "a vertical tab in front of a name", get("\vTransfer-Encoding: chunked\r\n") },
  { "a vertical tab behind a name", post("Content-Length\v: 37\r\n") },
  { "a DEL in a name", get("X\127: a\r\n") },
  { "a byte above ASCII in a name", get("X\195\169: a\r\n") },
  { "brackets in a name", get("X(Y): a\r\n") },
  { "quotes around a name", post("\"Content-Length\": 37\r\n") },
  { "@ in a name", get("X@Y: a\r\n") },
  { "a slash in a name", get("X/Y: a\r\n") },
})

refuse("RFC 9112, 5.2: a server refuses fields over several lines", {
  { "a value over two lines", get("X: a\r\n b\r\n") },
  { "a value over two lines, with a tab", get("X: a\r\n\tb\r\n") },
  { "Transfer-Encoding over two lines", post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n") },
  { "Content-Length over two lines", post("Content-Length:\r\n 37\r\n") },
  { "Content-Length within the value before it", post("X: a\r\n Content-Length: 37\r\n") },
  { "a line of blanks", get("X: a\r\n \t\r\n") },
  { "a blank before the first field", "GET / HTTP/1.1\r\n " .. HOST .. "\r\n" },
  { "a tab before the first field", "GET / HTTP/1.1\r\n\tX: a\r\n" .. HOST .. "\r\n" },
})

refuse("RFC 9110, 5.5: no control bytes in a value but tabs", {
  { "a NUL in a value", get("X: a\0b\r\n") },
  { "a NUL at the end of a value", get("X: a\0\r\n") },
  { "a control byte in a value", get("X: a\1b\r\n") },
  { "a DEL in a value", get("X: a\127b\r\n") },
  { "an escape in a value", get("X: \27[2J\r\n") },
  { "a vertical tab before a value", get("X:\va\r\n") },
  { "a form feed behind a value", get("X: a\f\r\n") },
})

refuse("RFC 9112, 3.2: exactly one Host, and a good one", {
  { "no Host", "GET / HTTP/1.1\r\n\r\n" },
  { "no Host beside a URL", "GET http://x/ HTTP/1.1\r\n\r\n" },
  { "Host twice with one value", get(HOST) },
  { "Host twice with two values", get("Host: y\r\n") },
  { "Host twice in HTTP/1.0", "GET / HTTP/1.0\r\n" .. HOST .. "Host: y\r\n\r\n" },
  { "a blank in Host", "GET / HTTP/1.1\r\nHost: x y\r\n\r\n" },
  { "a list in Host", "GET / HTTP/1.1\r\nHost: x, y\r\n\r\n" },
  { "a user in Host", "GET / HTTP/1.1\r\nHost: x@y\r\n\r\n" },
  { "a path in Host", "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n" },
  { "a query in Host", "GET / HTTP/1.1\r\nHost: x?y\r\n\r\n" },
  { "a fragment in Host", "GET / HTTP/1.1\r\nHost: x#y\r\n\r\n" },
  { "a URL in Host", "GET / HTTP/1.1\r\nHost: http://x\r\n\r\n" },
  { "a port of letters in Host", "GET / HTTP/1.1\r\nHost: x:y\r\n\r\n" },
  { "two ports in Host", "GET / HTTP/1.1\r\nHost: x:80:90\r\n\r\n" },
  { "a port beyond all ports in Host", "GET / HTTP/1.1\r\nHost: x:65536\r\n\r\n" },
  { "a port alone in Host", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n" },
  { "IPv6 without brackets in Host", "GET / HTTP/1.1\r\nHost: ::1\r\n\r\n" },
  { "half a bracket in Host", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n" },
  { "brackets around nothing in Host", "GET / HTTP/1.1\r\nHost: []\r\n\r\n" },
  { "brackets around a name in Host", "GET / HTTP/1.1\r\nHost: [x]\r\n\r\n" },
  { "something behind the bracket of Host", "GET / HTTP/1.1\r\nHost: [::1].x\r\n\r\n" },
  { "HTML in Host", "GET / HTTP/1.1\r\nHost: <x>\r\n\r\n" },
  { "a byte above ASCII in Host", "GET / HTTP/1.1\r\nHost: \195\169\r\n\r\n" },
})

---- requests: framing

local SHORT = #M.SMUGGLED

refuse("RFC 9112, 6.3: one Content-Length, of digits; 413 beyond all numbers", {
  { "Content-Length twice, the body by the first", post("Content-Length: 5\r\nContent-Length: 0\r\n", "hello") },
  { "Content-Length twice, the body by the second",
    post(("Content-Length: 0\r\nContent-Length: %d\r\n"):format(SHORT)) },
  { "Content-Length twice with one value", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello") },
  { "Content-Length in both cases", post("Content-Length: 5\r\ncontent-length: 6\r\n", "hello") },
  { "a list of equal lengths", post("Content-Length: 5, 5\r\n", "hello") },
  { "a list of lengths", post("Content-Length: 5, 0\r\n", "hello") },
  { "two lengths with a blank", post("Content-Length: 5 0\r\n", "hello") },
  { "a length with a plus", post("Content-Length: +5\r\n", "hello") },
  { "a length of minus zero", post("Content-Length: -0\r\n") },
  { "a length below zero", post("Content-Length: -5\r\n", "hello") },
  { "a length in hexadecimal", post("Content-Length: 0x5\r\n", "hello") },
  { "a length with a fraction", post("Content-Length: 5.0\r\n", "hello") },
  { "a length with an exponent", post("Content-Length: 1e1\r\n", "hello") },
  { "a length with an underscore", post("Content-Length: 1_0\r\n", "0123456789") },
  { "a length in quotes", post("Content-Length: \"5\"\r\n", "hello") },
  { "a length with a semicolon", post("Content-Length: 5;\r\n", "hello") },
  { "a length of nothing", post("Content-Length:\r\n") },
  { "a length of a word", post("Content-Length: five\r\n", "hello") },
  { "a length in digits of another script", post("Content-Length: \217\165\r\n", "hello") },
  { "a length behind a vertical tab", post("Content-Length: \v5\r\n", "hello") },
  { "a length before a NUL", post("Content-Length: 5\0abc\r\n", "hello") },
  { "a length beyond 63 bits", post("Content-Length: 9223372036854775808\r\n"), 413 },
  { "a length beyond 64 bits", post("Content-Length: 18446744073709551621\r\n", "hello"), 413 },
  { "a malformed length on GET", get("Content-Length: 5x\r\n") .. "hello" },
  { "a malformed length on HEAD", "HEAD / HTTP/1.1\r\n" .. HOST .. "Content-Length: x\r\n\r\n" },
  { "two lengths on a method of one's own", "BREW / HTTP/1.1\r\n" .. HOST .. "Content-Length: 5\r\n"
    .. "Content-Length: 0\r\n\r\nhello" },
})

refuse("RFC 9112, 6.1 and 6.3: Transfer-Encoding never beside Content-Length", {
  { "CL.TE", post("Content-Length: 6\r\n" .. CHUNKED, "0\r\n\r\nG") },
  { "TE.CL", post(CHUNKED .. "Content-Length: 4\r\n", "25\r\n" .. M.SMUGGLED .. "\r\n0\r\n\r\n") },
  { "both, and they agree", post("Content-Length: 5\r\n" .. CHUNKED, "0\r\n\r\n") },
  { "Content-Length: 0 beside chunks", post("Content-Length: 0\r\n" .. CHUNKED, "0\r\n\r\n") },
  { "both on GET", get(CHUNKED .. "Content-Length: 5\r\n") .. "0\r\n\r\n" },
  { "Content-Length beside another coding", post("Content-Length: 5\r\nTransfer-Encoding: x\r\n", "hello") },
  { "both in HTTP/1.0", "POST / HTTP/1.0\r\nContent-Length: 5\r\n" .. CHUNKED .. "\r\n0\r\n\r\n" },
})

refuse("RFC 9112, 6.1: chunked, once and last", {
  { "chunked twice in a list", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n") },
  { "chunked in two fields", post(CHUNKED .. CHUNKED, "0\r\n\r\n") },
  { "chunked before gzip", post("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n") },
  { "chunked before identity", post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n") },
  { "chunked before identity in two fields", post(CHUNKED .. "Transfer-Encoding: identity\r\n", "0\r\n\r\n") },
  { "a coding of nothing", post("Transfer-Encoding:\r\n", "0\r\n\r\n") },
  { "nothing before chunked", post("Transfer-Encoding: , chunked\r\n", "0\r\n\r\n") },
  { "nothing behind chunked", post("Transfer-Encoding: chunked,\r\n", "0\r\n\r\n") },
  { "chunked in quotes", post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n") },
  { "chunked behind a vertical tab", post("Transfer-Encoding: \vchunked\r\n", "0\r\n\r\n") },
  { "chunked before a NUL", post("Transfer-Encoding: chunked\0\r\n", "0\r\n\r\n") },
  { "chunked with a parameter", post("Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n") },
  { "chunked with a word behind it", post("Transfer-Encoding: chunked x\r\n", "0\r\n\r\n") },
  { "chunked in HTTP/1.0", "POST / HTTP/1.0\r\n" .. CHUNKED .. "\r\n0\r\n\r\n" },
})

refuse("RFC 9112, 6.1: 501 for a coding that is not understood", {
  { "gzip", post("Transfer-Encoding: gzip\r\n"), 501 },
  { "gzip and chunked", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501 },
  { "gzip and chunked in two fields", post("Transfer-Encoding: gzip\r\n" .. CHUNKED, "0\r\n\r\n"), 501 },
  { "identity", post("Transfer-Encoding: identity\r\n"), 501 },
  { "identity and chunked", post("Transfer-Encoding: identity, chunked\r\n", "0\r\n\r\n"), 501 },
  { "xchunked", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 501 },
  { "chunked with a dash in front", post("Transfer-Encoding: -chunked\r\n", "0\r\n\r\n"), 501 },
  { "a coding unknown, beside a length", post("Transfer-Encoding: cow\r\nContent-Length: 5\r\n", "hello"), 501 },
})

---- requests: limits

refuse("RFC 9112, 3: 414 for a target that is too long", {
  { "a target of 1 MiB", line("GET /" .. ("a"):rep(0x100000) .. " HTTP/1.1"), 414 },
})

refuse("RFC 6585, 5: 431 for fields that are too large or too many", {
  { "a value of 1 MiB", get("X: " .. ("a"):rep(0x100000) .. "\r\n"), 431 },
  { "a name of 1 MiB", get(("a"):rep(0x100000) .. ": x\r\n"), 431 },
  { "1000 fields", get(("X: a\r\n"):rep(1000)), 431 },
})

---- requests: chunks

refuse("RFC 9112, 7.1: a chunk's size is of hexadecimal digits", {
  { "no size", chunks("\r\nhello\r\n0\r\n\r\n") },
  { "a size that is no number", chunks("g\r\nhello\r\n0\r\n\r\n") },
  { "a size with a plus", chunks("+5\r\nhello\r\n0\r\n\r\n") },
  { "a size of minus zero", chunks("-0\r\n\r\n") },
  { "a size below zero", chunks("-5\r\nhello\r\n0\r\n\r\n") },
  { "a size in C's notation", chunks("0x5\r\nhello\r\n0\r\n\r\n") },
  { "a blank before a size", chunks(" 5\r\nhello\r\n0\r\n\r\n") },
  { "a blank behind a size", chunks("5 \r\nhello\r\n0\r\n\r\n") },
  { "a tab behind a size", chunks("5\t\r\nhello\r\n0\r\n\r\n") },
  { "a vertical tab behind a size", chunks("5\v\r\nhello\r\n0\r\n\r\n") },
  { "a NUL behind a size", chunks("5\0\r\nhello\r\n0\r\n\r\n") },
  { "a word behind a size", chunks("5 junk\r\nhello\r\n0\r\n\r\n") },
  { "two sizes", chunks("5,0\r\nhello\r\n0\r\n\r\n") },
  { "a size beyond 63 bits", chunks("8000000000000005\r\nhello\r\n0\r\n\r\n") },
  { "a size beyond 64 bits", chunks("10000000000000005\r\nhello\r\n0\r\n\r\n") },
  { "a size of many zeros", chunks(("0"):rep(5000) .. "5\r\nhello\r\n0\r\n\r\n") },
  { "a word behind the last size", chunks("0 junk\r\n\r\n") },
  { "a body that is not in chunks", chunks("hello") },
}, "body")

refuse("RFC 9112, 7.1: lines of chunks end in CR LF, and so do their data", {
  { "LF behind a size", chunks("5\nhello\r\n0\r\n\r\n") },
  { "CR behind a size", chunks("5\rhello\r\n0\r\n\r\n") },
  { "CR CR LF behind a size", chunks("5\r\r\nhello\r\n0\r\n\r\n") },
  { "nothing behind a chunk", chunks("5\r\nhello0\r\n\r\n") },
  { "LF behind a chunk", chunks("5\r\nhello\n0\r\n\r\n") },
  { "CR behind a chunk", chunks("5\r\nhello\r0\r\n\r\n") },
  { "a blank behind a chunk", chunks("5\r\nhello \r\n0\r\n\r\n") },
  { "an empty line behind a chunk", chunks("5\r\nhello\r\n\r\n0\r\n\r\n") },
  { "a chunk that is longer than its size", chunks("4\r\nhello\r\n0\r\n\r\n") },
  { "a chunk that is shorter than its size", chunks("6\r\nhello\r\n0\r\n\r\n") },
  { "LF behind the last size", chunks("0\n\r\n") },
  { "LF for the last line", chunks("0\r\n\n") },
  { "CR for the last line", chunks("0\r\n\r") },
}, "body")

refuse("RFC 9112, 7.1.1: a chunk's extensions", {
  { "an extension without a name", chunks("5;\r\nhello\r\n0\r\n\r\n") },
  { "an extension with LF", chunks("5;a\nhello\r\n0\r\n\r\n") },
  { "an extension that hides a chunk behind LF", chunks("2;\nxx\r\n23\r\n0\r\n\r\n") },
  { "an extension with CR", chunks("5;a\rb\r\nhello\r\n0\r\n\r\n") },
  { "an extension with a NUL", chunks("5;a\0\r\nhello\r\n0\r\n\r\n") },
  { "an extension with half a quote", chunks("5;a=\"b\r\nhello\r\n0\r\n\r\n") },
  { "an extension without a value", chunks("5;a=\r\nhello\r\n0\r\n\r\n") },
  { "an extension of two words", chunks("5;a b\r\nhello\r\n0\r\n\r\n") },
  { "an extension of 1 MiB", chunks("5;" .. ("a"):rep(0x100000) .. "\r\nhello\r\n0\r\n\r\n") },
  { "extensions on every chunk of many",
    chunks(("1;abcdefghijklmnopqrstuvwxyz\r\nx\r\n"):rep(2000) .. "0\r\n\r\n") },
}, "body")

refuse("RFC 9112, 7.1.2; RFC 9110, 6.5.1: trailers are fields, but none that frames", {
  { "a trailer without a colon", chunks("0\r\nX\r\n\r\n") },
  { "a trailer with a blank before the colon", chunks("0\r\nX : a\r\n\r\n") },
  { "a trailer over two lines", chunks("0\r\nX: a\r\n b\r\n\r\n") },
  { "a trailer that ends in LF", chunks("0\r\nX: a\n\r\n") },
  { "a trailer with a NUL", chunks("0\r\nX: \0\r\n\r\n") },
  { "Content-Length for a trailer", chunks("0\r\nContent-Length: 37\r\n\r\n") },
  { "Transfer-Encoding for a trailer", chunks("0\r\n" .. CHUNKED .. "\r\n") },
  { "Host for a trailer", chunks("0\r\nHost: y\r\n\r\n") },
  { "a request for trailers", chunks("0\r\n") },
}, "body")

---- requests that are good

accept("RFC 9112, 3: requests", {
  { "a path", get("") },
  { "a path and a query", line("GET /a/b?c=d&e HTTP/1.1"), "", "GET", "/a/b?c=d&e" },
  { "two slashes", line("GET //y/z HTTP/1.1"), "", "GET", "//y/z" },
  { "brackets in a query, as all the world sends them", line("GET /?a[]=1 HTTP/1.1"), "", "GET", "/?a[]=1" },
  { "what browsers send as it is", line("GET /?a={b|c}^`\\ HTTP/1.1"), "", "GET", "/?a={b|c}^`\\" },
  { "percent signs", line("GET /%00%0d%0a HTTP/1.1"), "", "GET", "/%00%0d%0a" },
  { "one empty line in front", "\r\n" .. get("") },
})

accept("RFC 9112, 5: fields", {
  { "no blank behind the colon", "GET / HTTP/1.1\r\nhost:x\r\n\r\n" },
  { "blanks and tabs around a value", get("X: \t a \t\r\n") },
  { "an empty value", get("X:\r\n") },
  { "a value of blanks", get("X: \t \r\n") },
  { "colons in a value", get("X: a: b: c\r\n") },
  { "a tab within a value", get("X: a\tb\r\n") },
  { "bytes above ASCII in a value", get("X: \195\169\255\r\n") },
  { "every byte of a token in a name", get("!#$%&'*+-.^_`|~09azAZ: a\r\n") },
  { "names that only look like ours",
    get("Content_Length: 5\r\nContent-Lengths: 5\r\nXTransfer-Encoding: chunked\r\n") },
})

accept("RFC 9112, 3.2: Host", {
  { "a port in Host", "GET / HTTP/1.1\r\nHost: x:8080\r\n\r\n" },
  { "a port of nothing in Host", "GET / HTTP/1.1\r\nHost: x:\r\n\r\n" },
  { "IPv6 in Host", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n" },
  { "nothing in Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n" },
})

accept("RFC 9112, 6: bodies", {
  { "a length", post("Content-Length: 5\r\n", "hello"), "hello", "POST" },
  { "a length of zero", post("Content-Length: 0\r\n"), "", "POST" },
  { "a length with zeros in front", post("Content-Length: 005\r\n", "hello"), "hello", "POST" },
  { "blanks around a length", post("Content-Length: \t5 \r\n", "hello"), "hello", "POST" },
  { "no length", post(""), "", "POST" },
  { "a body on GET", get("Content-Length: 5\r\n") .. "hello", "hello" },
  { "a body that looks like a request",
    post(("Content-Length: %d\r\n"):format(SHORT), M.SMUGGLED), M.SMUGGLED, "POST" },
  { "chunks", chunks("5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n"), "helloyou", "POST" },
  { "chunks in capitals",
    post("TRANSFER-ENCODING: CHUNKED\r\n", "A\r\n0123456789\r\n0\r\n\r\n"), "0123456789", "POST" },
  { "chunks of nothing", chunks("0\r\n\r\n"), "", "POST" },
  { "chunks on GET", get(CHUNKED) .. "5\r\nhello\r\n0\r\n\r\n", "hello" },
  { "zeros before a size", chunks("0005\r\nhello\r\n000\r\n\r\n"), "hello", "POST" },
  { "a chunk that looks like a request",
    chunks(("%x\r\n%s\r\n0\r\n\r\n"):format(SHORT, M.SMUGGLED)), M.SMUGGLED, "POST" },
})

accept("RFC 9112, 7.1.1 and 7.1.2: extensions and trailers", {
  { "an extension", chunks("5;a=b\r\nhello\r\n0;c\r\n\r\n"), "hello", "POST" },
  { "extensions in quotes and with blanks", chunks("5 ; a = \"b;\\\"\" ;c\r\nhello\r\n0\r\n\r\n"), "hello", "POST" },
  { "trailers", chunks("5\r\nhello\r\n0\r\nX-Sum: 1\r\nConnection: x\r\n\r\n"), "hello", "POST" },
})

accept("RFC 9110, 7.6.1 and 9: connections and methods", {
  { "words of Connection that are not ours", get("Connection: closed, x\r\n") },
  { "a method of one's own", line("M-SEARCH / HTTP/1.1"), "", "M-SEARCH" },
  { "a method in small letters", line("get / HTTP/1.1"), "", "get" },
  { "a body on a method of one's own",
    "BREW / HTTP/1.1\r\n" .. HOST .. "Content-Length: 5\r\n\r\nhello", "hello", "BREW" },
})

---- replies

-- Rows: { name, bytes }.
local function refuse_reply(reason, rows, part)
  for _, row in ipairs(rows) do
    add({ kind = "response", name = row[1], bytes = row[2], verdict = "refuse", reason = reason,
      part = part or "head" })
  end
end

-- Rows: { name, bytes, body ("hi"), status (200), close, asked }.
local function accept_reply(reason, rows)
  for _, row in ipairs(rows) do
    add({ kind = "response", name = row[1], bytes = row[2], verdict = "accept", reason = reason,
      body = row[3] or "hi", status = row[4] or 200, close = row.close, asked = row.asked })
  end
end

-- A reply of this line, that is whole but for it.
local function status(status_line)
  return status_line .. "\r\nContent-Length: 2\r\n\r\nhi"
end

local function ok(fields, body)
  return "HTTP/1.1 200 OK\r\n" .. fields .. "\r\n" .. (body or "")
end

local function sized(field)
  return ok(field .. "Content-Length: 2\r\n", "hi")
end

local function ok_chunks(body)
  return ok(CHUNKED, body)
end

refuse_reply("RFC 9112, 4: HTTP-version SP status-code SP reason-phrase", {
  { "HTTP/2.0", status("HTTP/2.0 200 OK") },
  { "HTTP/0.9", status("HTTP/0.9 200 OK") },
  { "HTTP/1.10", status("HTTP/1.10 200 OK") },
  { "small letters", status("http/1.1 200 OK") },
  { "another protocol", status("ICY 200 OK") },
  { "no status line", "<html>hi</html>\r\n\r\n" },
  { "no blank behind the version", status("HTTP/1.1200 OK") },
  { "two blanks behind the version", status("HTTP/1.1  200 OK") },
  { "a tab behind the version", status("HTTP/1.1\t200 OK") },
  { "a blank in front", status(" HTTP/1.1 200 OK") },
  { "an empty line in front", status("\r\nHTTP/1.1 200 OK") },
  { "no status", status("HTTP/1.1") },
  { "status 20", status("HTTP/1.1 20 OK") },
  { "status 2000", status("HTTP/1.1 2000 OK") },
  { "status 099", status("HTTP/1.1 099 OK") },
  { "status 2x0", status("HTTP/1.1 2x0 OK") },
  { "status -20", status("HTTP/1.1 -20 OK") },
  { "no blank behind the status", status("HTTP/1.1 200OK") },
  { "a control byte in the reason", status("HTTP/1.1 200 O\1K") },
  { "a NUL in the reason", status("HTTP/1.1 200 O\0K") },
  { "a CR in the reason", status("HTTP/1.1 200 O\rK") },
})

refuse_reply("RFC 9112, 2.2: lines end in CR LF, and a CR stands nowhere else", {
  { "LF behind the status line", "HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nhi" },
  { "LF behind a field", "HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\nhi" },
  { "LF for the empty line", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nhi" },
  { "CR between two fields", sized("X: a\rY: b\r\n") },
  { "CR before CR LF", sized("X: a\r\r\n") },
})

refuse_reply("RFC 9112, 5: field-name \":\" OWS field-value OWS", {
  { "a blank before a colon", ok("Content-Length : 2\r\n", "hi") },
  { "no name", sized(": a\r\n") },
  { "no colon", sized("X\r\n") },
  { "a NUL in front of a name", sized("\0X: a\r\n") },
  { "a control byte in a name", sized("X\1: a\r\n") },
  { "a NUL in a value", sized("X: a\0b\r\n") },
  { "a control byte in a value", sized("X: a\1b\r\n") },
  { "a value over two lines", sized("X: a\r\n b\r\n") },
  { "Content-Length over two lines", ok("Content-Length:\r\n 2\r\n", "hi") },
  { "a blank before the first field", sized(" X: a\r\n") },
})

refuse_reply("RFC 9112, 6.3: one Content-Length, of digits, never beside Transfer-Encoding", {
  { "Content-Length twice with two values", ok("Content-Length: 2\r\nContent-Length: 1\r\n", "hi") },
  { "Content-Length twice with one value", ok("Content-Length: 2\r\nContent-Length: 2\r\n", "hi") },
  { "a list of lengths", ok("Content-Length: 2, 2\r\n", "hi") },
  { "a length with a plus", ok("Content-Length: +2\r\n", "hi") },
  { "a length of minus zero", ok("Content-Length: -0\r\n") },
  { "a length of nothing", ok("Content-Length:\r\n") },
  { "a length before a NUL", ok("Content-Length: 2\0\r\n", "hi") },
  { "a length beyond 64 bits", ok("Content-Length: 18446744073709551618\r\n", "hi") },
  { "both", ok("Content-Length: 2\r\n" .. CHUNKED, "2\r\nhi\r\n0\r\n\r\n") },
  { "both, the other way round", ok(CHUNKED .. "Content-Length: 2\r\n", "2\r\nhi\r\n0\r\n\r\n") },
})

refuse_reply("RFC 9112, 6.1: chunked, once, last and alone", {
  { "gzip", ok("Transfer-Encoding: gzip\r\n", "hi") },
  { "gzip and chunked", ok("Transfer-Encoding: gzip, chunked\r\n", "2\r\nhi\r\n0\r\n\r\n") },
  { "chunked and gzip", ok("Transfer-Encoding: chunked, gzip\r\n", "2\r\nhi\r\n0\r\n\r\n") },
  { "identity", ok("Transfer-Encoding: identity\r\n", "hi") },
  { "chunked twice", ok(CHUNKED .. CHUNKED, "2\r\nhi\r\n0\r\n\r\n") },
  { "xchunked", ok("Transfer-Encoding: xchunked\r\n", "2\r\nhi\r\n0\r\n\r\n") },
  { "chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\n" .. CHUNKED .. "\r\n2\r\nhi\r\n0\r\n\r\n" },
})

refuse_reply("RFC 6585, 5: a head that is too large", {
  { "a value of 1 MiB", sized("X: " .. ("a"):rep(0x100000) .. "\r\n") },
  { "a reason of 1 MiB", status("HTTP/1.1 200 " .. ("a"):rep(0x100000)) },
})

refuse_reply("RFC 9112, 7.1: chunks", {
  { "no size", ok_chunks("\r\nhi\r\n0\r\n\r\n") },
  { "a size that is no number", ok_chunks("zz\r\nhi\r\n0\r\n\r\n") },
  { "a size with a plus", ok_chunks("+2\r\nhi\r\n0\r\n\r\n") },
  { "a size in C's notation", ok_chunks("0x2\r\nhi\r\n0\r\n\r\n") },
  { "a blank before a size", ok_chunks(" 2\r\nhi\r\n0\r\n\r\n") },
  { "a word behind a size", ok_chunks("2 junk\r\nhi\r\n0\r\n\r\n") },
  { "a size beyond 63 bits", ok_chunks("8000000000000002\r\nhi\r\n0\r\n\r\n") },
  { "a size beyond 64 bits", ok_chunks("10000000000000002\r\nhi\r\n0\r\n\r\n") },
  { "LF behind a size", ok_chunks("2\nhi\r\n0\r\n\r\n") },
  { "nothing behind a chunk", ok_chunks("2\r\nhi0\r\n\r\n") },
  { "LF behind a chunk", ok_chunks("2\r\nhi\n0\r\n\r\n") },
  { "a chunk that is longer than its size", ok_chunks("2\r\nhello\r\n0\r\n\r\n") },
  { "an extension with LF", ok_chunks("2;a\nhi\r\n0\r\n\r\n") },
  { "an extension of 1 MiB", ok_chunks("2;" .. ("a"):rep(0x100000) .. "\r\nhi\r\n0\r\n\r\n") },
  { "a trailer without a colon", ok_chunks("2\r\nhi\r\n0\r\nX\r\n\r\n") },
  { "a trailer that frames", ok_chunks("2\r\nhi\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n") },
}, "body")

accept_reply("RFC 9112, 4 and 6: replies", {
  { "a length", sized("") },
  { "chunks", ok_chunks("1\r\nh\r\n1\r\ni\r\n0\r\n\r\n") },
  { "a body until the end", ok("", "hi"), close = true },
  { "HTTP/1.0", status("HTTP/1.0 200 OK") },
  { "no reason", status("HTTP/1.1 200 ") },
  { "a status line that ends with the status", status("HTTP/1.1 200") },
  { "a reason above ASCII", status("HTTP/1.1 200 \195\169") },
  { "a status of which nobody has heard", status("HTTP/1.1 299 Hm"), "hi", 299 },
  { "Host in a reply, which means nothing", sized("Host: a b\r\nHost: c\r\n") },
  { "an extension", ok_chunks("2;a=\"b\"\r\nhi\r\n0\r\n\r\n") },
  { "trailers", ok_chunks("2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n") },
  { "204", "HTTP/1.1 204 No Content\r\n\r\n", "", 204 },
  { "304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "", 304 },
  { "a length in the answer to HEAD", ok("Content-Length: 9\r\n"), "", asked = "HEAD" },
})

return M
