-- http.random: bytes that nobody can guess, as hexadecimal digits.
-- SPDX-License-Identifier: MIT

--- Two digits for each of so many bytes; nil where the system gives none.
return function(count)
  local source = io.open("/dev/urandom", "rb")
  local bytes = source and source:read(count)
  if source then
    source:close()
  end
  if not bytes or #bytes < count then
    return nil
  end
  return (bytes:gsub(".", function(byte)
    return ("%02x"):format(byte:byte())
  end))
end
