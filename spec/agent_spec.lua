-- Connections of one's own: http.Agent, and those of an http.PoolManager: who shares them, how many there are and
-- stay, whose turn it is.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")

local R = http.Response

local function answer(body)
  return ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"):format(#body, body)
end

-- How many connections of a server there are, of which one has asked before.
local open = setmetatable({}, { __mode = "k" })

local function note(server, conn)
  open[server] = open[server] or 0
  if not conn.on_close then
    open[server] = open[server] + 1
    conn.on_close = function() open[server] = open[server] - 1 end
  end
end

-- A server that keeps its connections.
local function keeping()
  local server
  server = helper.respond(function(_, conn)
    note(server, conn)
    return answer("x")
  end, { keep_open = true })
  return server
end

-- A server that holds what it is asked until answer_one(); the most that it has held at once.
local function holding()
  local held, most, server = {}, 0, nil
  server = helper.respond(function(request, conn)
    note(server, conn)
    held[#held + 1] = { conn = conn, target = request.target }
    most = math.max(most, #held)
  end, { keep_open = true })
  return server, held, function()
    local one = table.remove(held, 1)
    one.conn:send(answer(one.target))
  end, function() return most end
end

-- So many requests at once, each in a task of its own.
local function spawn_all(pool, server, count, order)
  local tasks = {}
  for i = 1, count do
    tasks[i] = http.spawn(function()
      local response = assert(pool:request("GET", helper.url(server, "/" .. i)))
      order[#order + 1] = response.data
    end)
  end
  return tasks
end

-- So many requests at once on connections of their own, until all are idle.
local function fill(pool, server, count)
  local before = server.accepted
  local tasks = spawn_all(pool, server, count, {})
  http.all(tasks)
  assert.equal(before + count, server.accepted)
end

-- Garbage goes, and with it what it owns.
local function collect()
  jit.flush() -- compiled code may hold on to what it has seen
  collectgarbage()
  collectgarbage()
end

if not http.can "agent" then
  describe("without the capability agent", function()
    helper.setup()

    it("an http.PoolManager works on everybody's connections, which clear() closes", function()
      local server = keeping()
      assert(http.PoolManager():request("GET", helper.url(server)))
      assert(http.PoolManager():request("GET", helper.url(server)))
      assert.equal(1, server.accepted)
      http.PoolManager():clear()
      assert(http.PoolManager():request("GET", helper.url(server)))
      assert.equal(2, server.accepted)
      http.PoolManager():clear()
    end)

    for _, option in ipairs { "block", "maxsize", "num_pools" } do
      it(("cannot limit a manager's connections: %s throws"):format(option), function()
        local ok, message = pcall(function()
          http.PoolManager { [option] = option == "block" or 2 }
        end)
        assert.is_false(ok)
        assert.matches(("^spec/agent_spec%%.lua:%%d+: the %s engine shares connections among all, and "
          .. "cannot limit a manager's %%(option '%s'%%)$"):format(http.engine, option), message)
      end)
    end

    it("a manager without limits serves on, whichever engine it was made under", function()
      local server, used = keeping(), http.engine
      local pool, limited
      for _, name in ipairs(http.engines) do
        http.configure { engine = name }
        if http.can "agent" then
          pool, limited = http.PoolManager(), http.PoolManager { maxsize = 2 }
        end
      end
      http.configure { engine = used }
      assert.equal("x", assert(pool:request("GET", helper.url(server))).data)
      pool:clear()
      local response, message, code = limited:request("GET", helper.url(server))
      assert.is_nil(response)
      assert.truthy(message:find("cannot keep the connections of an agent apart", 1, true), message)
      assert.equal(R.PROTOCOL_INVALID_OPERATION_ERROR, code)
    end)

    it("a request with an agent fails, and says why", function()
      local server = keeping()
      local response = http.get { url = helper.url(server), agent = http.Agent() }
      helper.wait(function() return response.finished end)
      assert.equal(R.PROTOCOL_INVALID_OPERATION_ERROR, response.error)
      assert.equal(("the %s engine cannot keep the connections of an agent apart"):format(http.engine),
        response.error_string)
      assert.equal(0, server.accepted)
    end)
  end)
  return
end

describe("An http.Agent", function()
  helper.setup()

  local function wait(response)
    helper.wait(function() return response.finished end)
    assert.equal(0, response.error, response.error_string)
  end

  local function get(server, agent)
    wait(http.get { url = helper.url(server), agent = agent })
  end

  it("has connections that serve nobody else", function()
    local server = keeping()
    local one, two = http.Agent(), http.Agent()
    for _ = 1, 2 do
      get(server, one)
      get(server, two)
      get(server, nil)
      get(server, false)
    end
    assert.equal(3, server.accepted)
    one:close_idle()
    get(server, two)
    get(server, nil)
    assert.equal(3, server.accepted)
    get(server, one)
    assert.equal(4, server.accepted)
    one:close_idle()
    two:close_idle()
  end)

  it("goes with an http.Client, and a request can name another", function()
    local server = keeping()
    local agent = http.Agent()
    local api = http.Client { base_url = helper.url(server), agent = agent }
    wait(api:get("/"))
    get(server, agent)
    assert.equal(1, server.accepted)
    wait(api:get { url = "/", agent = false })
    wait(api:get { url = "/", agent = http.Agent() })
    assert.equal(3, server.accepted)
  end)

  it("closes its connections as it is collected, and lets requests end", function()
    local server, held, answer_one = holding()
    local agent = http.Agent()
    get(keeping(), agent)
    local response = http.get { url = helper.url(server, "/last"), agent = agent }
    local queued = http.get { url = helper.url(server, "/queued"), agent = agent }
    helper.wait(function() return #held == 2 end)
    agent = nil -- luacheck: ignore
    collect()
    answer_one()
    answer_one()
    helper.wait(function() return response.finished and queued.finished end)
    assert.equal("/last", response:read())
    assert.equal("/queued", queued:read())
    helper.wait(function() return open[server] == 0 end)
  end)

  it("keeps what waits for its turn, when it is collected", function()
    local server, held, answer_one = holding()
    local agent = http.Agent { max_connections_per_origin = 1 }
    local responses = {}
    for i = 1, 3 do
      responses[i] = http.get { url = helper.url(server, "/" .. i), agent = agent }
    end
    helper.wait(function() return #held == 1 end)
    agent = nil -- luacheck: ignore
    collect()
    for i = 1, 3 do
      helper.wait(function() return #held == 1 end)
      answer_one()
      helper.wait(function() return responses[i].finished end)
      assert.equal("/" .. i, responses[i]:read())
    end
    assert.equal(1, server.accepted)
  end)

  it("queues by the clocks queue and total alone", function()
    local server, held, answer_one = holding()
    local agent = http.Agent { max_connections_per_origin = 1 }
    local function start(timeout)
      return http.get { url = helper.url(server), agent = agent, timeout = timeout }
    end
    local first = start()
    helper.wait(function() return #held == 1 end)
    local by_queue, by_total = start { queue = 0.05 }, start { total = 0.05, connect = 60 }
    local patient = start { connect = 0.05, idle = 30 }
    helper.wait(function() return by_queue.finished and by_total.finished end)
    assert.equal(R.TIMEOUT_ERROR, by_queue.error)
    assert.equal("queue", by_queue.error_detail.clock)
    assert.equal("total", by_total.error_detail.clock)
    answer_one()
    helper.wait(function() return #held == 1 end)
    answer_one()
    helper.wait(function() return first.finished and patient.finished end)
    assert.equal(0, patient.error, patient.error_string)
  end)

  it("stands behind what a server in the process asks for its client", function()
    local origin = keeping()
    local target = helper.url(origin)
    local proxy = assert(http.serve { origin = target:match("^http://[^/]+"), handler = function(request, response)
      local real = http.get { url = request.url, forward = response }
      response.body = real:await():read_all()
    end })
    local agent = http.Agent()
    for _ = 1, 2 do
      get(origin, agent)
    end
    assert.equal(1, origin.accepted)
    agent:close_idle() -- it was the agent's
    get(origin, agent)
    assert.equal(2, origin.accepted)
    proxy:close()
  end)

  it("tells what it is", function()
    assert.equal("http.Agent", tostring(http.Agent()))
  end)

  it("takes its limits as whole numbers, and nothing else", function()
    local function told(words, fn)
      local ok, message = pcall(fn)
      assert.is_false(ok)
      assert.truthy(message:find("agent_spec.lua:%d+: "), message)
      assert.truthy(message:find(words, 1, true), message)
    end
    told("unknown option 'max_idle_origin' (did you mean 'max_idle_origins'?)", function()
      local agent = http.Agent { max_idle_origin = 1 }
      return agent
    end)
    for _, name in ipairs { "max_connections_per_origin", "max_idle_per_origin", "max_idle_origins" } do
      for _, value in ipairs { 0, -1, 1.5, "1", false, 2 ^ 53 } do
        told(("bad option '%s'"):format(name), function()
          local agent = http.Agent { [name] = value }
          return agent
        end)
      end
    end
    told("table expected, got number", function()
      local agent = http.Agent(5)
      return agent
    end)
    told("bad option 'agent' (http.Agent or false expected, got table)", function()
      local response = http.get { url = "http://127.0.0.1/", agent = {} }
      return response
    end)
    told("bad option 'agent' (http.Agent or false expected, got boolean)", function()
      local response = http.get { url = "http://127.0.0.1/", agent = true }
      return response
    end)
    told("http.Agent expected", function()
      http.Agent().close_idle({})
    end)
  end)
end)

describe("An http.PoolManager", function()
  helper.setup()

  it("owns its connections, and closes them as it is collected", function()
    local server = keeping()
    local pool, other = http.PoolManager(), http.PoolManager()
    assert(pool:request("GET", helper.url(server)))
    assert(other:request("GET", helper.url(server)))
    local response = http.get(helper.url(server))
    helper.wait(function() return response.finished end)
    assert.equal(3, server.accepted)
    other:clear()
    assert(pool:request("GET", helper.url(server)))
    assert.equal(3, server.accepted)
    helper.wait(function() return open[server] == 2 end)
    pool = nil -- luacheck: ignore
    collect()
    helper.wait(function() return open[server] == 1 end)
    http._drop_idle()
  end)

  it("keeps maxsize idle connections to an origin", function()
    local server, other = keeping(), keeping()
    local pool = http.PoolManager { maxsize = 2 }
    fill(pool, server, 5)
    fill(pool, other, 1)
    helper.wait(function() return open[server] == 2 and open[other] == 1 end)
    pool:clear()
    helper.wait(function() return open[server] + open[other] == 0 end)
  end)

  it("takes numbers that are larger than anything", function()
    local server = keeping()
    local pool = http.PoolManager { maxsize = 2 ^ 53, num_pools = 1e300, block = true }
    assert.equal("x", assert(pool:request("GET", helper.url(server))).data)
    pool:clear()
  end)

  it("keeps all of them without maxsize", function()
    local server = keeping()
    local pool = http.PoolManager()
    fill(pool, server, 5)
    http.all(spawn_all(pool, server, 5, {}))
    assert.equal(5, server.accepted)
    pool:clear()
  end)

  it("keeps them to the num_pools origins that were used last", function()
    local servers = { keeping(), keeping(), keeping() }
    local pool = http.PoolManager { num_pools = 2 }
    local function ask(i)
      assert(pool:request("GET", helper.url(servers[i])))
    end
    ask(1)
    ask(2)
    ask(1)
    ask(3)
    helper.wait(function() return open[servers[2]] == 0 end)
    ask(1)
    ask(3)
    assert.same({ 1, 1, 1 }, { servers[1].accepted, servers[2].accepted, servers[3].accepted })
    ask(2)
    helper.wait(function() return open[servers[1]] == 0 end)
    pool:clear()
  end)

  it("keeps them to ten origins without num_pools", function()
    local servers = {}
    local pool = http.PoolManager()
    for i = 1, 12 do
      servers[i] = keeping()
      assert(pool:request("GET", helper.url(servers[i])))
    end
    helper.wait(function()
      local total = 0
      for _, server in ipairs(servers) do
        total = total + open[server]
      end
      return total == 10
    end)
    assert.equal(0, open[servers[1]] + open[servers[2]])
    pool:clear()
  end)
end)

describe("http.PoolManager{ block = true }", function()
  helper.setup()

  for most = 1, 3 do
    it(("makes %d requests to an origin at once, the others wait their turn"):format(most), function()
      local server, held, answer_one, peak = holding()
      local pool = http.PoolManager { block = true, maxsize = most ~= 1 and most or nil }
      assert.equal(("http.PoolManager (at most %d at once to a host)"):format(most), tostring(pool))
      local order = {}
      local tasks = spawn_all(pool, server, 7, order)
      for i = 1, 7 do
        helper.wait(function() return #held == math.min(most, 8 - i) end)
        answer_one()
        tasks[i]:await()
      end
      assert.same({ "/1", "/2", "/3", "/4", "/5", "/6", "/7" }, order)
      assert.equal(most, peak())
      assert.equal(most, server.accepted)
      pool:clear()
    end)
  end

  it("counts each origin by itself, and not at all without block", function()
    local one, held, answer_one = holding()
    local other = helper.respond(answer("other"))
    local pool, order = http.PoolManager { block = true }, {}
    local tasks = spawn_all(pool, one, 2, order)
    helper.wait(function() return #held == 1 end)
    assert.equal("other", pool:request("GET", helper.url(other)).data)
    local free = spawn_all(http.PoolManager { maxsize = 1 }, one, 3, order)
    helper.wait(function() return #held == 4 end)
    for _ = 1, 4 do
      answer_one()
    end
    helper.wait(function() return #held == 1 end)
    answer_one()
    http.all { tasks[1], tasks[2], free[1], free[2], free[3] }
    assert.equal(5, #order)
  end)

  it("ends a turn with the request: failed, refused, closed, dropped", function()
    local server = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbroken")
    local pool = http.PoolManager { block = true, timeout = 20 }
    local url = helper.url(server)
    assert.is_nil((pool:request("GET", url)))
    assert.is_false(pcall(pool.request, pool, "GET", url, { headers = { ["bad name"] = "x" } }))
    local endless = helper.respond(function(_, conn)
      conn:send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    end, { keep_open = true })
    local streamed = { preload_content = false }
    url = helper.url(endless)
    pool:request("GET", url, streamed):close()
    pool:request("GET", url, streamed):release_conn()
    pool:request("GET", url, streamed) -- dropped, and collected before the next one
    collect()
    pool:request("GET", url, streamed):close()
    assert.equal(4, endless.accepted)
  end)

  it("follows a redirect to the same origin in its place, and takes one at another", function()
    local other = helper.respond(answer("there"), { keep_open = true })
    local server = helper.respond(function(request, conn)
      if request.target == "/here" then
        conn:send(answer("here"))
      else
        conn:send(("HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"):format(
          request.target == "/away" and helper.url(other) or "/here"))
      end
    end, { keep_open = true })
    local pool = http.PoolManager { block = true, timeout = 20 }
    assert.equal("here", assert(pool:request("GET", helper.url(server, "/"))).data)
    assert.equal("there", assert(pool:request("GET", helper.url(server, "/away"))).data)
    assert.same({ 1, 1 }, { server.accepted, other.accepted })
    pool:clear()
  end)

  it("counts the wait for the total timeout", function()
    local server, held, answer_one = holding()
    local pool, order = http.PoolManager { block = true }, {}
    local tasks = spawn_all(pool, server, 1, order)
    helper.wait(function() return #held == 1 end)
    local response, message, code = pool:request("GET", helper.url(server), { timeout = { total = 0.05 } })
    assert.is_nil(response)
    assert.equal(R.TIMEOUT_ERROR, code)
    assert.truthy(message:find("0.05", 1, true), message)
    answer_one()
    tasks[1]:await()
    pool:clear()
  end)

  it("runs the loop while it waits outside any task", function()
    local server, held, answer_one = holding()
    local pool, order = http.PoolManager { block = true }, {}
    spawn_all(pool, server, 1, order)
    http.spawn(function()
      for _ = 1, 2 do
        while #held == 0 do
          http.sleep(0.001)
        end
        answer_one()
      end
    end)
    assert.equal("/main", pool:request("GET", helper.url(server, "/main")).data)
    assert.same({ "/1" }, order)
    pool:clear()
  end)

  it("throws where it cannot wait, and keeps no place there", function()
    local server, held, answer_one = holding()
    local pool, order = http.PoolManager { block = true }, {}
    local tasks = spawn_all(pool, server, 1, order)
    http.after(0, helper.expect(function()
      local ok, message = pcall(function()
        local response = pool:request("GET", helper.url(server))
        return response
      end)
      assert.is_false(ok)
      assert.matches("^.-agent_spec%.lua:%d+: cannot wait inside a handler", message)
      assert.is_nil(message:match(":%d+:.*:%d+:"))
    end))
    helper.wait(function() return #held == 1 end)
    helper.wait_calls()
    answer_one()
    tasks[1]:await()
    http.spawn(function()
      while #held == 0 do
        http.sleep(0.001)
      end
      answer_one()
    end)
    assert.equal("/next", pool:request("GET", helper.url(server, "/next")).data)
    pool:clear()
  end)
end)
