-- Tasks: spawn, await, sleep and all, inside tasks and outside, and where nobody can wait.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")

local HELLO = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

-- That fn throws words, told at a line of this file.
local function assert_misuse(words, fn)
  local ok, message = pcall(fn)
  assert.is_false(ok)
  assert.truthy(message:find(words, 1, true), message)
  assert.matches("^spec/task_spec%.lua:%d+: ", message)
end

local function hello()
  return http.get(helper.url(helper.respond(HELLO)))
end

describe("http.spawn", function()
  helper.setup()

  it("runs the function at once, with its arguments, until it first waits", function()
    local seen = {}
    local task = http.spawn(function(...)
      seen.count, seen.first, seen.third = select("#", ...), (...), (select(3, ...))
      http.sleep(0)
      seen.after = true
    end, 1, nil, "three", nil)
    assert.same({ count = 4, first = 1, third = "three" }, seen)
    assert.is_false(task.finished)
    assert.equal("http.Task (running)", tostring(task))
    task:await()
    assert.is_true(seen.after)
    assert.is_true(task.finished)
    assert.is_true(task.ok)
    assert.equal("http.Task (finished)", tostring(task))
  end)

  it("gives all results to await, as often as it is asked", function()
    local at_once = http.spawn(function() return 1, nil, 3, nil end)
    local later = http.spawn(function() http.sleep(0) return nil, "two", nil end)
    for _ = 1, 2 do
      assert.same({ 4, { 1, nil, 3 } }, { select("#", at_once:await()), { at_once:await() } })
      assert.same({ 3, { nil, "two" } }, { select("#", later:await()), { later:await() } })
    end
    assert.equal(0, select("#", http.spawn(function() end):await()))
  end)

  it("lets await throw what the function threw, as often as it is asked", function()
    local object = {}
    local at_once = http.spawn(function() error(object) end)
    local later = http.spawn(function() http.sleep(0) error("later") end)
    for _ = 1, 2 do
      local ok, problem = pcall(at_once.await, at_once)
      assert.is_false(ok)
      assert.equal(object, problem)
      ok, problem = pcall(later.await, later)
      assert.is_false(ok)
      assert.matches("^spec/task_spec%.lua:%d+: later$", problem)
    end
    assert.is_false(later.ok)
    assert.equal("http.Task (failed)", tostring(later))
  end)

  it("may be awaited by several", function()
    local task = http.spawn(function() http.sleep(0) return "value" end)
    local got = {}
    for i = 1, 3 do
      http.spawn(function() got[i] = task:await() end)
    end
    assert.equal("value", task:await())
    helper.wait(function() return #got == 3 end)
    assert.same({ "value", "value", "value" }, got)
  end)

  it("nests", function()
    local order = {}
    local function level(n)
      order[#order + 1] = "in " .. n
      if n < 4 then
        http.spawn(level, n + 1):await()
      else
        http.sleep(0)
      end
      order[#order + 1] = "out " .. n
    end
    http.spawn(level, 1):await()
    assert.equal("in 1, in 2, in 3, in 4, out 4, out 3, out 2, out 1", table.concat(order, ", "))
  end)

  it("makes tasks that outlive the one that made them", function()
    local done = false
    http.spawn(function()
      http.spawn(function() http.sleep(0.005) done = true end)
    end):await()
    assert.is_false(done)
    helper.wait(function() return done end)
  end)

  it("refuses what is no function", function()
    for _, value in ipairs({ 1, "print", {}, true }) do
      assert_misuse("bad argument #1 to 'spawn' (function expected, got " .. type(value), function()
        http.spawn(value)
      end)
    end
    assert_misuse("bad argument #1 to 'spawn'", function() http.spawn() end)
  end)

  it("makes a task that fails if it yields by itself", function()
    local task = http.spawn(function() coroutine.yield("something") end)
    local ok, message = pcall(task.await, task)
    assert.is_false(ok)
    assert.matches("yielded by itself", message)
    task = http.spawn(function() http.sleep(0) coroutine.yield() end)
    assert.is_false((pcall(task.await, task)))
  end)

  it("leaves coroutines of the script's own alone", function()
    local task = http.spawn(function()
      local sum = 0
      for n in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) do
        http.sleep(0)
        sum = sum + n
      end
      return sum
    end)
    assert.equal(6, task:await())
  end)

  it("makes a thousand tasks", function()
    local server = helper.respond(HELLO)
    local count, running, most = 0, 0, 0
    local tasks = {}
    for i = 1, 1000 do
      tasks[i] = http.spawn(function()
        running = running + 1
        most = math.max(most, running)
        http.sleep(i % 7 / 1000)
        if i % 20 == 0 then
          assert(http.get(helper.url(server)):await():read_string() == "hello")
        end
        running = running - 1
        count = count + 1
        return i
      end)
    end
    local results = http.all(tasks)
    assert.same({ 1000, 1000, 0 }, { count, most, running })
    assert.same({ 1, 500, 1000 }, { results[1], results[500], results[1000] })
  end)

  it("makes tasks that may wait for each other in a long row", function()
    local status, output = helper.run_script([[
      local last = http.spawn(function() http.sleep(0) return 0 end)
      for _ = 1, 5000 do
        local before = last
        last = http.spawn(function() return before:await() + 1 end)
      end
      print(last:await())
    ]])
    assert.same({ 0, "5000\n" }, { status, output })
  end)

  it("reports an error for which nobody waits, with its traceback, and the rest runs", function()
    local status, output = helper.run_script([[
      local function inner() error("oh no") end
      http.spawn(inner)
      http.spawn(function()
        http.sleep(0)
        inner()
      end)
      http.after(0.01, function() print("the rest") end)
    ]])
    assert.equal(1, status)
    assert.equal(2, select(2, output:gsub("%-e:1: oh no\n", "")), output)
    assert.matches("stack traceback:.-%-e:1: in .-%-e:5: in ", output)
    assert.matches("the rest", output)
  end)

  it("reports no error for which somebody waits", function()
    local status, output = helper.run_script([[
      local task = http.spawn(function() error("at once", 0) end)
      print(pcall(task.await, task))
      task = http.spawn(function() http.sleep(0) error("later", 0) end)
      http.spawn(function() print(pcall(task.await, task)) end)
    ]])
    assert.same({ 0, "false\tat once\nfalse\tlater\n" }, { status, output })
  end)

  it("reports what a task throws that has no words", function()
    local status, output = helper.run_script([[
      http.spawn(function() error() end)
      http.spawn(function() error({}) end)
      http.spawn(function() error(setmetatable({}, { __tostring = function() error("inner") end })) end)
      http.after(0.01, function() print("the rest") end)
    ]])
    assert.equal(1, status)
    assert.matches("the rest\n", output)
    assert.equal(3, select(2, output:gsub("moonwire: ", "")), output)
  end)
end)

describe("await", function()
  helper.setup()

  it("runs the loop outside of tasks, and returns the Response", function()
    local response = hello()
    assert.equal(response, response:await())
    assert.is_true(response.ok)
    assert.equal("hello", response:read_string())
    assert.equal(response, response:await()) -- and now at once
  end)

  it("lets others run inside of tasks", function()
    local order = {}
    local response = hello()
    local task = http.spawn(function()
      response:await()
      order[#order + 1] = "task"
    end)
    response.finished_handler = helper.expect(function() order[#order + 1] = "handler" end)
    order[#order + 1] = "main"
    task:await()
    assert.same({ "main", "handler", "task" }, order)
  end)

  it("may be called by several for one Response", function()
    local response = hello()
    local got = {}
    for i = 1, 5 do
      http.spawn(function() got[i] = response:await() end)
    end
    response:await()
    helper.wait(function() return #got == 5 end)
    for i = 1, 5 do
      assert.equal(response, got[i])
    end
  end)

  it("returns a Response that failed, too, and throws nothing", function()
    local response = http.get("http://127.0.0.1:" .. raw.refused_port())
    assert.equal(response, response:await())
    assert.equal(http.Response.CONNECTION_REFUSED_ERROR, response.error)
    response = hello()
    response:abort()
    assert.equal(http.Response.OPERATION_CANCELLED_ERROR, response:await().error)
    response = hello()
    response:close()
    assert.is_true(response:await().finished)
  end)

  it("needs nobody to hold the Response", function()
    local got
    http.spawn(function()
      got = hello():await():read_string()
    end)
    helper.wait(function() collectgarbage() return got end)
    assert.equal("hello", got)
  end)

  it("works under pcall", function()
    local task = http.spawn(function()
      local ok, response = pcall(function() return hello():await() end)
      local failed, problem = pcall(function()
        hello():await()
        error("after", 0)
      end)
      return ok, response:read_string(), failed, problem
    end)
    assert.same({ true, "hello", false, "after" }, { task:await() })
  end)

  it("cannot wait in a handler, and says so", function()
    local conn
    local server = raw.listen({ on_connect = function(accepted) conn = accepted end })
    local response, other = hello(), http.get(helper.url(server))
    local check = helper.expect(function()
      for _, wait in ipairs({
        function() other:await() end,
        function() http.sleep(0) end,
        function() http.spawn(function() http.sleep(0) end):await() end,
        function() http.all({ other }) end,
        function() for _ in other:chunks() do end end,
      }) do
        local ok, message = pcall(wait)
        assert.is_false(ok)
        assert.matches("cannot wait inside a handler.*http%.spawn", message)
      end
    end, 3)
    response.ready_read_handler = check
    response.finished_handler = check
    http.after(0, check)
    helper.wait_calls()
    conn:send(HELLO)
    assert.equal("hello", other:await():read_string()) -- which is none the worse for it
    conn:close()
    server:close()
  end)

  it("tells the line that cannot wait", function()
    http.after(0, helper.expect(function()
      assert_misuse("cannot wait inside a handler", function() http.sleep(0) end)
      local response = hello()
      assert_misuse("cannot wait inside a handler", function() response:await() end)
      local task = http.spawn(function() response:await() end)
      assert_misuse("cannot wait inside a handler", function() task:await() end)
    end))
    helper.wait_calls()
  end)

  it("cannot wait in a coroutine of the script's own, and says so", function()
    local response = hello()
    local function check()
      assert_misuse("cannot wait in a coroutine of your own", function() response:await() end)
      assert_misuse("cannot wait in a coroutine of your own", function() http.sleep(0) end)
      return true
    end
    assert.is_true(coroutine.wrap(check)())
    assert.is_true(http.spawn(function() return coroutine.wrap(check)() end):await())
    response:await()
  end)

  it("does not hang where what is waited for can never come", function()
    local status, output = helper.run_script([[
      local one, two
      one = http.spawn(function() http.sleep(0) two:await() end)
      two = http.spawn(function() one:await() end)
      two:await()
    ]])
    assert.equal(1, status, output)
    assert.matches("moonwire: ", output)
  end)
end)

describe("http.run and http.poll", function()
  helper.setup()

  local function assert_refused(words)
    for _, name in ipairs({ "run", "poll" }) do
      local ok, message = pcall(http[name], name == "poll" and 0 or nil)
      assert.is_false(ok)
      assert.matches(words, message)
    end
  end

  it("are refused in a handler, with words", function()
    local check = helper.expect(function() assert_refused("already running.*http%.spawn") end, 2)
    hello().finished_handler = check
    http.after(0, check)
    helper.wait_calls()
  end)

  it("are refused in a coroutine and in a task, with words", function()
    coroutine.wrap(assert_refused)("coroutine.*http%.spawn")
    http.spawn(assert_refused, "coroutine.*http%.spawn"):await()
    http.spawn(function()
      http.sleep(0)
      assert_refused("coroutine.*http%.spawn")
    end):await()
  end)

  it("return what is pending, and nothing", function()
    assert.equal(0, http.poll(0))
    local response = hello()
    assert.equal(1, http.poll(0))
    assert.equal(0, select("#", http.run()))
    assert.is_true(response.ok)
    assert.equal(0, http.poll())
  end)
end)

describe("http.sleep", function()
  helper.setup()

  it("lets the shorter sleeper wake first", function()
    local order = {}
    http.all({
      function() http.sleep(0.1) order[#order + 1] = "long" end,
      function() http.sleep(0) order[#order + 1] = "none" end,
    })
    assert.same({ "none", "long" }, order)
  end)

  it("sleeps outside of tasks, too, and no shorter than it is told", function()
    local start = http.now()
    http.sleep(0.02)
    assert.is_true(http.now() - start >= 0.019)
  end)

  it("refuses what is no time", function()
    for _, value in ipairs({ -1, 0 / 0, "1", {}, false }) do
      assert_misuse("bad argument #1 to 'sleep'", function() http.sleep(value) end)
    end
    assert_misuse("bad argument #1 to 'sleep'", function() http.sleep() end)
  end)
end)

describe("http.all", function()
  helper.setup()

  it("waits for Responses, tasks and functions, and keeps their order", function()
    local response = hello()
    local task = http.spawn(function() http.sleep(0.005) return "task", "dropped" end)
    local results = http.all({ response, task, function() return "function" end, function() end, response })
    assert.equal(response, results[1])
    assert.equal("task", results[2])
    assert.equal("function", results[3])
    assert.is_nil(results[4])
    assert.equal(response, results[5])
    assert.is_true(response.ok)
  end)

  it("runs its items at once, not one after the other", function()
    local running, most = 0, 0
    local function work()
      running = running + 1
      most = math.max(most, running)
      http.sleep(0)
      running = running - 1
    end
    http.all({ work, work, work })
    assert.equal(3, most)
  end)

  it("throws the first error of the list, once all have finished", function()
    local finished = 0
    local ok, problem = pcall(http.all, {
      function() http.sleep(0.01) finished = finished + 1 end,
      function() http.sleep(0.005) error("first in the list", 0) end,
      function() error("first in time", 0) end,
      function() http.sleep(0.01) finished = finished + 1 end,
    })
    assert.same({ false, "first in the list", 2 }, { ok, problem, finished })
  end)

  it("leaves every error to its caller: none is reported", function()
    local status, output = helper.run_script([[
      print(pcall(http.all, {
        function() http.sleep(0.01) error("one", 0) end,
        function() http.sleep(0.001) error("two", 0) end,
        function() error("three", 0) end,
      }))
    ]])
    assert.same({ 0, "false\tone\n" }, { status, output })
  end)

  it("throws an error that is nil or false as well", function()
    assert.is_false((pcall(http.all, { function() error() end })))
    assert.is_false((pcall(http.all, { function() error(false) end })))
  end)

  it("gives Responses that failed as they are", function()
    local refused = http.get("http://127.0.0.1:" .. raw.refused_port())
    local results = http.all({ refused, hello() })
    assert.is_false(results[1].ok)
    assert.is_true(results[2].ok)
  end)

  it("is fine with nothing", function()
    assert.same({}, http.all({}))
  end)

  it("works in a task", function()
    local task = http.spawn(function()
      return #http.all({ hello(), hello() })
    end)
    assert.equal(2, task:await())
  end)

  it("refuses what it cannot wait for", function()
    assert_misuse("bad argument #1 to 'all' (list expected, got nil)", function() http.all() end)
    assert_misuse("bad argument #1 to 'all' (list expected, got function)", function() http.all(print) end)
    assert_misuse("item 2 is a string", function() http.all({ function() end, "x" }) end)
    assert_misuse("item 1 is a table", function() http.all({ {} }) end)
  end)
end)

describe("a task that is interrupted", function()
  helper.setup()

  local task = require("http.task")

  it("fails with the words, where it waits", function()
    local t = http.spawn(function() http.sleep(0.1) end)
    task.interrupt(t, "enough")
    assert.is_true(t.finished)
    assert.matches("^spec/task_spec%.lua:%d+: enough$", t.error)
  end)

  it("may go on, and is not woken by what it no longer waits for", function()
    local first = http.spawn(function() http.sleep(0) end)
    local over
    local t = http.spawn(function()
      local ok = pcall(first.await, first)
      http.sleep(0.05)
      over = http.now()
      return ok
    end)
    local start = http.now()
    task.interrupt(t, "enough")
    assert.is_false(t.finished)
    assert.is_false(t:await())
    assert.is_true(first.finished)
    assert.is_true(over - start >= 0.045)
  end)

  it("has failed the second time, whatever it does about it", function()
    local t = http.spawn(function()
      while true do
        pcall(http.sleep, 0.01)
      end
    end)
    task.interrupt(t, "enough")
    assert.is_false(t.finished)
    task.interrupt(t, "enough")
    assert.is_true(t.finished)
    assert.is_false(t.ok)
    http.sleep(0.03) -- its timer fires, and nothing comes of it
  end)
end)
