-- http.fields.url_encode: percent-encoding of what may not stand in a URL, leaving alone what is encoded.
-- SPDX-License-Identifier: MIT

local check = require "http.fields.check"

local function encode(byte)
  return ("%%%02X"):format(byte:byte())
end

--- `text` as it may be sent in Location: bytes that no URL holds (blanks, controls, quotes, angle
--- brackets, braces, backquote, everything beyond ASCII) and "%" without two hex digits behind it are
--- percent-encoded; valid "%XX" stays. Bytes are taken one by one, so invalid UTF-8 survives as "%FF".
local function url_encode(text)
  check.string(text, 1, "url_encode")
  text = text:gsub("%%()", function(behind)
    return not text:find("^%x%x", behind) and "%25" or nil
  end)
  -- Backslash, brackets, "^" and "|" stay too: browsers send them, and servers may wait for them so.
  return (text:gsub("[^!#-;=?-_a-z|~]", encode))
end

return url_encode
