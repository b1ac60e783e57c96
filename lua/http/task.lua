-- http.task: coroutines on the loop. C knows only callbacks; here they become calls that wait.
--
-- A task is a coroutine that the loop resumes. A script's main chunk and a server's handler are
-- tasks; http.spawn makes more. Outside any task (a stock luajit script) the same calls run the
-- loop until what they wait for is there.
-- SPDX-License-Identifier: MIT

local check_self = require "http.check_self"
local core = require "http.core"

local M = {}

local Task = {}
local mt = { __name = "http.Task", __index = Task }

-- Weak both ways: a task holds its coroutine, and who waits or runs holds the task.
local by_coroutine = setmetatable({}, { __mode = "kv" })
local DONE = {} -- what a coroutine yields, with the results, when its task is over
local NOTHING = { n = 0 }
local WAITING = {} -- what a task yields; nothing else may be yielded out of it

local traceback = core.traceback -- a message handler: words and a traceback, whatever was thrown

-- Calls a function of the script's and reports what it throws: the caller goes on.
function M.protect(fn, ...)
  local ok, message = xpcall(fn, traceback, ...)
  if not ok then
    core.report(message)
  end
  return ok
end

-- The task that is running, or nil.
function M.current()
  local co = coroutine.running()
  return co and by_coroutine[co]
end

local due, waking = {}, false

-- Resumes who waits, one after the other: a task that ends wakes the next, and not inside itself,
-- or a long row of them would end in a stack overflow.
function M.wake(wake)
  due[#due + 1] = wake
  if waking then
    return
  end
  waking = true
  local i = 1
  while due[i] do
    M.protect(due[i]) -- Ctrl-C at the prompt throws anywhere
    i = i + 1
  end
  due, waking = {}, false
end

local function report_unless_awaited(task)
  core.after(0, function()
    if not task.awaited then
      core.report(task.trace)
    end
  end)
end

-- A traceback whose last line is the task's function, by where it is: what called it is ours.
local function trace_of(co, words)
  local last = 0
  while debug.getinfo(co, last + 1, "l") do
    last = last + 1
  end
  local fn = debug.getinfo(co, math.max(last - 1, 0), "S")
  local place = ("in function <%s:%d>"):format(fn.short_src, fn.linedefined)
  return (debug.traceback(co, words):gsub("in function 'fn'\n%s*http/task%.lua[^\n]*$", place))
end

local function finish(task, ok, wrong)
  task.finished = true
  task.ok = ok
  if not ok then
    task.error = wrong
    task.trace = trace_of(task.co, core.words(task.error))
    report_unless_awaited(task)
    if task.rescue then
      M.protect(task.rescue, task.subject, task)
    end
  end
  local waiters = task.waiters
  task.waiters = nil
  for _, wake in ipairs(waiters or {}) do
    M.wake(wake)
  end
end

-- A coroutine runs one task after the other: making one for each, and collecting it, costs more than all
-- else about a short task.
local idle, idle_count = {}, 0
local MOST_IDLE = 64

-- Tail calls throughout: what the last task was given and returned must not stay on a waiting stack.
local work

local function keep_results(...)
  local count = select("#", ...)
  M.current().results = count > 0 and { n = count, ... } or NOTHING
end

local function next_task()
  return work(coroutine.yield(DONE))
end

-- The second argument is nothing: in its place on the stack, which the next task's call leaves open for its
-- frame, the collector would see what had been given there for as long as the coroutine is idle.
function work(fn, _, ...)
  return next_task(keep_results(fn(...)))
end

local function give_back(co)
  if idle_count < MOST_IDLE then
    idle_count = idle_count + 1
    idle[idle_count] = co
  end
end

local function take_coroutine()
  if idle_count == 0 then
    return coroutine.create(work)
  end
  local co = idle[idle_count]
  idle[idle_count] = nil
  idle_count = idle_count - 1
  return co
end

local function after_resume(task, ok, what)
  if what == DONE and ok then
    by_coroutine[task.co] = nil
    give_back(task.co)
    task.co = nil
    return finish(task, true)
  elseif not ok then
    return finish(task, false, what)
  elseif what ~= WAITING then
    finish(task, false, "a task yielded by itself: only http's own calls may suspend a task")
  end
end

local function resume(task, ...)
  if not task.finished then
    after_resume(task, coroutine.resume(task.co, ...))
  end
end

--- Runs fn(...) as a task. However it may fail, `rescue(subject, task)` is called then, if it is given; the
--- subject is the first argument of fn.
function M.guard(rescue, fn, ...)
  local task = setmetatable({
    co = take_coroutine(), -- nil once it has returned
    finished = false,
    rescue = rescue,
    subject = (...), -- what it is about: its first argument
    awaited = false, -- somebody has its error, so it need not be reported
    -- Later: ok, true or false once finished; results; error, what it threw, and trace; waiters;
    -- interrupted; wait, what it waits for, a token: who was to wake it from an earlier wait comes in vain.
  }, mt)
  by_coroutine[task.co] = task
  resume(task, fn, nil, ...)
  return task
end

--- Runs fn(...) as a task, at once, until it first waits.
---@param fn function
---@return table task with `finished`, `ok` and `await()`
function M.spawn(fn, ...)
  if type(fn) ~= "function" then
    error(("bad argument #1 to 'spawn' (function expected, got %s)"):format(type(fn)), 2)
  end
  return M.guard(nil, fn, ...)
end

-- Suspends the running task. `start` is called with a function that resumes it, to be called once,
-- from the loop and not from inside start. Returns nil, or the words of who interrupted it; what it
-- had waited for no longer resumes it then.
local function suspend(task, start)
  local wait = {}
  task.wait = wait
  start(function()
    if task.wait == wait then
      resume(task)
    end
  end)
  local interrupted = coroutine.yield(WAITING)
  task.wait = nil
  return interrupted
end

--- Makes the call throw that a suspended task waits in. A task that catches this and waits again
--- is not resumed any more when it happens a second time: it has failed then.
function M.interrupt(task, words)
  if task.interrupted then
    finish(task, false, words)
  else
    task.interrupted = true
    task.awaited = true
    resume(task, words)
  end
end

--- Waits until ready() is true. `subscribe(wake)` must see to it that wake() is called, from the
--- loop, whenever that may have become so. Outside a task it runs the loop.
function M.wait_until(ready, subscribe, level)
  local task = M.current()
  while not ready() do
    if task then
      local interrupted = suspend(task, subscribe)
      if interrupted then
        error(interrupted, level + 1)
      end
    elseif (coroutine.running() or core.callback_thread) ~= core.callback_thread then
      error("cannot wait in a coroutine of your own; run it as a task: http.spawn(function)", level + 1)
    elseif core.looping() then
      error("cannot wait inside a handler; start a task there: http.spawn(function)", level + 1)
    elseif core.poll() == 0 and not ready() then
      error("nothing is pending, so what is waited for can never come", level + 1)
    end
  end
end

--- Waits for the task's end. Returns what its function returned; throws what it threw.
function Task:await()
  check_self(self, mt, 2)
  self.awaited = true
  M.wait_until(function()
    return self.finished
  end, function(wake)
    local waiters = self.waiters or {}
    self.waiters = waiters
    waiters[#waiters + 1] = wake
  end, 2)
  if not self.ok then
    error(self.error, 0)
  end
  return unpack(self.results, 1, self.results.n)
end

function mt.__tostring(self)
  return "http.Task (" .. (not self.finished and "running" or self.ok and "finished" or "failed") .. ")"
end

--- Waits for so many seconds; other tasks and handlers run meanwhile.
function M.sleep(seconds)
  if type(seconds) ~= "number" or seconds < 0 or seconds ~= seconds then
    error("bad argument #1 to 'sleep' (number of seconds expected, 0 or more)", 2)
  end
  local over = false
  local resume_sleeper
  core.after(seconds, function()
    over = true
    if resume_sleeper then
      resume_sleeper()
    end
  end)
  M.wait_until(function()
    return over
  end, function(wake)
    resume_sleeper = wake
  end, 2)
end

--- Waits for all items of a list: Responses, tasks, and functions, which are run as tasks. Returns
--- the list of what they came to: the Response itself, and what a task returned first. Throws the
--- first error of a task, once all have finished.
function M.all(list)
  if type(list) ~= "table" then
    error(("bad argument #1 to 'all' (list expected, got %s)"):format(type(list)), 2)
  end
  local items, results, failed = {}, {}, nil
  for i, item in ipairs(list) do
    local kind = getmetatable(item)
    if type(item) == "function" then
      item = M.spawn(item)
    elseif kind ~= mt and kind ~= "http.Response" then
      local message = "bad argument #1 to 'all' (item %d is a %s; Response, task or function expected)"
      error(message:format(i, type(item)), 2)
    end
    if kind ~= "http.Response" then
      item.awaited = true
    end
    items[i] = item
  end
  for i, item in ipairs(items) do
    local ok, result = pcall(item.await, item)
    results[i] = result
    if not ok then
      failed = failed or { result }
    end
  end
  if failed then
    error(failed[1], 0)
  end
  return results
end

--- Runs a script's main chunk as a task. `done(ok, trace)` is called when it has ended.
function M.main(chunk, done, ...)
  local task
  local arguments = { n = select("#", ...), ... }
  task = M.spawn(function()
    local ok, trace = xpcall(chunk, traceback, unpack(arguments, 1, arguments.n))
    if core.live().exchanges > 0 then
      collectgarbage() -- a request that ends with its dropped response must not keep the loop running
    end
    done(ok, trace)
  end)
  return task
end

return M
