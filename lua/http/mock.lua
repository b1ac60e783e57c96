-- http.mock: answers in place of the network, so that a script can be tested without what it talks to.
--
--   local mock = http.mock()
--   mock:get("http://api.test/users/:id", function(request)
--     return { json = { id = request.params.id } }
--   end)
--   … the script under test …
--   mock:assert_done()
--   mock:close()
--
-- It is a server in the process for every origin: redirects, cookies, limits and clocks of the client
-- stay as they are, and no socket is opened.
-- SPDX-License-Identifier: MIT

local answer = require "http.mock.answer"
local check_self = require "http.check_self"
local core = require "http.core"
local json = require "http.json"
local matcher = require "http.mock.matcher"
local serve = require "http.serve"
local take_all = require "http.mock.server"

-- ---- expectations -----------------------------------------------------------------------------

local Expectation = {}
local expectation_mt = { __name = "http.mock.Expectation", __index = Expectation }

function expectation_mt:__tostring()
  return ("http.mock.Expectation (%s)"):format(self.words)
end

local OPTIONS = { times = "number", optional = "boolean" }

local function check_options(options, level)
  if options ~= nil and type(options) ~= "table" then
    error(("bad options of a mock (table expected, got %s)"):format(type(options)), level + 1)
  end
  for name, value in pairs(options or {}) do
    if not OPTIONS[name] then
      error(("unknown option '%s' of a mock (it has times and optional)"):format(tostring(name)), level + 1)
    elseif type(value) ~= OPTIONS[name] then
      error(("bad option '%s' of a mock (%s expected, got %s)"):format(name, OPTIONS[name], type(value)), level + 1)
    end
  end
  local times = options and options.times
  if times and (times < 1 or (times % 1 ~= 0 and times ~= math.huge)) then
    error(("bad option 'times' of a mock (1, 2, … or math.huge expected, got %s)"):format(times), level + 1)
  end
  return options or {}
end

local function is_list(reply)
  return type(reply) == "table" and reply[1] ~= nil
end

local function copy(list)
  return { unpack(list) }
end

local function expect(mock, spec, reply, options, level)
  options = check_options(options, level + 1)
  answer.check(reply, level + 1)
  local made = matcher.new(spec, level + 1)
  local expectation = setmetatable({
    count = 0, -- how often it has answered
    times = options.times or (is_list(reply) and #reply or nil), -- nil: as often as it is asked
    optional = options.optional == true,
    calls = {},
    words = made:words(),
    _matcher = made,
    _reply = is_list(reply) and copy(reply) or reply,
  }, expectation_mt)
  mock._expectations[#mock._expectations + 1] = expectation
  return expectation
end

local function used_up(expectation)
  return expectation.times ~= nil and expectation.count >= expectation.times
end

local function is_done(expectation)
  if expectation.optional then
    return true
  elseif expectation.times == nil or expectation.times == math.huge then
    return expectation.count > 0
  end
  return expectation.count >= expectation.times
end

local function state_of(expectation)
  local times = expectation.times
  if times and times ~= math.huge then
    return ("asked %d of %d times"):format(expectation.count, times)
  end
  return "never asked"
end

-- The last of a list stays where it is to answer more often than the list is long.
local function next_reply(expectation)
  local reply = expectation._reply
  if is_list(reply) then
    return reply[math.min(expectation.count, #reply)]
  end
  return reply
end

-- ---- what was asked ---------------------------------------------------------------------------

local Call = {}
local call_mt = { __name = "http.mock.Call", __index = Call }

--- The body as JSON; or nil and words.
function Call:json()
  check_self(self, call_mt, 2)
  return json.decode_body(self.body)
end

function call_mt:__tostring()
  return ("http.mock.Call (%s %s)"):format(self.method, self.url)
end

-- The first that answers; or nil, and those that do not, with the reason, the nearest first.
local function find(mock, call)
  local others = {}
  for i, expectation in ipairs(mock._expectations) do
    local params, why, nearness = expectation._matcher:match(call)
    if params and not used_up(expectation) then
      call.params = params
      return expectation
    elseif params then
      why, nearness = ("used up: %d of %d"):format(expectation.count, expectation.times), 6
    end
    others[i] = { expectation = expectation, why = why, nearness = nearness, place = i }
  end
  table.sort(others, function(a, b)
    if a.nearness ~= b.nearness then
      return a.nearness > b.nearness
    end
    return a.place < b.place
  end)
  return nil, others
end

local MOST_TOLD = 5

local function unmatched_words(call, others)
  local words = {}
  for i = 1, math.min(#others, MOST_TOLD) do
    words[i] = ("%s (%s)"):format(others[i].expectation.words, others[i].why)
  end
  if #others > MOST_TOLD then
    words[#words + 1] = ("%d more"):format(#others - MOST_TOLD)
  end
  local there = #words > 0 and "; there are: " .. table.concat(words, ", ") or "; there are none at all"
  return ("no mock for %s %s%s"):format(call.method, call.url, there)
end

-- ---- answering --------------------------------------------------------------------------------

local function passes(mock, call)
  local passthrough = mock._passthrough
  if type(passthrough) == "function" then
    return passthrough(call)
  end
  return passthrough
end

local function refuse(mock, call, others, response)
  local words = unmatched_words(call, others)
  mock._unmatched[#mock._unmatched + 1] = words
  response:fail(core.Response.PROTOCOL_INVALID_OPERATION_ERROR, words)
end

local function handle(mock, request, response)
  local call = setmetatable(matcher.describe(request), call_mt)
  mock._calls[#mock._calls + 1] = call
  local expectation, others = find(mock, call)
  if not expectation then
    if passes(mock, call) then
      call.passed_on = true
      response:pass_on()
    else
      refuse(mock, call, others, response)
    end
    return
  end
  expectation.count = expectation.count + 1
  expectation.calls[#expectation.calls + 1] = call
  answer.send(next_reply(expectation), call, response)
end

-- ---- the mock ---------------------------------------------------------------------------------

local Mock = {}
local mt = { __name = "http.Mock", __index = Mock }

function mt:__tostring()
  local closed = self.closed and ", closed" or ""
  return ("http.Mock (%d mocks, %d calls%s)"):format(#self._expectations, #self._calls, closed)
end

for _, method in ipairs { "get", "head", "put", "post", "patch", "delete", "options" } do
  --- mock:get(url, reply, options): answers GET to that URL. See Mock.on.
  Mock[method] = function(self, url, reply, options)
    check_self(self, mt, 2)
    if type(url) ~= "string" and type(url) ~= "function" then
      error(("bad argument #1 to '%s' (URL expected, got %s)"):format(method, type(url)), 2)
    end
    local expectation = expect(self, { method = method, url = url }, reply, options, 2)
    return expectation -- no tail call, or the levels would not count
  end
end

--- Answers the requests that { method=, url= or pattern=, query=, headers=, body= or json= } describes with
--- `reply`: { status=, reason=, headers=, body= or json=, delay=, error=, cut= }, a status, a body, a
--- function(request) that returns one of these, or a list of them, one for each request. Of several mocks
--- that match, the first answers that is not used up. `options`: { times=, optional= }. Returns the
--- expectation: `count`, `calls`.
function Mock:on(spec, reply, options)
  check_self(self, mt, 2)
  if type(spec) ~= "table" then
    error(("bad argument #1 to 'on' (table expected, got %s)"):format(type(spec)), 2)
  end
  local own = {}
  for name, value in pairs(spec) do
    own[name] = value
  end
  local expectation = expect(self, own, reply, options, 2)
  return expectation
end

--- Lets an application of http.app, or a handler of http.serve, answer for an origin, until the mock is
--- closed. It stands before the mocks.
function Mock:serve(origin, application)
  check_self(self, mt, 2)
  if self.closed then
    error("the mock is closed", 2)
  end
  local ok, server
  if type(application) == "function" then
    ok, server = pcall(serve, { origin = origin, handler = application })
  elseif type(application) == "table" and type(application.listen) == "function" then
    ok, server = pcall(application.listen, application, { origin = origin })
  else
    error(("bad argument #2 to 'serve' (application or function expected, got %s)"):format(type(application)), 2)
  end
  if not ok then
    error((tostring(server):gsub("^[^:]+:%d+: ", "")), 2)
  end
  self._servers[#self._servers + 1] = server
  return server
end

--- What was asked, in order: a list of { method, url, path, query, fields, headers, body, params }; with
--- `method` and `url`, which may have ":name" and "*", only those.
function Mock:calls(method, url)
  check_self(self, mt, 2)
  if method == nil and url == nil then
    return copy(self._calls)
  end
  local wanted = matcher.new({ method = method, url = url }, 2)
  local list = {}
  for _, call in ipairs(self._calls) do
    if wanted:match(call) then
      list[#list + 1] = call
    end
  end
  return list
end

--- The mocks that were not asked, or not as often as they should have been, in words.
function Mock:pending()
  check_self(self, mt, 2)
  local list = {}
  for _, expectation in ipairs(self._expectations) do
    if not is_done(expectation) then
      list[#list + 1] = ("%s (%s)"):format(expectation.words, state_of(expectation))
    end
  end
  return list
end

--- What was asked and had no mock, in words.
function Mock:unmatched()
  check_self(self, mt, 2)
  return copy(self._unmatched)
end

--- Throws unless every mock was asked, as often as its `times` say, and nothing was asked that had none.
function Mock:assert_done()
  check_self(self, mt, 2)
  local pending, words = self:pending(), {}
  if #pending > 0 then
    words[1] = "not asked: " .. table.concat(pending, ", ")
  end
  for _, unmatched in ipairs(self._unmatched) do
    words[#words + 1] = unmatched
  end
  if #words > 0 then
    error(table.concat(words, "\n"), 2)
  end
  return true
end

--- Forgets all mocks, and all that was asked.
function Mock:reset()
  check_self(self, mt, 2)
  self._expectations, self._calls, self._unmatched = {}, {}, {}
end

--- Gives the network back. What is being answered breaks off.
function Mock:close()
  check_self(self, mt, 2)
  if self.closed then
    return
  end
  self.closed = true
  for _, server in ipairs(self._servers) do
    server:close()
  end
  self._servers = {}
end

-- ---- its making -------------------------------------------------------------------------------

local SETTINGS = { origin = { string = true }, passthrough = { boolean = true, ["function"] = true } }

local function check_settings(settings, level)
  if settings ~= nil and type(settings) ~= "table" then
    error(("bad argument #1 to 'mock' (table expected, got %s)"):format(type(settings)), level + 1)
  end
  for name, value in pairs(settings or {}) do
    if not SETTINGS[name] then
      error(("unknown option '%s' of http.mock (it has origin and passthrough)"):format(tostring(name)), level + 1)
    elseif not SETTINGS[name][type(value)] then
      error(("bad option '%s' of http.mock (got a %s)"):format(name, type(value)), level + 1)
    end
  end
  return settings or {}
end

--- A mock for every origin, or for options.origin alone. What has no mock fails; with options.passthrough,
--- true or a function(request) that decides, it goes to the network.
return function(settings)
  settings = check_settings(settings, 2)
  local mock = setmetatable({
    closed = false,
    _passthrough = settings.passthrough,
    _expectations = {},
    _calls = {},
    _unmatched = {},
    _servers = {},
  }, mt)
  mock._servers[1] = take_all(settings.origin, function(request, response)
    handle(mock, request, response)
  end, 2)
  return mock
end
