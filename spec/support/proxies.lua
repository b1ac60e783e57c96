-- Proxies of the specs' own: one that speaks HTTP, plain or over TLS, one that speaks SOCKS 5. Both bring
-- what they get to 127.0.0.1, whatever host it is for, and remember what they were asked.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")

local M = {}

local function relay(from, to)
  from.on_data = function(_, bytes)
    to:send(bytes)
  end
  from.on_close = function()
    to:close()
  end
end

-- Joins the client with what listens on that port; `rest` came from it already.
local function join(client, port, rest)
  local host = raw.connect({ host = "127.0.0.1", port = port })
  relay(client, host)
  relay(host, client)
  if rest and rest ~= "" then
    host:send(rest)
  end
  return host
end

local DENIED = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n"
  .. "Content-Length: 6\r\n\r\ndenied"

local function basic(credentials)
  return credentials and "Basic " .. credentials
end

-- A proxy of HTTP. Options: tls, as of raw.listen; authorization, which Proxy-Authorization must be, or
-- 407 is the answer; on_request(request, conn), whose true means that it has answered by itself;
-- early, bytes to send behind the 200. Its fields: requests, a list as helper.respond has; connections,
-- how many came; names, of hosts (SNI) asked for.
function M.http(options)
  options = options or {}
  local server

  local function forward(conn, request)
    local authority, path = request.target:match("^http://([^/?]+)(.*)$")
    local port = tonumber(authority and authority:match(":(%d+)$") or 80)
    path = path ~= "" and path or "*"
    local head = request.head:gsub("^(%S+) %S+", function(method)
      return method .. " " .. path
    end):gsub("\r\nProxy%-Authorization: [^\r]*", "")
    local host = raw.connect({ host = "127.0.0.1", port = port })
    host.on_data = function(_, bytes)
      conn:send(bytes)
    end
    host.on_close = function()
      if not options.keep_open then
        conn:close()
      end
    end
    host:send(head .. request.body)
  end

  local function serve(conn)
    local request, next_from = helper.parse_request(conn.received, conn.from)
    if not request then
      return
    end
    conn.from = next_from
    server.requests[#server.requests + 1] = request
    if options.on_request and options.on_request(request, conn) then
      return
    end
    if options.authorization and request.headers["proxy-authorization"] ~= basic(options.authorization) then
      conn:send(DENIED)
    elseif request.method == "CONNECT" then
      conn:send("HTTP/1.1 200 Connection established\r\n\r\n" .. (options.early or ""))
      join(conn, tonumber(request.target:match(":(%d+)$")), conn.received:sub(next_from))
    else
      forward(conn, request)
    end
  end

  server = assert(raw.listen({
    tls = options.tls,
    on_connect = function(conn)
      server.connections = server.connections + 1
      conn.from = 1
      conn.on_data = serve
      conn.on_secure = function()
        server.names[#server.names + 1] = conn.tls.server_name or ""
      end
    end,
  }))
  server.requests, server.connections, server.names = {}, 0, {}
  return server
end

local GRANTED = "\5\0\0\1\127\0\0\1\0\80"

local function read_u16(bytes, at)
  local high, low = bytes:byte(at, at + 1)
  return high * 256 + low
end

-- The wish in the bytes of a request -> { type =, host =, port = }, or nil while it is not whole.
local function read_wish(bytes)
  local kind = bytes:byte(4)
  local sizes = { [1] = 4, [3] = 1 + (bytes:byte(5) or 0), [4] = 16 }
  local size = kind and sizes[kind]
  if not size or #bytes < 4 + size + 2 then
    return nil
  end
  local host = bytes:sub(5, 4 + size)
  if kind == 1 then
    host = ("%d.%d.%d.%d"):format(host:byte(1, 4))
  elseif kind == 3 then
    host = host:sub(2)
  end
  return { type = kind, host = host, port = read_u16(bytes, 5 + size) }, 4 + size + 2
end

-- A proxy of SOCKS 5. Options: credentials = { user, password }, which it wants; size, of the pieces in
-- which it answers; method, credentials_reply and reply, bytes to answer with in place of its own (a
-- function(wish, conn) for reply), after which it joins nobody. Its field wishes lists what was asked
-- for, seen the bytes of the client before the tunnel.
function M.socks(options)
  options = options or {}
  local server

  -- One piece a turn, so that the client sees each alone.
  local function answer(conn, bytes, after)
    local size = options.size or #bytes
    conn:send(bytes:sub(1, size))
    if #bytes > size then
      http.after(0, function() answer(conn, bytes:sub(size + 1), after) end)
    elseif after then
      after()
    end
  end

  local steps = {}

  function steps.methods(conn, bytes)
    local count = bytes:byte(2)
    if not count or #bytes < 2 + count then
      return nil
    end
    server.methods = bytes:sub(3, 2 + count)
    conn.step = options.credentials and "credentials" or "wish"
    answer(conn, options.method or (options.credentials and "\5\2" or "\5\0"))
    return 2 + count
  end

  function steps.credentials(conn, bytes)
    local user_size = bytes:byte(2)
    local password_size = user_size and bytes:byte(3 + user_size)
    if not password_size or #bytes < 3 + user_size + password_size then
      return nil
    end
    local user = bytes:sub(3, 2 + user_size)
    local password = bytes:sub(4 + user_size, 3 + user_size + password_size)
    local right = user == options.credentials[1] and password == options.credentials[2]
    conn.step = "wish"
    answer(conn, options.credentials_reply or (right and "\1\0" or "\1\1"), function()
      if not right then
        conn:close()
      end
    end)
    return 3 + user_size + password_size
  end

  function steps.wish(conn, bytes)
    local wish, size = read_wish(bytes)
    if not wish then
      return nil
    end
    server.wishes[#server.wishes + 1] = wish
    conn.step = "over"
    local reply = options.reply
    if type(reply) == "function" then
      reply = reply(wish, conn)
    end
    answer(conn, reply or GRANTED, function()
      if not reply or options.join then
        join(conn, wish.port, bytes:sub(size + 1))
      end
    end)
    return size
  end

  local function serve(conn)
    while conn.open and conn.step ~= "over" do
      local used = steps[conn.step](conn, conn.received:sub(conn.from))
      if not used then
        return
      end
      conn.from = conn.from + used
    end
  end

  server = assert(raw.listen({
    on_connect = function(conn)
      server.connections = server.connections + 1
      conn.from, conn.step = 1, "methods"
      conn.on_data = serve
    end,
  }))
  server.wishes, server.connections = {}, 0
  return server
end

-- The URL of a proxy, "http://127.0.0.1:3128".
function M.url(server, scheme, userinfo)
  scheme = scheme or (server.secure and "https" or "http")
  return ("%s://%s127.0.0.1:%d"):format(scheme, userinfo and userinfo .. "@" or "", server.port)
end

return M
