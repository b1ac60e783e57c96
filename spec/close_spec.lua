-- The end of a state with everything in flight: a script that is over, that calls os.exit, or that
-- throws. No callback comes any more, and nothing crashes or leaks. Each in a process of its own, the
-- command and a stock luajit.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local raw = require("raw")

local BUILD = os.getenv("MW_BUILD") or "build"

-- http.so may be instrumented: what is preloaded here for that is preloaded there.
local HOSTS = {
  ["the command"] = { 'exec "$MW/moonwire" -e "$SCRIPT" "$@"' },
  ["a stock luajit"] = { [[LUA_CPATH="$MW/?.so" LD_PRELOAD="$PRELOAD" exec luajit -e "$SCRIPT" - "$@" </dev/null]] },
}

-- Runs a script in a process of its own -> its status, and all that it printed.
local function child(host, script, ...)
  local program = { "sh", "-c", HOSTS[host][1], "sh", ... }
  program.env = { MW = BUILD, SCRIPT = script, PRELOAD = os.getenv("LD_PRELOAD") or "" }
  if script:find("os%.exit%(%d%)") then -- it leaves everything to the system, and means to
    program.env.ASAN_OPTIONS = (os.getenv("ASAN_OPTIONS") or "") .. ":detect_leaks=0"
  end
  return helper.run_program(program)
end

-- Requests that are stuck in one phase each, timers, tasks, reads, and a server that is answering.
-- Wants the local `addresses`; `http`, `held` and `server` are globals.
local FLIGHT = [[
  http = require "http"
  held = {}
  local function never() print("CALLED") end
  local answering = {}
  local function launch(options, data)
    options.method = data and "PUT" or "GET"
    local response = http.request(options, data, never)
    response.finished_handler, response.error_handler = never, never
    response:read_all_string_async(never)
    held[#held + 1] = response
    return response
  end
  local silent_dns, full, deaf, mute, slow = addresses:match("(%S+) (%S+) (%S+) (%S+) (%S+)")
  http.configure { resolv_conf = silent_dns, hosts_file = "/dev/null" }
  local url = "http://127.0.0.1:"
  launch { url = "http://silent.test/" }
  launch { url = url .. full }
  launch({ url = url .. deaf }, ("x"):rep(16e6))
  launch { url = url .. mute }
  launch { url = "https://127.0.0.1:" .. mute, verify = false }
  local receiving = launch { url = url .. slow }
  server = http.serve { handler = function(request, response)
    if request.path == "/begun" then response:write("part") end
    answering[#answering + 1] = response
    http.sleep(3600)
    print("CALLED")
  end }
  local begun, not_begun = launch { url = server.url .. "/begun" }, launch { url = server.url .. "/not" }
  http.after(3600, never)
  http.every(3600, never)
  http.spawn(function() not_begun:await() print("CALLED") end)
  http.spawn(function() for _ in receiving:lines() do end print("CALLED") end)
  http.spawn(function() http.sleep(3600) print("CALLED") end)

  -- Everything has come as far as it can.
  local function aloft()
    return receiving.bytes_available == 4 and begun.bytes_available == 4 and #answering == 2
  end
]]

local WAIT = {
  ["the command"] = "while not aloft() do http.sleep(0.005) end http.sleep(0.02)\n",
  ["a stock luajit"] = "while not aloft() do http.poll(0.005) end http.poll(0.02) http.poll(0.02)\n",
}

-- How it ends -> code that ends it, and the status that there must be.
local ENDS = {
  ["os.exit with a closed state"] = { "os.exit(0, true)", 0 },
  ["os.exit without"] = { "os.exit(3)", 3 },
  ["an error"] = { "error('the end')", 1 },
  ["os.exit in a timer"] = { "http.after(0, function() os.exit(4, true) end) WAIT", 4 },
  ["os.exit in a task"] = { "http.spawn(function() http.sleep(0) os.exit(5, true) end) WAIT", 5 },
  ["os.exit in a finished_handler"] = {
    "http.get('http://127.0.0.1:1').finished_handler = function() os.exit(6, true) end WAIT", 6,
  },
  ["os.exit in a server's handler"] = {
    "local ending = http.serve { handler = function() os.exit(7, true) end } http.get(ending.url) WAIT", 7,
  },
}

local FOREVER = {
  ["the command"] = "http.sleep(3600)",
  ["a stock luajit"] = "http.run()",
}

describe("a state that is closed with everything in flight", function()
  helper.setup()

  -- Peers that keep a request in its phase, and the names of where they are.
  local function peers()
    local dns = raw.dns({ silent = true })
    local full = raw.full_listener()
    local deaf = raw.listen({ on_connect = function(conn) conn:pause() end })
    local mute = raw.listen({})
    local slow = raw.listen({ on_connect = function(conn)
      conn:send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")
    end })
    local dir = raw.mkdtemp()
    local file = assert(io.open(dir .. "/resolv.conf", "w"))
    file:write("nameserver 127.0.0.1:" .. dns.port .. "\n")
    file:close()
    return dir, ("%s/resolv.conf %d %d %d %d"):format(dir, full and full.port or mute.port, deaf.port,
      mute.port, slow.port)
  end

  local function run(host, ending, before)
    local dir, addresses = peers()
    local status, output = child(host, ("local addresses = %q\n"):format(addresses) .. (before or "") .. FLIGHT ..
      WAIT[host] .. "print('aloft') io.stdout:flush()\n" .. ending:gsub("WAIT", FOREVER[host]))
    raw.remove_tree(dir)
    return status, output:sub(1, 1000)
  end

  for host in pairs(HOSTS) do
    for name, ending in pairs(ENDS) do
      it("calls nobody any more: " .. name .. ", in " .. host, function()
        local status, output = run(host, ending[1])
        assert.equal(ending[2], status, output)
        assert.matches("^aloft\n", output)
        assert.is_nil(output:find("CALLED", 1, true), output)
        if name ~= "an error" then
          assert.equal("aloft\n", output)
        end
      end)
    end
  end

  it("calls nobody any more where the script is simply over, in a stock luajit", function()
    local status, output = run("a stock luajit", "")
    assert.same({ 0, "aloft\n" }, { status, output })
  end)

  it("takes what finalizers do with what it had, before and after its own", function()
    local status, output = run("a stock luajit", "keep[2] = finalizer()", [[
      local function use()
        for _, response in ipairs(held) do
          local _ = response.status_code, response.error, response.error_string, response.headers, response.url
          _ = response.finished, response.bytes_available, tostring(response), response.error_detail, response.ok
          response:read_string()
          response:abort()
          response:close()
        end
        server:close()
        tostring(server)
        print(pcall(http.get, "http://127.0.0.1:1"))
        print(pcall(http.after, 0, print))
        print(pcall(http.serve, { handler = print }))
      end
      function finalizer()
        local proxy = newproxy(true)
        getmetatable(proxy).__gc = function() print("finalizer", pcall(use)) end
        return proxy
      end
      keep = { finalizer() } -- older than the runtime: finalized after it
    ]])
    assert.equal(0, status, output)
    assert.is_nil(output:find("CALLED", 1, true), output)
    assert.equal(2, select(2, output:gsub("finalizer\ttrue", "")), output)
    assert.matches("the runtime is closed", output)
  end)
end)

describe("require 'http' in a coroutine", function()
  helper.setup()

  local function luajit(script)
    return child("a stock luajit", script)
  end

  it("works, and so does everything after", function()
    local status, output = luajit([[
      local http = coroutine.wrap(function() return require "http" end)()
      collectgarbage() -- the coroutine is gone
      collectgarbage()
      local server = http.serve { handler = function(request, response)
        http.sleep(0)
        response.body = request.path
      end }
      local response = http.get(server.url .. "/one", function() print("callback") end)
      response.finished_handler = function() collectgarbage() print("finished") end
      print(response:await():read_string())
      http.spawn(function() print(http.get(server.url .. "/two"):await():read_string()) end):await()
      http.after(0, function() print("timer") server:close() end)
      http.run()
    ]])
    assert.same({ 0, "callback\nfinished\n/one\n/two\ntimer\n" }, { status, output })
  end)

  it("may start requests there, which another runs", function()
    local status, output = luajit([[
      local response
      coroutine.wrap(function()
        local http = require "http"
        print(pcall(http.run))
        response = http.get("http://127.0.0.1:1", function() print("callback") end)
      end)()
      collectgarbage()
      print(response:await().error)
    ]])
    assert.equal(0, status)
    assert.matches("^false\t[^\n]*coroutine[^\n]*\ncallback\n1\n$", output)
  end)

  it("tells handlers what they are when they want to wait", function()
    local status, output = luajit([[
      local http = coroutine.wrap(function() return require "http" end)()
      http.after(0, function() print(pcall(http.sleep, 0)) end)
      http.run()
    ]])
    assert.equal(0, status)
    assert.matches("cannot wait inside a handler", output)
  end)
end)
