-- A server that asks for Digest authentication and is strict about it (RFC 7616): it computes anew what
-- the client must have computed, and takes each count of a nonce once.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local raw = require("raw")

local M = { USER = "J\195\164s\195\184n Doe", PASSWORD = "Circle \"of\" Life", REALM = "a \"realm\"" }

local HASHES = {
  ["MD5"] = "md5", ["SHA-256"] = "sha256", ["SHA-512-256"] = "sha512-256",
}

local function quote(text)
  return '"' .. text:gsub('["\\]', "\\%0") .. '"'
end
M.quote = quote

-- The parameters of "Digest a=b, c=\"d\"".
function M.params(value)
  local params, at = {}, (value:match("^Digest ()"))
  while at and at <= #value do
    local name, rest = value:match("^([%w%*]+)=()", at)
    local text, next_at = value:match('^([^",]+)()', rest)
    if value:sub(rest, rest) == '"' then
      next_at = rest + 1
      while value:sub(next_at, next_at) ~= '"' do
        next_at = next_at + (value:sub(next_at, next_at) == "\\" and 2 or 1)
      end
      text = value:sub(rest + 1, next_at - 1):gsub("\\(.)", "%1")
      next_at = next_at + 1
    end
    assert(params[name] == nil, name .. " comes twice")
    params[name] = text
    at = value:match("^, ()", next_at) or #value + 1
  end
  return params
end

local function hasher(algorithm)
  local base = algorithm:gsub("%-sess$", "")
  local name = HASHES[base]
  return function(...)
    return raw.hash(name, table.concat({ ... }, ":"))
  end, algorithm ~= base
end

-- What the client must be named.
local function user_of(o, p, H)
  if o.userhash then
    return p.userhash == "true" and p.username == H(M.USER, M.REALM)
  elseif o.charset then
    return p["username*"] == "UTF-8''J%C3%A4s%C3%B8n%20Doe"
  end
  return p.username == M.USER
end

-- Words for what is wrong with an answer, or nil and the proof that the server has the password.
local function check(o, p, request)
  local H, session = hasher(o.algorithm or "MD5")
  local key = H(M.USER, M.REALM, M.PASSWORD)
  if session then
    key = H(key, p.nonce, p.cnonce)
  end
  local what = p.qop == "auth-int" and H(request.method, p.uri, H(request.body)) or H(request.method, p.uri)
  local expected = p.qop and H(key, p.nonce, p.nc, p.cnonce, p.qop, what) or H(key, p.nonce, what)
  if p.realm ~= M.REALM or p.uri ~= request.target or p.opaque ~= o.opaque or p.algorithm ~= o.algorithm then
    return "the challenge is not repeated"
  elseif not user_of(o, p, H) then
    return "the user"
  elseif (p.qop ~= nil) ~= (o.qop ~= nil) or p.qop and not (o.qop .. ","):find(p.qop .. ",", 1, true) then
    return "the qop"
  elseif p.response ~= expected then
    return "the response"
  end
  return nil, p.qop == "auth" and H(key, p.nonce, p.nc, p.cnonce, p.qop, H("", p.uri)) or nil
end

local function challenge(o, nonce, stale)
  local parts = { "realm=" .. quote(M.REALM), "nonce=" .. quote(nonce) }
  local function add(name, value)
    if value then
      parts[#parts + 1] = name .. "=" .. value
    end
  end
  add("opaque", o.opaque and quote(o.opaque))
  add("qop", o.qop and quote(o.qop))
  add("algorithm", o.algorithm)
  add("stale", stale and "true")
  add("userhash", o.userhash and "true")
  add("charset", o.charset)
  return "Digest " .. table.concat(parts, ", ")
end

function M.reply(status, fields, body)
  local lines = { "HTTP/1.1 " .. status, "Content-Length: " .. #body }
  for _, field in ipairs(fields) do
    lines[#lines + 1] = field
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. body
end

-- options: algorithm, qop, opaque, userhash, charset; also: another challenge, in front; lasts: how often a
-- nonce may be used; next_nonce; rspauth: "right", "wrong" or nil; before(request, count): bytes to reply
-- with in place of everything. server.log tells of each request; server.seen has their parameters.
function M.start(options)
  local o = options or {}
  local uses, made, server = {}, 0, nil

  local function fresh()
    made = made + 1
    local nonce = ("nonce \"%d\""):format(made)
    uses[nonce] = {}
    return nonce
  end

  local function refuse(why, stale)
    server.log[#server.log + 1] = why
    local fields = { "WWW-Authenticate: " .. challenge(o, fresh(), stale) }
    if o.also then
      table.insert(fields, 1, "WWW-Authenticate: " .. o.also)
    end
    return M.reply("401 Unauthorized", fields, "refused: " .. why)
  end

  local function accept(p, proof)
    local info = {}
    server.log[#server.log + 1] = "ok"
    if o.rspauth then
      info[1] = "rspauth=" .. quote(o.rspauth == "right" and proof or ("0"):rep(32))
    end
    if o.next_nonce then
      info[#info + 1] = "nextnonce=" .. quote(fresh())
    end
    local fields = info[1] and { "Authentication-Info: " .. table.concat(info, ", ") } or {}
    return M.reply("200 OK", fields, p.qop or "none")
  end

  server = helper.respond(function(request)
    local value = request.headers.authorization
    server.seen[#server.seen + 1] = value and value:find("^Digest ") and M.params(value) or value or "nothing"
    local special = o.before and o.before(request, #server.seen)
    if special then
      return special
    elseif not value then
      return refuse("nothing")
    elseif not value:find("^Digest ") then
      return refuse(value:match("^%S+"))
    end
    local p = server.seen[#server.seen]
    local of = uses[p.nonce]
    local wrong, proof = check(o, p, request)
    if wrong then
      return refuse(wrong)
    elseif not of or o.lasts and #of >= o.lasts then
      return refuse("stale", true)
    elseif p.nc and tonumber(p.nc, 16) ~= #of + 1 then
      return refuse("count " .. p.nc)
    end
    of[#of + 1] = p.nc or true
    return accept(p, proof)
  end, { keep_open = true })
  server.log, server.seen = {}, {}
  return server
end

return M
