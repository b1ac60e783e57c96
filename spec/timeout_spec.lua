-- The clocks of an exchange: connect, idle and total; that of the queue is in pool_spec.lua.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local certs = require("certs")

local R = http.Response
local SOON = helper.under and 20 or 1 -- seconds that a short clock may take altogether
local HEAD = "HTTP/1.1 200 OK\r\n"
local CHUNKED = HEAD .. "Transfer-Encoding: chunked\r\n\r\n"

-- A server that calls act(conn) once a request is in.
local function serve(act)
  return helper.respond(function(_, conn)
    act(conn)
  end, { keep_open = true })
end

-- Sends the pieces one by one, `gap` seconds apart.
local function feed(conn, gap, pieces)
  local i = 0
  local function more()
    i = i + 1
    if pieces[i] and conn.open then
      conn:send(pieces[i])
      http.after(gap, more)
    end
  end
  more()
end

local function letters(text)
  local list = {}
  for letter in text:gmatch(".") do
    list[#list + 1] = letter
  end
  return list
end

-- Asks, and waits for the end. Returns the Response and how many seconds it took.
local function timed(options, data)
  local started = raw.now()
  local response = http.request(options, data, helper.expect(function() end))
  helper.wait_calls(5 * SOON)
  return response, raw.now() - started
end

local function get(url, timeout)
  return timed({ method = "GET", url = url, timeout = timeout })
end

local function timed_out(response, words)
  assert.equal(R.TIMEOUT_ERROR, response.error, response.error_string)
  assert.matches(words, response.error_string)
end

local function works(response, body)
  assert.equal(R.NO_ERROR, response.error, response.error_string)
  assert.equal(body, response:read_string())
end

describe("timeout.connect", function()
  helper.setup()

  local function hanging()
    local full, why = raw.full_listener()
    if not full then
      pending(why)
    end
    return ("http://127.0.0.1:%d/"):format(full.port)
  end

  it("ends an exchange that gets no connection", function()
    local response, seconds = get(hanging(), { connect = 0.1 })
    timed_out(response, "no connection.*0%.1 s")
    assert.is_true(seconds >= 0.1 and seconds < SOON)
  end)

  it("may be off: then only the total clock ends it", function()
    timed_out(get(hanging(), { connect = false, total = 0.1 }), "not finished within 0%.1 s")
  end)

  it("is not renewed by a TLS handshake", function()
    local server = raw.listen {}
    local response, seconds = get(("https://127.0.0.1:%d/"):format(server.port), { connect = 0.1, idle = 0.01 })
    timed_out(response, "no connection")
    assert.is_true(seconds >= 0.1 and seconds < SOON)
  end)

  it("stops once there is a connection", function()
    local server = serve(function(conn)
      http.after(0.15, function() conn:send(HEAD .. "Content-Length: 2\r\n\r\nhi") end)
    end)
    works(get(helper.url(server), { connect = 0.05 }), "hi")
  end)
end)

describe("timeout.idle", function()
  helper.setup()

  it("ends an exchange with a server that is silent", function()
    local server = serve(function() end)
    local response, seconds = get(helper.url(server), { idle = 0.1 })
    timed_out(response, "nothing received.*0%.1 s")
    assert.is_true(seconds >= 0.1 and seconds < SOON)
  end)

  it("ends an exchange with a server that does not read", function()
    local server = raw.listen { on_connect = function(conn) conn:pause() end }
    local response = timed({ method = "POST", url = helper.url(server), timeout = { idle = 0.1 } },
      ("x"):rep(32 * 1024 * 1024))
    timed_out(response, "0%.1 s")
    assert.equal("send", response.error_detail.phase)
  end)

  it("may be off: then only the total clock ends it", function()
    local server = serve(function() end)
    timed_out(get(helper.url(server), { idle = false, total = 0.1 }), "not finished within 0%.1 s")
  end)

  local DRIPS = {
    ["the head"] = { letters("HTTP/1.1 200 OK\r\nContent-Length:2\r\n\r\nhi"), 0.012, "hi" },
    ["a counted body"] = { { HEAD .. "Content-Length: 8\r\n\r\n", unpack(letters("12345678")) }, 0.05, "12345678" },
    ["a body until close"] = { { HEAD .. "\r\n", unpack(letters("12345678")) }, 0.05, "12345678" },
    ["chunks"] = { { CHUNKED, "1\r\na\r\n", "1\r\nb\r\n", "1\r\nc\r\n", "1\r\nd\r\n", "1\r\ne\r\n", "0\r\n\r\n" },
      0.05, "abcde" },
    ["one chunk"] = { { CHUNKED .. "8\r\n", "1", "2", "3", "4", "5", "6", "7", "8\r\n0\r\n\r\n" }, 0.05, "12345678" },
    ["trailers"] = { { CHUNKED .. "1\r\na\r\n0\r\n", "A: b\r\n", "C: d\r\n", "E: f\r\n", "G: h\r\n", "\r\n" },
      0.05, "a" },
  }

  for what, drip in pairs(DRIPS) do
    it("is renewed by each piece of " .. what, function()
      local pieces, gap, body = unpack(drip)
      local server = serve(function(conn)
        feed(conn, gap, pieces)
        if what == "a body until close" then
          http.after(gap * (#pieces + 1), function() conn:close() end)
        end
      end)
      local response, seconds = get(helper.url(server), { idle = 0.2 })
      works(response, body)
      assert.is_true(seconds > 0.2)
    end)
  end

  for how, tls in pairs { [""] = false, [" over TLS"] = certs.server } do
    it("is renewed by what is sent" .. how, function()
      local size = 16 * 1024 * 1024
      local server = raw.listen {
        tls = tls,
        on_connect = function(conn)
          local paused_at = 0
          conn.on_data = function()
            local count = conn.received_count
            if count > size then
              conn:send(HEAD .. "Content-Length: 2\r\n\r\nhi")
            elseif count < size / 2 and count - paused_at >= 65536 then -- reads a little, then pauses for a moment
              paused_at = count
              conn:pause()
              http.after(0.002, function() conn:resume() end)
            end
          end
        end,
      }
      local options = { method = "POST", url = helper.url(server), timeout = { idle = 0.2 * SOON } }
      options.ca_file = certs.ca_file
      local response, seconds = timed(options, ("x"):rep(size))
      works(response, "hi")
      assert.is_true(seconds > 0.2)
    end)
  end

  helper.it_can("stream_upload", "runs behind the head of a reply, whatever the request's body gives", function()
    local server = raw.listen {
      on_connect = function(conn)
        conn.on_data = function(_, bytes)
          if bytes:find("\r\n\r\n", 1, true) then
            conn:send(HEAD .. "Content-Length: 10\r\n\r\nx")
          end
        end
      end,
    }
    local over = false
    local response, seconds = timed({ method = "POST", url = helper.url(server), timeout = { idle = 0.1 } }, function()
      while not over do
        http.sleep(0.01)
      end
    end)
    over = true
    timed_out(response, "nothing received.*0%.1 s")
    assert.equal("body", response.error_detail.phase)
    assert.is_true(seconds >= 0.1 and seconds < SOON)
  end)

  it("does not run while nobody reads what waits in read_buffer_size", function()
    local size = 4 * 1024 * 1024
    local server = serve(function(conn)
      conn:send(HEAD .. ("Content-Length: %d\r\n\r\n"):format(size) .. ("x"):rep(size))
    end)
    local response = http.get({ url = helper.url(server), read_buffer_size = 1000, timeout = { idle = 0.1 } },
      helper.expect(function() end))
    helper.wait(function() return response.bytes_available >= 1000 end)
    local waited = false
    http.after(0.3, function() waited = true end)
    helper.wait(function() return waited end)
    assert.is_false(response.finished)
    local count = #response:read_string()
    response.read_buffer_size = 0
    helper.wait_calls()
    assert.equal(R.NO_ERROR, response.error, response.error_string)
    assert.equal(size, count + #response:read_string())
  end)
end)

describe("timeout.total", function()
  helper.setup()

  it("ends an exchange that a drip feed keeps alive", function()
    local server = serve(function(conn)
      feed(conn, 0.01, { HEAD .. "Content-Length: 1000\r\n\r\n", unpack(letters(("x"):rep(100))) })
    end)
    local response, seconds = get(helper.url(server), { idle = 0.1, total = 0.2 })
    timed_out(response, "not finished within 0%.2 s")
    assert.is_true(seconds >= 0.2 and seconds < SOON)
    assert.matches("^x+$", response:read_string())
    helper.wait(function() return http._live().timers == 0 end)
  end)

  it("runs while nobody reads", function()
    local server = serve(function(conn) conn:send(HEAD .. "Content-Length: 9999999\r\n\r\n" .. ("x"):rep(2000000)) end)
    timed_out(timed({ method = "GET", url = helper.url(server), read_buffer_size = 10, timeout = 0.1 }), "0%.1 s")
  end)
end)

describe("the option timeout", function()
  helper.setup()

  it("is the total clock as a number", function()
    local server = serve(function() end)
    timed_out(get(helper.url(server), 0.05), "not finished within 0%.05 s")
  end)

  it("sets the clocks of a table side by side: the first that runs out counts", function()
    local server = serve(function() end)
    timed_out(get(helper.url(server), { connect = 5, idle = 0.05, total = 0.5 }), "nothing received.*0%.05 s")
    timed_out(get(helper.url(server), { connect = 5, idle = 0.5, total = 0.05 }), "not finished within 0%.05 s")
  end)

  it("may be false, an empty table or infinite", function()
    local server = helper.respond(HEAD .. "Content-Length: 2\r\n\r\nhi", { keep_open = true })
    local never = { queue = false, connect = false, idle = false, total = false }
    for _, value in ipairs { false, {}, math.huge, never } do
      works(get(helper.url(server), value), "hi")
    end
  end)

  it("throws for what is no time", function()
    local times = { 0, -1, 0 / 0, "1", true, { idle = 0 }, { total = -1 }, { connect = "1" }, { queue = 0 },
      { other = 1 }, { 1 } }
    for _, value in ipairs(times) do
      assert.error_matches(function()
        http.get { url = "http://127.0.0.1/", timeout = value }
      end, "bad option 'timeout")
    end
  end)
end)

describe("timeout.first_byte", function()
  helper.setup()

  it("runs while nothing has come", function()
    local response = get(helper.url(serve(function() end)), { first_byte = 0.1 })
    timed_out(response, "no answer from 127%.0%.0%.1:%d+ within 0%.1 s")
    assert.equal("first_byte", response.error_detail.clock)
  end)

  it("is over with the first byte, however slowly the head comes", function()
    local server = serve(function(conn)
      feed(conn, 0.4, { "HTTP/1.1 200", " OK\r\n", "A: b\r\n", "Content-Length: 2\r\n\r\nhi" })
    end)
    works(get(helper.url(server), { first_byte = 1 }), "hi")
  end)
end)

describe("the clocks", function()
  helper.setup()

  it("do not outlive their exchange", function()
    local server = helper.respond(HEAD .. "Content-Length: 2\r\n\r\nhi", { keep_open = true })
    local short = 0.05 * SOON
    local response = get(helper.url(server), { connect = short, idle = short, total = short })
    works(response, "hi")
    local over = false
    http.after(2 * short, function() over = true end)
    helper.wait(function() return over end)
    assert.equal(R.NO_ERROR, response.error)
    works(get(helper.url(server)), "hi")
    assert.equal(1, server.accepted)
  end)

  it("of one exchange are not those of another", function()
    local server = serve(function(conn)
      http.after(0.1, function() conn:send(HEAD .. "Content-Length: 2\r\n\r\nhi") end)
    end)
    local patient = http.get({ url = helper.url(server), timeout = 5 }, helper.expect(function() end))
    timed_out(get(helper.url(server), 0.05), "0%.05 s")
    helper.wait_calls()
    works(patient, "hi")
  end)
end)
