-- http.serve: a small server. Each request is a task that fills in a response, or returns one: a table
-- with status, reason, headers or body.
--
--   local server = http.serve {
--     port = 8080,
--     handler = function(request, response)
--       response.headers["Content-Type"] = "text/plain"
--       response.body = "Hello, " .. request.path
--     end,
--   }
-- SPDX-License-Identifier: MIT

local check_self = require "http.check_self"
local core = require "http.core"
local drain = require "http.drain"
local server = require "http.server"
local task = require "http.task"

-- ---- the response -----------------------------------------------------------------------------

local Response = {}
local response_mt = { __name = "http.serve.Response", __index = Response }

local FIELDS = { status = true, reason = true, headers = true, body = true, sent = true, finished = true }

-- A field that is none is one misspelled, and would be ignored.
function response_mt.__newindex(response, name, value)
  if not FIELDS[name] then
    error(("unknown field '%s' of a response (it has status, reason, headers and body)"):format(tostring(name)), 2)
  end
  rawset(response, name, value)
end

-- The fields as the core takes them: a list of names and values.
local function check_table(headers)
  if type(headers) ~= "table" then
    error(("bad headers (table expected, got %s)"):format(type(headers)), 0)
  end
  return headers
end

-- The list is used again and again: the core copies what is in it before anything else runs. So many of its
-- places may be taken, also after an error.
local list, taken = {}, 0

local function add_field(count, name, value)
  local kind = type(value)
  if type(name) ~= "string" or (kind ~= "string" and kind ~= "number") then
    error(("bad header '%s' (string or number expected, got %s)"):format(tostring(name), kind), 0)
  end
  list[count + 1] = name
  list[count + 2] = kind == "string" and value or tostring(value)
  count = count + 2
  taken = count > taken and count or taken
  return count
end

local function list_of(headers)
  local count = 0
  for name, value in pairs(check_table(headers)) do
    if type(value) == "table" then
      for _, item in ipairs(value) do
        count = add_field(count, name, item)
      end
    else
      count = add_field(count, name, value)
    end
  end
  for i = count + 1, taken do
    list[i] = nil
  end
  taken = count
  return list
end

local function check_head(self)
  if type(self.status) == "cdata" then -- a member of HTTPStatus
    self.status = require("http.status").number(self.status)
  end
  if type(self.status) ~= "number" or self.status % 1 ~= 0 then
    error(("bad status (integer expected, got %s)"):format(core.words(self.status)), 0)
  end
  if self.reason ~= nil and type(self.reason) ~= "string" then
    error(("bad reason (string expected, got %s)"):format(type(self.reason)), 0)
  end
end

local function send_head(self, length)
  check_head(self)
  local ok, message, code = self._request:head(self.status, self.reason, list_of(self.headers), length)
  self.sent = true
  return ok, message, code
end

local function check_bytes(bytes, what)
  if type(bytes) ~= "string" then
    error(("bad %s (string expected, got %s)"):format(what, type(bytes)), 0)
  end
  return bytes
end

-- Calls fn and throws what it throws at the line of the script that called the method, which ends in
-- a tail call of this.
local function at_caller(fn, ...)
  local ok, a, b, c = pcall(fn, ...)
  if not ok then
    error(a, 2)
  end
  return a, b, c
end

-- A length that the script gives in the headers, for a body in pieces.
local function stated_length(headers)
  for name, value in pairs(check_table(headers)) do
    if type(name) == "string" and name:lower() == "content-length" then
      local length = tonumber(value)
      if not length or length < 0 or length % 1 ~= 0 then
        error(("bad header 'Content-Length' (number of bytes expected, got %s)"):format(tostring(value)), 0)
      end
      return length
    end
  end
  return nil
end

local function write(self, bytes)
  check_bytes(bytes, "argument #1 to 'write'")
  if not self.sent then
    local ok, message, code = send_head(self, stated_length(self.headers))
    if not ok then
      return nil, message, code
    end
  end
  local ok, message, code = self._request:write(bytes)
  if ok and task.current() and drain.is_full(self._request) then
    rawset(self, "_watch", self._watch or drain.watch(self._request))
    drain.wait(self._request, self._watch)
  end
  return ok, message, code
end

local function finish(self, body)
  if self.finished then
    error("the response has already been finished", 0)
  end
  if body == nil and not self.sent then
    body = self.body
  end
  body = check_bytes(body == nil and "" or body, "body")
  local ok, message, code = true, nil, nil
  if not self.sent then -- most answers come whole
    check_head(self)
    ok, message, code = self._request:answer(self.status, self.reason, list_of(self.headers), body)
    self.sent, self.finished = true, true
    return ok, message, code
  elseif body ~= "" then
    ok, message, code = self._request:write(body)
  end
  self.finished = true
  self._request:finish()
  return ok, message, code
end

--- Sends a piece of the body now; the head goes first. In chunks, unless the headers state a
--- Content-Length. In a task it waits while the client reads slowly. Returns true, or nil, message and code
--- ("closed" once the client has gone).
function Response:write(bytes)
  check_self(self, response_mt, 2)
  return at_caller(write, self, bytes)
end

--- Ends the response, with `body` if it is given. The end of the handler does it as well.
function Response:finish(body)
  check_self(self, response_mt, 2)
  return at_caller(finish, self, body)
end

--- Whether the client has gone: what is written now is lost.
function Response:gone()
  check_self(self, response_mt, 2)
  return self._request:gone()
end

local function check_unsent(self)
  if self.sent or self.finished then
    error("the response has already been sent", 0)
  end
end

local function interim(self, status, headers)
  check_unsent(self)
  if type(status) == "cdata" then
    status = require("http.status").number(status)
  end
  if type(status) ~= "number" or status % 1 ~= 0 then
    error(("bad argument #1 to 'interim' (integer expected, got %s)"):format(core.words(status)), 0)
  end
  return self._request:interim(status, list_of(headers or {}))
end

--- Sends a head of 1xx before the response, 103 for one: interim(103, { Link = "…" }). Returns true, or nil,
--- message and code.
function Response:interim(status, headers)
  check_self(self, response_mt, 2)
  return at_caller(interim, self, status, headers)
end

local function upgrade(self, headers)
  check_unsent(self)
  local wire, message, code = self._request:upgrade(list_of(headers or {}))
  if not wire then -- the client has gone, or does not take the head: nothing else can follow
    self.sent, self.finished = true, true
    self._request:abort()
    return nil, message, code
  end
  self.sent, self.finished = true, true
  local connection = require("http.connection").new(wire)
  rawset(self, "_connection", connection)
  return connection
end

--- Answers 101 (200 to CONNECT) and leaves HTTP: upgrade { Upgrade = "echo" }. Returns the connection, which
--- is closed when the handler ends; or nil, message and code.
function Response:upgrade(headers)
  check_self(self, response_mt, 2)
  return at_caller(upgrade, self, headers)
end

-- For what ends the response in some other way than by an answer.
local function give_up(self, call, ...)
  check_unsent(self)
  local ok, message, code = call(self._request, ...)
  self.sent, self.finished = true, true
  if not ok then
    self._request:abort()
  end
  return ok, message, code
end

--- Of a server in the process: lets the request go where it would have gone without this server. Returns
--- true, or nil, message and code.
function Response:pass_on()
  check_self(self, response_mt, 2)
  return at_caller(give_up, self, self._request.pass_on)
end

local function end_with(self, failure, words)
  if self.finished then
    error("the response has already been finished", 0)
  elseif type(failure) ~= "number" or failure % 1 ~= 0 then
    error(("bad argument #1 to 'fail' (one of the numbers of http.Response expected, got %s)"):format(
      core.words(failure)), 0)
  elseif words ~= nil and type(words) ~= "string" then
    error(("bad argument #2 to 'fail' (string expected, got %s)"):format(type(words)), 0)
  end
  local ok, message, code = self._request:fail(failure, words)
  self.sent, self.finished = true, true
  if not ok then
    self._request:abort()
  end
  return ok, message, code
end

--- Of a server in the process: the client's exchange ends with that error, http.Response.TIMEOUT_ERROR for
--- one, behind what was written. Returns true, or nil, message and code.
function Response:fail(failure, words)
  check_self(self, response_mt, 2)
  return at_caller(end_with, self, failure, words)
end

-- ---- the request ------------------------------------------------------------------------------

local Request = {} -- of a server that streams; others have plain tables

--- As request.stream:read(max).
function Request:read(max)
  return self.stream:read(max)
end

local request_mt = { __name = "http.serve.Request", __index = Request }

local function add_stream(fields, request, response)
  local state = drain.watch(request)
  rawset(response, "_watch", state)
  fields.stream = require("http.reader").new(request, state)
  return setmetatable(fields, request_mt)
end

local function describe(request, response, streams)
  local method, target, peer, headers, body, url = request:read(streams)
  local mark = target:find("?", 1, true)
  local fields = {
    method = method,
    target = target,
    path = mark and target:sub(1, mark - 1) or target,
    query = mark and target:sub(mark + 1) or "",
    peer = peer,
    headers = headers,
    body = body,
    url = url, -- of a server in the process
  }
  return streams and add_stream(fields, request, response) or fields
end

-- A handler that throws: 500 without details if nothing was sent, else a cut, which the client
-- notices.
local function fail(response)
  if response._connection then
    response._connection:abort()
  end
  if response.finished then
    return
  end
  response.finished = true
  if response.sent then
    response._request:abort()
    return
  end
  local body = "Internal Server Error\n"
  local fields = { "Content-Type", "text/plain; charset=utf-8" }
  if response._request:head(500, nil, fields, #body) then
    response._request:write(body)
  end
  response._request:finish()
end

local function set_header(headers, name, value)
  for other in pairs(headers) do
    if type(other) == "string" and type(name) == "string" and other:lower() == name:lower() then
      headers[other] = nil
    end
  end
  headers[name] = value
end

-- What a handler returned in place of filling in the response, http.redirect(…) for one. Headers that
-- it had set before, a cookie's say, go along.
local function take(response, result)
  if response.sent or response.finished then
    error("the handler returned a response although it had sent one", 0)
  end
  local class = getmetatable(result)
  if type(class) == "table" and class.__name then
    error(("the handler returned an %s (a response is a plain table; errors are thrown)"):format(class.__name), 0)
  end
  for name, value in pairs(result) do
    if name == "headers" then
      for field, content in pairs(check_table(value)) do
        set_header(check_table(response.headers), field, content)
      end
    elseif name == "status" or name == "reason" or name == "body" then
      response[name] = value
    else
      local message = "unknown field '%s' of a returned response (it has status, reason, headers and body)"
      error(message:format(tostring(name)), 0)
    end
  end
end

local function answer(handler, request, response)
  local result = handler(request, response)
  if type(result) == "table" and result ~= response then
    take(response, result)
  end
  if response._connection then
    response._connection:close()
  elseif not response.finished then
    finish(response)
  end
end

local function trace(value)
  local kept = task.current().subject._trace
  return kept and rawequal(kept.value, value) and kept.words or debug.traceback(core.words(value), 2)
end

-- What each request's task runs. No closures: they would be made anew for every request.
local function run(response, handler, request)
  local ok, message = xpcall(answer, trace, handler, request, response)
  if not ok then
    core.report(message)
    fail(response)
  end
end

local function on_request(handler, streams, request)
  local response = setmetatable({
    status = 200,
    reason = nil, -- the registered phrase
    headers = {},
    body = nil,
    sent = false, -- the head
    finished = false,
    _request = request,
    _watch = nil, -- of the request, once something waits for it
    _connection = nil, -- behind an upgrade
    _trace = nil, -- of an error that catching_failure passed on
  }, response_mt)
  task.guard(fail, run, response, handler, describe(request, response, streams))
end

--- Listens. Returns the server (`host`, `port`, `url`, `close()`), or nil, message and code.
local function serve(options)
  server.check(options, "serve", { handler = "function", stream = "boolean" }, 2)
  local handler = options.handler
  if not handler then
    error("bad option 'handler' (function expected, got nil)", 2)
  end
  local listening, message, code = server.listen(options, function(request)
    on_request(handler, options.stream, request)
  end, 2)
  return listening, message, code -- no tail call, or the levels would not count
end

return setmetatable({}, {
  __call = function(_, options)
    return serve(options)
  end,
  __index = function(_, name)
    if name == "catching_failure" or name == "catchingFailure" then
      return require("http.failure").catching_failure
    end
    return nil
  end,
})
