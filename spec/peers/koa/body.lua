-- Every kind of body with everything that may be set beside it: /body/KIND/CASE. Twin: body.js.
-- SPDX-License-Identifier: MIT

local http = require("http")
local parts = require("spec.peers.koa.parts")

local stream = parts.stream

local KINDS = {
  ["string"] = function() return "text" end,
  ["html"] = function() return "  <p>text</p>" end,
  ["wide"] = function() return "grüß €" end,
  ["empty"] = function() return "" end,
  ["bytes"] = function() return http.bytes("\0\1\254\255") end,
  ["no-bytes"] = function() return http.bytes("") end,
  ["object"] = function() return { a = 1 } end,
  ["array"] = function() return { 1, "two", false } end,
  ["nested"] = function() return { a = { { b = http.null }, 0.5, "a/b" } } end,
  ["null"] = function() return http.null end,
  ["nil"] = function() return nil end,
  ["number"] = function() return 5 end,
  ["zero"] = function() return 0 end,
  ["true"] = function() return true end,
  ["false"] = function() return false end,
  ["stream"] = function() return stream("one", "two") end,
  ["empty-stream"] = function() return stream() end,
}

local function status(before, after)
  return function(ctx, body)
    if before then
      ctx.status = before
    end
    ctx.body = body
    if after then
      ctx.status = after
    end
  end
end

local CASES = {
  ["plain"] = status(),
  ["201-before"] = status(201),
  ["201-after"] = status(nil, 201),
  ["204-before"] = status(204),
  ["204-after"] = status(nil, 204),
  ["205-before"] = status(205),
  ["205-after"] = status(nil, 205),
  ["304-before"] = status(304),
  ["304-after"] = status(nil, 304),
  ["404-before"] = status(404),
  ["404-after"] = status(nil, 404),
  ["418-after"] = status(nil, 418),
  ["204-then-200"] = status(204, 200),
  ["type-before"] = function(ctx, body)
    ctx.type = "css"
    ctx.body = body
  end,
  ["type-after"] = function(ctx, body)
    ctx.body = body
    ctx.type = "application/xml"
  end,
  ["json-before"] = function(ctx, body)
    ctx.type = "application/vnd.api+json"
    ctx.body = body
  end,
  ["type-json"] = function(ctx, body)
    ctx.type = "json"
    ctx.body = body
  end,
  ["type-removed"] = function(ctx, body)
    ctx.body = body
    ctx:remove("Content-Type")
  end,
  ["message"] = function(ctx, body)
    ctx.status = 200
    ctx.message = "Fine By Me"
    ctx.body = body
  end,
  ["after-string"] = function(ctx, body)
    ctx.body = "something longer"
    ctx.body = body
  end,
  ["after-object"] = function(ctx, body)
    ctx.body = { something = "else" }
    ctx.body = body
  end,
  ["after-stream"] = function(ctx, body)
    ctx.body = stream("never sent")
    ctx.body = body
  end,
  ["after-null"] = function(ctx, body)
    ctx.body = http.null
    ctx.body = body
  end,
  ["before-null"] = function(ctx, body)
    ctx.body = body
    ctx.body = http.null
  end,
}

local routes, get = {}, {}
for kind, make in pairs(KINDS) do
  for case, fill in pairs(CASES) do
    local path = ("/body/%s/%s"):format(kind, case)
    routes[path] = function(ctx) fill(ctx, make()) end
    get[#get + 1] = path
  end
end

return {
  routes = routes,
  get = get,
}
