-- http.fields.text: cutting up the values of header fields, in linear time whatever they hold.
-- SPDX-License-Identifier: MIT

local M = {}

--- A token of RFC 9110, 5.6.2, as a set for patterns.
M.TCHAR = "[%w!#$%%&'*+%-.^_`|~]"

--- `text` without the blanks around it. The usual "^%s*(.-)%s*$" takes quadratic time on blanks inside.
function M.trim(text)
  local from = text:match("^%s*()")
  return text:match(".*%S", from) or ""
end

--- The trimmed pieces of `text` between the separators, empty ones included. With `quoted`, a separator
--- between double quotes separates nothing; a quote that is never closed reaches to the end.
function M.split(text, separator, quoted)
  local pieces, from, at, inside = {}, 1, 0, false
  local pattern = quoted and '["' .. separator .. "]" or separator
  while true do
    at = text:find(pattern, at + 1, not quoted)
    if not at then
      break
    elseif text:sub(at, at) ~= separator then
      inside = not inside
    elseif not inside then
      pieces[#pieces + 1] = M.trim(text:sub(from, at - 1))
      from = at + 1
    end
  end
  pieces[#pieces + 1] = M.trim(text:sub(from))
  return pieces
end

return M
