-- Servers that others wrote, for the specs of spec/peers: nginx, python3-httpbin and Koa on 127.0.0.1, with
-- everything they write in a temporary directory. A spec starts one in setup() and stops it in
-- teardown().
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local certs = require("certs")

local M = {}

local ATTEMPTS = 5      -- somebody else may take a port between its choice and its use
local START_WAIT = 30   -- seconds until a peer must answer
local STOP_WAIT = 5
local RETRY = 0.05
local ASK_TIMEOUT = 5

---- what every peer has

-- In a describe block: starts the peer before its tests, hands it to `take`, and stops it behind them.
function M.during(start, take)
  local env, peer = getfenv(2), nil -- busted gives its functions to the spec alone
  env.setup(function()
    peer = start()
    take(peer)
  end)
  env.teardown(function()
    if peer then
      peer:stop()
    end
  end)
end

local peer_methods = {}
local peer_mt = { __name = "peer", __index = peer_methods }

local function read_file(path)
  local file = io.open(path)
  local text = file and file:read("*a") or ""
  if file then
    file:close()
  end
  return text
end

-- Ends the program, by its pid, and removes its directory.
function peer_methods:stop()
  if self.pid then
    raw.kill(self.pid, "TERM")
    local deadline = raw.now() + STOP_WAIT
    helper.wait(function()
      if raw.now() > deadline then
        raw.kill(self.pid, "KILL")
      end
      return raw.reap(self.pid)
    end, 2 * STOP_WAIT, self.name .. " to end")
    self.pid = nil
  end
  if self.dir then
    raw.remove_tree(self.dir)
    self.dir = nil
  end
end

-- Asks for `url` until there is an answer; or where it is a table, connects to its port until that is
-- taken. Returns false if the program ends instead, since then its port was not free.
local function answers(peer, url)
  local state, ask

  local function connect()
    raw.connect({ host = url.host, port = url.port, on_connect = function(conn)
      state = state or "answers"
      conn:close()
    end, on_close = function()
      http.after(RETRY, ask)
    end })
  end

  function ask()
    if state then
      return
    end
    if not raw.alive(peer.pid) then
      state = "ended"
      return
    end
    if type(url) == "table" then
      return connect()
    end
    http.get({ url = url, timeout = ASK_TIMEOUT, proxy = false }, function(response)
      if response.status_code ~= 0 then
        state = state or "answers"
      else
        http.after(RETRY, ask)
      end
    end)
  end

  ask()
  local ok, problem = pcall(helper.wait, function() return state end, START_WAIT,
    peer.name .. " to answer")
  if not ok then
    state = "late"
    error(problem .. "\n" .. read_file(peer.log), 0)
  end
  return state == "answers" and raw.alive(peer.pid)
end

-- launch(peer) chooses ports, spawns the program and returns the URL to be asked, or the host and port to
-- be connected to.
local function start(name, launch)
  local log
  for _ = 1, ATTEMPTS do
    local peer = setmetatable({ name = name, dir = raw.mkdtemp() }, peer_mt)
    peer.log = peer.dir .. "/log"
    local ok, result = pcall(function() return answers(peer, launch(peer)) end)
    if ok and result then
      return peer
    end
    log = read_file(peer.log)
    peer:stop()
    if not ok then
      error(result, 0)
    end
  end
  error(("%s ends as soon as it is started:\n%s"):format(name, log), 0)
end

local function spawn(peer, argv)
  argv.stdout = peer.log
  local pid, message = raw.spawn(argv)
  peer.pid = pid or error(peer.name .. " cannot be run: " .. message, 0)
end

---- files that nginx serves

M.SMALL = "Hello, world!" -- /small
M.USER, M.PASSWORD = "some one", "p w/%d" -- of /private
M.TEXT = ("All work and no play makes a dull boy.\n"):rep(1000) -- /gzip/text
M.BIG_SIZE = 256 * 1024 * 1024 -- /big: zeros, but for a mark at each of MARKS

local MARKS = { 0, 4095, 1048576, 100000007, 201326590, M.BIG_SIZE - 16 }

local function mark_at(offset)
  return ("<%014d>"):format(offset) -- 16 bytes
end

M.BIG_MARKED = 16 * #MARKS -- so many of its bytes are not 0

-- The bytes of /big from `offset` on (counted from 0).
function M.big_bytes(offset, length)
  local parts, at = {}, offset
  local function add(bytes)
    parts[#parts + 1] = bytes
    at = at + #bytes
  end
  for _, position in ipairs(MARKS) do
    local mark = mark_at(position)
    if position + #mark > at and position < offset + length then
      add(("\0"):rep(position - at))
      add(mark:sub(at - position + 1, offset + length - position))
    end
  end
  add(("\0"):rep(offset + length - at))
  return table.concat(parts)
end

local function write_file(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

local function write_big(path)
  local file = assert(io.open(path, "wb"))
  for _, position in ipairs(MARKS) do
    assert(file:seek("set", position))
    assert(file:write(mark_at(position)))
  end
  assert(file:close())
end

---- nginx

-- Statuses which /status/N answers with, the body being the number.
M.STATUSES = { 400, 401, 403, 404, 405, 409, 410, 418, 422, 429, 500, 501, 502, 503, 504 }

local CONFIG = [[
daemon off;
master_process off;
pid $dir/pid;
error_log $log warn;
events { worker_connections 512; }
http {
  access_log $dir/access;
  client_body_temp_path $dir/body;
  proxy_temp_path $dir/proxy;
  fastcgi_temp_path $dir/fastcgi;
  uwsgi_temp_path $dir/uwsgi;
  scgi_temp_path $dir/scgi;
  default_type application/octet-stream;
  sendfile on;
  keepalive_requests 1000000;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_certificate $cert;
  ssl_certificate_key $key;

  server {
    $listen
    root $dir/www;
    location /gzip/ { gzip on; gzip_types *; gzip_min_length 1; }
    location = /moved { return 302 /small; }
    location = /private { auth_basic "spec"; auth_basic_user_file $dir/users; alias $dir/www/small; }
    location = /connection { return 200 "$connection $connection_requests"; }
    location = /request { return 200 "$request_method $request_uri $http_x_spec"; }
    $statuses
  }
  server {
    listen 127.0.0.1:$wrong_port ssl;
    ssl_certificate $wrong_cert;
    ssl_certificate_key $wrong_key;
    root $dir/www;
  }
}
]]

-- "localhost" may also be ::1, where there is such an address.
local function has_ipv6()
  local server = raw.listen({ host = "::1" })
  if server then
    server:close()
  end
  return server ~= nil
end

local function nginx_config(peer)
  local listen = {}
  for _, address in ipairs(has_ipv6() and { "127.0.0.1", "[::1]" } or { "127.0.0.1" }) do
    listen[#listen + 1] = ("listen %s:%d;"):format(address, peer.http.port)
    listen[#listen + 1] = ("listen %s:%d ssl;"):format(address, peer.https.port)
  end
  local statuses = {}
  for _, status in ipairs(M.STATUSES) do
    statuses[#statuses + 1] = ('location = /status/%d { return %d "%d"; }'):format(status, status,
      status)
  end
  local values = {
    dir = peer.dir,
    log = peer.log,
    cert = certs.server.cert_file,
    key = certs.server.key_file,
    wrong_port = peer.wrong_host.port,
    wrong_cert = certs.wrong_host.cert_file,
    wrong_key = certs.wrong_host.key_file,
    listen = table.concat(listen, "\n    "),
    statuses = table.concat(statuses, "\n    "),
  }
  return (CONFIG:gsub("%$([%l_]+)", values)) -- names that are not ours stay
end

-- -> { http = { host, port }, https = {…}, wrong_host = {…}, ca_file, dir, log, pid }. Its paths:
-- /small /big /directory (a redirect) /gzip/text /moved /connection /request /status/N
function M.nginx()
  return start("nginx", function(peer)
    local dir = peer.dir
    peer.http = { host = "127.0.0.1", port = raw.refused_port() }
    peer.https = { host = "127.0.0.1", port = raw.refused_port(), secure = true }
    peer.wrong_host = { host = "127.0.0.1", port = raw.refused_port(), secure = true }
    peer.ca_file = certs.ca_file

    assert(raw.run({ "mkdir", "-p", dir .. "/www/gzip", dir .. "/www/directory" }) == 0)
    write_file(dir .. "/www/small", M.SMALL)
    write_file(dir .. "/www/gzip/text", M.TEXT)
    write_big(dir .. "/www/big")
    write_file(dir .. "/users", ("%s:{PLAIN}%s\n"):format(M.USER, M.PASSWORD))
    write_file(dir .. "/nginx.conf", nginx_config(peer))
    -- Debian has it in a directory that is not on every user's PATH.
    spawn(peer, {
      "nginx", "-p", dir, "-e", peer.log, "-c", dir .. "/nginx.conf",
      env = { PATH = (os.getenv("PATH") or "") .. ":/usr/sbin" },
    })
    return helper.url(peer.http, "/small")
  end)
end

---- httpbin

-- -> { host, port, dir, log, pid }
function M.httpbin()
  return start("httpbin", function(peer)
    peer.host, peer.port = "127.0.0.1", raw.refused_port()
    spawn(peer, {
      "/usr/bin/python3", "-B", "-m", "httpbin.core",
      "--host", peer.host, "--port", tostring(peer.port),
    })
    return helper.url(peer, "/status/200")
  end)
end

---- dnsmasq

-- A name server that knows `hosts`, a text as /etc/hosts has it, and that alias.test is target.test; of the
-- rest of .test it knows that there is none. -> { host, port, dir, log, pid }
function M.dnsmasq(hosts)
  return start("dnsmasq", function(peer)
    peer.host, peer.port = "127.0.0.1", raw.refused_port()
    write_file(peer.dir .. "/hosts", hosts)
    spawn(peer, {
      "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=" .. peer.port, "--listen-address=" .. peer.host,
      "--bind-interfaces", "--no-resolv", "--no-hosts", "--addn-hosts=" .. peer.dir .. "/hosts", "--local=/test/",
      "--cname=alias.test,target.test", "--local-ttl=60", "--pid-file=",
      env = { PATH = (os.getenv("PATH") or "") .. ":/usr/sbin" },
    })
    return peer
  end)
end

---- koa

-- Where ./dev setup puts what npm has, for every kind of build.
local function npm_modules()
  local build = os.getenv("MW_BUILD") or "build"
  return build:gsub("%-asan$", "") .. "/peers/node_modules"
end

-- The server of spec/peers/koa, which chooses its ports by itself and prints them.
-- -> { host, port, proxied_port, dir, log, pid }
function M.koa()
  local modules = npm_modules()
  local file = io.open(modules .. "/koa/package.json")
  if not file then
    error("koa is not in " .. modules .. ": ./dev setup test brings it", 0)
  end
  file:close()
  return start("koa", function(peer)
    peer.host = "127.0.0.1"
    spawn(peer, { "node", "spec/peers/koa/server.js", env = { NODE_PATH = modules } })
    helper.wait(function()
      local port, proxied = read_file(peer.log):match("^(%d+) (%d+)\n")
      peer.port, peer.proxied_port = tonumber(port), tonumber(proxied)
      return peer.port or not raw.alive(peer.pid)
    end, START_WAIT, "koa's port")
    return helper.url({ host = peer.host, port = peer.port or raw.refused_port() }, "/nothing")
  end)
end

-- For peers of one spec's own.
M.start, M.spawn, M.write_file = start, spawn, write_file

return M
