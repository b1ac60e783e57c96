-- Back-pressure: read_buffer_size stops the socket, and chunks() and lines() take constant memory.
-- SPDX-License-Identifier: MIT

local http = require("http")
local raw = require("raw")
local helper = require("helper")
local certs = require("certs")

local MIB = 1024 * 1024
local BIG = 32 * MIB
local AHEAD = 256 * 1024      -- what chunks() and lines() let wait
local SLACK = 128 * 1024      -- what one turn may bring beyond the limit
local MEMORY = 16 * MIB       -- how much the process may grow while THROUGH passes
local UNSENT = MIB            -- what the server keeps in memory
local CHECKED = helper.under ~= nil -- asan and valgrind are slow and keep what is freed
local THROUGH = CHECKED and 8 * MIB or BIG
local FRAMINGS = { "counted", "chunked", "closed" }

-- 64 KiB in lines of 4 KiB that all differ.
local PIECE = ""
for i = 1, 16 do
  PIECE = PIECE .. ("%06d%s\n"):format(i, ("."):rep(4089))
end

-- Megabytes of strings under the harsh collector take minutes.
local function calm_gc()
  collectgarbage("setpause", 110)
  collectgarbage("setstepmul", 400)
end

local function wait_finished(response)
  helper.wait(function() return response.finished end, 30)
end

-- A server whose body is `size` bytes, PIECE after PIECE. feed() gives its connection more to send.
local function source(framing, secure, size)
  local self = { left = size, framing = framing }
  local heads = {
    counted = "Content-Length: " .. size,
    chunked = "Transfer-Encoding: chunked",
    closed = "Connection: close",
  }

  function self.feed()
    local conn = self.conn
    while conn and conn.unsent_count < UNSENT and self.left > 0 do
      self.left = self.left - #PIECE
      if framing ~= "chunked" then
        conn:send(PIECE)
      else
        for i = 1, 4 do
          conn:send("4000\r\n" .. PIECE:sub((i - 1) * 16384 + 1, i * 16384) .. "\r\n")
        end
      end
      if self.left == 0 and framing == "chunked" then
        conn:send("0\r\n\r\n")
      elseif self.left == 0 and framing == "closed" then
        conn:close()
      end
    end
  end

  self.server = helper.respond(function(_, conn)
    conn:send("HTTP/1.1 200 OK\r\n" .. heads[framing] .. "\r\n\r\n")
    self.conn = conn
    self.feed()
  end, { keep_open = true, tls = secure and certs.server or nil })
  return self
end

local function get(from, options)
  options = options or {}
  options.url = helper.url(from.server)
  options.ca_file = certs.ca_file
  return http.get(options)
end

-- Turns the loop until nothing moves any more.
local function settle(response, from)
  local still, seen, deadline = 0, nil, raw.now() + 20
  calm_gc()
  while still < 100 do
    assert(raw.now() < deadline, "the transfer does not stand still")
    from.feed()
    http.poll(0)
    local now = response.bytes_available + from.left + (from.conn and from.conn.unsent_count or 0)
    still = from.conn and now == seen and still + 1 or 0
    seen = now
  end
end

-- Follows how much memory this process takes beyond what it took at first.
local function watch_memory()
  calm_gc()
  collectgarbage()
  local base, most = raw.rss(), 0
  return function()
    most = CHECKED and 0 or math.max(most, raw.rss() - base)
    return most
  end
end

local REFERENCE = PIECE:rep(9)

local function same_as_sent(at, bytes)
  return bytes == REFERENCE:sub(at % #PIECE + 1, at % #PIECE + #bytes)
end

for _, secure in ipairs({ false, true }) do
  local transport = secure and "TLS" or "plain"

  describe("response.read_buffer_size, " .. transport, function()
    helper.setup()

    for _, framing in ipairs(FRAMINGS) do
      for _, size in ipairs({ 1, 5000, 100000 }) do
        it(("stops the socket while %d bytes wait, and goes on with reading: %s"):format(size, framing), function()
          local from = source(framing, secure, BIG)
          local response = get(from, { read_buffer_size = size })
          settle(response, from)
          assert.is_true(from.left > 0)
          assert.is_true(from.conn.unsent_count >= UNSENT)
          local waiting = response.bytes_available
          assert.is_true(waiting >= size and waiting <= size + SLACK, waiting .. " bytes wait")
          local at, most = 0, 0
          while at < 2 * MIB do
            local bytes = response:read_string(at % 3 == 0 and 40000 or nil)
            assert.is_true(same_as_sent(at, bytes))
            at = at + #bytes
            from.feed()
            http.poll(0)
            most = math.max(most, response.bytes_available)
          end
          assert.is_true(most <= size + SLACK, most .. " bytes waited")
          assert.is_false(response.finished)
          response:close()
          helper.wait(function() return from.conn.closed and response.finished end)
        end)
      end

      it("can be lifted and lowered under way: " .. framing, function()
        local from = source(framing, secure, 8 * MIB)
        local response = get(from, { read_buffer_size = 1000 })
        settle(response, from)
        local first = response.bytes_available
        response.read_buffer_size = 500000
        settle(response, from)
        local second = response.bytes_available
        assert.is_true(first < 500000 and second >= 500000 and second <= 500000 + SLACK, first .. " " .. second)
        response.read_buffer_size = 1000
        settle(response, from)
        assert.equal(second, response.bytes_available)
        response.read_buffer_size = 0
        helper.wait(function() from.feed() return response.finished end, 20)
        assert.is_true(response.ok)
        assert.equal(8 * MIB, response.bytes_available)
        assert.is_true(PIECE:rep(128) == response:read_all())
      end)
    end

    it("is no limit to await(), where nobody reads", function()
      local from = source("counted", secure, UNSENT)
      local response = get(from, { read_buffer_size = 1000 })
      settle(response, from)
      assert.equal(response, response:await())
      assert.is_true(response.ok)
      assert.equal(UNSENT, response.bytes_available)
    end)

    it("passes a big body through ready_read_handler in constant memory", function()
      local from = source("counted", secure, THROUGH)
      local response = get(from, { read_buffer_size = 65536 })
      local at, grown = 0, watch_memory()
      response.ready_read_handler = function(self)
        at = at + #self:read_string()
        from.feed()
        grown()
      end
      wait_finished(response)
      assert.is_true(response.ok)
      assert.equal(THROUGH, at)
      assert.is_true(grown() < MEMORY, grown() .. " bytes")
    end)
  end)

  describe("response:chunks() and response:lines(), " .. transport, function()
    helper.setup()

    for _, framing in ipairs(FRAMINGS) do
      it("take a big body in constant memory: chunks, " .. framing, function()
        local from = source(framing, secure, THROUGH)
        local response = get(from)
        local at, most, grown = 0, 0, watch_memory()
        for chunk in response:chunks() do
          assert.is_true(same_as_sent(at, chunk))
          at = at + #chunk
          most = math.max(most, #chunk + response.bytes_available)
          grown()
          from.feed()
        end
        assert.is_true(response.ok)
        assert.equal(THROUGH, at)
        assert.is_true(most <= AHEAD + SLACK, most .. " bytes waited")
        assert.is_true(grown() < MEMORY, grown() .. " bytes")
      end)

      it("take a big body in constant memory: lines, " .. framing, function()
        local from = source(framing, secure, THROUGH)
        local response = get(from)
        local count, most, grown = 0, 0, watch_memory()
        for line in response:lines() do
          count = count + 1
          assert.is_true(#line == 4095 and same_as_sent((count - 1) * 4096, line))
          most = math.max(most, response.bytes_available)
          grown()
          from.feed()
        end
        assert.is_true(response.ok)
        assert.equal(THROUGH / 4096, count)
        assert.is_true(most <= AHEAD + SLACK, most .. " bytes waited")
        assert.is_true(grown() < MEMORY, grown() .. " bytes")
      end)

      it("end where the transfer breaks off, and response.error tells: " .. framing, function()
        for _, iterator in ipairs(framing ~= "closed" and { "chunks", "lines" } or {}) do
          local from = source(framing, secure, BIG)
          local response = get(from)
          local at, times = 0, 0
          for part in response[iterator](response) do
            at = at + #part + (iterator == "lines" and 1 or 0)
            times = times + 1
            if times == 5 then
              from.conn:close()
            end
          end
          assert.is_true(at >= AHEAD / 2 and at < BIG, tostring(at))
          assert.is_true(response.finished)
          assert.equal(http.Response.REMOTE_HOST_CLOSED_ERROR, response.error)
          assert.is_true(response.at_end)
        end
      end)
    end

    it("can be left by break: the rest is there to be read, or goes with close()", function()
      local from = source("counted", secure, BIG)
      local response, at, lines = get(from), 0, 0
      for chunk in response:chunks() do
        at = at + #chunk
        if at > 0 then
          break
        end
      end
      settle(response, from)
      assert.is_true(response.bytes_available <= AHEAD + SLACK)
      assert.is_true(same_as_sent(at, response:read(1000)))
      for _ in response:lines() do
        lines = lines + 1
        if lines == 10 then
          break
        end
      end
      response:close()
      for _ in response:chunks() do
        error("there is something after close()")
      end
      helper.wait(function() return from.conn.closed and response.finished end)
    end)

    it("wait in a task, while the loop goes on", function()
      local from = source("chunked", secure, 4 * MIB)
      local response, at, lines = get(from), 0, 0
      local other = http.get(helper.url(helper.respond("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\na\r\n\r\n\nb")))
      local list = {}
      http.spawn(function()
        for chunk in response:chunks() do
          at = at + #chunk
          from.feed()
        end
      end)
      http.spawn(function()
        for line in other:lines() do
          list[#list + 1] = line
          lines = lines + 1
        end
      end)
      helper.wait(function() return at == 4 * MIB and response.finished and lines == 4 end, 20)
      assert.same({ "a", "", "", "b" }, list)
    end)

    for _, size in ipairs({ 0, 10, 5000 }) do -- 0: the one that lines() sets
      it("take a line that is longer than the buffer of " .. size, function()
        local long = ("x"):rep(3 * MIB)
        local body = "first\n" .. long .. "\nlast\n"
        local server = helper.respond(("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(#body) .. body,
          { tls = secure and certs.server or nil })
        local response = get({ server = server }, { read_buffer_size = size })
        local lines = {}
        http.spawn(function()
          for line in response:lines() do
            lines[#lines + 1] = line
          end
        end)
        local ok, why = pcall(helper.wait, function() return #lines == 3 and response.finished end)
        response:close() -- nothing else would end a socket that stands still
        assert.is_true(ok, why)
        assert.is_true("first" == lines[1] and long == lines[2] and "last" == lines[3])
      end)
    end
  end)
end

describe("response:chunks()", function()
  helper.setup()

  it("and lines() give what is left of a body that has come already", function()
    for _, iterator in ipairs({ "chunks", "lines" }) do
      local response = http.get(helper.url(helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab\nc")))
      wait_finished(response)
      assert.equal("a", response:read(1))
      local parts = {}
      for part in response[iterator](response) do
        parts[#parts + 1] = part
      end
      assert.same(iterator == "chunks" and { "b\nc" } or { "b", "c" }, parts)
      assert.equal(0, response.read_buffer_size)
    end
  end)

  it("and lines() cannot wait in a handler: they throw at its line", function()
    local url = helper.url(helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na"))
    for _, iterator in ipairs({ "chunks", "lines" }) do
      local response = http.get(url)
      response.ready_read_handler = helper.expect(function(self)
        local ok, message = pcall(function()
          for _ in self[iterator](self) do end -- the first may be there, the second is not
        end)
        assert.is_false(ok)
        assert.matches("^.-backpressure_spec%.lua:%d+: .*handler", message)
      end)
      wait_finished(response)
    end
  end)
end)
