-- What every spec leans on: waiting on the loop, counting callbacks, and the check that a test leaves
-- nothing behind. A describe block asks for all of it with helper.setup().
-- SPDX-License-Identifier: MIT

local http = require("http")
local raw = require("raw")

local M = {}

-- What the test runs under: "asan", "valgrind" or nil. Either is slow, and keeps what was freed.
M.under = os.getenv("MW_UNDER")
if M.under == "" then
  M.under = nil
end

local WAIT = M.under and 30 or 10 -- seconds after which a wait has failed
local SETTLE = 2     -- seconds that a test's remains have to go away
local TURN = 0.02    -- the longest single turn of the loop
local CHILD_WAIT = 60 * (M.under == "valgrind" and 5 or 1)
local COMMAND = (os.getenv("MW_BUILD") or "build") .. "/moonwire"

-- Makes the collector run all the time, so that what nobody holds dies at once.
function M.harsh_gc()
  collectgarbage("setpause", 0)
  collectgarbage("setstepmul", 10000)
end

---- waiting

local thrown = {} -- by callbacks under helper.expect: the runtime would only print them

local function rethrow()
  raw.check()
  local first = thrown[1]
  if first then
    thrown = {}
    error(first.value, 0)
  end
end

-- Runs the loop until predicate() is true and returns what it returned. The test fails after
-- `seconds`, or as soon as a callback has failed.
function M.wait(predicate, seconds, what)
  local deadline = raw.now() + (seconds or WAIT)
  while true do
    local value = predicate()
    rethrow()
    if value then
      return value
    end
    if raw.now() >= deadline then
      error(("waited %g s in vain for %s"):format(seconds or WAIT, what or "a condition"), 2)
    end
    http.poll(TURN)
  end
end

---- counted callbacks

local expected = {}

local function entry_words(entry)
  return ("callback of %s: called %d times, expected %s"):format(entry.where, entry.count,
    entry.wanted == "some" and "at least once" or entry.wanted .. " times")
end

local function satisfied(entry)
  if entry.wanted == "some" then
    return entry.count > 0
  end
  return entry.count == entry.wanted
end

-- Wraps a callback that must be called exactly n times (default 1; 0: never; "some": at least once)
-- before the test ends. Collects garbage around each call; what it throws fails the test.
function M.expect(fn, n)
  local info = debug.getinfo(2, "Sl")
  local entry = { count = 0, wanted = n or 1, where = info.short_src .. ":" .. info.currentline }
  expected[#expected + 1] = entry

  local function keep(ok, ...)
    if not ok then
      thrown[#thrown + 1] = { value = (...) }
      return nil
    end
    collectgarbage()
    return ...
  end

  return function(...)
    entry.count = entry.count + 1
    collectgarbage()
    return keep(xpcall(fn, function(value)
      return type(value) == "string" and debug.traceback(value, 2) or value
    end, ...))
  end
end

-- Runs the loop until every expected callback has been called (often enough).
function M.wait_calls(seconds)
  M.wait(function()
    for _, entry in ipairs(expected) do
      if not satisfied(entry) then
        return false
      end
    end
    return true
  end, seconds, "the expected callbacks")
end

-- Checks the counts, and forgets them.
function M.verify()
  local entries = expected
  expected = {}
  rethrow()
  for _, entry in ipairs(entries) do
    if not satisfied(entry) then
      error(entry_words(entry), 2)
    end
  end
end

---- nothing left behind

local start

local function measure()
  http._drop_idle()
  jit.flush() -- compiled traces hold on to objects that they have seen as constants
  collectgarbage()
  collectgarbage()
  local counts = http._live()
  counts.descriptors = raw.open_fds()
  return counts
end

local function difference(before, after)
  local words = {}
  for name, count in pairs(after) do
    if count ~= (before[name] or 0) then
      words[#words + 1] = ("%s: %d, were %d"):format(name, count, before[name] or 0)
    end
  end
  table.sort(words)
  return table.concat(words, "; ")
end

-- Remembers how many descriptors and live objects there are, once what is on its way out has gone.
function M.baseline()
  measure()
  http.poll(0)
  start = measure()
end

-- Fails if there are not as many again, having given the loop the time to let go of them.
function M.check_baseline()
  local deadline = raw.now() + SETTLE
  local left = difference(start, measure())
  while left ~= "" and raw.now() < deadline do
    http.poll(TURN)
    left = difference(start, measure())
  end
  if left ~= "" then
    error("the test left something behind: " .. left, 2)
  end
end

local function before()
  M.harsh_gc()
  expected, thrown = {}, {}
  M.baseline()
end

-- Everything is cleared up whatever has failed; the first problem is the one that is told.
local function after()
  local problem
  local function try(fn)
    local ok, value = pcall(fn)
    problem = problem or (not ok and { value = value }) or nil
  end
  try(M.verify)
  try(raw.check)
  raw.close_all()
  try(M.check_baseline)
  try(raw.check)
  if problem then
    error(problem.value, 0)
  end
end

-- To be called in a describe block: does all of the above around each of its tests.
function M.setup()
  local env = getfenv(2)
  env.before_each(before)
  env.after_each(after)
end

---- engines

-- As busted's it(), for what only an engine can do that has that capability, or that has it not.
function M.it_can(capability, title, fn)
  if http.can(capability) then
    getfenv(2).it(title, fn)
  end
end

function M.it_cannot(capability, title, fn)
  if not http.can(capability) then
    getfenv(2).it(title, fn)
  end
end

---- processes

-- Runs a program as raw.spawn does, while the loop goes on -> its status (-signal), all it printed.
function M.run_program(program)
  local dir = raw.mkdtemp()
  program.stdout = dir .. "/out"
  local pid = assert(raw.spawn(program))
  local ok, status = pcall(M.wait, function() return raw.reap(pid) end, CHILD_WAIT, "the child's end")
  if not ok then
    raw.kill(pid, "KILL")
    M.wait(function() return raw.reap(pid) end)
  end
  local file = assert(io.open(program.stdout))
  local output = file:read("*a")
  file:close()
  raw.remove_tree(dir)
  if not ok then
    error(status .. "; it printed: " .. output, 2)
  end
  return status, output
end

-- Runs a script in a process of its own, by the command -> its status, all that it printed.
function M.run_script(script, ...)
  return M.run_program({ COMMAND, "-e", script, ... })
end

---- servers

-- Where the request that starts at `from` ends: by Content-Length, by its last chunk, or with its
-- head. nil while it is not whole.
local function request_end(bytes, from)
  local _, head_end = bytes:find("\r\n\r\n", from, true)
  if not head_end then
    return nil
  end
  local head = bytes:sub(from, head_end):lower()
  local length = tonumber(head:match("\r\ncontent%-length:%s*(%d+)")) or 0
  if head:find("\r\ntransfer%-encoding:%s*chunked") then
    local _, last = bytes:find("\r\n0\r\n\r\n", head_end - 1, true)
    return last, head_end
  end
  if #bytes < head_end + length then
    return nil
  end
  return head_end + length, head_end
end

-- The first whole request in `bytes` from `from` on, and where the next one starts; or nil.
function M.parse_request(bytes, from)
  from = from or 1
  local last, head_end = request_end(bytes, from)
  if not last then
    return nil
  end
  local head = bytes:sub(from, head_end)
  local request = { head = head, body = bytes:sub(head_end + 1, last), headers = {} }
  request.method, request.target = head:match("^(%S+) (%S+)")
  for name, value in head:gmatch("\r\n([^:\r\n]+):[ \t]*([^\r\n]*)") do
    name = name:lower()
    local first = request.headers[name]
    request.headers[name] = first and first .. ", " .. value or value
  end
  return request, last + 1
end

-- A server that answers every whole request with `answer`, bytes as they are or a function(request,
-- conn) that returns them (nil: none), and then closes, or with options.keep_open does not. Other
-- options go to raw.listen. server.requests lists what was asked.
function M.respond(answer, options)
  options = options or {}
  local server

  local function serve(conn)
    local request, next_from = M.parse_request(conn.received, conn.from)
    while request and conn.open do
      conn.from = next_from
      server.requests[#server.requests + 1] = request
      local bytes = answer
      if type(answer) == "function" then
        bytes = answer(request, conn)
      end
      if bytes then
        conn:send(bytes)
      end
      if not options.keep_open then
        return conn:close()
      end
      request, next_from = M.parse_request(conn.received, conn.from)
    end
  end

  server = assert(raw.listen({
    host = options.host,
    port = options.port,
    tls = options.tls,
    on_connect = function(conn)
      conn.from = 1
      conn.on_data = serve
    end,
  }))
  server.requests = {}
  return server
end

-- Sends `bytes` in pieces of `size`, one a turn of the loop, so that the other side sees each alone.
function M.drip(conn, bytes, size)
  for from = 1, #bytes, size or 1 do
    conn:send(bytes:sub(from, from + (size or 1) - 1))
    http.poll(0)
  end
end

-- The URL of a path on a server; `host` replaces the address to which it is bound.
function M.url(server, path, host)
  host = host or server.host or "127.0.0.1"
  if host:find(":", 1, true) then
    host = "[" .. host .. "]"
  end
  return ("%s://%s:%d%s"):format(server.secure and "https" or "http", host, server.port,
    path or "/")
end

return M
