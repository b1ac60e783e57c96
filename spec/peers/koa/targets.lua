-- Lists of what is asked for with GET.
-- SPDX-License-Identifier: MIT

local M = {}

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
