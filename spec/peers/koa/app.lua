-- The application that answers as spec/peers/koa/server.js does, and all that both are asked.
-- SPDX-License-Identifier: MIT

local http = require("http")

local PARTS = { "middleware", "body", "fields", "header", "redirect", "request", "errors" }

local M = {}

local function each_part(fn)
  for _, name in ipairs(PARTS) do
    fn(require("spec.peers.koa." .. name))
  end
end

-- settings: those of http.app
function M.new(settings)
  local app, routes = http.app(settings), {}
  each_part(function(part)
    for path, route in pairs(part.routes) do
      routes[path] = route
    end
    for _, fn in ipairs(part.before or {}) do
      app:use(fn)
    end
  end)
  return app:use(function(ctx, next)
    local route = routes[ctx.path]
    if route then
      return route(ctx)
    end
    return next()
  end)
end

-- What is asked for with GET, which is asked for with HEAD as well; then the rows of spec/peers/koa/compare.lua.
function M.rows()
  local rows = {}
  each_part(function(part)
    table.sort(part.get)
    for _, target in ipairs(part.get) do
      rows[#rows + 1] = { "GET", target }
      rows[#rows + 1] = { "HEAD", target }
    end
    for _, row in ipairs(part.requests or {}) do
      rows[#rows + 1] = row
    end
  end)
  return rows
end

return M
