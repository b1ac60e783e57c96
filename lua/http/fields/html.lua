-- http.fields.html: text made harmless inside HTML, in elements and in quoted attributes alike.
-- SPDX-License-Identifier: MIT

local M = {}

local ENTITIES = {
  ["&"] = "&amp;",
  ["<"] = "&lt;",
  [">"] = "&gt;",
  ['"'] = "&quot;",
  ["'"] = "&#39;",
}

--- `text` (a string or a number) with & < > " ' as entities; every other byte stays.
function M.escape(text)
  local kind = type(text)
  if kind ~= "string" and kind ~= "number" then
    error(("bad argument #1 to 'escape' (string expected, got %s)"):format(kind), 2)
  end
  return (tostring(text):gsub("[&<>\"']", ENTITIES))
end

return M
