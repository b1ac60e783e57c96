-- Status, message, type, length, and the fields that have properties. Twin: fields.js.
-- SPDX-License-Identifier: MIT

local http = require("http")
local parts = require("spec.peers.koa.parts")

local stream, tell, values = parts.stream, parts.tell, parts.values

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
}

local get = {}

parts.each(get, "/status?of=", {
  200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 307, 308, 400, 401, 402, 403, 404,
  405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425, 426, 428, 429, 431,
  451, 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511,
})
parts.each(get, "/status/with-body?of=", { 201, 204, 205, 304, 400, 404, 500, 599, 799 })
parts.each(get, "/type?of=", {
  "html", ".html", "page.html", "txt", "text", "json", ".json", "css", "js", "xml", "png", "jpg", "svg", "pdf", "bin",
  "zip", "gz", "wasm", "woff2", "mp4", "md", "csv", "ico", "mjs", "webp", "text/html", "text/plain",
  "text/html;charset=latin1", "text/html;%20charset=utf-8", "application/json", "application/vnd.api%2Bjson",
  "image/png", "application/x-own", "text/x-own", "multipart/form-data", "unknown", "", "HTML", "text/*",
  "application/javascript", "application/xml", "image/svg%2Bxml",
})
parts.each(get, "/type/get?of=", { "html", "text/html;charset=latin1", "png", "unknown" })
parts.each(get, "/is?type=html&of=", {
  "html", "json", "text/html", "text/*", "*/html", "*/*", "application/*", "txt&of=html", "json&of=text/*", ".html",
  "multipart", "unknown",
})
parts.each(get, "/is?type=", {
  "html", "unknown&of=html", "application/vnd.api%2Bjson&of=json", "application/vnd.api%2Bjson&of=%2Bjson",
  "application/vnd.api%2Bjson&of=*/*%2Bjson", "application/vnd.api%2Bjson&of=application/*%2Bjson",
  "multipart/form-data&of=multipart", "multipart/form-data&of=multipart/*", "text/plain&of=text",
  "application/x-www-form-urlencoded&of=urlencoded", "text/html;charset=utf-8&of=text/html",
})
parts.each(get, "/is/list?type=", { "html&of=json&of=html", "html&of=json&of=txt" })
parts.each(get, "/etag?of=", { "abc", "%22abc%22", "W/%22abc%22", "W/abc", "", "a%22b", "%22open" })
parts.each(get, "/vary?of=", {
  "Accept", "Accept&of=Accept", "Accept&of=accept", "Accept&of=Cookie", "*", "Accept&of=*", "*&of=Accept",
  "Accept,%20Cookie", "a%20b", "",
})
parts.each(get, "/vary/list?of=", { "Accept&of=Cookie", "Accept&of=Accept&of=Origin", "Accept&of=*" })

parts.rest(get, routes)

local requests = {}
for _, method in ipairs({ "POST", "PUT", "DELETE", "PATCH", "OPTIONS" }) do
  requests[#requests + 1] = { method, "/body/string/plain" }
  requests[#requests + 1] = { method, "/nothing" }
end

return {
  routes = routes,
  get = get,
  requests = requests,
}
