-- http.headers: the metatable of a table of header fields: indexing ignores the case of names.
-- SPDX-License-Identifier: MIT

local mt = { __name = "http.headers" }

-- Only reached when the name was not spelled as the peer spelled it.
function mt.__index(headers, name)
  if type(name) ~= "string" then
    return nil
  end
  name = name:lower()
  for key, value in next, headers do
    if type(key) == "string" and key:lower() == name then
      return value
    end
  end
  return nil
end

return mt
