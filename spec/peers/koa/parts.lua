-- What routes have in common, and lists of what is asked for with GET. Twin: parts.js.
-- SPDX-License-Identifier: MIT

local http = require("http")

local M = {}

--- What a route is told to use, as often as it is told: ?of=a&of=b
function M.values(ctx)
  local of = ctx.query.of
  return type(of) == "table" and of or { of }
end

--- Answers with what a getter gives, as JSON.
function M.tell(ctx, value)
  if value == nil then
    value = http.null
  end
  ctx.body = { value = value }
end

--- A body in pieces.
function M.stream(...)
  local pieces, at = { ... }, 0
  return function()
    at = at + 1
    return pieces[at]
  end
end

--- Adds prefix..value for each of the values.
function M.each(list, prefix, values)
  for _, value in ipairs(values) do
    list[#list + 1] = prefix .. value
  end
end

--- Adds the routes that no target asks for so far: those that need no more than their path.
function M.rest(list, routes)
  local asked = {}
  for _, target in ipairs(list) do
    asked[target:match("^[^?]*")] = true
  end
  for path in pairs(routes) do
    if not asked[path] then
      list[#list + 1] = path
    end
  end
end

return M
