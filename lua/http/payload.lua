-- http.Payload: a request body that says what it is: a string or a table of byte values.
-- SPDX-License-Identifier: MIT

local M = {
  STRING = 0,
  BYTE_TABLE = 1,
}

local mt = { __name = "http.Payload", __index = M }

function mt.__tostring(self)
  if self.type == M.BYTE_TABLE then
    return ("http.Payload (%d bytes)"):format(self.bytes and #self.bytes or 0)
  end
  return ("http.Payload (string of %d bytes)"):format(self.string and #self.string or 0)
end

--- A Payload of a string or of a table of byte values; or, without one, to fill: set `type`, and
--- `string` or `bytes` accordingly.
function M.new(content)
  local kind = type(content)
  if kind == "table" then
    return setmetatable({ type = M.BYTE_TABLE, string = nil, bytes = content }, mt)
  elseif kind == "string" or content == nil then
    return setmetatable({ type = M.STRING, string = content or "", bytes = nil }, mt)
  end
  error(("bad argument #1 to 'new' (string, table of bytes or nil expected, got %s)"):format(kind), 2)
end

return M
