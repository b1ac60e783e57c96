-- Every hostile message against a live server and a live client, in one piece and cut at every byte. What a
-- server refuses is answered with its status, the connection is closed, and nothing behind it is ever taken
-- for a request; what a client refuses is an error. An engine that cannot be strict has to live through it.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local hostile = require("hostile")
local http = require("http")
local raw = require("raw")
local servers = require("servers")

local STRICT = http.can("be_strict")
local LONGEST = helper.under == "valgrind" and 0 or 600 -- what is longer is cut in PLACES places
local PLACES = 8
local AT_ONCE = 64
local SECONDS = 30

-- The collector that runs all the time is for other specs: here are thousands of connections.
local function gentle_gc()
  collectgarbage("setpause", 150)
  collectgarbage("setstepmul", 200)
end

-- Where a message is cut; behind its last byte it is whole.
local function cuts_of(bytes)
  local cuts = {}
  local step = #bytes <= LONGEST and 1 or math.ceil(#bytes / PLACES)
  for cut = 1, #bytes - 1, step do
    cuts[#cuts + 1] = cut
  end
  cuts[#cuts + 1] = #bytes
  return STRICT and cuts or { #bytes }
end

-- Calls fn(cuts) for some of them at a time.
local function in_batches(cuts, fn)
  for from = 1, #cuts, AT_ONCE do
    local batch = {}
    for i = from, math.min(from + AT_ONCE - 1, #cuts) do
      batch[#batch + 1] = cuts[i]
    end
    fn(batch)
  end
end

---- servers

-- Connects once for each cut and sends the bytes, with turns of the loop between both pieces.
local function send_cut(server, bytes, cuts)
  local conns = {}
  for i, cut in ipairs(cuts) do
    conns[i] = raw.connect({ port = server.port })
    conns[i]:send(bytes:sub(1, cut))
  end
  helper.wait(function()
    for _, conn in ipairs(conns) do
      if conn.unsent_count > 0 and not conn.closed then
        return false
      end
    end
    return true
  end)
  http.poll(0)
  http.poll(0)
  for i, cut in ipairs(cuts) do
    conns[i]:send(bytes:sub(cut + 1)) -- it may be closed by now
  end
  return conns
end

local function wait_for_the_end(conns)
  helper.wait(function()
    for _, conn in ipairs(conns) do
      if not conn.closed then
        return false
      end
    end
    return true
  end, SECONDS, "the server to close all connections")
end

local function statuses_of(bytes)
  local statuses = {}
  for status in bytes:gmatch("HTTP/1%.[01] (%d%d%d)") do
    statuses[#statuses + 1] = status
  end
  return table.concat(statuses, " ")
end

-- A server that answers everything, and the list of what it was asked.
local function serve_all()
  local log = {}
  local server = servers.serve(function(request, response)
    log[#log + 1] = request.method .. " " .. request.target .. " " .. request.body
    response.body = "ok"
  end)
  return server, log
end

local function check_refused(message, conn, log, cut)
  local statuses = statuses_of(conn.received)
  if statuses ~= tostring(message.status) or #log > 0 then
    assert.same({}, log, "cut behind byte " .. cut)
    assert.equal(tostring(message.status), statuses, "cut behind byte " .. cut)
  end
end

local function check_accepted(conn, cut)
  if statuses_of(conn.received) ~= "200 200" then
    assert.equal("200 200", conn.received, "cut behind byte " .. cut)
  end
end

local function check_log(message, log, count)
  local first, second = ("%s %s %s"):format(message.method, message.target, message.body), "GET /next "
  table.sort(log)
  local expected = {}
  for _ = 1, count do
    expected[#expected + 1] = first
    expected[#expected + 1] = second
  end
  table.sort(expected)
  assert.same(expected, log)
end

local function ask_strict(message)
  in_batches(cuts_of(message.bytes), function(cuts)
    local server, log = serve_all()
    local conns = send_cut(server, message.bytes, cuts)
    wait_for_the_end(conns)
    for i, conn in ipairs(conns) do
      if message.verdict == "refuse" then
        check_refused(message, conn, log, cuts[i])
      else
        check_accepted(conn, cuts[i])
      end
    end
    if message.verdict == "accept" then
      check_log(message, log, #cuts)
    end
  end)
end

-- Behind a good one on the same connection, which is answered first.
local function ask_behind_another(message)
  local server, log = serve_all()
  local reply = servers.talk(server, "GET /first HTTP/1.1\r\nHost: x\r\n\r\n" .. message.bytes)
  assert.equal("200 " .. message.status, statuses_of(reply))
  assert.same({ "GET /first " }, log)
end

-- Whatever it makes of the message, it answers the next client.
local function ask_any(message)
  local server = serve_all()
  local conns = send_cut(server, message.bytes, { #message.bytes })
  for _ = 1, 5 do
    http.poll(0)
  end
  conns[1]:close()
  assert.equal("200", statuses_of(servers.talk(server)))
end

describe("a server", function()
  after_each(servers.close)
  helper.setup()
  before_each(gentle_gc)

  for _, message in ipairs(hostile.messages) do
    if message.kind == "request" then
      it(("%ss %s (%s)"):format(STRICT and message.verdict or "survive", message.name, message.reason), function()
        (STRICT and ask_strict or ask_any)(message)
      end)
    end
    if message.status and message.kind == "request" and STRICT then
      it("answers the request in front, and refuses " .. message.name, function()
        ask_behind_another(message)
      end)
    end
  end
end)

---- servers that do not wait for a body

local function check_early(message, conn, log, cut)
  local statuses = statuses_of(conn.received)
  local good = statuses == "200" or statuses == tostring(message.status)
  for _, entry in ipairs(log) do
    good = good and entry == "POST /"
  end
  if not good then
    assert.same({}, { statuses, log }, "cut behind byte " .. cut)
  end
end

-- The handler answers at once, or reads all of the body before it does.
local function ask_streaming(message, reads)
  local asked = 0
  in_batches(cuts_of(message.bytes), function(cuts)
    local log = {}
    local server = servers.serve(function(request, response)
      log[#log + 1] = request.method .. " " .. request.target
      while reads and request:read() do end -- an error ends it, too
      response.body = "ok"
    end, { stream = true })
    local conns = send_cut(server, message.bytes, cuts)
    wait_for_the_end(conns)
    for i, conn in ipairs(conns) do
      check_early(message, conn, log, cuts[i])
    end
    asked = asked + #log
  end)
  assert.is_true(asked > 0) -- where it is cut behind the head
end

if STRICT and http.can("stream_request") then
  describe("a server whose handler", function()
    after_each(servers.close)
    helper.setup()
    before_each(gentle_gc)

    for _, message in ipairs(hostile.messages) do
      if message.kind == "request" and message.part == "body" then
        it("answers before the body is in goes no further than " .. message.name, function()
          ask_streaming(message, false)
        end)

        it("reads the body as it comes goes no further than " .. message.name, function()
          ask_streaming(message, true)
        end)
      end
    end
  end)
end

---- clients

-- Answers a request for "/N" with the bytes cut behind byte N; the rest goes out from `later`.
local function reply_cut(message)
  local waiting = {}
  local server = assert(raw.listen({
    on_connect = function(conn)
      conn.on_data = function()
        local cut = conn.received:match("^%u+ /(%d+) .*\r\n\r\n$")
        if cut then
          conn:send(message.bytes:sub(1, tonumber(cut)))
          waiting[#waiting + 1] = { conn = conn, rest = message.bytes:sub(cut + 1) }
        end
      end
    end,
  }))
  local function later()
    local now = waiting
    waiting = {}
    for _, entry in ipairs(now) do
      entry.conn:send(entry.rest)
      if message.close or not STRICT then
        entry.conn:close()
      end
    end
  end
  return server, later
end

local function check_reply(message, response, cut)
  if message.verdict == "refuse" then
    if response.error == 0 then
      assert.is_not.equal(0, response.error, "cut behind byte " .. cut)
    end
    return
  end
  local body = response:read_string() or ""
  if response.error ~= 0 or response.status_code ~= message.status or body ~= message.body then
    assert.equal(0, response.error, ("cut behind byte %d: %s"):format(cut, response.error_string))
    assert.equal(message.status, response.status_code, "cut behind byte " .. cut)
    assert.equal(message.body, body, "cut behind byte " .. cut)
  end
end

local function fetch(message)
  in_batches(cuts_of(message.bytes), function(cuts)
    local server, later = reply_cut(message)
    local responses, finished = {}, 0
    for i, cut in ipairs(cuts) do
      responses[i] = http.request({
        url = helper.url(server, "/" .. cut), method = message.asked or "GET", headers = { Connection = "close" },
      }, nil, function() finished = finished + 1 end)
    end
    helper.wait(function()
      later()
      return finished == #cuts
    end, SECONDS, "all replies to come to an end")
    server:close()
    for i, response in ipairs(responses) do
      if STRICT then
        check_reply(message, response, cuts[i])
      end
    end
  end)
end

describe("a client", function()
  helper.setup()
  before_each(gentle_gc)

  for _, message in ipairs(hostile.messages) do
    if message.kind == "response" then
      it(("%ss %s (%s)"):format(STRICT and message.verdict or "survive", message.name, message.reason), function()
        fetch(message)
      end)
    end
  end
end)
