-- Connections of the client: which requests share one, how many there are, who waits for its turn.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")

local R = http.Response

-- A server that answers with the number of the connection; `hold` keeps replies back until release().
local function numbering(options)
  local server = { connections = 0, open = 0, most = 0, served = {}, held = {} }
  options = options or {}

  local function answer(conn, number, path)
    server.served[#server.served + 1] = path
    conn:send(("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%d"):format(#tostring(number), number))
  end

  server.raw = raw.listen {
    on_connect = function(conn)
      server.connections = server.connections + 1
      server.open = server.open + 1
      server.most = math.max(server.most, server.open)
      local number, seen = server.connections, ""
      conn.on_data = function(_, bytes)
        seen = seen .. bytes
        while true do
          local head, rest = seen:match("^(.-\r\n\r\n)(.*)$")
          if not head then
            return
          end
          seen = rest
          local path = head:match("^%S+ (%S+)")
          if options.hold then
            server.held[#server.held + 1] = function() answer(conn, number, path) end
          else
            answer(conn, number, path)
          end
        end
      end
      conn.on_close = function()
        server.open = server.open - 1
      end
    end,
  }
  server.port = server.raw.port

  function server.release()
    local first = table.remove(server.held, 1)
    first()
  end

  return server
end

local function url(server, path)
  return ("http://127.0.0.1:%d%s"):format(server.port, path or "/")
end

local function get(options)
  local response = http.get(options, helper.expect(function() end))
  helper.wait_calls()
  assert.equal(R.NO_ERROR, response.error, response.error_string)
  return response:read_string()
end

-- Starts `count` GETs of /1, /2, … at once; returns their responses.
local function start(server, count)
  local responses = {}
  for i = 1, count do
    responses[i] = http.get(url(server, "/" .. i), helper.expect(function() end))
  end
  return responses
end

local function turns(n)
  for _ = 1, n do
    http.poll(0)
  end
end

-- Waits until that many requests are held, and for a moment in which no other comes.
local function held(server, count)
  helper.wait(function() return #server.held >= count end)
  turns(20)
  assert.equal(count, #server.held)
end

describe("a connection", function()
  helper.setup()

  it("is the one that was used last", function()
    local server = numbering { hold = true }
    start(server, 3)
    held(server, 3)
    server.held[1], server.held[2] = server.held[2], server.held[1]
    for _ = 1, 3 do
      server.release()
      turns(20)
    end
    helper.wait_calls()
    local again = start(server, 1)
    held(server, 1)
    server.release()
    helper.wait_calls()
    assert.equal("3", again[1]:read_string())
  end)
end)

-- The limits have no capability of their own: an engine that connects anyhow has a pool.
describe("max_connections_per_origin", function()
  after_each(function()
    http.configure { max_connections_per_origin = false, max_connections = false }
  end)
  helper.setup()

  helper.it_can("connect_anyhow", "lets the others wait, and serves them in their order", function()
    http.configure { max_connections_per_origin = 2 }
    local server = numbering { hold = true }
    start(server, 6)
    for left = 6, 3, -1 do
      held(server, 2)
      assert.equal(2, server.open)
      server.release()
      helper.wait(function() return #server.served == 7 - left end)
    end
    held(server, 2)
    server.release()
    server.release()
    helper.wait_calls()
    assert.same({ "/1", "/2", "/3", "/4", "/5", "/6" }, server.served)
    assert.equal(2, server.connections)
  end)

  helper.it_can("connect_anyhow",
    "opens a new connection for who waits where the old one cannot be used again", function()
    http.configure { max_connections_per_origin = 1 }
    local server = helper.respond(function(_, conn)
      conn:send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi")
    end)
    local responses = start(server, 5)
    helper.wait_calls()
    for i = 1, 5 do
      assert.equal("hi", responses[i]:read_string())
    end
  end)

  helper.it_can("connect_anyhow",
    "opens a new connection where the old one ended with its reply, though none of both said so", function()
    http.configure { max_connections_per_origin = 1 }
    local server
    server = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi") -- and closes
    local responses = {}
    for i = 1, 5 do
      responses[i] = http.post(helper.url(server), "data", helper.expect(function() end))
    end
    helper.wait_calls()
    for i = 1, 5 do
      assert.equal("hi", responses[i]:read_string())
      assert.equal(R.NO_ERROR, responses[i].error, responses[i].error_string)
    end
    assert.equal(5, server.accepted)
  end)
  helper.it_can("connect_anyhow", "is one host's and port's: others do not wait", function()
    http.configure { max_connections_per_origin = 1 }
    local one, other = numbering { hold = true }, numbering { hold = true }
    start(one, 2)
    start(other, 2)
    held(one, 1)
    held(other, 1)
    for _, server in ipairs { one, other } do
      server.release()
      held(server, 1)
      server.release()
    end
    helper.wait_calls()
  end)

  helper.it_can("connect_anyhow",
    "does not count who waits against the clock of connecting, but against the total one", function()
    http.configure { max_connections_per_origin = 1 }
    local server = numbering { hold = true }
    local first = start(server, 1)[1]
    held(server, 1)
    local patient = http.get({ url = url(server, "/2"), timeout = { connect = 0.05 } }, helper.expect(function() end))
    local hasty = http.get({ url = url(server, "/3"), timeout = { connect = 0.05, total = 0.2 } },
      helper.expect(function() end))
    helper.wait(function() return hasty.finished end)
    assert.equal(R.TIMEOUT_ERROR, hasty.error)
    assert.matches("not finished within 0%.2 s", hasty.error_string)
    assert.equal("resolve", hasty.error_detail.phase)
    assert.is_false(patient.finished)
    server.release()
    held(server, 1)
    server.release()
    helper.wait_calls()
    assert.equal("1", first:read_string())
    assert.equal("1", patient:read_string())
  end)

  helper.it_can("connect_anyhow", "has a clock for who waits, timeout.queue", function()
    http.configure { max_connections_per_origin = 1 }
    local server = numbering { hold = true }
    local first = http.get({ url = url(server, "/1"), timeout = { queue = 0.05 } }, helper.expect(function() end))
    held(server, 1)
    local hasty = http.get({ url = url(server, "/2"), timeout = { queue = 0.05, connect = 0.01 } },
      helper.expect(function() end))
    local patient = http.get({ url = url(server, "/3"), timeout = { queue = 5 } }, helper.expect(function() end))
    local endless = http.get({ url = url(server, "/4"), timeout = { queue = false } }, helper.expect(function() end))
    helper.wait(function() return hasty.finished end)
    assert.equal(R.TIMEOUT_ERROR, hasty.error)
    assert.equal("timed out: no connection was free within 0.05 s", hasty.error_string)
    assert.equal("resolve", hasty.error_detail.phase)
    for _ = 1, 3 do -- it stands still for who has a connection
      held(server, 1)
      server.release()
      helper.wait(function() return #server.held == 0 end)
      turns(20)
    end
    helper.wait_calls()
    assert.same({ "/1", "/3", "/4" }, server.served)
    for _, response in ipairs { first, patient, endless } do
      assert.equal("1", response:read_string())
    end
  end)
  helper.it_can("connect_anyhow", "lets a request be cancelled while it waits", function()
    http.configure { max_connections_per_origin = 1 }
    local server = numbering { hold = true }
    local responses = start(server, 4)
    held(server, 1)
    responses[2]:abort()
    responses[4]:abort()
    helper.wait(function() return responses[2].finished and responses[4].finished end)
    assert.equal(R.OPERATION_CANCELLED_ERROR, responses[2].error)
    server.release()
    held(server, 1)
    server.release()
    helper.wait_calls()
    assert.same({ "/1", "/3" }, server.served)
  end)

  helper.it_can("connect_anyhow", "gives the place of one that fails, or is cancelled, to the next", function()
    http.configure { max_connections_per_origin = 1 }
    local server = numbering { hold = true }
    local responses = start(server, 3)
    held(server, 1)
    responses[1]:abort()
    helper.wait(function() return #server.held == 2 end)
    table.remove(server.held, 1)
    server.release()
    held(server, 1)
    server.release()
    helper.wait_calls()
    assert.same({ "/2", "/3" }, server.served)
    assert.equal("2", responses[3]:read_string())
  end)

  helper.it_can("connect_anyhow", "ends all that wait where nobody listens", function()
    http.configure { max_connections_per_origin = 1 }
    local port = raw.refused_port()
    local responses = {}
    for i = 1, 20 do
      responses[i] = http.get({ hostname = "127.0.0.1", port = port }, helper.expect(function() end))
    end
    helper.wait_calls()
    for i = 1, 20 do
      assert.equal(R.CONNECTION_REFUSED_ERROR, responses[i].error)
    end
  end)

  helper.it_can("connect_anyhow", "may be raised while some wait", function()
    http.configure { max_connections_per_origin = 1 }
    local server = numbering { hold = true }
    start(server, 3)
    held(server, 1)
    http.configure { max_connections_per_origin = 4 }
    start(server, 1)
    held(server, 4)
    for _ = 1, 4 do
      server.release()
    end
    helper.wait_calls()
    assert.equal(4, server.connections)
  end)
end)

describe("max_connections", function()
  after_each(function()
    http.configure { max_connections_per_origin = false, max_connections = false }
  end)
  helper.setup()

  helper.it_can("connect_anyhow", "lets requests to other hosts wait as well, in turns", function()
    http.configure { max_connections = 2 }
    local one, other = numbering { hold = true }, numbering { hold = true }
    start(one, 3)
    start(other, 2)
    held(one, 2)
    held(other, 0)
    one.release()
    turns(20)
    one.release()
    helper.wait(function() return #one.held + #other.held == 2 end)
    while #one.served + #other.served < 5 do
      helper.wait(function() return #one.held + #other.held > 0 end)
      assert.is_true(one.open + other.open <= 2)
      local server = #one.held > 0 and one or other
      server.release()
      turns(20)
    end
    helper.wait_calls()
    assert.same({ 3, 2 }, { #one.served, #other.served })
  end)

  helper.it_can("connect_anyhow",
    "closes an idle connection of another host's, the one that was idle for longest", function()
    http.configure { max_connections = 2 }
    local a, b, c = numbering(), numbering(), numbering()
    get { url = url(a) }
    get { url = url(b) }
    get { url = url(c) }
    helper.wait(function() return a.open == 0 end)
    assert.same({ 0, 1, 1 }, { a.open, b.open, c.open })
    get { url = url(b) }
    get { url = url(a) }
    helper.wait(function() return c.open == 0 end)
    assert.same({ 2, 1, 1 }, { a.connections, b.connections, c.connections })
  end)
end)

describe("http.configure", function()
  after_each(function()
    http.configure { max_connections_per_origin = false, max_connections = false }
  end)
  helper.setup()

  for _, name in ipairs { "max_connections", "max_connections_per_origin" } do
    for _, value in ipairs { 0, -1, 1.5, "many", true, {} } do
      it(("refuses %s = %s"):format(name, tostring(value):gsub("0x%x+", "{}")), function()
        local ok, why = pcall(http.configure, { [name] = value })
        assert.is_false(ok)
        assert.matches("bad option '" .. name .. "'.*integer above 0", why)
      end)
    end
  end
end)
