-- http.record.bytes: bytes in a file of text: as they are where they are UTF-8, else in base64 (RFC 4648).
-- SPDX-License-Identifier: MIT

local bit = require "bit"

local M = {}

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local digit_of = {}
for i = 1, #ALPHABET do
  digit_of[ALPHABET:byte(i)] = i - 1
end

local function digit(bits)
  bits = bit.band(bits, 63) + 1
  return ALPHABET:sub(bits, bits)
end

--- The bytes in base64.
function M.encode(bytes)
  return (bytes:gsub("..?.?", function(group)
    local a, b, c = group:byte(1, 3)
    local bits = a * 65536 + (b or 0) * 256 + (c or 0)
    return digit(bit.rshift(bits, 18)) .. digit(bit.rshift(bits, 12))
      .. (b and digit(bit.rshift(bits, 6)) or "=") .. (c and digit(bits) or "=")
  end))
end

--- The bytes of a text in base64; nil where it is none.
function M.decode(text)
  if #text % 4 ~= 0 or not text:find("^[%w+/]*=?=?$") then
    return nil
  end
  return (text:gsub("....", function(group)
    local a, b, c, d = group:byte(1, 4)
    local bits = digit_of[a] * 262144 + digit_of[b] * 4096 + (digit_of[c] or 0) * 64 + (digit_of[d] or 0)
    local bytes = string.char(bit.rshift(bits, 16), bit.band(bit.rshift(bits, 8), 255), bit.band(bits, 255))
    return bytes:sub(1, 3 - (digit_of[c] and 0 or 1) - (digit_of[d] and 0 or 1))
  end))
end

-- Well-formed sequences of more than one byte (RFC 3629, 4), by their first byte.
local function sequence_at(text, at)
  local first = text:byte(at)
  local pattern
  if first <= 0xDF then
    pattern = "^[\194-\223][\128-\191]()"
  elseif first == 0xE0 then
    pattern = "^\224[\160-\191][\128-\191]()"
  elseif first == 0xED then
    pattern = "^\237[\128-\159][\128-\191]()"
  elseif first <= 0xEF then
    pattern = "^[\225-\239][\128-\191][\128-\191]()"
  elseif first == 0xF0 then
    pattern = "^\240[\144-\191][\128-\191][\128-\191]()"
  elseif first == 0xF4 then
    pattern = "^\244[\128-\143][\128-\191][\128-\191]()"
  else
    pattern = "^[\241-\243][\128-\191][\128-\191][\128-\191]()"
  end
  return text:match(pattern, at)
end

--- Whether the bytes are UTF-8 without control characters but those of text.
function M.is_text(bytes)
  if bytes:find("[%z\1-\8\11\12\14-\31\127]") then
    return false
  end
  local at = bytes:find("[\128-\255]")
  while at do
    at = sequence_at(bytes, at)
    if not at then
      return false
    end
    at = bytes:find("[\128-\255]", at)
  end
  return true
end

return M
