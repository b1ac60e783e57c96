-- The collector and what is in flight: nothing is taken too early, and nothing stays for ever.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")

local HELLO = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

-- Compiled code leaves what it is done with in places where the collector still finds it.
local function interpret()
  jit.off()
  jit.flush()
end

local function collect()
  collectgarbage()
  collectgarbage()
end

-- A table that forgets what nobody else holds.
local function weak()
  return setmetatable({}, { __mode = "v" })
end

local function hello(callback)
  return http.get(helper.url(helper.respond(HELLO)), callback)
end

-- A server whose connections wait for conn:send(HELLO).
local function patient()
  local server
  server = raw.listen({ on_connect = function(conn) server.conn = conn end })
  return server
end

describe("a Response in flight that nobody holds", function()
  helper.setup()
  setup(interpret)
  teardown(jit.on)

  it("still finishes, and its handlers run", function()
    local calls = {}
    local function note(name)
      return helper.expect(function(self)
        assert.equal("http.Response", getmetatable(self))
        calls[#calls + 1] = name
      end)
    end
    do
      local response = hello(note("callback"))
      response.ready_read_handler = note("ready_read")
      response.download_progress_handler = note("download_progress")
      response.finished_handler = note("finished")
    end
    collect()
    helper.wait_calls()
    assert.same({ "ready_read", "download_progress", "callback", "finished" }, calls)
  end)

  it("keeps what its handlers and the script keep with it", function()
    local server = patient()
    local seen
    do
      local response = http.get(helper.url(server))
      response.mine = { "kept" }
      response.finished_handler = function(self) seen = self.mine[1] .. self:read_string() end
    end
    helper.wait(function() collect() return server.conn end)
    server.conn:send(HELLO)
    helper.wait(function() collect() return seen end)
    assert.equal("kepthello", seen)
  end)

  it("finishes though nobody has asked to hear of it", function()
    local server = patient()
    http.get(helper.url(server))
    helper.wait(function() collect() return server.conn end)
    assert.equal(1, http._live().exchanges)
    server.conn:send(HELLO)
    helper.wait(function() collect() return http._live().exchanges == 0 end)
  end)

  it("is there as long as it is in flight, and gone after", function()
    local server = patient()
    local held = weak()
    held[1] = http.get(helper.url(server))
    helper.wait(function() collect() return server.conn end)
    assert.is_truthy(held[1])
    server.conn:send(HELLO)
    helper.wait(function() collect() return held[1] == nil end)
    assert.equal(0, http._live().exchanges)
  end)

  it("completes reads that wait, and lets go of them", function()
    local server = patient()
    local held, line = weak(), nil
    do
      local response = http.get(helper.url(server))
      held[1] = response
      response:read_line_string_async(helper.expect(function(_, data) line = data end))
      response:read_all_string_async(helper.expect(function(_, data) assert.equal("o\n", data) end))
    end
    helper.wait(function() collect() return server.conn end)
    server.conn:send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhel\no\n")
    helper.wait_calls()
    assert.equal("hel\n", line)
    helper.wait(function() collect() return held[1] == nil end)
  end)
end)

describe("a finished Response", function()
  helper.setup()
  setup(interpret)
  teardown(jit.on)

  it("is there as long as somebody holds it, with its head and body", function()
    local response = hello():await()
    local headers = response.headers
    collect()
    assert.equal("5", headers["content-length"])
    assert.equal("hello", response:read_string())
  end)

  it("leaves what was taken from it when it goes", function()
    local held = weak()
    held[1] = hello():await()
    local headers, body, url = held[1].headers, held[1]:peek_string(5), held[1].url
    collect()
    assert.is_nil(held[1])
    assert.equal("5", headers["Content-Length"])
    assert.equal("hello", body)
    assert.matches("^http://127", url)
  end)

  it("is collected though its handlers, its callback and its own fields hold it", function()
    local held = weak()
    local function make(start)
      local response
      response = start(function() return response end)
      for _, name in ipairs({ "finished", "error", "ready_read", "download_progress", "about_to_close" }) do
        response[name .. "_handler"] = function() return response end
      end
      response.own = response
      response.more = { response }
      held[#held + 1] = response
    end
    make(hello)
    make(function(callback) return http.get("http://127.0.0.1:" .. raw.refused_port(), callback) end)
    make(function(callback)
      local response = hello(callback)
      response:abort()
      return response
    end)
    assert.equal(3, #held)
    helper.wait(function() collect() return next(held) == nil end)
    assert.equal(0, http._live().exchanges)
  end)

  it("is collected after an await in a task, and the task with it", function()
    local held = weak()
    do
      local task
      task = http.spawn(function()
        local response = hello()
        held[#held + 1] = response
        response.own = task
        response:await()
        http.sleep(0)
        return response
      end)
      held[#held + 1] = task
      task:await()
    end
    collect()
    assert.is_nil(next(held))
  end)

  it("lets go of its callback, which never runs again", function()
    local held = weak()
    local function make()
      local big = {}
      held[1] = big
      return hello(function() return big end)
    end
    local response = make():await()
    collect()
    assert.is_nil(held[1])
    assert.is_true(response.ok)
  end)

  it("lets the collector know of a body that Lua does not see", function()
    collectgarbage("setpause", 200) -- as it is by default
    collectgarbage("setstepmul", 200)
    collect()
    local body = ("x"):rep(1024 * 1024)
    local server = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body,
      { keep_open = true })
    local most = 0
    for _ = 1, 200 do
      http.get(helper.url(server)):await()
      most = math.max(most, http._live().exchanges)
    end
    assert.is_true(most < 100, "so many were alive: " .. most)
    helper.harsh_gc()
  end)

  it("cannot be finalised by hand", function()
    local response = hello():await()
    assert.equal("http.Response", getmetatable(response))
    assert.is_false(pcall(setmetatable, response, {}))
    assert.is_nil(response.__gc)
  end)
end)

describe("a server", function()
  helper.setup()
  setup(interpret)
  teardown(jit.on)

  it("goes on though nobody holds it", function()
    local held = weak()
    local url
    do
      local server
      server = http.serve({ handler = function(request, response)
        response.body = request.path
        if request.path == "/end" then
          server:close()
        end
      end })
      url = server.url
    end
    collect()
    assert.equal("/a", http.get(url .. "/a"):await():read_string())
    collect()
    http.get(url .. "/end"):await()
    assert.is_nil(next(held))
    assert.equal(0, http._live().servers)
  end)

  it("is collected once it is closed, with its handler and the requests that it had", function()
    local held = weak()
    do
      local server
      server = http.serve({ handler = function(request, response)
        held[#held + 1] = request
        held[#held + 1] = response
        request.own = { request, response, server }
        response.body = "hello"
        http.sleep(0)
      end })
      held[#held + 1] = server
      assert.equal("hello", http.get(server.url):await():read_string())
      server:close()
    end
    helper.wait(function() collect() return next(held) == nil end)
  end)

  it("keeps a request until it is answered, whoever holds it", function()
    local goes_on = false
    local server = http.serve({ handler = function(_, response)
      while not goes_on do
        http.sleep(0.001)
        collect()
      end
      response.body = "answered"
    end })
    local response = http.get(server.url)
    helper.wait(function() collect() return http._live().requests == 1 end)
    goes_on = true
    assert.equal("answered", response:await():read_string())
    server:close()
  end)
end)
