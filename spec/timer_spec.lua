-- Timers: http.after and http.every, from their start to their end.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")


local function nothing() end

-- Until no timer is left.
local function run()
  helper.wait(function() return http._live().timers == 0 end)
end

-- That fn throws words, told at a line of this file.
local function assert_misuse(words, fn)
  local ok, message = pcall(fn)
  assert.is_false(ok)
  assert.truthy(message:find(words, 1, true), message)
  assert.matches("^spec/timer_spec%.lua:%d+: ", message)
end

describe("http.after", function()
  helper.setup()

  it("calls the function once, from the loop, with the timer", function()
    local start = http.now()
    local timer
    timer = http.after(0.01, helper.expect(function(...)
      assert.same({ 1, timer }, { select("#", ...), (...) })
      assert.is_true(http.now() - start >= 0.009)
    end))
    assert.is_true(timer:active())
    assert.equal("http.Timer (active)", tostring(timer))
    helper.wait_calls()
    assert.is_false(timer:active())
    assert.equal("http.Timer (over)", tostring(timer))
    http.poll(0)
  end)

  it("is over when its function runs", function()
    http.after(0, helper.expect(function(timer)
      assert.is_false(timer:active())
      timer:cancel()
    end))
    helper.wait_calls()
  end)

  it("never calls from inside the call, without a delay either", function()
    local called = false
    http.after(0, function() called = true end)
    assert.is_false(called)
    run()
    assert.is_true(called)
  end)

  it("takes fractions, integers, and a time without end", function()
    http.after(0.0001, helper.expect(nothing))
    http.after(0, helper.expect(nothing))
    local endless = http.after(math.huge, helper.expect(nothing, 0))
    local long = http.after(1e9, helper.expect(nothing, 0))
    helper.wait_calls()
    assert.is_true(endless:active())
    assert.is_true(long:active())
    endless:cancel()
    long:cancel()
  end)

  it("may start the next one in its function", function()
    local count = 0
    local function again()
      count = count + 1
      if count < 100 then
        http.after(0, again)
      end
    end
    http.after(0, again)
    run()
    assert.equal(100, count)
  end)

  it("refuses what is no time or no function, at the caller's line", function()
    for _, seconds in ipairs({ -1, 0 / 0, -math.huge, "x", {}, false }) do
      assert_misuse("bad argument #1 to 'after'", function() http.after(seconds, nothing) end)
    end
    assert_misuse("bad argument #1 to 'after'", function() http.after() end)
    assert_misuse("bad argument #2 to 'after'", function() http.after(0) end)
    assert_misuse("bad argument #2 to 'after'", function() http.after(0, "print") end)
    assert.equal(0, http._live().timers)
  end)
end)

describe("http.every", function()
  helper.setup()

  it("calls the function again and again, until it is cancelled", function()
    local count = 0
    local timer
    timer = http.every(0.001, helper.expect(function(self)
      assert.equal(timer, self)
      assert.is_true(self:active())
      count = count + 1
      if count == 5 then
        self:cancel()
        assert.is_false(self:active())
      end
    end, 5))
    run()
    assert.equal(5, count)
    assert.is_false(timer:active())
  end)

  it("keeps its pace", function()
    local start, count = http.now(), 0
    http.every(0.004, function(timer)
      count = count + 1
      if count == 10 then
        timer:cancel()
      end
    end)
    run()
    assert.is_true(http.now() - start >= 0.035)
  end)

  it("refuses what is no time above 0", function()
    for _, seconds in ipairs({ 0, -1, 0 / 0, "x", {} }) do
      assert_misuse("bad argument #1 to 'every'", function() http.every(seconds, nothing) end)
    end
    assert_misuse("bad argument #2 to 'every'", function() http.every(1) end)
    assert.equal(0, http._live().timers)
  end)
end)

describe("timer:cancel", function()
  helper.setup()

  it("keeps the function from being called, and may be called again", function()
    for _, start in ipairs({ http.after, http.every }) do
      local timer = start(0.001, helper.expect(nothing, 0))
      timer:cancel()
      assert.is_false(timer:active())
      timer:cancel()
      assert.equal(0, http._live().timers)
    end
    http.poll(0)
    http.after(0.005, nothing)
    run()
  end)

  it("may be called in another timer's function, though both are due", function()
    local one, two
    local calls = 0
    one = http.after(0, function() calls = calls + 1 two:cancel() end)
    two = http.after(0, function() calls = calls + 1 one:cancel() end)
    run()
    assert.equal(1, calls)
  end)

  it("may be called long after the timer is over", function()
    local timer = http.after(0, helper.expect(nothing))
    run()
    timer:cancel()
    assert.is_false(timer:active())
  end)

  it("refuses what is no timer", function()
    local timer = http.after(0, nothing)
    assert_misuse("bad argument #1 to 'cancel'", function() timer.cancel() end)
    assert_misuse("bad argument #1 to 'cancel'", function() timer.cancel({}) end)
    assert_misuse("bad argument #1 to 'active'", function() timer.active(io.stdout) end)
    timer:cancel()
  end)
end)

describe("several timers", function()
  helper.setup()

  local function order_of(count, seconds)
    local order = {}
    for i = 1, count do
      http.after(seconds(i), function() order[#order + 1] = i end)
    end
    run()
    return order
  end

  local function assert_rising(count, order)
    assert.equal(count, #order)
    for i = 1, count do
      assert.equal(i, order[i])
    end
  end

  it("fire in the order of their times", function()
    assert_rising(50, order_of(50, function(i) return i * 0.0005 end))
    local order = order_of(3, function(i) return (3 - i) * 0.05 end)
    assert.same({ 3, 2, 1 }, order)
  end)

  it("of the same time fire in the order in which they were started", function()
    assert_rising(100, order_of(100, function() return 0 end))
    assert_rising(100, order_of(100, function() return 0.005 end))
  end)

  it("may be very many", function()
    local count = 0
    for i = 1, 5000 do
      http.after(i % 10 / 1000, function() count = count + 1 end)
    end
    assert.equal(5000, http._live().timers)
    run()
    assert.equal(5000, count)
  end)

  it("keep http.run going until the last is over", function()
    local over = 0
    http.after(0.2, function() over = over + 1 end)
    http.after(0.21, function() over = over + 1 end)
    local every = http.every(0.2, nothing) -- later than the poll below, however busy the machine is
    http.after(0.25, function() over = over + 1 every:cancel() end)
    assert.equal(4, http._live().timers)
    http.run()
    assert.equal(3, over)
    assert.equal(0, http.poll(0))
  end)
end)

describe("the collector", function()
  helper.setup()

  -- Compiled code leaves what it is done with in places where the collector still finds it.
  setup(function()
    jit.off()
    jit.flush()
  end)

  teardown(jit.on)

  it("leaves active timers alone that nobody holds", function()
    local count = 0
    http.after(0.005, helper.expect(nothing))
    http.every(0.001, function(timer)
      collectgarbage()
      count = count + 1
      if count == 3 then
        timer:cancel()
      end
    end)
    collectgarbage()
    collectgarbage()
    run()
    assert.equal(3, count)
  end)

  it("takes timers that are over or cancelled, with what their functions hold", function()
    local weak = setmetatable({}, { __mode = "v" })
    local function make(start, seconds)
      local big, timer = {}, nil
      timer = start(seconds, function() return big, timer end) -- a cycle
      weak[#weak + 1] = big
      weak[#weak + 1] = timer
      return timer
    end
    make(http.after, 0)
    make(http.after, 60):cancel()
    make(http.every, 60):cancel()
    run()
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(weak))
  end)
end)

describe("a timer whose function throws", function()
  helper.setup()

  it("is reported with a traceback, and the others fire", function()
    local status, output = helper.run_script([[
      http.after(0, function() error("oh no") end)
      http.after(0.005, function() print("the rest") end)
    ]])
    assert.equal(1, status)
    assert.matches("moonwire: %-e:1: oh no\nstack traceback:.-%-e:1: in function", output)
    assert.matches("the rest", output)
  end)

  it("fires again if it repeats", function()
    local status, output = helper.run_script([[
      local count = 0
      local timer
      timer = http.every(0.001, function()
        count = count + 1
        if count == 3 then timer:cancel() end
        error("time " .. count, 0)
      end)
    ]])
    assert.equal(1, status)
    assert.matches("time 1.-time 2.-time 3", output)
  end)
end)
