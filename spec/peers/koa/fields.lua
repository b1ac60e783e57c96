-- Status, message, type, length, and the header fields. Twin: fields.js.
-- SPDX-License-Identifier: MIT

local http = require("http")
local targets = require("spec.peers.koa.targets")

-- What a route is told to use, as often as it is told: ?of=a&of=b
local function values(ctx)
  local of = ctx.query.of
  return type(of) == "table" and of or { of }
end

-- What a getter gives, as JSON.
local function tell(ctx, value)
  if value == nil then
    value = http.null
  end
  ctx.body = { value = value }
end

local function stream(...)
  local pieces, at = { ... }, 0
  return function()
    at = at + 1
    return pieces[at]
  end
end

local routes = {
  ["/nothing"] = function() end,
  ["/status"] = function(ctx) ctx.status = tonumber(ctx.query.of) end,
  ["/status/with-body"] = function(ctx)
    ctx.status = tonumber(ctx.query.of)
    ctx.body = "text"
  end,
  ["/status/get"] = function(ctx) tell(ctx, ctx.status) end,
  ["/message"] = function(ctx)
    ctx.status = 200
    ctx.message = "Quite Right"
  end,
  ["/message/before-status"] = function(ctx)
    ctx.message = "Quite Right"
    ctx.status = 200
  end,
  ["/message/get"] = function(ctx)
    ctx.status = 201
    tell(ctx, ctx.message)
  end,

  ["/type"] = function(ctx)
    ctx.type = ctx.query.of
    ctx.body = http.bytes("text")
  end,
  ["/type/get"] = function(ctx)
    ctx.type = ctx.query.of
    tell(ctx, ctx.type)
  end,
  ["/type/none"] = function(ctx) tell(ctx, ctx.type) end,
  ["/type/null"] = function(ctx)
    ctx.type = "html"
    ctx.type = nil
    ctx.body = "text"
  end,
  ["/type/again"] = function(ctx)
    ctx.body = "text"
    ctx.type = ""
  end,
  ["/type/only"] = function(ctx)
    ctx.status = 200
    ctx.type = "html"
  end,
  ["/is"] = function(ctx)
    ctx.type = ctx.query.type
    tell(ctx, ctx.response:is(unpack(values(ctx))))
  end,
  ["/is/list"] = function(ctx)
    ctx.type = ctx.query.type
    tell(ctx, ctx.response:is(values(ctx)))
  end,
  ["/is/untyped"] = function(ctx) tell(ctx, ctx.response:is("html")) end,

  ["/length"] = function(ctx)
    ctx.length = 4
    ctx.body = "text"
  end,
  ["/length/overridden"] = function(ctx)
    ctx.length = 99
    ctx.body = "text"
  end,
  ["/length/of-stream"] = function(ctx)
    ctx.body = stream("te", "xt")
    ctx.length = 4
  end,
  ["/length/before-stream"] = function(ctx)
    ctx.length = 4
    ctx.body = stream("te", "xt")
  end,
  ["/length/without-body"] = function(ctx)
    ctx.status = 200
    ctx.length = 10
  end,
  ["/length/get-string"] = function(ctx)
    ctx.body = "grüß"
    tell(ctx, ctx.length)
  end,
  ["/length/get-object"] = function(ctx)
    ctx.body = { a = 1 }
    tell(ctx, ctx.length)
  end,
  ["/length/get-none"] = function(ctx) tell(ctx, ctx.length) end,
  ["/length/get-stream"] = function(ctx)
    ctx.body = stream("text")
    tell(ctx, ctx.length)
  end,

  ["/etag"] = function(ctx)
    ctx.etag = ctx.query.of
    ctx.body = "text"
  end,
  ["/etag/get"] = function(ctx)
    ctx.etag = "abc"
    tell(ctx, ctx.etag)
  end,
  ["/etag/none"] = function(ctx) tell(ctx, ctx.etag) end,
  ["/last-modified"] = function(ctx)
    ctx.last_modified = 1500000000
    ctx.body = "text"
  end,
  ["/last-modified/string"] = function(ctx)
    ctx.last_modified = "Fri, 14 Jul 2017 02:40:00 GMT"
    ctx.body = "text"
  end,
  ["/last-modified/iso"] = function(ctx)
    ctx.last_modified = "2013-09-13"
    ctx.body = "text"
  end,
  ["/last-modified/get"] = function(ctx)
    ctx.last_modified = 1500000000
    tell(ctx, ctx.last_modified)
  end,
  ["/last-modified/none"] = function(ctx) tell(ctx, ctx.last_modified) end,

  ["/vary"] = function(ctx)
    for _, field in ipairs(values(ctx)) do
      ctx:vary(field)
    end
    ctx.body = "text"
  end,
  ["/vary/list"] = function(ctx)
    ctx:vary(values(ctx))
    ctx.body = "text"
  end,
  ["/vary/set-before"] = function(ctx)
    ctx:set("Vary", "Origin, accept")
    ctx:vary("Accept")
    ctx:vary("Cookie")
    ctx.body = "text"
  end,

  ["/set"] = function(ctx)
    ctx:set("X-One", "1")
    ctx:set("x-one", "2")
    ctx.body = "text"
  end,
  ["/set/number"] = function(ctx)
    ctx:set("X-One", 1)
    ctx.body = "text"
  end,
  ["/set/list"] = function(ctx)
    ctx:set("X-List", { "a", "b" })
    ctx.body = "text"
  end,
  ["/set/fields"] = function(ctx)
    ctx:set({ ["X-One"] = "1", ["X-Two"] = { "a", "b" } })
    ctx.body = "text"
  end,
  ["/set/empty"] = function(ctx)
    ctx:set("X-Empty", "")
    ctx.body = "text"
  end,
  ["/set/spaces"] = function(ctx)
    ctx:set("X-Spaces", " a b ")
    ctx.body = "text"
  end,
  ["/set/type"] = function(ctx)
    ctx:set("Content-Type", "text/x-own")
    ctx.body = "text"
  end,
  ["/set/boolean"] = function(ctx)
    ctx:set("X-One", true)
    ctx.body = "text"
  end,
  ["/set/no-name"] = function(ctx)
    ctx:set("", "1")
    ctx.body = "text"
  end,
  ["/set/no-value"] = function(ctx)
    ctx:set("X-One", nil)
    ctx.body = "text"
  end,
  ["/set/empty-list"] = function(ctx)
    ctx:set("X-List", {})
    ctx.body = "text"
  end,
  ["/set/type-list"] = function(ctx)
    ctx:set("Content-Type", { "text/x-own" })
    ctx.body = "text"
  end,
  ["/set/type-list-of-two"] = function(ctx)
    ctx:set("Content-Type", { "text/x-own", "text/x-other" })
    ctx.body = "text"
  end,
  ["/set/cookies"] = function(ctx)
    ctx:set("Set-Cookie", { "a=1", "b=2" })
    ctx:append("Set-Cookie", { "c=3", "d=4" })
    ctx.body = "text"
  end,
  ["/set/tab"] = function(ctx)
    ctx:set("X-Tab", "a\tb")
    ctx.body = "text"
  end,
  ["/set/nul"] = function(ctx)
    ctx:set("X-Bad", "a\0b")
    ctx.body = "text"
  end,
  ["/set/last-line-break"] = function(ctx)
    ctx:set("X-Bad", "a\n")
    ctx.body = "text"
  end,
  ["/set/length"] = function(ctx)
    ctx:set("Content-Length", "4")
    ctx.body = stream("te", "xt")
  end,
  ["/set/length-of-nothing"] = function(ctx)
    ctx.status = 204
    ctx:set("Content-Length", "4")
    ctx:set("Content-Type", "text/plain")
  end,
  ["/set/body-then-length"] = function(ctx)
    ctx.body = { a = 1 }
    ctx:set("X-Length", tostring(ctx.length))
  end,
  ["/set/line-break"] = function(ctx)
    ctx:set("X-Bad", "a\r\nX-Injected: 1")
    ctx.body = "text"
  end,
  ["/set/bad-name"] = function(ctx)
    ctx:set("X Bad", "a")
    ctx.body = "text"
  end,
  ["/append"] = function(ctx)
    for _, value in ipairs(values(ctx)) do
      ctx:append("X-List", value)
    end
    ctx.body = "text"
  end,
  ["/append/list"] = function(ctx)
    ctx:append("Link", { "<http://one/>", "<http://two/>" })
    ctx:append("Link", "<http://three/>")
    ctx.body = "text"
  end,
  ["/append/cookies"] = function(ctx)
    ctx:append("Set-Cookie", "a=1; Path=/")
    ctx:append("Set-Cookie", "b=2; HttpOnly")
    ctx.body = "text"
  end,
  ["/append/after-set"] = function(ctx)
    ctx:set("X-One", "1")
    ctx:append("x-one", "2")
    ctx:set("X-Two", "1")
    ctx:append("X-Two", "2")
    ctx:set("X-Two", "3")
    ctx.body = "text"
  end,
  ["/remove"] = function(ctx)
    ctx:set("X-One", "1")
    ctx:set("X-Two", "2")
    ctx:remove("x-one")
    ctx:remove("X-Unknown")
    ctx.body = "text"
  end,
  ["/get"] = function(ctx)
    ctx:set("X-One", "1")
    tell(ctx, ctx.response:get("x-one"))
  end,
  ["/get/list"] = function(ctx)
    ctx:append("X-One", "1")
    ctx:append("X-One", "2")
    tell(ctx, ctx.response:get("X-One"))
  end,
  ["/get/none"] = function(ctx) tell(ctx, ctx.response:get("X-One")) end,
  ["/has"] = function(ctx)
    ctx:set("X-One", "")
    ctx.body = { one = ctx.response:has("x-one"), two = ctx.response:has("X-Two") }
  end,

  ["/header-sent"] = function(ctx) tell(ctx, ctx.header_sent) end,
  ["/flush"] = function(ctx)
    ctx.status = 200
    ctx.type = "text"
    ctx:flush_headers()
    ctx.status = 500
    ctx:set("X-Late", "1")
    ctx:remove("Content-Type")
    ctx:vary("X-Late")
    ctx.body = tostring(ctx.header_sent)
  end,
  ["/flush/stream"] = function(ctx)
    ctx:set("X-Early", "1")
    ctx.status = 202
    ctx:flush_headers()
    ctx.body = stream("one", "two")
  end,
  ["/flush/nothing"] = function(ctx)
    ctx.status = 200
    ctx:flush_headers()
  end,
}

local get = {}

targets.each(get, "/status?of=", {
  200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 307, 308, 400, 401, 402, 403, 404,
  405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425, 426, 428, 429, 431,
  451, 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511,
})
targets.each(get, "/status/with-body?of=", { 201, 204, 205, 304, 400, 404, 500, 599, 799 })
targets.each(get, "/type?of=", {
  "html", ".html", "page.html", "txt", "text", "json", ".json", "css", "js", "xml", "png", "jpg", "svg", "pdf", "bin",
  "zip", "gz", "wasm", "woff2", "mp4", "md", "csv", "ico", "mjs", "webp", "text/html", "text/plain",
  "text/html;charset=latin1", "text/html;%20charset=utf-8", "application/json", "application/vnd.api%2Bjson",
  "image/png", "application/x-own", "text/x-own", "multipart/form-data", "unknown", "", "HTML", "text/*",
  "application/javascript", "application/xml", "image/svg%2Bxml",
})
targets.each(get, "/type/get?of=", { "html", "text/html;charset=latin1", "png", "unknown" })
targets.each(get, "/is?type=html&of=", {
  "html", "json", "text/html", "text/*", "*/html", "*/*", "application/*", "txt&of=html", "json&of=text/*", ".html",
  "multipart", "unknown",
})
targets.each(get, "/is?type=", {
  "html", "unknown&of=html", "application/vnd.api%2Bjson&of=json", "application/vnd.api%2Bjson&of=%2Bjson",
  "application/vnd.api%2Bjson&of=*/*%2Bjson", "application/vnd.api%2Bjson&of=application/*%2Bjson",
  "multipart/form-data&of=multipart", "multipart/form-data&of=multipart/*", "text/plain&of=text",
  "application/x-www-form-urlencoded&of=urlencoded", "text/html;charset=utf-8&of=text/html",
})
targets.each(get, "/is/list?type=", { "html&of=json&of=html", "html&of=json&of=txt" })
targets.each(get, "/etag?of=", { "abc", "%22abc%22", "W/%22abc%22", "W/abc", "", "a%22b", "%22open" })
targets.each(get, "/vary?of=", {
  "Accept", "Accept&of=Accept", "Accept&of=accept", "Accept&of=Cookie", "*", "Accept&of=*", "*&of=Accept",
  "Accept,%20Cookie", "a%20b", "",
})
targets.each(get, "/vary/list?of=", { "Accept&of=Cookie", "Accept&of=Accept&of=Origin", "Accept&of=*" })
targets.each(get, "/append?of=", { "a", "a&of=b", "a&of=b&of=c", "", "a&of=" })

targets.rest(get, routes)

local requests = {}
for _, method in ipairs({ "POST", "PUT", "DELETE", "PATCH", "OPTIONS" }) do
  requests[#requests + 1] = { method, "/body/string/plain" }
  requests[#requests + 1] = { method, "/nothing" }
end
-- A client that knows no chunks.
for _, target in ipairs({
  "/body/string/plain", "/body/stream/plain", "/body/empty-stream/plain", "/body/object/plain", "/nothing",
  "/body/null/404-after", "/length/of-stream", "/flush", "/flush/stream", "/body/null/plain", "/stream/fails",
}) do
  requests[#requests + 1] = { "GET", target, version = "1.0" }
  requests[#requests + 1] = { "HEAD", target, version = "1.0" }
end

return {
  routes = routes,
  get = get,
  requests = requests,
}
