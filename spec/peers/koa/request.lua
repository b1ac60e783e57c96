-- What a handler sees of the request. Twin: request.js.
-- SPDX-License-Identifier: MIT

local parts = require("spec.peers.koa.parts")

local tell, values = parts.tell, parts.values

local routes = {
  ["/request/get"] = function(ctx) tell(ctx, ctx:get(ctx.query.of)) end,
  ["/request/is"] = function(ctx) tell(ctx, ctx:is(unpack(values(ctx)))) end,
  ["/request/is/list"] = function(ctx) tell(ctx, ctx:is(values(ctx))) end,
  ["/request/accepts"] = function(ctx) tell(ctx, ctx:accepts(unpack(values(ctx)))) end,
  ["/request/accepts/list"] = function(ctx) tell(ctx, ctx:accepts(values(ctx))) end,
  ["/request/encodings"] = function(ctx) tell(ctx, ctx:accepts_encodings(unpack(values(ctx)))) end,
  ["/request/charsets"] = function(ctx) tell(ctx, ctx:accepts_charsets(unpack(values(ctx)))) end,
  ["/request/languages"] = function(ctx) tell(ctx, ctx:accepts_languages(unpack(values(ctx)))) end,
  ["/request/header"] = function(ctx) tell(ctx, ctx.header["x-field"]) end,
  ["/request/set-path"] = function(ctx)
    ctx.path = "/elsewhere"
    ctx.body = { path = ctx.path, url = ctx.url, original = ctx.original_url }
  end,
  ["/request/set-querystring"] = function(ctx)
    ctx.querystring = "c=3&d=4"
    ctx.body = { url = ctx.url, search = ctx.search, query = ctx.query }
  end,
  ["/request/set-query"] = function(ctx)
    ctx.query = { page = 2 }
    ctx.body = { url = ctx.url, querystring = ctx.querystring }
  end,
  ["/request/set-method"] = function(ctx)
    ctx.method = "DELETE"
    tell(ctx, ctx.method)
  end,
  ["/request/set-url"] = function(ctx)
    ctx.url = "/a/b?c=d"
    ctx.body = { path = ctx.path, querystring = ctx.querystring, original = ctx.original_url }
  end,
  ["/fresh"] = function(ctx)
    ctx.status = 200
    ctx.etag = "abc"
    ctx.last_modified = 1500000000
    if ctx.fresh then
      ctx.status = 304
      return
    end
    ctx.body = "text"
  end,
  ["/fresh/weak"] = function(ctx)
    ctx.status = 200
    ctx.etag = 'W/"abc"'
    tell(ctx, ctx.fresh)
  end,
  ["/fresh/404"] = function(ctx)
    ctx.etag = "abc"
    tell(ctx, ctx.fresh)
  end,
}

for path, name in pairs({
  method = "method", url = "url", originalUrl = "original_url", path = "path", querystring = "querystring",
  search = "search", query = "query", host = "host", hostname = "hostname", origin = "origin", href = "href",
  protocol = "protocol", secure = "secure", ip = "ip", ips = "ips", subdomains = "subdomains",
  idempotent = "idempotent", stale = "stale", fresh = "fresh",
}) do
  routes["/request/" .. path] = function(ctx) tell(ctx, ctx[name]) end
end
for _, name in ipairs({ "length", "type", "charset" }) do
  routes["/request/" .. name] = function(ctx) tell(ctx, ctx.request[name]) end
end

local get = {
  "/request/method", "/request/url?a=b", "/request/originalUrl?a=b", "/request/path?a=b", "/request/querystring",
  "/request/querystring?", "/request/querystring?a=b&c", "/request/querystring?a?b", "/request/search",
  "/request/search?", "/request/search?a=b", "/request/query", "/request/query?a=1&a=2&b=3", "/request/query?a",
  "/request/query?a=&=b&&", "/request/query?a=%20+%2B&gr%C3%BC%C3%9F=%E2%82%AC", "/request/query?a=%zz&b=%",
  "/request/query?a=b=c", "/request/query?a;b=c", "/request/query?a[]=1&a[b]=2", "/request/query?__proto__=1&x=%00",
  "/request/host", "/request/hostname", "/request/origin", "/request/href?a=b", "/request/protocol", "/request/secure",
  "/request/ip", "/request/ips", "/request/subdomains", "/request/idempotent", "/request/stale", "/request/fresh",
  "/request/length", "/request/type", "/request/charset", "/request/get?of=Host", "/request/get?of=X-Unknown",
  "/request/set-path?a=b", "/request/set-querystring?a=b", "/request/set-query?a=b", "/request/set-method",
  "/request/set-url?e=f", "/request/header", "/request/is?of=html", "/fresh", "/fresh/weak", "/fresh/404",
  "/request/accepts", "/request/accepts?of=html", "/request/accepts?of=json&of=html", "/request/encodings",
  "/request/encodings?of=gzip", "/request/encodings?of=gzip&of=identity", "/request/charsets",
  "/request/charsets?of=utf-8", "/request/languages", "/request/languages?of=en",
}

local requests = {}

local function add(...)
  requests[#requests + 1] = { ... }
end

-- Asks for PREFIX..TARGET with FIELD..VALUE, for each of both.
local function each(prefix, targets, field, list)
  for _, target in ipairs(targets) do
    for _, value in ipairs(list) do
      add("GET", prefix .. target, field .. value)
    end
  end
end

for _, method in ipairs({ "POST", "PUT", "DELETE", "PATCH", "OPTIONS" }) do
  add(method, "/request/method")
  add(method, "/request/idempotent")
end
for _, host in ipairs({
  "example.com", "example.com:8080", "a.b.example.com", "[::1]:8080", "[::1]", "127.0.0.1:80", "user@example.com",
  "EXAMPLE.com", "localhost", "x",
}) do
  for _, name in ipairs({ "host", "hostname", "subdomains", "href", "origin" }) do
    requests[#requests + 1] = { "GET", "/request/" .. name, host = host }
  end
end
add("GET", "/request/origin", "Origin: http://example.com")
for _, field in ipairs({ "Referer: http://x/y", "Referrer: http://x/y" }) do
  each("/request/get?of=", { "Referer", "Referrer", "referer", "REFERRER" }, "", { field })
end
each("/request/get?of=", { "x-field", "X-FIELD" }, "X-Field: ", { "one", "two  words", "" })
add("GET", "/request/header", "X-Field: a", "x-field: b")
add("GET", "/request/get?of=Cookie", "Cookie: a=1", "Cookie: b=2")
add("GET", "/request/ip", "X-Forwarded-For: 10.0.0.1")
add("GET", "/request/ips", "X-Forwarded-For: 10.0.0.1, 10.0.0.2")
add("GET", "/request/protocol", "X-Forwarded-Proto: https")
add("GET", "/request/host", "X-Forwarded-Host: example.com")

-- Behind a proxy that is believed.
local function behind(target, ...)
  requests[#requests + 1] = { "GET", target, proxied = true, ... }
end
for _, value in ipairs({ "10.0.0.1", "10.0.0.1, 10.0.0.2", " 10.0.0.1 ,10.0.0.2 ", "", "::1", "nonsense", "a,,b" }) do
  behind("/request/ip", "X-Forwarded-For: " .. value)
  behind("/request/ips", "X-Forwarded-For: " .. value)
end
for _, value in ipairs({ "https", "http", "HTTPS", "https, http", "http,https", "" }) do
  behind("/request/protocol", "X-Forwarded-Proto: " .. value)
  behind("/request/secure", "X-Forwarded-Proto: " .. value)
  behind("/request/href", "X-Forwarded-Proto: " .. value)
end
for _, value in ipairs({
  "away.example", "away.example:8080", "away.example, other.example", "[::1]:80", "a.b.c.example", "a.b.", "",
}) do
  behind("/request/host", "X-Forwarded-Host: " .. value)
  behind("/request/hostname", "X-Forwarded-Host: " .. value)
  behind("/request/subdomains", "X-Forwarded-Host: " .. value)
  behind("/back", "Referer: http://away.example/x", "X-Forwarded-Host: " .. value)
end
behind("/request/ips")
behind("/request/href", "X-Forwarded-Proto: https", "X-Forwarded-Host: away.example")

-- Targets of other forms.
for _, target in ipairs({
  "http://other.example/request/url?a=b", "http://other.example:81/request/href?a=b",
  "http://other.example/request/host",
  "http://other.example/request/path", "HTTP://other.example/request/originalUrl", "/request/path#part",
  "/request/url?a=b?c#part", "/request/path/", "/request/%70ath", "/REQUEST/path", "/request//path",
  "/request/querystring?a=<>\"{}|", "/request/search?%3F", "/request/url?", "/request/url?gr\195\188\195\159",
  "/request/query?toString=1&constructor=2&hasOwnProperty=3", "/request/query?1=a&2=b", "/request/query?a=1&A=2",
  "/request/query?a=%F0%9F%98%80", "/request/query?a=%00", "/request/query?=a", "/request/query?&&a=1&",
}) do
  requests[#requests + 1] = { "GET", target }
end
requests[#requests + 1] = { "OPTIONS", "*" }

for _, type in ipairs({
  "application/json", "application/json; charset=utf-8", "text/html;charset=\"UTF-8\"", "application/vnd.api+json",
  "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "text", "image/png", "TEXT/HTML",
  "text/plain;charset=latin1;x=y", "/", "",
}) do
  for _, target in ipairs({
    "is", "is?of=json", "is?of=json&of=html", "is?of=text/*", "is?of=multipart&of=urlencoded", "is?of=*/*",
    "is?of=%2Bjson", "is/list?of=html&of=json", "type", "charset", "length",
  }) do
    requests[#requests + 1] = { "POST", "/request/" .. target, "Content-Type: " .. type, body = "{}" }
  end
end
requests[#requests + 1] = { "POST", "/request/is?of=json", body = "{}" }
requests[#requests + 1] = { "POST", "/request/length", body = "" }
requests[#requests + 1] = { "POST", "/request/is?of=json", "Content-Type: application/json", body = "" }
requests[#requests + 1] = { "POST", "/request/is?of=json", "Content-Type: application/json", chunked = "{}" }
requests[#requests + 1] = { "POST", "/request/length", chunked = "{}" }
add("GET", "/request/is?of=json", "Content-Type: application/json")

each("/request/accepts", {
  "", "?of=html", "?of=json&of=html", "?of=html&of=json", "?of=text/html", "?of=image/png", "?of=text", "?of=unknown",
  "/list?of=json&of=html",
}, "Accept: ", {
  "*/*", "text/html", "text/*", "application/json;q=0.5, text/html", "text/*;q=0.1, application/json", "text/html;q=0",
  "text/html;level=1", "image/*, text/plain;q=0.9", "", "nonsense", "text/html, application/xhtml+xml, */*;q=0.8",
  "TEXT/HTML", "*/*;q=0.1, text/html;q=0.1",
})
each("/request/encodings", { "", "?of=gzip", "?of=gzip&of=br", "?of=identity", "?of=br&of=gzip&of=identity" },
  "Accept-Encoding: ", {
    "gzip", "gzip, br", "gzip;q=0.5, br;q=0.9", "*", "identity;q=0", "gzip;q=0", "*;q=0", "", "GZIP", "gzip, *;q=0.1",
  })
each("/request/charsets", { "", "?of=utf-8", "?of=iso-8859-1&of=utf-8" }, "Accept-Charset: ", {
  "utf-8", "utf-8, iso-8859-1;q=0.2, utf-7;q=0.5", "*", "utf-8;q=0", "", "UTF-8", "iso-8859-1;q=0.5, *;q=0.2",
})
each("/request/languages", { "", "?of=en", "?of=de&of=en", "?of=en-US" }, "Accept-Language: ", {
  "en", "en;q=0.8, es, pt", "*", "en-US, en;q=0.5", "de-AT", "", "en;q=0", "EN-us", "de;q=0.5, *;q=0.1",
})

each("/fresh", { "", "/weak", "/404" }, "If-None-Match: ", {
  '"abc"', 'W/"abc"', '"x", "abc"', '"x"', "*", "abc", "",
})
each("/fresh", { "" }, "If-Modified-Since: ", {
  "Fri, 14 Jul 2017 02:40:00 GMT", "Fri, 14 Jul 2017 02:39:59 GMT", "Sat, 15 Jul 2017 00:00:00 GMT", "nonsense",
})
add("GET", "/fresh", 'If-None-Match: "abc"', "Cache-Control: no-cache")
add("GET", "/fresh", 'If-None-Match: "abc"', "If-Modified-Since: Fri, 14 Jul 2017 02:39:59 GMT")
add("GET", "/fresh", 'If-None-Match: "x"', "If-Modified-Since: Fri, 14 Jul 2017 02:40:00 GMT")
add("HEAD", "/fresh", 'If-None-Match: "abc"')
add("POST", "/fresh", 'If-None-Match: "abc"')

return {
  routes = routes,
  get = get,
  requests = requests,
}
