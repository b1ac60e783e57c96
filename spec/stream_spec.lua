-- A Response as a Stream: reading what has arrived, as strings and as bytes.
-- SPDX-License-Identifier: MIT

local http = require("http")
local helper = require("helper")

local BODY = "one\r\ntwo\n\n\0\255\128\n\0last"
local FAMILIES = {
  read = { "read_string", "read", "read_bytes" },
  peek = { "peek_string", "peek", "peek_bytes" },
  line = { "read_line_string", "read_line", "read_line_bytes" },
  all = { "read_all_string", "read_all", "read_all_bytes" },
}
local NAN = 0 / 0

-- { family, max, what is read of BODY }
local READS = {
  { "read", nil, BODY }, { "read", 0, "" }, { "read", 1, "o" }, { "read", #BODY - 1, BODY:sub(1, -2) },
  { "read", #BODY, BODY }, { "read", #BODY + 1, BODY }, { "read", 2 ^ 53, BODY }, { "read", math.huge, BODY },
  { "peek", 0, "" }, { "peek", 1, "o" }, { "peek", #BODY, BODY }, { "peek", #BODY + 1, BODY },
  { "peek", math.huge, BODY },
  { "line", nil, "one\r\n" }, { "line", 0, "" }, { "line", 1, "o" }, { "line", 4, "one\r" }, { "line", 5, "one\r\n" },
  { "line", 6, "one\r\n" }, { "line", math.huge, "one\r\n" },
  { "all", nil, BODY },
}

local function bytes_of(text)
  return { text:byte(1, -1) }
end

-- What a method of that name returns for a text.
local function form(name, text)
  return name:find("bytes") and bytes_of(text) or text
end

local function fetch(body)
  local answer = ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"):format(#body, body)
  local response = http.get(helper.url(helper.respond(answer)))
  helper.wait(function() return response.finished end)
  assert.equal("", response.error_string)
  return response
end

-- A Response under way, and a function that sends it more of its body: it returns once that is
-- there. more() without anything ends it.
local function streaming()
  local conn
  local server = helper.respond(function(_, c)
    conn = c
    return "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
  end, { keep_open = true })
  local response = http.get(helper.url(server))
  helper.wait(function() return response.status_code == 200 end)
  return response, function(bytes)
    if not bytes then
      conn:close()
      return helper.wait(function() return response.finished end)
    end
    local before = response.bytes_available
    conn:send(bytes)
    helper.wait(function() return response.bytes_available == before + #bytes end)
  end, conn
end

-- Calls a method as a script does, with a colon, and checks that it throws: at the caller's line, and
-- naming the method and what was expected.
local function throws(response, name, expected, ...)
  local call = assert(loadstring(("local r = ... r:%s(select(2, ...))"):format(name), "=caller"))
  local ok, message = pcall(call, response, ...)
  assert.is_false(ok, name .. " did not throw")
  assert.equal(("caller:1: bad argument #1 to '%s'"):format(name), message:match("^.- to '.-'"))
  assert.truthy(message:find(expected, 1, true), message)
end

describe("response:read and its kin", function()
  helper.setup()

  for _, row in ipairs(READS) do
    local family, max, expected = row[1], row[2], row[3]
    it(("take what they should: %s with %s"):format(family, tostring(max)), function()
      for _, name in ipairs(FAMILIES[family]) do
        local response = fetch(BODY)
        local rest = family == "peek" and BODY or BODY:sub(#expected + 1)
        local got = response[name](response, max)
        assert.same(form(name, expected), got)
        assert.equal(#rest, response.bytes_available)
        assert.equal(rest == "", response.at_end)
        assert.equal(rest, response:read_string())
      end
    end)
  end

  it("throw for a max that is no number of bytes, at the caller's line", function()
    local response = fetch(BODY)
    for family, names in pairs(FAMILIES) do
      for _, name in ipairs(family ~= "all" and names or {}) do
        for _, max in ipairs({ -1, -0.5, NAN, -math.huge, "x", false, true, {}, print }) do
          throws(response, name, "number", max)
        end
        if family == "peek" then
          throws(response, name, "number")
          throws(response, name, "number", nil)
        end
      end
    end
    assert.equal(BODY, response:read_string())
  end)

  it("give nothing, neither nil nor an error, where there is nothing", function()
    local response, more = streaming()
    for _ = 1, 2 do -- before anything has come, and at the end
      for _, names in pairs(FAMILIES) do
        for _, name in ipairs(names) do
          assert.same(form(name, ""), (response[name](response, 10)))
          assert.equal(1, select("#", response[name](response, 10)))
        end
      end
      assert.equal(0, response.bytes_available)
      assert.is_false(response.can_read_line)
      assert.equal(response.finished, response.at_end)
      if not response.finished then
        more()
      end
    end
    assert.equal("", response.error_string)
  end)

  it("give every byte as it was sent", function()
    local all = {}
    for byte = 0, 255 do
      all[#all + 1] = string.char(byte)
    end
    local body = table.concat(all):rep(4100) -- a megabyte
    local response = fetch(body)
    assert.equal(body:sub(1, 300), response:peek(300))
    assert.same(bytes_of(body:sub(1, 300)), response:peek_bytes(300))
    assert.same(bytes_of(body:sub(1, 256)), response:read_bytes(256))
    assert.is_true(body:sub(257) == response:read_string())
    response = fetch(body)
    local bytes, sum = response:read_all_bytes(), 0
    assert.equal(#body, #bytes)
    for i, byte in ipairs(bytes) do
      sum = sum + (byte == (i - 1) % 256 and 1 or 0)
    end
    assert.equal(#body, sum)
  end)

  it("give lines with their ends, and at the end of the stream what is left", function()
    for _, name in ipairs(FAMILIES.line) do
      local response = fetch(BODY)
      for _, line in ipairs({ "one\r\n", "two\n", "\n", "\0\255\128\n" }) do
        assert.is_true(response.can_read_line)
        assert.same(form(name, line), response[name](response))
      end
      assert.is_false(response.can_read_line)
      assert.is_false(response.at_end)
      assert.same(form(name, "\0last"), response[name](response))
      assert.is_true(response.at_end)
      assert.same(form(name, ""), response[name](response))
    end
  end)

  it("give no part of a line while the rest may come, unless max asks for less than is there", function()
    for _, name in ipairs(FAMILIES.line) do
      local response, more = streaming()
      local function line(max) return response[name](response, max) end
      more("ab")
      assert.is_false(response.can_read_line)
      assert.same(form(name, ""), line())
      assert.same(form(name, ""), line(1))
      assert.equal(2, response.bytes_available)
      more("c\nd")
      assert.is_true(response.can_read_line)
      assert.same(form(name, "ab"), line(2))
      assert.same(form(name, "c\n"), line())
      assert.is_false(response.can_read_line)
      assert.same(form(name, ""), line())
      more("ef") -- the search for the line's end goes on where it had stopped
      assert.is_false(response.can_read_line)
      assert.equal("de", response:read(2))
      more("g\r")
      assert.is_false(response.can_read_line)
      more("\n\nh")
      assert.equal("fg\r\n\nh", response:peek(100))
      assert.same(form(name, "fg\r\n"), line())
      assert.same(form(name, "\n"), line())
      more()
      assert.is_false(response.can_read_line)
      assert.same(form(name, "h"), line())
      assert.is_true(response.at_end)
    end
  end)

  it("read a body that was cut as far as it came", function()
    local response = http.get(helper.url(helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na\nb")))
    helper.wait(function() return response.finished end)
    assert.equal(2, response.error)
    assert.is_false(response.at_end)
    assert.equal("a\n", response:read_line())
    assert.equal("b", response:read_line())
    assert.is_true(response.at_end)
  end)

  it("give nil and \"closed\" after close()", function()
    local response, more, conn = streaming()
    more("line\n")
    response:close()
    for _ = 1, 2 do -- at once, and when the exchange has ended
      for _, names in pairs(FAMILIES) do
        for _, name in ipairs(names) do
          local data, why, rest = response[name](response, 1)
          assert.same({ nil, "closed" }, { data, why, rest })
        end
      end
      assert.equal(0, response.bytes_available)
      assert.is_false(response.can_read_line)
      assert.is_true(response.at_end)
      helper.wait(function() return response.finished and conn.closed end)
      response:close()
    end
  end)
end)

describe("a Response", function()
  helper.setup()

  local REFUSED = {
    { "seek", false, 0, "number", { false, "x", {}, print } },
    { "reset", false, nil, nil, {} },
    { "open", false, http.Response.READ_WRITE_MODE, "number", { false, "r", {}, print } },
    { "write_string", 0, "text", "string", { false, true, {}, print } },
    { "write_bytes", 0, { 1, 2 }, "table", { false, "x", 5, print } },
    { "write_bytes", 0, {}, "byte", { { 256 }, { -1 }, { 1.5 }, { "a" }, { NAN }, { 1, {} } } },
  }

  for _, row in ipairs(REFUSED) do
    local name, result, argument, expected, wrong = unpack(row, 1, 5)
    it(("refuses to %s, in error_string and not in error (%s)"):format(name, tostring(expected)), function()
      for _, moment in ipairs({ "under way", "finished", "closed" }) do
        local response, more = streaming()
        more("abc")
        if moment ~= "under way" then
          more()
        end
        if moment == "closed" then
          response:close()
        end
        for _, value in ipairs(wrong) do
          throws(response, name, expected, value)
        end
        assert.equal("", response.error_string)
        assert.equal(result, response[name](response, argument))
        assert.truthy(response.error_string:find("Response", 1, true), response.error_string)
        assert.equal(0, response.error)
        assert.equal(moment ~= "under way", response.ok)
        assert.equal(moment == "closed" and 0 or 3, response.bytes_available)
        assert.equal(0, response.bytes_to_write)
        assert.equal(0, response.pos)
      end
    end)
  end

  it("tells in error_string of the last error: a cut that came after a refusal", function()
    local response, _, conn = streaming()
    response:seek(0)
    conn:reset()
    helper.wait(function() return response.finished end)
    assert.equal(2, response.error)
    assert.truthy(response.error_string:find("lost", 1, true), response.error_string)
  end)

  it("tells about_to_close_handler before its data go, once", function()
    for _, finished in ipairs({ false, true }) do
      local response, more = streaming()
      more("some\ndata")
      if finished then
        more()
      end
      response.about_to_close_handler = helper.expect(function(self)
        assert.equal(response, self)
        assert.is_true(self.is_open)
        assert.equal("some\n", self:read_line())
        assert.equal("data", self:read_all_string())
        self:close() -- closing while closing
      end)
      response:close()
      response:close()
      assert.is_false(response.is_open)
      helper.wait(function() return response.finished end)
    end
  end)
end)
