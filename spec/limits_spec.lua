-- max_head_size and max_body_size: what is exactly as long passes, one byte more fails, and what never
-- ends takes little memory.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")

local R = http.Response
local HEAD = "HTTP/1.1 200 OK\r\n"
local CHUNKED = HEAD .. "Transfer-Encoding: chunked\r\n\r\n"
local MIB = 1024 * 1024

-- Asks a server that sends `bytes` (in pieces of `size`, if that is given) and then, with
-- options.close, closes.
local function fetch(bytes, options, size)
  local conn
  local server = raw.listen {
    on_connect = function(c)
      c.on_data = function() conn = c end
    end,
  }
  local response = http.request({
    method = options.method or "GET",
    url = helper.url(server),
    max_head_size = options.max_head_size,
    max_body_size = options.max_body_size,
    timeout = { idle = 1 },
  }, nil, helper.expect(function() end))
  helper.wait(function() return conn end)
  helper.drip(conn, bytes, size or #bytes)
  if options.close then
    conn:close()
  end
  helper.wait_calls()
  return response
end

local function passes(response, body)
  assert.equal(R.NO_ERROR, response.error, response.error_string)
  assert.equal(body, response:read_string())
end

local function exceeds(response, option, limit)
  assert.equal(R.UNKNOWN_CONTENT_ERROR, response.error, response.error_string)
  assert.matches(option .. ".*" .. limit, response.error_string)
end

-- A head of so many bytes, its last line end included, for an empty body.
local function head_of(size)
  local start = HEAD .. "Content-Length: 0\r\nX: "
  return start .. ("x"):rep(size - #start - 4) .. "\r\n\r\n"
end

describe("max_head_size", function()
  helper.setup()

  it("lets a head of just that size pass", function()
    for _, size in ipairs { 200, 5000 } do
      passes(fetch(head_of(size), { max_head_size = size }), "")
      passes(fetch(head_of(size), { max_head_size = size }, 150), "")
    end
  end)

  it("fails at a head that is one byte longer", function()
    for _, size in ipairs { 200, 5000 } do
      exceeds(fetch(head_of(size + 1), { max_head_size = size }), "max_head_size", size)
      exceeds(fetch(head_of(size + 1), { max_head_size = size }, 150), "max_head_size", size)
    end
  end)

  it("does not count the body that comes with it", function()
    local reply = HEAD .. "Content-Length: 1000\r\n\r\n" .. ("x"):rep(1000)
    passes(fetch(reply, { max_head_size = 100 }), ("x"):rep(1000))
  end)

  it("is 64 KiB if it is not given", function()
    passes(fetch(head_of(65536), {}), "")
    exceeds(fetch(head_of(65537), {}), "max_head_size", 65536)
  end)

  it("leaves no status where the head failed", function()
    local response = fetch(head_of(300), { max_head_size = 200 })
    assert.equal(0, response.status_code)
    assert.same({}, response.headers)
  end)
end)

describe("max_body_size", function()
  helper.setup()

  local BODY = ("x"):rep(100)

  -- The same body of 100 bytes in every framing.
  local FRAMINGS = {
    ["of a counted body"] = { HEAD .. "Content-Length: 100\r\n\r\n" .. BODY, {} },
    ["of one chunk"] = { CHUNKED .. "64\r\n" .. BODY .. "\r\n0\r\n\r\n", {} },
    ["of many chunks"] = { CHUNKED .. ("1\r\nx\r\n"):rep(100) .. "0\r\n\r\n", {} },
    ["of a body until close"] = { HEAD .. "\r\n" .. BODY, { close = true } },
  }

  for what, framing in pairs(FRAMINGS) do
    local bytes, options = unpack(framing)

    it(what .. " lets just that much pass", function()
      options.max_body_size = 100
      passes(fetch(bytes, options), BODY)
      passes(fetch(bytes, options, 30), BODY)
    end)

    it(what .. " fails at one byte more", function()
      options.max_body_size = 99
      for _, size in ipairs { #bytes, 30 } do
        local response = fetch(bytes, options, size)
        exceeds(response, "max_body_size", 99)
        assert.equal(200, response.status_code)
        assert.is_true(response.bytes_available <= 99)
      end
    end)
  end

  it("fails at a length that is announced, before any of it comes", function()
    local response = fetch(HEAD .. "Content-Length: 101\r\n\r\n", { max_body_size = 100 })
    exceeds(response, "max_body_size", 100)
    assert.equal("101", response.headers["Content-Length"])
  end)

  it("fails at a chunk that is announced, before all of it comes", function()
    exceeds(fetch(CHUNKED .. "989681\r\n" .. ("x"):rep(20000), { max_body_size = 1000 }), "max_body_size", 1000)
  end)

  it("does not count a length without a body", function()
    passes(fetch(HEAD .. "Content-Length: 101\r\n\r\n", { max_body_size = 100, method = "HEAD" }), "")
    passes(fetch("HTTP/1.1 304 Not Modified\r\nContent-Length: 101\r\n\r\n", { max_body_size = 100 }), "")
  end)

  it("leaves what had come before to be read", function()
    local bytes = CHUNKED .. "3\r\nabc\r\n" .. "3\r\ndef\r\n" .. "0\r\n\r\n"
    local response = fetch(bytes, { max_body_size = 5 })
    exceeds(response, "max_body_size", 5)
    assert.matches("^abc", response:read_string())
  end)

  it("is 256 MiB if it is not given", function()
    exceeds(fetch(HEAD .. "Content-Length: 268435457\r\n\r\n", {}), "max_body_size", 268435456)
  end)
end)

describe("what never ends", function()
  helper.setup()

  -- Sends `start` and then `more` again and again, up to 64 MiB, as fast as it is read. Returns the
  -- Response, how much was sent, and by how much the process had grown.
  local function endless(start, more, options)
    local sent = 0
    local piece = more:rep(math.ceil(65536 / #more))

    local function push(conn)
      while conn.open and conn.unsent_count < #piece and sent < 64 * MIB do
        conn:send(piece)
        sent = sent + #piece
      end
      if conn.open then
        http.after(0, function() push(conn) end)
      end
    end

    local server = raw.listen {
      on_connect = function(conn)
        conn.on_data = function()
          conn.on_data = nil
          conn:send(start)
          push(conn)
        end
      end,
    }
    collectgarbage()
    local before, largest = raw.rss(), 0
    options.url = helper.url(server)
    local done = false
    local response = http.get(options, function() done = true end)
    helper.wait(function()
      largest = math.max(largest, raw.rss())
      return done
    end, 20)
    return response, sent, largest - before
  end

  local function is_cut_off(response, sent, growth)
    assert.is_true(response.error == R.UNKNOWN_CONTENT_ERROR or response.error == R.PROTOCOL_FAILURE,
      response.error_string)
    assert.is_true(sent < 24 * MIB, sent)
    if not helper.under then -- asan and valgrind keep what was freed
      assert.is_true(growth < 32 * MIB, growth)
    end
  end

  it("is cut off as a header line", function()
    is_cut_off(endless(HEAD .. "X: ", "x", {}))
  end)

  it("is cut off as a status line", function()
    is_cut_off(endless("HTTP/1.1 200 ", "x", {}))
  end)

  it("is cut off as header lines", function()
    is_cut_off(endless(HEAD, "X: x\r\n", {}))
  end)

  it("is cut off as interim replies", function()
    is_cut_off(endless("", "HTTP/1.1 100 Continue\r\n\r\n", {}))
  end)

  it("is cut off as the line of a chunk's size", function()
    is_cut_off(endless(CHUNKED, "1", {}))
  end)

  it("is cut off as zeros before a chunk's size", function()
    is_cut_off(endless(CHUNKED .. "2\r\nhi\r\n", "0", {}))
  end)

  it("is cut off as trailers", function()
    is_cut_off(endless(CHUNKED .. "0\r\n", "X: x\r\n", {}))
  end)

  it("is cut off as one trailer", function()
    is_cut_off(endless(CHUNKED .. "0\r\nX: ", "x", {}))
  end)

  it("is cut off as a chunk", function()
    is_cut_off(endless(CHUNKED .. "7fffffff\r\n", "x", { max_body_size = MIB }))
  end)

  it("is cut off as chunks", function()
    is_cut_off(endless(CHUNKED, "1\r\nx\r\n", { max_body_size = MIB / 8 }))
  end)

  it("is cut off as a body until close", function()
    is_cut_off(endless(HEAD .. "\r\n", "x", { max_body_size = MIB }))
  end)
end)
