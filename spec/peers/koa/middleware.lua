-- Middleware around each other. Twin: middleware.js. These come before every route.
-- SPDX-License-Identifier: MIT

local http = require("http")

local function mark(ctx, name)
  ctx:append("X-Mark", name)
end

-- -> a middleware for one path
local function only(path, fn)
  return function(ctx, next)
    if ctx.path == path then
      return fn(ctx, next)
    end
    return next()
  end
end

local before = {
  only("/onion", function(ctx, next)
    mark(ctx, "a in")
    next()
    mark(ctx, "a out")
  end),
  only("/onion", function(ctx, next)
    mark(ctx, "b in")
    http.sleep(0.001)
    next()
    mark(ctx, "b out")
    ctx.body = ctx.body .. " and more"
  end),
  only("/onion/cut", function(ctx, next)
    mark(ctx, "in")
    next()
    mark(ctx, "out")
  end),
  only("/onion/cut", function(ctx) mark(ctx, "last") end),
  only("/onion/twice", function(_, next)
    next()
    next()
  end),
  only("/onion/caught", function(ctx, next)
    local ok, problem = pcall(next)
    if not ok then
      ctx.status = problem.status or 500
      ctx.body = { caught = problem.message }
    end
  end),
  only("/onion/rethrown", function(ctx, next)
    if not pcall(next) then
      ctx:throw(502, "told", { expose = true })
    end
  end),
  only("/onion/state", function(ctx, next)
    ctx.state.user = "somebody"
    next()
    ctx.body = ctx.body .. " was here"
  end),
  only("/onion/after", function(ctx, next)
    next()
    ctx.status = 202
    ctx:set("X-After", tostring(ctx.length))
  end),
  only("/onion/void", function(_, next) next() end),
}

return {
  before = before,
  routes = {
    ["/onion"] = function(ctx)
      mark(ctx, "c")
      ctx.body = "text"
    end,
    ["/onion/cut"] = function(ctx) ctx.body = "never" end,
    ["/onion/twice"] = function(ctx) ctx.body = "text" end,
    ["/onion/caught"] = function(ctx) ctx:throw(418, "short and stout") end,
    ["/onion/rethrown"] = function() error("secret") end,
    ["/onion/state"] = function(ctx) ctx.body = ctx.state.user end,
    ["/onion/after"] = function(ctx) ctx.body = "text" end,
  },
  get = {
    "/onion", "/onion/cut", "/onion/twice", "/onion/caught", "/onion/rethrown", "/onion/state", "/onion/after",
    "/onion/void", "/unknown", "/", "//", "/onion/",
  },
}
