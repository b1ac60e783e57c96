-- The handlers of a Response: which run, in what order, how often, and what becomes of their errors.
-- SPDX-License-Identifier: MIT

local http = require("http")
local raw = require("raw")
local helper = require("helper")

local HANDLERS = {
  download = "download_progress_handler",
  upload = "upload_progresss_handler",
  finished = "finished_handler",
  error = "error_handler",
  ready = "ready_read_handler",
  written = "bytes_written_handler",
  close = "about_to_close_handler",
}
local ARGUMENTS = { download = 2, upload = 2, error = 1, written = 1 } -- beside the Response

local BODY = ("x"):rep(100000)
local OK = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
local EMPTY = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

-- Starts a request by start(url, callback) and notes each call of a handler in the list `log`. What
-- acts[name] does happens in the first such call. Returns when all is over.
local function record(start, url, acts)
  local log, response, inside = {}, nil, true
  acts = acts or {}

  local function act(name)
    local fn = acts[name]
    acts[name] = nil
    if fn then
      inside = true
      fn(response)
      inside = false
    end
  end

  local function note(name)
    return function(self, ...)
      local entry = { name, ... }
      entry.count, entry.self, entry.inside = select("#", ...), self, inside
      entry.finished, entry.status, entry.length = self.finished, self.status_code, self.headers["content-length"]
      log[#log + 1] = entry
      act(name)
    end
  end

  response = start(url, note("callback"))
  inside = false
  for name, handler in pairs(HANDLERS) do
    response[handler] = note(name)
  end
  assert.equal(0, #log)
  act("at once")
  helper.wait(function() return #log > 0 and log[#log][1] == "finished" end, nil, "finished_handler")
  local count = #log
  for _ = 1, 5 do
    http.poll(0)
  end
  assert.equal(count, #log)
  for _, entry in ipairs(log) do
    assert.equal(response, entry.self)
    assert.equal(ARGUMENTS[entry[1]] or 0, entry.count)
    assert.equal(entry[1] == "close", entry.inside, entry[1] .. " ran inside a call")
  end
  return log, response
end

-- The names in a log, each once, in the order in which they came first.
local function order(log)
  local names, seen = {}, {}
  for _, entry in ipairs(log) do
    if not seen[entry[1]] then
      seen[entry[1]] = true
      names[#names + 1] = entry[1]
    end
  end
  return table.concat(names, " ")
end

local function calls(log, name)
  local list = {}
  for _, entry in ipairs(log) do
    list[#list + 1] = entry[1] == name and entry or nil
  end
  return list
end

local function get(url, callback) return http.get(url, callback) end
local function head(url, callback) return http.head(url, callback) end
local function post(url, callback) return http.post(url, BODY, callback) end

-- { what happens, request, answer, order of handlers, error, acts }
local EXCHANGES = {
  { "a body both ways", post, OK .. BODY, "upload ready download callback finished", 0 },
  { "a body that comes", get, OK .. BODY, "ready download callback finished", 0 },
  { "a body that goes", post, EMPTY, "upload download callback finished", 0 },
  { "no body", get, EMPTY, "download callback finished", 0 },
  { "no body for HEAD", head, OK, "download callback finished", 0 },
  { "no body with 204", get, "HTTP/1.1 204 No Content\r\n\r\n", "download callback finished", 0 },
  { "chunks without a body", get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "download callback finished", 0 },
  { "an error status with a body", get, "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc",
    "ready download error callback finished", 203 },
  { "an error status without a body", post, "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
    "upload download error callback finished", 401 },
  { "a body that is cut", get, OK .. "abc", "ready download error callback finished", 2 },
  { "a body that never begins", get, OK, "download error callback finished", 2 },
  { "no answer", get, "", "download error callback finished", 2 },
  { "nonsense for an answer", get, "no HTTP at all\r\n\r\n", "download error callback finished", 399 },
  { "nobody there", get, nil, "download error callback finished", 1 },
  { "a cancel at once", get, OK .. BODY, "download error callback finished", 5,
    { ["at once"] = function(r) r:abort() r:abort() end } },
  { "a close at once", get, OK .. BODY, "close download error callback finished", 5,
    { ["at once"] = function(r) r:close() r:close() r:abort() end } },
  { "a cancel in upload_progress_handler", post, OK .. BODY, "upload download error callback finished", 5,
    { upload = function(r) r:abort() end } },
  { "a cancel in ready_read_handler", get, OK .. BODY, "ready download error callback finished", 5,
    { ready = function(r) r:abort() end } },
  { "a cancel in download_progress_handler", get, OK .. BODY, "ready download error callback finished", 5,
    { download = function(r) r:abort() end } },
  { "a close in ready_read_handler", get, OK .. BODY, "ready close download error callback finished", 5,
    { ready = function(r) r:close() end } },
  { "a cancel in error_handler", get, OK .. "abc", "ready download error callback finished", 2,
    { error = function(r) r:abort() end } },
  { "a cancel in the callback", get, OK .. BODY, "ready download callback finished", 0,
    { callback = function(r) r:abort() end } },
  { "a close in the callback", get, OK .. BODY, "ready download callback close finished", 0,
    { callback = function(r) r:close() end } },
}

describe("the handlers of a Response", function()
  helper.setup()

  for _, exchange in ipairs(EXCHANGES) do
    local title, start, answer, expected, code, acts = unpack(exchange, 1, 6)
    it("run in the documented order: " .. title, function()
      local url = ("http://127.0.0.1:%d/"):format(raw.refused_port())
      if answer then
        url = helper.url(helper.respond(answer))
      end
      local own = {}
      for name, fn in pairs(acts or {}) do
        own[name] = fn
      end
      local log, response = record(start, url, own)
      assert.equal(expected, order(log))
      assert.equal(code, response.error)
      for _, name in ipairs({ "callback", "finished" }) do
        assert.equal(1, #calls(log, name))
        assert.is_true(calls(log, name)[1].finished)
      end
      local last = #log - (log[#log - 1][1] == "close" and 1 or 0)
      assert.same({ "callback", "finished" }, { log[last - 1][1], log[#log][1] })
      assert.equal(code == 0 and 0 or 1, #calls(log, "error"))
      if code ~= 0 then
        assert.equal("error", log[#log - 2][1])
        assert.equal(code, log[#log - 2][2])
        assert.is_true(log[#log - 2].finished)
      end
      assert.equal(expected:find("close") and 1 or 0, #calls(log, "close"))
      for _, entry in ipairs(calls(log, "ready")) do
        assert.is_false(entry.finished)
        assert.same({ response.status_code, response.headers["Content-Length"] }, { entry.status, entry.length })
      end
      if not expected:find("ready") then
        local entry = calls(log, "download")[1]
        assert.same({ 1, 0, 0 }, { #calls(log, "download"), entry[2], entry[3] })
      end
    end)
  end

  for title, options in pairs({
    ["a known length"] = { OK .. BODY, 100000 },
    ["chunks"] = { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      .. ("2710\r\n" .. BODY:sub(1, 10000) .. "\r\n"):rep(10) .. "0\r\n\r\n", -1 },
    ["a body up to the end of the connection"] = { "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" .. BODY, -1 },
  }) do
    it("tell of the download's progress: " .. title, function()
      local server = helper.respond(function(_, conn)
        local from = 1
        http.every(0.001, function(timer) -- in pieces, each seen alone
          conn:send(options[1]:sub(from, from + 29999))
          from = from + 30000
          if from > #options[1] then
            timer:cancel()
            conn:close()
          end
        end)
      end, { keep_open = true })
      local log, response = record(get, helper.url(server))
      assert.is_true(#calls(log, "download") >= 3)
      local before = 0
      for _, entry in ipairs(calls(log, "download")) do
        assert.is_true(entry[2] > before)
        assert.equal(options[2], entry[3])
        before = entry[2]
      end
      assert.equal(100000, before)
      assert.equal(BODY, response:read_string())
    end)
  end

  it("tell of the upload's progress, and of none where there is no body", function()
    local server = helper.respond(EMPTY)
    for _, request in ipairs({ "put", "post", "patch" }) do
      local log = record(function(url, callback) return http[request](url, ("u"):rep(3000000), callback) end,
        helper.url(server))
      local before = 0
      for _, entry in ipairs(calls(log, "upload")) do
        assert.is_true(entry[2] > before)
        assert.equal(3000000, entry[3])
        before = entry[2]
      end
      assert.equal(3000000, before)
      for _, data in pairs({ "none", "", {} }) do
        log = record(function(url, callback) return http[request](url, data ~= "none" and data or nil, callback) end,
          helper.url(server))
        assert.equal(0, #calls(log, "upload"))
      end
    end
  end)
end)

describe("a handler", function()
  helper.setup()

  local SLOTS = { "upload_progress_handler" }
  for _, name in pairs(HANDLERS) do
    SLOTS[#SLOTS + 1] = name
  end

  it("reads as what was assigned, is removed by nil, and is a function or nothing", function()
    local response = http.get(helper.url(helper.respond(EMPTY)))
    for _ = 1, 2 do -- under way, and finished
      for _, name in ipairs(SLOTS) do
        local function one() end
        local function two() end
        assert.is_nil(response[name])
        response[name] = one
        assert.equal(one, response[name])
        response[name] = two
        for _, value in ipairs({ true, false, 5, "text", {}, setmetatable({}, { __call = one }), io.stdout }) do
          local ok, message = pcall(function() response[name] = value end)
          assert.is_false(ok)
          assert.matches("^.-handlers_spec%.lua:%d+: .*" .. name .. ".*function or nil expected, got " .. type(value),
            message)
        end
        assert.equal(two, response[name])
        response[name] = nil
        assert.is_nil(response[name])
      end
      helper.wait(function() return response.finished end)
    end
  end)

  it("is one and the same for upload_progress and upload_progresss", function()
    local response = http.post(helper.url(helper.respond(EMPTY)), BODY)
    local old = helper.expect(function() end, 0)
    local new = helper.expect(function() end, "some")
    response.upload_progresss_handler = old
    assert.equal(old, response.upload_progress_handler)
    response.upload_progress_handler = new
    assert.equal(new, response.upload_progresss_handler)
    response.upload_progresss_handler = nil
    assert.is_nil(response.upload_progress_handler)
    response.upload_progress_handler = new
    helper.wait(function() return response.finished end)
  end)

  it("that was removed runs no more, and one assigned in another handler does", function()
    local response = http.get(helper.url(helper.respond(OK .. "abc")), helper.expect(function(self)
      self.finished_handler = helper.expect(function() end)
    end))
    response.finished_handler = helper.expect(function() end, 0)
    response.download_progress_handler = helper.expect(function() end, 0)
    response.ready_read_handler = helper.expect(function(self)
      self.download_progress_handler, self.ready_read_handler, self.finished_handler = nil, nil, nil
      self.error_handler = helper.expect(function() end)
    end)
    helper.wait_calls()
  end)
end)

describe("a handler that throws", function()
  helper.setup()

  local SCRIPT = [[
    local url, slot, kind = ...
    local object = setmetatable({}, { __tostring = function() return "an object's words" end })
    local values = { string = "a string", table = {}, object = object }
    local function handler(name)
      return function()
        print("ran " .. name)
        if name == slot then error(values[kind]) end
      end
    end
    local response = http.post(url, "data", handler("callback"))
    for name in ("upload_progress error ready_read download_progress finished about_to_close"):gmatch("%S+") do
      response[name .. "_handler"] = handler(name)
    end
    response:read_all_string_async(handler("read"))
    response:read_all_string_async(handler("second read"))
    response:await()
    response:close()
    print("ran to the end")
  ]]
  local WORDS = {
    string = "-e:%d+: a string",
    table = "%(error object is a table value%)",
    object = "an object's words",
    ["nil"] = "%(error object is a nil value%)",
  }
  local RUN = {
    "callback", "upload_progress", "error", "ready_read", "download_progress", "finished", "about_to_close",
    "read", "second read",
  }

  -- Runs SCRIPT against a server. Returns its exit status, and all that it printed.
  local function run(slot, kind)
    local server = helper.respond("HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc")
    return helper.run_script(SCRIPT, helper.url(server), slot, kind)
  end

  local function check_ran(output)
    for _, name in ipairs(RUN) do
      assert.truthy(output:find("ran " .. name .. "\n", 1, true), name .. " did not run:\n" .. output)
    end
    assert.truthy(output:find("ran to the end", 1, true), output)
  end

  it("is needed for exit status 1", function()
    local status, output = run("none", "string")
    check_ran(output)
    assert.equal(0, status)
    assert.is_nil(output:find("traceback", 1, true))
  end)

  for _, slot in ipairs(RUN) do
    for kind, words in pairs(WORDS) do
      it(("is reported with a traceback, and the others run: %s, %s"):format(slot, kind), function()
        local status, output = run(slot, kind)
        check_ran(output)
        assert.matches("moonwire: .-" .. words, output)
        assert.matches("stack traceback:.-%-e:%d+: in ", output)
        assert.equal(1, status)
      end)
    end
  end
end)
