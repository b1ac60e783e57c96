-- http.stream: what waits on a Response: await, the _async twins, chunks and lines, json.
--
-- C tells of every event of a Response that has a state (core.state) by one call of pump. The state
-- is a queue of reads, each taken when it is its turn and there is enough, and a list of those that
-- wait for something else.
-- SPDX-License-Identifier: MIT

local core = require "http.core"
local task = require "http.task"

local methods = core.Response
local READ_AHEAD = 256 * 1024 -- of chunks() and lines(), which keep memory constant

local function ended(response)
  return response.finished or not response.is_open
end

-- Whether there is enough for a read of that kind.
local ready = {
  some = function(response)
    return response.bytes_available > 0 or ended(response)
  end,
  line = function(response)
    if response.can_read_line or ended(response) then
      return true
    end
    -- A line longer than the buffer: the buffer grows, or the line could never arrive.
    local size = response.read_buffer_size
    if size > 0 and response.bytes_available >= size then
      response.read_buffer_size = 2 * response.bytes_available
    end
    return false
  end,
  all = ended,
  now = function()
    return true
  end,
}

-- What was called with a dot in place of the colon.
local function check_self(self, level)
  if getmetatable(self) ~= "http.Response" or type(self) ~= "userdata" then
    error(("bad self (http.Response expected, got %s); call it with a colon"):format(type(self)), level + 1)
  end
end

local function state_of(response)
  local state = core.state(response)
  if not state then
    state = { reads = {}, waiters = {} }
    core.state(response, state)
  end
  return state
end

local function run_reads(response, reads)
  while reads[1] and ready[reads[1].kind](response) do
    task.protect(table.remove(reads, 1).run)
  end
end

local function pump(response, state)
  run_reads(response, state.reads)
  local waiters = state.waiters
  state.waiters = {}
  for _, wake in ipairs(waiters) do
    task.wake(wake)
  end
  if ended(response) and not state.reads[1] and not state.waiters[1] then
    core.state(response, nil)
  end
end

core.define("pump", pump)

local function kick(response)
  core.after(0, function()
    local state = core.state(response)
    if state then
      pump(response, state)
    end
  end)
end

local function wait(response, condition, level)
  task.wait_until(function()
    return condition(response)
  end, function(wake)
    local waiters = state_of(response).waiters
    waiters[#waiters + 1] = wake
  end, level + 1)
end

-- ---- waiting ----------------------------------------------------------------------------------

-- Until the status and the header fields are there, or never will be.
local function wait_head(response, level)
  wait(response, function()
    return response.status_code ~= 0 or ended(response)
  end, level + 1)
end

-- Until there is something to read, or never will be.
local function wait_some(response, level)
  wait(response, ready.some, level + 1)
end

-- Nobody reads meanwhile, unless a ready_read_handler does, so a read_buffer_size is lifted.
local function wait_finished(response, level)
  if not response.ready_read_handler and response.read_buffer_size > 0 then
    response.read_buffer_size = 0
  end
  wait(response, function()
    return response.finished
  end, level + 1)
end

--- Waits until the exchange has finished, and returns the Response.
function methods:await()
  check_self(self, 2)
  wait_finished(self, 2)
  return self
end

local function iterator(kind, read)
  return function(self)
    check_self(self, 2)
    if self.read_buffer_size == 0 and not self.finished then
      self.read_buffer_size = READ_AHEAD
    end
    return function()
      wait(self, ready[kind], 2)
      return read(self)
    end
  end
end

--- for chunk in response:chunks() do … end: the body as it arrives, in constant memory. Ends with
--- the body, or when it breaks off: response.error tells.
methods.chunks = iterator("some", function(response)
  local chunk = response:read_string()
  return chunk ~= "" and chunk or nil -- nil, too, once the Response is closed
end)

--- for line in response:lines() do … end: without their line ends ("\n" or "\r\n").
methods.lines = iterator("line", function(response)
  local line = response:read_line_string()
  if not line or line == "" then
    return nil
  end
  return (line:gsub("\r?\n$", ""))
end)

-- What came in place of JSON: an error page of a proxy's, mostly.
local function describe(response)
  local media_type = response.headers["Content-Type"]
  return (" (%d %s, %s)"):format(response.status_code, response.status_message,
    media_type and #media_type <= 100 and media_type or "no Content-Type"):gsub(" ,", ",", 1)
end

--- Waits for the end and decodes the body, which stays to be read. Returns the value, or nil and
--- words for what is wrong.
function methods:json()
  check_self(self, 2)
  wait_finished(self, 2)
  local failure = core.transfer_error(self)
  if failure then
    return nil, failure
  end
  local body, why = self:peek_string(self.bytes_available)
  if not body then
    return nil, why
  end
  local value, wrong = require("http.json").decode_body(body, 2)
  if value == nil then
    return nil, wrong .. describe(self)
  end
  return value
end

--- Waits for the end of a request for an upgrade. Returns the connection, which is the caller's to close; or
--- nil, message and code.
function methods:connection()
  check_self(self, 2)
  wait_finished(self, 2)
  return require("http.connection").of_response(self)
end

-- ---- the _async twins -------------------------------------------------------------------------

local function check_callback(name, position, callback)
  if type(callback) ~= "function" then
    local message = "bad argument #%d to '%s' (function expected, got %s)"
    error(message:format(position, name, type(callback)), 3)
  end
end

-- What the stream failed with, if what was read is all that there will be.
local function failure(response, data)
  if data == nil then
    return "closed"
  end
  if ended(response) and response.bytes_available == 0 then
    return core.transfer_error(response)
  end
  return nil
end

local function add_read(response, kind, run)
  local state = state_of(response)
  if kind == "all" then
    response.read_buffer_size = 0
  end
  state.reads[#state.reads + 1] = { kind = kind, run = run }
  if ready[kind](response) then
    kick(response)
  end
end

local function read_async(name, kind)
  local read = methods[name]
  local function complete(self, max, callback)
    add_read(self, kind, function()
      local data = read(self, max)
      local empty = data == nil or #data == 0
      callback(self, data, (empty or kind == "all") and failure(self, data) or nil)
    end)
  end
  if kind == "all" then
    methods[name .. "_async"] = function(self, callback)
      check_self(self, 2)
      check_callback(name .. "_async", 1, callback)
      complete(self, nil, callback)
    end
    return
  end
  methods[name .. "_async"] = function(self, max, callback)
    check_self(self, 2)
    if callback == nil and type(max) == "function" and not name:find("^peek") then
      max, callback = nil, max
    end
    check_callback(name .. "_async", 2, callback)
    if (max ~= nil or name:find("^peek")) and (type(max) ~= "number" or max < 0 or max ~= max) then
      error(("bad argument #1 to '%s_async' (number of bytes expected, 0 or more)"):format(name), 2)
    end
    complete(self, max, callback)
  end
end

for _, form in ipairs { "", "_string", "_bytes" } do
  read_async("read" .. form, "some")
  read_async("peek" .. form, "some")
  read_async("read_line" .. form, "line")
  read_async("read_all" .. form, "all")
end

-- What a Response refuses is refused later, too.
local function refuse_async(name, takes_argument)
  local refuse = methods[name]
  methods[name .. "_async"] = function(self, ...)
    check_self(self, 2)
    local argument, callback
    if takes_argument then
      argument, callback = ...
    else
      callback = ...
    end
    check_callback(name .. "_async", takes_argument and 2 or 1, callback)
    local ok, result = pcall(refuse, self, argument)
    if not ok then -- it counts from self, and does not know its name here
      local why = tostring(result):match("%b()") or ""
      error(("bad argument #1 to '%s_async' %s"):format(name, why), 2)
    end
    local why = self.error_string
    add_read(self, "now", function()
      callback(self, result, why)
    end)
  end
end

for name, takes_argument in pairs {
  write_string = true,
  write_bytes = true,
  seek = true,
  open = true,
  reset = false,
} do
  refuse_async(name, takes_argument)
end

-- close() ends what waits: the C part cancels, here the waiting are told.
local close = methods.close

function methods:close()
  check_self(self, 2)
  close(self)
  if core.state(self) then
    kick(self)
  end
end

-- For modules that build on it; `level` counts as that of error() does in who calls.
return {
  wait_head = wait_head,
  wait_some = wait_some,
  wait_finished = wait_finished,
  wait = wait,
}
