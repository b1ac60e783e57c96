-- Proxies that others wrote, for spec/peers/proxy_spec.lua: squid, tinyproxy and microsocks on 127.0.0.1,
-- each with what it writes in a temporary directory, and with credentials where a kind of them is named.
-- SPDX-License-Identifier: MIT

local peers = require("peers")
local raw = require("raw")

local M = { USER = "some one", PASSWORD = "p:w/%d" }

local PATH = { PATH = (os.getenv("PATH") or "") .. ":/usr/sbin" }

local function as_root()
  local dir = raw.mkdtemp()
  local root = raw.run({ "sh", "-c", 'test "$(id -u)" = 0', stdout = dir .. "/out" }) == 0
  raw.remove_tree(dir)
  return root
end

local function run(...)
  assert(raw.run({ ... }) == 0, (...))
end

---- squid

local SQUID = [[
http_port 127.0.0.1:$port
visible_hostname localhost
pid_filename $dir/state/pid
coredump_dir $dir/state
cache_log $dir/state/log
access_log stdio:$dir/state/access
cache_store_log none
netdb_filename none
pinger_enable off
memory_cache_shared off
cache deny all
shutdown_lifetime 0 seconds
$user
$auth
http_access $who
http_access deny all
]]

local SQUID_AUTH = {
  basic = [[
auth_param basic program /usr/lib/squid/basic_ncsa_auth $dir/users
auth_param basic children 1
auth_param basic realm spec]],
  digest = [[
auth_param digest program /usr/lib/squid/digest_file_auth -c $dir/users
auth_param digest children 1
auth_param digest realm spec
auth_param digest check_nonce_count on]],
}

-- The program's own formats: crypt's MD5, and HA1.
local function users(kind, dir)
  local script = kind == "basic" and [[printf '%s:%s\n' "$1" "$(openssl passwd -apr1 "$2")" >"$3"]]
    or [[printf '%s:spec:%s\n' "$1" "$(printf '%s:spec:%s' "$1" "$2" | openssl md5 -r | cut -c1-32)" >"$3"]]
  run("sh", "-c", script, "sh", M.USER, M.PASSWORD, dir .. "/users")
end

-- kind is "basic", "digest" or nil. -> { host, port, dir, log, pid }
function M.squid(kind)
  return peers.start("squid", function(peer)
    peer.host, peer.port = "127.0.0.1", raw.refused_port()
    local dir = peer.dir
    local values = {
      port = peer.port,
      dir = dir,
      user = as_root() and "cache_effective_user proxy" or "",
      auth = (kind and SQUID_AUTH[kind] .. "\nacl known proxy_auth REQUIRED" or ""):gsub("%$dir", dir),
      who = kind and "allow known" or "allow all",
    }
    -- It gives up being root before it opens most of these.
    run("mkdir", dir .. "/state")
    run("chmod", "755", dir)
    run("chmod", "1777", dir .. "/state")
    if kind then
      users(kind, dir)
      run("chmod", "644", dir .. "/users")
    end
    peers.write_file(dir .. "/squid.conf", (SQUID:gsub("%$(%l+)", values)))
    peers.spawn(peer, { "squid", "-N", "-d", "1", "-f", dir .. "/squid.conf", env = PATH })
    return peer
  end)
end

---- tinyproxy

local TINYPROXY = [[
Listen 127.0.0.1
Port %d
Timeout 60
LogLevel Warning
%s
]]

-- Its configuration has no way to quote, so the credentials are its own.
M.TINYPROXY_USER, M.TINYPROXY_PASSWORD = "someone", "secret"

function M.tinyproxy(kind)
  return peers.start("tinyproxy", function(peer)
    peer.host, peer.port = "127.0.0.1", raw.refused_port()
    peers.write_file(peer.dir .. "/tinyproxy.conf", TINYPROXY:format(peer.port,
      kind and ("BasicAuth %s %s"):format(M.TINYPROXY_USER, M.TINYPROXY_PASSWORD) or ""))
    peers.spawn(peer, { "tinyproxy", "-d", "-c", peer.dir .. "/tinyproxy.conf", env = PATH })
    return peer
  end)
end

---- microsocks

function M.microsocks(kind)
  return peers.start("microsocks", function(peer)
    peer.host, peer.port = "127.0.0.1", raw.refused_port()
    local argv = { "microsocks", "-i", peer.host, "-p", tostring(peer.port), env = PATH }
    if kind then
      for _, word in ipairs({ "-u", M.USER, "-P", M.PASSWORD }) do
        argv[#argv + 1] = word
      end
    end
    peers.spawn(peer, argv)
    return peer
  end)
end

return M
