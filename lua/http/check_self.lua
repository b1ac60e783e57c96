-- http.check_self: tells a method that was called with a dot in place of the colon.
-- SPDX-License-Identifier: MIT

--- Throws at `level` unless the metatable of `self` is `mt`.
return function(self, mt, level)
  if getmetatable(self) ~= mt then
    error(("bad self (%s expected, got %s); call it with a colon"):format(mt.__name, type(self)), level + 1)
  end
end
