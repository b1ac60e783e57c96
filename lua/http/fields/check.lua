-- http.fields.check: argument checks that the modules of http.fields share; misuse throws at the line of
-- whoever called the public function.
-- SPDX-License-Identifier: MIT

local M = {}

-- Levels: 1 is the check, 2 the public function, 3 its caller.
local CALLER = 3

--- Throws unless `value` is a string. A public function must call this itself, not through a helper.
function M.string(value, index, name)
  if type(value) ~= "string" then
    error(("bad argument #%d to '%s' (string expected, got %s)"):format(index, name, type(value)), CALLER)
  end
end

--- Throws unless `value` is a string or nil.
function M.optional_string(value, index, name)
  if value ~= nil and type(value) ~= "string" then
    error(("bad argument #%d to '%s' (string or nil expected, got %s)"):format(index, name, type(value)), CALLER)
  end
end

--- The list of strings that `value` is: a list as it is, a string as a list of one, nil as an empty one.
--- Anything else throws.
function M.strings(value, index, name)
  if value == nil then
    return {}
  elseif type(value) == "string" then
    return { value }
  elseif type(value) ~= "table" then
    error(("bad argument #%d to '%s' (string or list of strings expected, got %s)")
      :format(index, name, type(value)), CALLER)
  end
  for _, item in ipairs(value) do
    if type(item) ~= "string" then
      error(("bad argument #%d to '%s' (list of strings expected, got a %s in it)")
        :format(index, name, type(item)), CALLER)
    end
  end
  return value
end

return M
