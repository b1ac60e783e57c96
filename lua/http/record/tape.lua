-- http.record.tape: the file of a recording: one exchange a line, as JSON.
-- SPDX-License-Identifier: MIT

local bytes = require "http.record.bytes"
local json = require "http.json"

local M = {}

-- Reads well from left to right.
local HEAD_ORDER = {}
local ORDER = {
  "request", "response", "error",
  request = { "method", "url", "headers", "body", "body_base64", headers = HEAD_ORDER },
  response = { "status", "reason", "headers", "body", "body_base64", headers = HEAD_ORDER },
  error = { "name", "message" },
}

local function pack(message)
  if message and message.body and not bytes.is_text(message.body) then
    message.body, message.body_base64 = nil, bytes.encode(message.body)
  end
  return message
end

local function copy(message)
  local own = {}
  for name, value in pairs(message or {}) do
    own[name] = value
  end
  return message and own
end

local function line_of(entry)
  local text, why = json.encode_ordered({
    request = pack(copy(entry.request)),
    response = pack(copy(entry.response)),
    error = entry.error,
  }, ORDER)
  if not text then
    error("an exchange cannot be written as JSON: " .. why, 0)
  end
  return text
end

--- Writes all entries, in one go: the file is the old or the new one, never a part. True, or nil and words.
function M.save(name, entries)
  local lines = {}
  for i, entry in ipairs(entries) do
    lines[i] = line_of(entry) .. "\n"
  end
  local part = ("%s.%d.part"):format(name, math.random(1e9))
  local file, why = io.open(part, "wb")
  if not file then
    return nil, why
  end
  local written, wrong = file:write(table.concat(lines))
  local closed, broken = file:close()
  if not written or not closed then
    os.remove(part)
    return nil, ("cannot write %s: %s"):format(part, wrong or broken)
  end
  local renamed, refused = os.rename(part, name)
  if not renamed then
    os.remove(part)
    return nil, refused
  end
  return true
end

local function unpack_message(message)
  local packed = message.body_base64
  if packed ~= nil then
    message.body = type(packed) == "string" and bytes.decode(packed) or false
    message.body_base64 = nil
  end
  return message.body == nil or type(message.body) == "string"
end

-- Whether a line holds what line_of writes.
local function is_entry(entry)
  if type(entry) ~= "table" or type(entry.request) ~= "table" then
    return false
  end
  local request, response, failure = entry.request, entry.response, entry.error
  if type(request.method) ~= "string" or type(request.url) ~= "string" or not unpack_message(request) then
    return false
  elseif response ~= nil and (type(response) ~= "table" or type(response.status) ~= "number"
      or type(response.headers) ~= "table" or not unpack_message(response)) then
    return false
  elseif failure ~= nil and (type(failure) ~= "table" or type(failure.name) ~= "string") then
    return false
  end
  return response ~= nil or failure ~= nil
end

--- The entries of a file; or nil, words, and "missing" where there is no such file.
function M.load(name)
  local file, why, code = io.open(name, "rb")
  if not file then
    return nil, why, code == 2 and "missing" or "system"
  end
  local entries, number = {}, 0
  for line in file:lines() do
    number = number + 1
    local entry = line ~= "" and json.decode_body(line)
    if line ~= "" and not is_entry(entry) then
      file:close()
      return nil, ("%s:%d is no recorded exchange"):format(name, number), "malformed"
    end
    if entry then
      entries[#entries + 1] = entry
    end
  end
  file:close()
  return entries
end

return M
