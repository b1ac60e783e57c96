-- Asks two servers the same, byte for byte, and tells how their replies differ.
-- SPDX-License-Identifier: MIT

local cjson = require("cjson")
local helper = require("helper")
local raw = require("raw")

local M = {}

M.HOST = "spec.example:81" -- HOST in a row's fields; what both are told that they are called

local WAIT = 20 -- seconds for both replies
local OF_THE_CONNECTION = { date = true, connection = true, ["keep-alive"] = true }

-- A row is { METHOD, TARGET, FIELD…, host =, body =, chunked =, proxied =, version = }. What it is called in reports.
function M.title(row)
  local words = { row[1], row[2] }
  for i = 3, #row do
    words[i] = "(" .. row[i] .. ")"
  end
  for _, name in ipairs({ "host", "body", "chunked", "proxied", "version" }) do
    if row[name] ~= nil then
      words[#words + 1] = ("%s=%s"):format(name, tostring(row[name]))
    end
  end
  return table.concat(words, " ")
end

local function bytes_of(row)
  local first = ("%s %s HTTP/%s"):format(row[1], row[2], row.version or "1.1")
  local lines = { first, "Host: " .. (row.host or M.HOST), "Connection: close" }
  for i = 3, #row do
    lines[#lines + 1] = (row[i]:gsub("HOST", M.HOST))
  end
  local body = row.body or ""
  if row.chunked then
    lines[#lines + 1] = "Transfer-Encoding: chunked"
    body = ("%x\r\n%s\r\n0\r\n\r\n"):format(#row.chunked, row.chunked)
  elseif row.body then
    lines[#lines + 1] = "Content-Length: " .. #row.body
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. body
end

-- ---- a reply ----------------------------------------------------------------------------------

-- -> the bytes of a body in chunks, and whether its last chunk came
local function unchunked(bytes)
  local parts, at = {}, 1
  while true do
    local size, from = bytes:match("^(%x+)[^\r\n]*\r\n()", at)
    size = size and tonumber(size, 16)
    if not size then
      return table.concat(parts), false
    elseif size == 0 then
      return table.concat(parts), bytes:sub(from) == "\r\n"
    end
    parts[#parts + 1] = bytes:sub(from, from + size - 1)
    at = from + size + 2
  end
end

-- -> { status, reason, fields = { name = { value… } }, body, complete }. Nothing before a cut is no status.
local function parse(received, method)
  local head, body = received:match("^(.-\r\n)\r\n(.*)$")
  if not head then
    return { status = 0, reason = "", fields = {}, body = received, complete = false }
  end
  local reply = { fields = {} }
  local status, reason, lines = head:match("^HTTP/1%.[01] (%d%d%d) ?([^\r\n]*)\r\n(.*)$")
  reply.status, reply.reason = tonumber(status), reason
  for name, value in (lines or ""):gmatch("([^:\r\n]+):[ \t]*([^\r\n]*)\r\n") do
    name = name:lower()
    local values = reply.fields[name] or {}
    values[#values + 1] = value
    reply.fields[name] = values
  end
  local length = tonumber((reply.fields["content-length"] or {})[1])
  local bodiless = method == "HEAD" or reply.status == 204 or reply.status == 304
  if bodiless then
    reply.body, reply.complete = body, body == ""
  elseif reply.fields["transfer-encoding"] then
    reply.body, reply.complete = unchunked(body)
  else
    reply.body, reply.complete = body, length == nil or #body == length
  end
  for name in pairs(OF_THE_CONNECTION) do
    reply.fields[name] = nil
  end
  return reply
end

-- Sends a row to each of the ports at once -> a reply of each
function M.ask(row, ports)
  local bytes, conns, replies = bytes_of(row), {}, {}
  for i, port in ipairs(ports) do
    conns[i] = raw.connect({ port = port })
    conns[i]:send(bytes)
  end
  for i, conn in ipairs(conns) do
    helper.wait(function() return conn.closed end, WAIT, ("server %d to answer %s"):format(i, M.title(row)))
    replies[i] = parse(conn.received, row[1])
  end
  return unpack(replies)
end

-- ---- two replies ------------------------------------------------------------------------------

local function is_json(reply)
  local type = (reply.fields["content-type"] or {})[1]
  return type and type:find("json", 1, true)
end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b
  end
  for key, value in pairs(a) do
    if not same(value, b[key]) then
      return false
    end
  end
  for key in pairs(b) do
    if a[key] == nil then
      return false
    end
  end
  return true
end

-- The members of an object have no order in Lua.
local function same_body(a, b)
  if a.body == b.body then
    return true
  end
  if not (is_json(a) and is_json(b)) or #a.body ~= #b.body then
    return false
  end
  local a_ok, a_value = pcall(cjson.decode, a.body)
  local b_ok, b_value = pcall(cjson.decode, b.body)
  return a_ok and b_ok and same(a_value, b_value)
end

local function words(value)
  if value == nil then
    return "none"
  end
  return type(value) == "table" and table.concat(value, " | ") or tostring(value)
end

-- -> a list of what differs, in words; empty if nothing does
function M.differences(ours, theirs)
  local list = {}
  local function note(what, a, b)
    list[#list + 1] = ("%s: ours <%s>, Koa's <%s>"):format(what, words(a), words(b))
  end
  for _, name in ipairs({ "status", "reason", "complete" }) do
    if ours[name] ~= theirs[name] then
      note(name, ours[name], theirs[name])
    end
  end
  local names = {}
  for name in pairs(ours.fields) do
    names[name] = true
  end
  for name in pairs(theirs.fields) do
    names[name] = true
  end
  for name in pairs(names) do
    if not same(ours.fields[name], theirs.fields[name]) then
      note(name, ours.fields[name], theirs.fields[name])
    end
  end
  if not same_body(ours, theirs) then
    note("body", ours.body:sub(1, 200), theirs.body:sub(1, 200))
  end
  table.sort(list)
  return list
end

-- Makes "" of a getter nil.
local function no_string(reply, row)
  if row[1] ~= "HEAD" then
    reply.body = reply.body:gsub('""', "null")
  end
  reply.fields["content-length"] = { tostring(reply.fields["content-length"][1] + #"null" - #'""') }
end

-- Whether a rule is about a row. Its `except` is a list of patterns between bars, its `only` one of kinds of
-- body.
function M.applies(rule, row)
  local title = M.title(row)
  if not title:find(rule.row) then
    return false
  end
  for pattern in (rule.except or ""):gmatch("[^|]+") do
    if title:find(pattern) then
      return false
    end
  end
  local found = not rule.only
  for _, kind in ipairs(rule.only or {}) do
    found = found or title:find("/body/" .. kind .. "/", 1, true) ~= nil
  end
  return found
end

-- What we expect to answer where we differ on purpose: Koa's reply as the rules of that row change it.
-- -> reply, the rules that were applied
function M.expected(row, theirs, rules)
  local applied = {}
  for _, rule in ipairs(rules) do
    if M.applies(rule, row) then
      (rule.json and no_string or rule.change)(theirs, row)
      applied[#applied + 1] = rule
    end
  end
  return theirs, applied
end

return M
