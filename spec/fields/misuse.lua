-- What the specs of http.fields check misuse with: misuse(fn, pattern) wants fn to throw such words, told at
-- a line of the file that fn stands in.
-- SPDX-License-Identifier: MIT

local assert = require("luassert")

return function(fn, pattern)
  local file = debug.getinfo(fn, "S").short_src:gsub("%p", "%%%0")
  local ok, message = pcall(fn)
  assert.is_false(ok)
  assert.matches("^" .. file .. ":%d+: " .. pattern, message)
end
