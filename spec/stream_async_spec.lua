-- The _async twins of a Stream's methods: when they complete, with what, and in which order.
-- SPDX-License-Identifier: MIT

local http = require("http")
local raw = require("raw")
local helper = require("helper")

-- { method, what it waits for }
local READS = {
  { "read_string", "some" }, { "read_bytes", "some" }, { "read", "some" },
  { "peek_string", "peek" }, { "peek_bytes", "peek" }, { "peek", "peek" },
  { "read_line_string", "line" }, { "read_line_bytes", "line" }, { "read_line", "line" },
  { "read_all_string", "all" }, { "read_all_bytes", "all" }, { "read_all", "all" },
}
local REFUSED = {
  { "seek", false, 0 }, { "reset", false }, { "open", false, 3 }, { "write_string", 0, "text" },
  { "write_bytes", 0, { 1, 2 } },
}

-- What a method of that name gives for a text.
local function form(name, text)
  return name:find("bytes") and { text:byte(1, -1) } or text
end

-- A Response under way whose body has this length (none: up to the end of the connection), a function
-- that sends it more of its body and returns once that is there, and the server's connection.
local function streaming(length)
  local conn
  local server = helper.respond(function(_, c)
    conn = c
    return "HTTP/1.1 200 OK\r\n" .. (length and "Content-Length: " .. length or "Connection: close") .. "\r\n\r\n"
  end, { keep_open = true })
  local response = http.get(helper.url(server))
  helper.wait(function() return response.status_code == 200 end)
  local sent = 0
  response.download_progress_handler = function(_, received) sent = received end
  return response, function(bytes)
    local all = sent + #bytes
    conn:send(bytes)
    helper.wait(function() return sent == all end)
  end, conn
end

local function wait_finished(response)
  helper.wait(function() return response.finished end)
end

-- A few turns of the loop, in which something that must not happen would happen.
local function turn()
  for _ = 1, 5 do
    http.poll(0)
  end
end

-- Calls the twin of a method, which must complete from the loop. Returns a list that gets what the
-- callback was given beside the stream: data and error.
local function call(response, name, max, n)
  local got, inside = {}, true
  local function callback(self, data, err, ...)
    assert.is_false(inside, name .. "_async completed inside its call")
    assert.equal(response, self)
    assert.equal(0, select("#", ...))
    got[1], got[2], got.done = data, err, true
  end
  callback = helper.expect(callback, n)
  if max or name:find("^peek") then
    response[name .. "_async"](response, max or math.huge, callback)
  else
    response[name .. "_async"](response, callback)
  end
  inside = false
  return got
end

-- Calls it and waits until it has completed.
local function complete(response, name, max)
  local got = call(response, name, max)
  helper.wait(function() return got.done end, nil, name .. "_async")
  return got[1], got[2]
end

describe("the _async twins", function()
  helper.setup()

  it("are there for every method but close", function()
    for _, list in ipairs({ READS, REFUSED }) do
      for _, row in ipairs(list) do
        assert.is_function(http.Response[row[1]], row[1])
        assert.is_function(http.Response[row[1] .. "_async"], row[1] .. "_async")
      end
    end
    assert.is_nil(http.Response.close_async)
  end)

  for _, row in ipairs(READS) do
    local name, kind = row[1], row[2]

    it(name .. "_async waits for what it should", function()
      local response, more, conn = streaming()
      local got = call(response, name)
      turn()
      assert.is_nil(got.done)
      more("ab")
      turn()
      assert.equal(kind == "some" or kind == "peek", got.done == true)
      more("c\n")
      turn()
      assert.equal(kind ~= "all", got.done == true)
      more("rest")
      conn:close()
      wait_finished(response)
      turn()
      local first = ({ some = "ab", peek = "ab", line = "abc\n", all = "abc\nrest" })[kind]
      assert.same({ form(name, first), done = true }, got)
      local rest = ("abc\nrest"):sub(kind == "peek" and 1 or #first + 1)
      assert.equal(rest, response:read_string())
    end)

    it(name .. "_async completes from the loop although all is there, and at the end with nothing", function()
      local response, more, conn = streaming(3)
      more("abc")
      wait_finished(response)
      assert.same({ form(name, "abc") }, { complete(response, name) })
      response:read_all()
      assert.same({ form(name, "") }, { complete(response, name) })
      assert.is_true(conn.open)
    end)

    it(name .. "_async waiting when the stream ends without more completes with nothing", function()
      local response, _, conn = streaming()
      local got, again = call(response, name), call(response, name)
      turn()
      conn:close()
      wait_finished(response)
      helper.wait_calls()
      assert.same({ form(name, ""), done = true }, got)
      assert.same({ form(name, ""), done = true }, again)
    end)

    it(name .. "_async gives what has come before a cut, and then the error", function()
      local response, more, conn = streaming(99)
      if kind == "all" then
        local got = call(response, name)
        more("ab")
        conn:close()
        wait_finished(response)
        turn()
        assert.same(form(name, "ab"), got[1])
        assert.equal(response.error_string, got[2])
      else
        more("ab")
        conn:reset()
        wait_finished(response)
        assert.same({ form(name, "ab") }, { complete(response, name) })
        response:read_all()
      end
      assert.equal(2, response.error)
      local data, err = complete(response, name)
      assert.same(form(name, ""), data)
      assert.equal(response.error_string, err)
      assert.truthy(err:find("lost", 1, true), err)
    end)

    it(name .. "_async tells of an exchange that was cancelled, or never had a connection", function()
      local cancelled = streaming()
      local got = call(cancelled, name)
      cancelled:abort()
      assert.is_nil(got.done)
      local refused = http.get(("http://127.0.0.1:%d/"):format(raw.refused_port()))
      local failed = call(refused, name)
      helper.wait_calls()
      assert.same({ form(name, ""), cancelled.error_string, done = true }, got)
      assert.same({ form(name, ""), refused.error_string, done = true }, failed)
      assert.truthy(got[2]:find("cancelled", 1, true), got[2])
    end)

    it(name .. "_async gives no error for an error status", function()
      local response = http.get(helper.url(helper.respond("HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nab")))
      assert.same({ form(name, "ab") }, { complete(response, name) })
      wait_finished(response)
      response:read_all()
      assert.same({ form(name, "") }, { complete(response, name) })
    end)

    it(name .. "_async gives nil and \"closed\" after close(), also where it was waiting", function()
      local response, more = streaming()
      if kind == "line" or kind == "all" then
        more("ab")
      end
      local got = { call(response, name), call(response, name) }
      turn()
      response:close()
      got[3] = call(response, name)
      assert.is_nil(got[1].done)
      helper.wait_calls()
      wait_finished(response)
      got[4] = call(response, name)
      helper.wait_calls()
      for i = 1, 4 do
        assert.same({ nil, "closed", done = true }, got[i])
      end
    end)

    if kind ~= "all" then
      it(name .. "_async takes a max", function()
        local response, more = streaming(6)
        more("ab\ncd\n")
        for _, max in ipairs({ 0, 1, 2, 3, 4, math.huge }) do
          local there = kind == "line" and "ab\n" or "ab\ncd\n"
          local expected = there:sub(1, max < 9 and max or -1)
          assert.same({ form(name, expected) }, { complete(response, name, max) })
          if kind ~= "peek" then
            response:read_all()
            response = nil -- luacheck: ignore
            response, more = streaming(6)
            more("ab\ncd\n")
          end
        end
      end)
    end
  end

  it("complete in the order of their calls, each when it is its turn", function()
    local response, more, conn = streaming()
    local order = {}
    local function note(text)
      return helper.expect(function(_, data) order[#order + 1] = text .. "=" .. data end)
    end
    response:read_string_async(1, note("one"))
    response:read_line_string_async(note("line"))
    response:peek_string_async(2, note("peek"))
    response:read_async(2, note("two"))
    response:read_all_string_async(note("all"))
    response:read_string_async(note("after"))
    more("a")
    turn()
    assert.same({ "one=a" }, order)
    more("bcd") -- the line blocks those behind it
    turn()
    assert.same({ "one=a" }, order)
    more("\nef")
    turn()
    assert.same({ "one=a", "line=bcd\n", "peek=ef", "two=ef" }, order)
    more("gh")
    conn:close()
    helper.wait_calls()
    assert.same({ "one=a", "line=bcd\n", "peek=ef", "two=ef", "all=gh", "after=" }, order)
  end)

  it("can be called from a callback: a body read byte by byte", function()
    local body = ("0123456789"):rep(50)
    local response = http.get(helper.url(helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" .. body)))
    local parts, depth = {}, 0
    local function next_byte(self, data, err)
      depth = depth + 1
      assert.equal(1, depth) -- never inside the call
      assert.is_nil(err)
      parts[#parts + 1] = data
      if data ~= "" then
        self:read_string_async(1, next_byte)
      end
      depth = depth - 1
    end
    local counted = helper.expect(next_byte, 501)
    next_byte = counted
    response:read_string_async(1, counted)
    helper.wait_calls()
    assert.equal(body, table.concat(parts))
  end)

  it("close the stream from a callback: those that wait are told", function()
    local response, more = streaming()
    response:read_string_async(1, helper.expect(function(self) self:close() end))
    local got = { call(response, "read_string"), call(response, "read_line"), call(response, "read_all") }
    more("abc")
    helper.wait_calls()
    for i = 1, 3 do
      assert.same({ nil, "closed", done = true }, got[i])
    end
  end)

  it("complete although the script has dropped the Response", function()
    local url = helper.url(helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"))
    http.get(url):read_all_string_async(helper.expect(function(_, data) assert.equal("abc", data) end))
    collectgarbage()
    helper.wait_calls()
    local done = http.get(url)
    wait_finished(done)
    done:read_string_async(helper.expect(function(_, data) assert.equal("abc", data) end))
    done = nil -- luacheck: ignore
    collectgarbage()
    helper.wait_calls()
  end)

  it("wait for more than read_buffer_size if that is what they wait for", function()
    for _, name in ipairs({ "read_all_string", "read_line_string" }) do
      local body = ("x"):rep(300000) .. "\n"
      local answer = ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(#body) .. body
      local response = http.get({ url = helper.url(helper.respond(answer)), read_buffer_size = 1000 })
      assert.is_true(body == complete(response, name))
    end
  end)

  for _, row in ipairs(REFUSED) do
    local name, result, argument = row[1], row[2], row[3]
    it(name .. "_async refuses from the loop, with words", function()
      for _, moment in ipairs({ "under way", "finished", "closed" }) do
        local response, more = streaming(3)
        if moment ~= "under way" then
          more("abc")
          wait_finished(response)
        end
        if moment == "closed" then
          response:close()
        end
        local got, inside = nil, true
        local callback = helper.expect(function(self, ...)
          assert.is_false(inside)
          assert.equal(response, self)
          got = { ... }
        end)
        if argument then
          response[name .. "_async"](response, argument, callback)
        else
          response[name .. "_async"](response, callback)
        end
        inside = false
        helper.wait_calls()
        assert.same({ result, response.error_string }, got)
        assert.truthy(got[2]:find("Response", 1, true), got[2])
      end
    end)
  end
end)

describe("misuse of an _async twin", function()
  helper.setup()

  -- Calls with a colon, as a script does; the arguments are Lua code.
  local function throws(response, name, arguments, number, expected)
    local source = ("local r = ... r:%s_async(%s)"):format(name, arguments)
    local ok, message = pcall(assert(loadstring(source, "=caller")), response)
    assert.is_false(ok, source .. " did not throw")
    local found, words = message:match("^caller:1: bad argument (#%d) to '" .. name .. "_async'(.*)")
    assert.equal(number, found, source .. ": " .. message)
    assert.truthy(words:find(expected, 1, true), message)
  end

  it("throws at the caller's line: no callback, or another thing in its place", function()
    local response = streaming()
    for _, list in ipairs({ READS, REFUSED }) do
      for _, row in ipairs(list) do
        local name = row[1]
        local one = row[2] == "all" or name == "reset"
        local valid = ({ seek = "0", open = "1", write_string = "''", write_bytes = "{}" })[name] or "1"
        for _, value in ipairs({ "", "nil", "5", "'x'", "{}", "true" }) do
          if one then
            throws(response, name, value, "#1", "function expected")
          else
            throws(response, name, valid .. (value ~= "" and ", " .. value or ""), "#2", "function expected")
          end
        end
      end
    end
  end)

  it("throws at the caller's line: a bad argument before the callback", function()
    local response = streaming()
    local wrong = {
      seek = { "false", "'x'", "{}" }, open = { "nil", "'r'", "{}" }, write_string = { "nil", "{}", "true" },
      write_bytes = { "nil", "'x'", "{256}", "{'a'}", "5" },
    }
    for _, row in ipairs(READS) do
      wrong[row[1]] = row[2] ~= "all" and { "-1", "0/0", "'x'", "{}", "false", row[2] == "peek" and "nil" or "-0.5" }
    end
    for name, values in pairs(wrong) do
      for _, value in ipairs(values or {}) do
        throws(response, name, value .. ", print", "#1", "")
      end
    end
    assert.equal("", response.error_string)
  end)

  it("leaves the others alone when a callback throws, and is reported", function()
    local script = [[
      local server = http.serve{ port = 0, handler = function(_, response) response.body = "a\nbc" end }
      local response = http.get(server.url)
      response:read_string_async(1, function(_, data) print(data) error("first one") end)
      response:read_line_async(function(_, data) print(data == "\n") error({}) end)
      response:read_async(1, function(_, data) print(data) end)
      response:read_all_async(function(_, data) print(data) server:close() end)
    ]]
    local status, output = helper.run_script(script)
    assert.equal(1, status, output)
    assert.matches("a\ntrue\nb\nc\n", output)
    assert.matches("%-e:3: first one\nstack traceback:.*error object is a table value", output)
  end)
end)
