-- Heads of 1xx, sent by a server before its answer and told to the client in order; and fields behind a body in
-- chunks.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local servers = require("servers")

local R = http.Response
local OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
local CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nhi\r\n0\r\n"

-- The heads of 1xx that a reply brings, as texts, and the Response.
local function ask(bytes, pieces)
  local server
  if pieces then
    server = raw.listen({ on_connect = function(conn)
      server.conn = conn
    end })
  else
    server = helper.respond(bytes)
  end
  local told = {}
  local response = http.get(helper.url(server), helper.expect(function() end))
  response.interim_handler = function(self, status, headers)
    assert.equal(response, self)
    assert.is_false(self.finished)
    told[#told + 1] = ("%d %s"):format(status, headers.link or "-")
  end
  if pieces then
    helper.drip(helper.wait(function() return server.conn end), bytes, pieces)
    server.conn:close()
  end
  response:await()
  helper.wait_calls()
  return told, response
end

if http.can("interim") then
  describe("response.interim_handler", function()
    helper.setup()

    it("is told of heads of 1xx in their order", function()
      local told, response = ask("HTTP/1.1 100 Continue\r\n\r\n"
        .. "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\nLink: <b>\r\n\r\nHTTP/1.1 199 Odd\r\n\r\n" .. OK)
      assert.same({ "100 -", "103 <a>, <b>", "199 -" }, told)
      assert.equal(200, response.status_code)
      assert.is_nil(response.headers.link)
      assert.equal("hi", response:read())
    end)

    it("is told wherever the bytes are cut", function()
      local told, response = ask("HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" .. OK, 1)
      assert.same({ "103 <a>" }, told)
      assert.equal("hi", response:read())
    end)

    it("is not called without such heads", function()
      assert.same({}, (ask(OK)))
    end)

    it("may end the request", function()
      for _, how in ipairs { "abort", "close" } do
        local server = helper.respond(("HTTP/1.1 103 Early Hints\r\n\r\n"):rep(3) .. OK)
        local response = http.get(helper.url(server))
        response.interim_handler = helper.expect(function(self) self[how](self) end)
        assert.equal(R.OPERATION_CANCELLED_ERROR, response:await().error)
        helper.wait_calls()
      end
    end)

    it("that throws is reported, and the others are told", function()
      local server = helper.respond("HTTP/1.1 103 Early Hints\r\n\r\n" .. OK)
      local _, output = helper.run_script([[
        http.configure { engine = arg[2] }
        local r = http.get(arg[1])
        r.interim_handler = function() error("ouch", 0) end
        r.finished_handler = function() print(r.status_code) end
      ]], helper.url(server), http.engine)
      assert.matches("ouch\nstack traceback", output)
      assert.matches("200\n", output)
    end)

    it("is lost on a head that is malformed", function()
      local told, response = ask("HTTP/1.1 103 Early Hints\r\nBad Name: x\r\n\r\n" .. OK)
      assert.same({}, told)
      assert.equal(R.PROTOCOL_FAILURE, response.error)
    end)

    it("has an end: a server cannot send such heads for ever at once", function()
      local told, response = ask(("HTTP/1.1 103 X\r\n\r\n"):rep(3000) .. OK)
      assert.equal(R.PROTOCOL_FAILURE, response.error, response.error_string)
      assert.is_true(#told <= 100, #told)
    end)

    it("takes a function", function()
      local server = raw.listen({})
      local response = http.get(helper.url(server))
      assert.has_error(function() response.interim_handler = 5 end)
      response:abort()
      response:await()
    end)
  end)

  describe("response:interim of a server", function()
    after_each(servers.close)
    helper.setup()

    it("goes before the answer", function()
      local server = servers.serve(function(_, response)
        assert(response:interim(103, { Link = { "<a>", "<b>" } }))
        assert(response:interim(102))
        response.body = "done"
      end)
      local reply = servers.talk(server)
      assert.matches("^HTTP/1.1 103 Early Hints\r\nLink: <a>\r\nLink: <b>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
        .. "HTTP/1.1 200 OK\r\n", reply)
      assert.matches("\r\n\r\ndone$", reply)
    end)

    it("is not sent to a client of HTTP/1.0", function()
      local server = servers.serve(function(_, response)
        assert(response:interim(103, { Link = "<a>" }))
        response.body = "done"
      end)
      assert.matches("^HTTP/1.[01] 200 OK\r\n", servers.talk(server, "GET / HTTP/1.0\r\n\r\n"))
    end)

    it("comes at once, while the handler goes on", function()
      local server = servers.serve(function(_, response)
        response:interim(103)
        http.sleep(0.05)
      end)
      local response = http.get(server.url)
      local at
      response.interim_handler = function() at = http.now() end
      response:await()
      assert.is_true(http.now() - at > 0.03)
    end)

    it("returns nil once the client has gone", function()
      local told, here
      local server = servers.serve(function(_, response)
        here = true
        while not response:gone() do
          http.sleep(0.002)
        end
        told = { response:interim(103) }
      end)
      local conn = raw.connect({ port = server.port })
      conn:send(servers.GET)
      helper.wait(function() return here end)
      conn:reset()
      helper.wait(function() return told end)
      assert.is_nil(told[1])
      assert.equal("closed", told[3])
    end)

    local WRONG = {
      ["a status of another kind"] = { { 200 }, "bad status: 200" },
      ["101, which is an upgrade"] = { { 101 }, "bad status: 101" },
      ["a status below"] = { { 99 }, "bad status: 99" },
      ["what is no number"] = { { "103" }, "integer expected, got 103" },
      ["a broken status"] = { { 103.5 }, "integer expected" },
      ["a field that breaks the framing"] = { { 103, { Link = "a\r\nb" } }, "bad value of the header Link" },
      ["a field of a bad name"] = { { 103, { ["a b"] = "x" } }, "bad header name" },
      ["fields that are none"] = { { 103, "x" }, "bad headers" },
    }
    for name, row in pairs(WRONG) do
      it("throws for " .. name .. ", and the answer goes on", function()
        local ok, message
        local server = servers.serve(function(_, response)
          ok, message = pcall(response.interim, response, unpack(row[1]))
        end)
        assert.matches("^HTTP/1.1 200 OK\r\n", servers.talk(server))
        assert.is_false(ok)
        assert.truthy(message:find(row[2], 1, true), message)
      end)
    end

    it("throws once the answer has begun", function()
      local ok, message
      local server = servers.serve(function(_, response)
        response:write("x")
        ok, message = pcall(response.interim, response, 103)
      end)
      servers.talk(server)
      assert.is_false(ok)
      assert.matches("already been sent", message)
    end)
  end)
else
  describe("an engine that sends no heads of 1xx", function()
    after_each(servers.close)
    helper.setup()

    it("says so", function()
      local ok, message
      local server = servers.serve(function(_, response)
        ok, message = pcall(response.interim, response, 103)
      end)
      assert.matches("^HTTP/1.1 200 OK\r\n", servers.talk(server))
      assert.is_false(ok)
      assert.matches("engine cannot send a head before the last one", message)
    end)
  end)
end

describe("response.trailers", function()
  helper.setup()

  it("is an empty table without any", function()
    local server = helper.respond(OK)
    local response = http.get(helper.url(server))
    assert.same({}, response.trailers)
    response:await()
    assert.same({}, response.trailers)
    assert.has_error(function() response.trailers = {} end)
  end)

  if http.can("trailers") then
    it("has the fields behind the body, whatever their case", function()
      local server = helper.respond(CHUNKED .. "X-Sum: 5\r\nx-sum: 6\r\nOther: z\r\n\r\n")
      local response = http.get(helper.url(server)):await()
      assert.equal("", response.error_string)
      assert.equal("hi", response:read())
      assert.equal("5, 6", response.trailers["x-SUM"])
      assert.equal("z", response.trailers.other)
      assert.equal(response.trailers, response.trailers)
      assert.is_nil(response.headers["X-Sum"])
    end)

    it("has none until the end", function()
      local server = raw.listen({ on_connect = function(conn)
        conn.on_data = function()
          conn:send(CHUNKED)
          http.after(0.02, function()
            conn:send("X-Sum: 5\r\n\r\n")
          end)
        end
      end })
      local response = http.get(helper.url(server))
      response:chunks()()
      assert.same({}, response.trailers)
      response:await()
      assert.equal("5", response.trailers["X-Sum"])
    end)

    it("does not hide that one is malformed", function()
      local server = helper.respond(CHUNKED .. "X Sum: 5\r\n\r\n")
      assert.equal(R.PROTOCOL_FAILURE, http.get(helper.url(server)):await().error)
    end)
  end
end)
