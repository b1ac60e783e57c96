-- What is thrown, and streams that fail. Twin: errors.js.
-- SPDX-License-Identifier: MIT

local http = require("http")
local parts = require("spec.peers.koa.parts")

local stream = parts.stream

-- Streams that fail do so once what they gave before has been sent.
local PAUSE = 0.02

local function failing(...)
  local pieces, at = { ... }, 0
  return function()
    if at > 0 then
      http.sleep(PAUSE)
    end
    at = at + 1
    return pieces[at] or error("secret")
  end
end

local routes = {
  ["/error"] = function() error("secret") end,
  ["/error/async"] = function()
    http.sleep(0.001)
    error("secret")
  end,
  ["/error/string"] = function() error("secret", 0) end,
  ["/error/number"] = function() error(42) end,
  ["/error/object"] = function() error({ status = 400, message = "told" }) end,
  ["/error/failure"] = function() error(http.Failure("told", 403)) end,
  ["/error/empty-failure"] = function() error(http.Failure("", 403)) end,
  ["/error/hidden"] = function() error({ message = "secret", status = 403 }) end,
  ["/error/unknown-status"] = function() error({ message = "secret", status = 999 }) end,
  ["/error/text-status"] = function() error({ message = "secret", status = "teapot" }) end,
  ["/error/with-body"] = function(ctx)
    ctx.body = "text"
    error("secret")
  end,
  ["/error/with-stream"] = function(ctx)
    ctx.body = stream("text")
    error("secret")
  end,
  ["/error/with-fields"] = function(ctx)
    ctx.status = 201
    ctx:set("X-One", "1")
    ctx.type = "html"
    ctx.etag = "abc"
    error("secret")
  end,

  ["/throw"] = function(ctx) ctx:throw() end,
  ["/throw/status"] = function(ctx) ctx:throw(tonumber(ctx.query.of)) end,
  ["/throw/message"] = function(ctx) ctx:throw("secret") end,
  ["/throw/both"] = function(ctx) ctx:throw(tonumber(ctx.query.of), "told") end,
  ["/throw/wide"] = function(ctx) ctx:throw(400, "grüß") end,
  ["/throw/html"] = function(ctx) ctx:throw(400, "<b>told</b>") end,
  ["/throw/expose"] = function(ctx) ctx:throw(500, "told", { expose = true }) end,
  ["/throw/hide"] = function(ctx) ctx:throw(400, "secret", { expose = false }) end,
  ["/throw/headers"] = function(ctx)
    ctx:throw(401, "told", { headers = { ["WWW-Authenticate"] = "Basic", ["X-List"] = { "a", "b" } } })
  end,
  ["/throw/generated-headers"] = function(ctx)
    ctx:throw(400, "told", {
      headers = { ["Content-Type"] = "text/html", ["content-length"] = "1", ["X-Own"] = "1" },
    })
  end,
  ["/throw/with-fields"] = function(ctx)
    ctx:set("X-One", "1")
    ctx.body = { a = 1 }
    ctx:throw(403, "told")
  end,
  ["/throw/props-only"] = function(ctx) ctx:throw(401, { headers = { ["X-Own"] = "1" } }) end,
  ["/throw/status-last"] = function(ctx) ctx:throw("told", 400) end,
  ["/throw/empty-status"] = function(ctx) ctx:throw(204, "told") end,
  ["/assert"] = function(ctx) ctx:assert(ctx.query.of, 400, "of is missing") end,
  ["/assert/passes"] = function(ctx)
    ctx:assert(true, 400, "never")
    ctx.body = "text"
  end,
  ["/status/bad"] = function(ctx) ctx.status = 99 end,
  ["/status/text"] = function(ctx) ctx.status = "200" end,
  ["/status/fraction"] = function(ctx) ctx.status = 200.5 end,

  ["/stream/fails"] = function(ctx) ctx.body = failing("first", "second") end,
  ["/stream/fails-at-once"] = function(ctx) ctx.body = failing() end,
  ["/stream/fails-of-length"] = function(ctx)
    ctx.body = failing("first")
    ctx.length = 100
  end,
  ["/stream/waits"] = function(ctx)
    local pieces = stream("first", "second")
    ctx.body = function()
      http.sleep(PAUSE)
      return pieces()
    end
  end,
  ["/stream/big"] = function(ctx)
    local count = 0
    ctx.body = function()
      count = count + 1
      return count <= 64 and string.char(97 + (count - 1) % 26):rep(16384) or nil
    end
  end,
}

local get = {}
local statuses = {
  200, 302, 304, 400, 401, 403, 404, 409, 418, 422, 429, 451, 500, 501, 502, 503, 504, 599, 999,
}
parts.each(get, "/throw/status?of=", statuses)
parts.each(get, "/throw/both?of=", statuses)
parts.each(get, "/assert", { "", "?of=", "?of=x" })
parts.rest(get, routes)

return {
  routes = routes,
  get = get,
}
