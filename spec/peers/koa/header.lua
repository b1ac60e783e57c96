-- Header fields set, added to, removed, read; and the head sent early. Twin: header.js.
-- SPDX-License-Identifier: MIT

local parts = require("spec.peers.koa.parts")

local stream, tell, values = parts.stream, parts.tell, parts.values

local routes = {
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

parts.each(get, "/append?of=", { "a", "a&of=b", "a&of=b&of=c", "", "a&of=" })

parts.rest(get, routes)

local requests = {}

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
