-- The response of http.PoolManager: its body at once or in pieces, and what is left of one that breaks off.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")

local R = http.Response
local MIB = 1024 * 1024
local STREAMED = { preload_content = false }
local CHECKED = helper.under ~= nil -- asan and valgrind are slow and keep what is freed
local BODY = "first line\nsecond\0line\nthird"

local pool = http.PoolManager()

local function whole(body)
  return ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"):format(#body, body)
end

-- The same outside any task and in one.
local function everywhere(title, fn)
  it(title .. ", outside any task", fn)
  it(title .. ", in a task", function()
    http.spawn(fn):await()
  end)
end

-- A response of which the head has come, and the connection on which to send its body of `length` bytes.
local function begun(length, options)
  local conn
  local server = helper.respond(function(_, c)
    conn = c
    return ("HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n"):format(length)
  end, { keep_open = true })
  local response = assert(pool:request("GET", helper.url(server), options or STREAMED))
  return response, conn
end

local function gone(conn)
  return helper.wait(function() return conn.closed end, 5, "the connection to go")
end

local function collect(response, size)
  local pieces = {}
  for piece in response:stream(size) do
    pieces[#pieces + 1] = piece
  end
  return pieces
end

describe("a response whose body was read at once", function()
  helper.setup()

  local function get(body)
    return assert(pool:request("GET", helper.url(helper.respond(whole(body)))))
  end

  everywhere("has it in data, and hands it out in pieces as well", function()
    local response = get(BODY)
    assert.equal(BODY, response.data)
    assert.equal(BODY:sub(1, 5), response:read(5))
    assert.equal("", response:read(0))
    assert.same({ BODY:sub(6, 25), BODY:sub(26) }, collect(response, 20))
    assert.same({ "", "" }, { response:read(1), response:read() })
    assert.equal(BODY, response.data)
    assert.equal("", response.error_string)
  end)

  it("keeps data when it is closed", function()
    local response = get(BODY)
    response:release_conn()
    response:close()
    response:close()
    assert.equal(BODY, response.data)
    assert.equal(BODY, response:read())
    assert.same({ 0, "" }, { response.error, response.error_string })
    assert.equal("", get("").data)
    assert.same({}, collect(get("")))
  end)

  it("decodes JSON, or says what is wrong with it", function()
    assert.same({ a = { 1, 2 } }, get('{"a":[1,2]}'):json())
    assert.is_false(get("false"):json())
    local value, message = get("nonsense"):json()
    assert.is_nil(value)
    assert.matches("^the body is not JSON: ", message)
    assert.is_nil((get(""):json()))
  end)
end)

describe("request() with preload_content = false", function()
  helper.setup()

  everywhere("returns as soon as the head is in; data waits for the body", function()
    local response, conn = begun(10)
    assert.same({ 403, "Forbidden", "10" }, { response.status, response.reason, response.headers["content-length"] })
    assert.same({ 0, "" }, { response.error, response.error_string })
    assert.equal(0, response.response.bytes_available)
    conn:send("01234")
    http.after(0.01, function() conn:send("56789") end)
    assert.equal("0123456789", response.data)
    assert.equal("0123456789", response.data)
    assert.same({ 0, "" }, { response.error, response.error_string })
  end)

  everywhere("read(n) gives n bytes however they come, fewer at the end, then none", function()
    local response, conn = begun(10)
    local sent = 0
    local function more()
      conn:send(("0123456789"):sub(sent + 1, sent + 3))
      sent = sent + 3
      if sent < 10 then
        http.after(0.005, more)
      end
    end
    more()
    assert.equal("", response:read(0))
    assert.same({ "01234", n = 1 }, { n = select("#", response:read(0)), response:read(5) })
    assert.equal("567", response:read(3))
    assert.equal("89", response:read(5))
    assert.equal("", response:read(5))
    assert.equal("", response:read())
    assert.same({ "", 0, "" }, { response.data, response.error, response.error_string })
  end)

  everywhere("read() gives the rest, and data is what was not read before", function()
    local first, conn = begun(6)
    conn:send("abcdef")
    assert.equal("ab", first:read(2))
    assert.equal("cdef", first:read())
    assert.equal("", first:read())
    local second, other = begun(6)
    other:send("abcdef")
    assert.equal("ab", second:read(2))
    assert.equal("cdef", second.data)
    assert.equal("cd", second:read(2))
    assert.equal("ef", second:read(math.huge))
  end)

  everywhere("stream(n) gives what is there, and at most n bytes", function()
    local response, conn = begun(13)
    conn:send("0123456789")
    while response.response.bytes_available < 10 do
      http.sleep(0)
    end
    local pieces = {}
    for piece in response:stream(4) do
      pieces[#pieces + 1] = piece
      if #pieces == 3 then
        conn:send("xyz")
      end
    end
    assert.same({ "0123", "4567", "89", "xyz" }, pieces)
    assert.same({ 0, "" }, { response.error, response.error_string })
  end)

  it("stream() gives pieces of at most 64 KiB, and json() waits for the whole", function()
    local body = ("x"):rep(200000)
    local server = helper.respond(whole(body))
    local response = pool:request("GET", helper.url(server), STREAMED)
    helper.wait(function() return response.response.finished end)
    local pieces = collect(response)
    assert.same({ 65536, 65536, 65536, 200000 - 3 * 65536 }, { #pieces[1], #pieces[2], #pieces[3], #pieces[4] })
    assert.is_true(table.concat(pieces) == body)
    local list, conn = begun(7)
    http.after(0.01, function() conn:send("[1,2,3]") end)
    assert.same({ 1, 2, 3 }, list:json())
    assert.equal("[1,2,3]", list.data)
  end)

  it("passes a big body in constant memory, since who does not read makes the server wait", function()
    local size = CHECKED and 8 * MIB or 64 * MIB
    local block, left, conn = ("0123456789abcdef"):rep(4096), size, nil
    local function feed()
      while left > 0 and conn.unsent_count < MIB do
        conn:send(block)
        left = left - #block
      end
    end
    local server = helper.respond(function(_, c)
      conn = c
      c:send(("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(size))
    end, { keep_open = true })
    local response = assert(pool:request("GET", helper.url(server), STREAMED))
    assert.equal(262144, response.response.read_buffer_size)
    collectgarbage("setpause", 110) -- the harsh collector would take minutes
    collectgarbage("setstepmul", 400)
    collectgarbage()
    local before, most, waiting, got = raw.rss(), 0, 0, 0
    feed()
    for piece in response:stream() do
      got = got + #piece
      waiting = math.max(waiting, response.response.bytes_available)
      most = math.max(most, raw.rss() - before)
      feed()
    end
    assert.equal(size, got)
    assert.equal("", response.error_string)
    assert.is_true(waiting <= 400000, waiting .. " bytes waited")
    assert.is_true(CHECKED or most < 12 * MIB, most .. " bytes of memory")
  end)

  it("gives data to several tasks, and each byte to one of those that stream", function()
    local response, conn = begun(10)
    local function data() return response.data end
    http.after(0.01, function() conn:send("0123456789") end)
    assert.same({ "0123456789", "0123456789" }, http.all { data, data })
    local other, its_conn = begun(100000)
    http.after(0.01, function() its_conn:send(("x"):rep(100000)) end)
    local function size()
      return #table.concat(collect(other, 100))
    end
    local sizes = http.all { size, size }
    assert.equal(100000, sizes[1] + sizes[2])
    assert.equal("", other.error_string)
  end)

  it("takes a read_buffer_size of the script's", function()
    local response = begun(0, { preload_content = false, read_buffer_size = 5000 })
    assert.equal(5000, response.response.read_buffer_size)
    assert.equal("", response.data)
  end)
end)

describe("a body that breaks off", function()
  helper.setup()

  local function broken()
    local response, conn = begun(100)
    conn:send("0123456789")
    conn:close()
    return response
  end

  local function is_told(response)
    assert.equal(R.REMOTE_HOST_CLOSED_ERROR, response.error)
    assert.matches("closed", response.error_string)
  end

  local function fails(...)
    local value, message, code = ...
    assert.is_nil(value)
    assert.matches("closed", message)
    assert.equal(R.REMOTE_HOST_CLOSED_ERROR, code)
  end

  everywhere("ends stream(), and error tells", function()
    local response = broken()
    assert.equal("0123456789", table.concat(collect(response)))
    is_told(response)
    assert.same({}, collect(response))
  end)

  everywhere("gives read(n) what has come, then nil, message and code", function()
    local response = broken()
    assert.equal("01234567", response:read(8))
    assert.equal("89", response:read(8))
    fails(response:read(8))
    fails(response:read(8))
    is_told(response)
  end)

  everywhere("gives read(), data and json() nothing that could pass for whole", function()
    local response = broken()
    fails(response:read())
    assert.is_nil(response.data)
    fails(response:json())
    is_told(response)
    assert.equal("0123456789", response:read(100)) -- what has come is not lost
    assert.is_nil(response.data)
  end)

  it("may do so by a clock or a limit", function()
    local response = begun(100, { preload_content = false, timeout = { read = 0.05 } })
    assert.is_nil(response.data)
    assert.equal(R.TIMEOUT_ERROR, response.error)
    response = begun(100, { preload_content = false, max_body_size = 50 })
    assert.is_nil(response.data)
    assert.equal(R.UNKNOWN_CONTENT_ERROR, response.error)
    assert.matches("max_body_size", response.error_string)
  end)
end)

describe("letting go of a response", function()
  helper.setup()

  for _, method in ipairs { "close", "release_conn" } do
    it(method .. "() gives up a body that is still coming", function()
      local response, conn = begun(100)
      conn:send("0123456789")
      assert.equal("01", response:read(2))
      response[method](response)
      response[method](response)
      local value, _, code = response:read()
      assert.is_nil(value)
      assert.equal(R.OPERATION_CANCELLED_ERROR, code)
      assert.is_nil((response:read(5)))
      assert.same({}, collect(response))
      assert.equal(R.OPERATION_CANCELLED_ERROR, response.error)
      gone(conn)
    end)
  end

  it("release_conn() leaves a body that has come, close() throws it away", function()
    local server = helper.respond(whole("abc"))
    local response = pool:request("GET", helper.url(server), STREAMED)
    helper.wait(function() return response.response.finished end)
    response:release_conn()
    assert.equal("abc", response:read(5))
    assert.equal("", response:read(5))
    response:close()
    assert.same({ 0, "" }, { response.error, response.error_string })
    response = pool:request("GET", helper.url(server), STREAMED)
    response:close()
    local value, message = response:read(1)
    assert.is_nil(value)
    assert.not_equal("", message)
  end)

  it("ends the request of one that is dropped with its body half read", function()
    local response, conn = begun(100)
    conn:send("0123456789")
    assert.equal("0123456789", response:stream()())
    response = nil -- luacheck: ignore 311
    helper.wait(function()
      collectgarbage()
      return conn.closed
    end, 5, "the connection to go")
  end)

  it("does not end that of one whose iterator is still held", function()
    local response, conn = begun(10)
    local next_piece = response:stream()
    response = nil -- luacheck: ignore 311
    collectgarbage()
    collectgarbage()
    conn:send("0123456789")
    assert.equal("0123456789", next_piece())
    assert.is_nil(next_piece())
  end)
end)

describe("a response of a PoolManager tells of misuse", function()
  helper.setup()

  local MISTAKES = {
    { function(r) r:read(-1) end, "bad argument #1 to 'read' (number of bytes expected, 0 or more)" },
    { function(r) r:read("x") end, "bad argument #1 to 'read'" },
    { function(r) r:read(0 / 0) end, "bad argument #1 to 'read'" },
    { function(r) r:read(1.5) end, "bad argument #1 to 'read'" },
    { function(r) r:stream(0) end, "bad argument #1 to 'stream' (number of bytes expected, 1 or more)" },
    { function(r) r:stream({}) end, "bad argument #1 to 'stream'" },
  }
  for _, name in ipairs { "read", "stream", "json", "close", "release_conn" } do
    MISTAKES[#MISTAKES + 1] = { function(r) r[name]() end, "call it with a colon" }
  end

  local function told(words, fn, ...)
    local ok, message = pcall(fn, ...)
    assert.is_false(ok)
    assert.matches("^[^:]-pool_response_spec%.lua:%d+: ", message)
    assert.truthy(message:find(words, 1, true), message)
    assert.equal(debug.getinfo(fn, "S").linedefined, tonumber(message:match(":(%d+): ")))
  end

  it("at the line of the caller", function()
    local response = assert(pool:request("GET", helper.url(helper.respond(whole("abc")))))
    for _, row in ipairs(MISTAKES) do
      told(row[2], row[1], response)
    end
  end)

  it("where it cannot wait", function()
    local response = begun(10)
    local calls = {
      function() local value = response:read() return value end,
      function() local value = response:read(5) return value end,
      function() local value = response.data return value end,
      function() local value = response:json() return value end,
      function() local piece = response:stream()() return piece end,
    }
    coroutine.wrap(function()
      for _, call in ipairs(calls) do
        told("cannot wait in a coroutine of your own", call)
      end
    end)()
    http.after(0, helper.expect(function()
      for _, call in ipairs(calls) do
        told("cannot wait inside a handler", call)
      end
    end))
    helper.wait_calls()
    response:close()
  end)
end)
