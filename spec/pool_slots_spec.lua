-- http.PoolManager with block = true: how many requests an origin gets at once, and whose turn it is.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")

local function answer(body)
  return ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"):format(#body, body)
end

describe("http.PoolManager{ block = true }", function()
  helper.setup()

  -- A server that holds what it is asked until answer_one().
  local function holding()
    local held, most = {}, 0
    local server = helper.respond(function(request, conn)
      held[#held + 1] = { conn = conn, target = request.target }
      most = math.max(most, #held)
    end, { keep_open = true })
    return server, held, function()
      local one = table.remove(held, 1)
      one.conn:send(answer(one.target))
    end, function() return most end
  end

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
      assert.same({}, pool._slots.rows) -- nothing is kept of an origin that is done with
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

  it("knows an origin by scheme, host and port", function()
    local slots = require("http.pool_slots").new(9)
    for url, origin in pairs {
      ["http://a"] = "http://a:80",
      ["HTTP://A:80/b?c:1#d"] = "http://a:80",
      ["http://a?http://b"] = "http://a:80",
      ["https://a#b"] = "https://a:443",
      ["http://a:8080/b"] = "http://a:8080",
      ["http://[::1]/"] = "http://[::1]:80",
      ["http://[::1]:81/"] = "http://[::1]:81",
    } do
      local give_back = slots:take(url, 1)
      assert.equal(origin, (next(slots.rows)))
      give_back()
      assert.is_nil(next(slots.rows))
    end
  end)

  it("ends a turn with the request: failed, refused, closed, dropped", function()
    local server = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbroken")
    local pool = http.PoolManager { block = true, timeout = 2 }
    local url = helper.url(server)
    assert.is_nil((pool:request("GET", url)))
    assert.is_false(pcall(pool.request, pool, "GET", url, { headers = { ["bad name"] = "x" } }))
    local open = helper.respond(function(_, conn)
      conn:send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
    end, { keep_open = true })
    local streamed = { preload_content = false }
    url = helper.url(open)
    pool:request("GET", url, streamed):close()
    pool:request("GET", url, streamed):release_conn()
    pool:request("GET", url, streamed) -- dropped, and collected before or while the next one waits
    pool:request("GET", url, streamed):close()
    assert.equal(4, open.accepted)
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
      assert.matches("^.-pool_slots_spec%.lua:%d+: cannot wait inside a handler", message)
      assert.is_nil(message:match(":%d+:.*:%d+:"))
    end))
    helper.wait(function() return #held == 1 end)
    helper.wait_calls()
    answer_one()
    tasks[1]:await()
    assert.same({}, pool._slots.rows)
  end)
end)
