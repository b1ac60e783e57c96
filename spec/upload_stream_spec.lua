-- Request bodies that are read as they go out: from functions, files, other responses; of known length or in
-- chunks; what breaks off on either side; and how an engine refuses that cannot.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local servers = require("servers")
local certs = require("certs")
local uploads = require("uploads")

local R = http.Response
local MIB = 1024 * 1024
local streams = http.can("stream_upload")

-- Bytes in which a piece that is lost, doubled or moved shows.
local function sample(size)
  local parts = {}
  for i = 1, math.ceil(size / 65536) do
    parts[i] = ("%08d"):format(i):rep(8192)
  end
  return table.concat(parts):sub(1, size)
end

-- A function that gives these pieces.
local function pieces(list)
  local i = 0
  return function()
    i = i + 1
    return list[i]
  end
end

-- What arrives on the wire -> { headers, body }, the body without its chunks.
local function send(data, options, tls)
  local server = helper.respond(uploads.OK, { tls = tls })
  options = options or {}
  options.method = options.method or "POST"
  options.url, options.ca_file = helper.url(server), certs.ca_file
  local response = http.request(options, data):await()
  assert.equal("", response.error_string)
  assert.equal(200, response.status_code)
  local request = server.requests[1]
  if request.headers["transfer-encoding"] then
    request.body = uploads.unchunk(request.body)
  end
  return request, response
end

-- Of a request that fails before the server has all of it.
local function fails(data, options, words)
  local server = raw.listen({})
  options = options or {}
  options.method, options.url = "POST", helper.url(server)
  local response = http.request(options, data, helper.expect(function() end)):await()
  assert.equal(R.UNKNOWN_CONTENT_ERROR, response.error, response.error_string)
  assert.truthy(response.error_string:find(words, 1, true), response.error_string)
  assert.equal("send", response.error_detail.phase)
  helper.wait_calls()
  return response
end

-- What is reported while fn runs.
local function reported(fn)
  local core = package.loaded["http.core"]
  local report, words = core.report, {}
  core.report = function(message) words[#words + 1] = message end
  local ok, message = pcall(fn)
  http.poll(0)
  core.report = report
  assert(ok, message)
  return table.concat(words, "\n")
end

if not streams then
  describe("an engine that cannot read a body as it goes out", function()
    helper.setup()
    uploads.use_folder()

    local sources = {
      ["a function"] = function() return function() error("asked") end end,
      ["a file's name"] = function() return nil, { file = uploads.write_file("a", "abc") } end,
      ["a file"] = function() return assert(io.open(uploads.write_file("a", "abc"))) end,
      ["a pipe"] = function() return io.popen("true") end,
    }
    for name, make in pairs(sources) do
      it("refuses " .. name .. " with words", function()
        local server = helper.respond(uploads.OK)
        local data, options = make()
        options = options or {}
        options.method, options.url = "POST", helper.url(server)
        local response = http.request(options, data):await()
        assert.equal(R.PROTOCOL_INVALID_OPERATION_ERROR, response.error)
        assert.matches("cannot read a body as it sends it", response.error_string)
        assert.equal(0, server.accepted)
        if io.type(data) then
          data:close()
        end
      end)
    end
  end)
  return
end

describe("a body from a function", function()
  after_each(servers.close)
  helper.setup()

  for name, tls in pairs { plain = false, ["over TLS"] = certs.server } do
    it("goes in chunks, " .. name, function()
      local request = send(pieces { "one", "two", ("x"):rep(70000) }, nil, tls or nil)
      assert.equal("chunked", request.headers["transfer-encoding"])
      assert.is_nil(request.headers["content-length"])
      assert.equal("onetwo" .. ("x"):rep(70000), request.body)
    end)

    it("goes with a length that is known, " .. name, function()
      local request = send(pieces { "one", "two" }, { length = 6 }, tls or nil)
      assert.equal("6", request.headers["content-length"])
      assert.is_nil(request.headers["transfer-encoding"])
      assert.equal("onetwo", request.body)
    end)
  end

  it("goes with the length that the headers state", function()
    local request = send(pieces { "one", "two" }, { headers = { ["Content-Length"] = 6 } })
    assert.equal("6", request.headers["content-length"])
    assert.equal("onetwo", request.body)
  end)

  it("may be empty, with and without a length", function()
    local request = send(pieces {})
    assert.equal("chunked", request.headers["transfer-encoding"])
    assert.equal("", request.body)
    request = send(helper.expect(pieces {}, 0), { length = 0 })
    assert.equal("0", request.headers["content-length"])
  end)

  it("goes with any method", function()
    local request = send(pieces { "a" }, { method = "DELETE" })
    assert.equal("DELETE", request.method)
    assert.equal("a", request.body)
  end)

  it("is not asked before control is back in the loop", function()
    local server = helper.respond(uploads.OK)
    local asked = false
    local response = http.post(helper.url(server), function() asked = true end)
    assert.is_false(asked)
    response:await()
    assert.is_true(asked)
  end)

  it("may wait: the function is a task", function()
    local other = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    local i = 0
    local request = send(function()
      i = i + 1
      http.sleep(0.005)
      if i < 3 then
        return http.get(helper.url(other)):await():read()
      end
    end)
    assert.equal("hellohello", request.body)
  end)

  it("may give nothing for a while", function()
    assert.equal("ab", send(pieces { "", "a", "", "", "b", "" }).body)
  end)

  it("is told of as it moves on, with -1 for a total that nobody knows", function()
    local server = helper.respond(uploads.OK)
    local list = { ("x"):rep(100000), ("x"):rep(100000), ("x"):rep(100000) }
    for _, length in ipairs { -1, 300000 } do
      local last = 0
      local response = http.post({ url = helper.url(server), length = length > 0 and length or nil }, pieces(list))
      response.upload_progress_handler = function(_, sent, total)
        assert.is_true(sent > last)
        assert.equal(length, total)
        last = sent
      end
      response:await()
      assert.equal(300000, last)
    end
  end)

  it("waits for a server that does not read", function()
    local given = 0
    local conn
    local server = raw.listen({ on_connect = function(c) c:pause() conn = c end })
    local response = http.post({ url = helper.url(server), timeout = { idle = false } }, function()
      given = given + 65536
      return given <= 64 * MIB and ("x"):rep(65536) or nil
    end)
    local before
    helper.wait(function() -- until nothing moves any more
      local still = before == given and given > 0
      before = given
      return still
    end)
    assert.is_true(given < 32 * MIB, given)
    conn:close()
    response:abort()
    response:await()
  end)

  local WRONG = {
    ["that is shorter than said"] = { { "one" }, 4, "shorter than its length" },
    ["that is longer than said"] = { { "one", "two" }, 4, "longer than its length" },
    ["that is longer than said at once"] = { { "one two" }, 4, "longer than its length" },
    ["that is empty, but was not said to be"] = { {}, 4, "shorter than its length" },
  }
  for name, row in pairs(WRONG) do
    it("ends the request " .. name, function()
      fails(pieces(row[1]), { length = row[2] }, row[3])
    end)
  end

  it("ends the request with the words that it gives", function()
    fails(function() return nil, "the disk is gone" end, nil, "the disk is gone")
  end)

  it("ends the request by what it throws, which is reported", function()
    local words = reported(function()
      fails(function() error("ouch", 0) end, nil, "ouch")
    end)
    assert.matches("ouch\nstack traceback:", words)
  end)

  it("ends the request by what it throws after waiting", function()
    reported(function()
      fails(function() http.sleep(0.001) error({}) end, nil, "(error object is a table value)")
    end)
  end)

  it("ends the request when it gives what is no string", function()
    for _, value in ipairs { 5, true, {}, print } do
      reported(function()
        fails(function() return value end, nil, "its function returned a " .. type(value))
      end)
    end
  end)

  it("is asked no more once the request has ended", function()
    local server = raw.listen({ on_connect = function(conn) conn:reset() end })
    local given = 0
    local response = http.post(helper.url(server), function()
      given = given + 1
      http.sleep(0.001)
      return "x"
    end):await()
    assert.is_true(response.error ~= 0)
    local before = given
    http.sleep(0.02)
    assert.is_true(given <= before + 1)
  end)

  it("may abort its own request", function()
    local server = raw.listen({})
    local response
    response = http.post(helper.url(server), function()
      response:abort()
      return "x"
    end)
    assert.equal(R.OPERATION_CANCELLED_ERROR, response:await().error)
  end)

  it("may be aborted while the function waits", function()
    local server = raw.listen({})
    local waits = false
    local response = http.post(helper.url(server), function()
      waits = true
      http.sleep(0.02)
      return "x"
    end)
    helper.wait(function() return waits end)
    response:abort()
    assert.equal(R.OPERATION_CANCELLED_ERROR, response:await().error)
    http.sleep(0.03)
  end)

  it("stops the idle clock while the function has nothing", function()
    local server = helper.respond(uploads.OK)
    local slow = pieces { "a", "b" }
    local response = http.post({ url = helper.url(server), timeout = { idle = 0.1 } }, function()
      http.sleep(0.25)
      return slow()
    end):await()
    assert.equal("", response.error_string)
  end)

  it("does not stop the clock of the whole", function()
    local server = raw.listen({})
    local response = http.post({ url = helper.url(server), timeout = 0.1 }, function() http.sleep(0.3) end):await()
    assert.equal(R.TIMEOUT_ERROR, response.error)
    http.sleep(0.3)
  end)

  it("is done with once the server has answered early and closed", function()
    local server = raw.listen({ on_connect = function(conn)
      conn.on_data = function()
        conn:send("HTTP/1.1 413 Too Much\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!")
        conn:half_close()
      end
    end })
    local response = http.post(helper.url(server), function()
      http.sleep(0.001)
      return ("x"):rep(1000)
    end):await()
    assert.equal(413, response.status_code)
    assert.equal("no!", response:read())
    http.sleep(0.02)
  end)
end)

describe("a request that would be sent again", function()
  helper.setup()
  uploads.use_folder()

  it("is, with a body from a file", function()
    local server, seen = uploads.dying()
    local path = uploads.write_file("a", sample(100000))
    local response = http.put({ url = helper.url(server), file = path }):await()
    assert.equal(200, response.status_code, response.error_string)
    assert.equal(sample(100000), seen[#seen].body)
  end)

  it("is not, with a function of which something has gone out", function()
    local server = uploads.dying()
    local asked = 0
    local response = http.put(helper.url(server), function()
      asked = asked + 1
      return asked == 1 and "abc" or nil
    end):await()
    assert.equal(R.REMOTE_HOST_CLOSED_ERROR, response.error, response.error_string)
    assert.equal(2, asked)
  end)
end)

describe("a body from a file", function()
  helper.setup()
  uploads.use_folder()

  for _, size in ipairs { 0, 1, 100000, 8 * MIB } do
    for name, tls in pairs { plain = false, ["over TLS"] = certs.server } do
      it(("of %d bytes goes with its length, %s"):format(size, name), function()
        local path = uploads.write_file("a", sample(size))
        local request = send(nil, { file = path }, tls or nil)
        assert.equal(tostring(size), request.headers["content-length"])
        assert.is_true(sample(size) == request.body)
      end)
    end
  end

  it("goes in part", function()
    assert.equal("abc", send(nil, { file = uploads.write_file("a", "abcdef"), length = 3 }).body)
    assert.equal("", send(nil, { file = uploads.write_file("a", "abcdef"), length = 0 }).body)
  end)

  it("goes in chunks where the headers ask for that", function()
    for _, size in ipairs { 0, 100000 } do
      local headers = { ["Transfer-Encoding"] = "chunked" }
      local request = send(nil, { file = uploads.write_file("a", sample(size)), headers = headers })
      assert.is_nil(request.headers["content-length"])
      assert.equal(sample(size), request.body)
    end
  end)

  for name, tls in pairs { plain = false, ["over TLS"] = certs.server } do
    it("that cannot be read is told as that, " .. name, function()
      local file = assert(io.open(uploads.write_file("a", "abc"), "a")) -- for writing only
      file:seek("set", 0)
      local server = raw.listen { tls = tls or nil }
      local response = http.request({ method = "POST", url = helper.url(server), ca_file = certs.ca_file,
        length = 3 }, file):await()
      file:close()
      assert.equal(R.UNKNOWN_CONTENT_ERROR, response.error, response.error_string)
      assert.equal("the body of the request cannot be sent: Bad file descriptor", response.error_string)
      assert.equal(9, response.error_detail.errno)
      assert.equal("send", response.error_detail.phase)
    end)
  end

  it("is told of as it moves on", function()
    local server = helper.respond(uploads.OK)
    local last
    local response = http.post({ url = helper.url(server), file = uploads.write_file("a", sample(MIB)) })
    response.upload_progress_handler = function(_, sent, total)
      assert.equal(MIB, total)
      last = sent
    end
    response:await()
    assert.equal(MIB, last)
  end)

  it("ends the request where it cannot be read", function()
    fails(nil, { file = uploads.folder() .. "/none" }, "No such file")
    fails(nil, { file = uploads.folder() }, "not a regular file")
    fails(nil, { file = "/dev/null" }, "not a regular file")
    fails(nil, { file = uploads.write_file("a", "abc"), length = 4 }, "ends before")
    assert.equal(2, fails(nil, { file = uploads.folder() .. "/none" }, "none").error_detail.errno)
  end)

  it("ends the request when it becomes shorter meanwhile", function()
    for _, headers in ipairs { {}, { ["Transfer-Encoding"] = "chunked" } } do
      local path = uploads.write_file("a", sample(64 * MIB))
      local conn
      local server = raw.listen({ on_connect = function(c) c:pause() conn = c end })
      local response = http.post({ url = helper.url(server), file = path, headers = headers })
      helper.wait(function() return conn end)
      http.poll(0.01)
      uploads.write_file("a", "short")
      conn:resume()
      response:await()
      assert.equal(R.UNKNOWN_CONTENT_ERROR, response.error, response.error_string)
      assert.equal("send", response.error_detail.phase)
    end
  end)

  it("may be an open one, from where it stands to its end", function()
    local file = assert(io.open(uploads.write_file("a", "0123456789")))
    file:read(4)
    local request = send(file)
    assert.equal("6", request.headers["content-length"])
    assert.equal("456789", request.body)
    assert.equal("4567", file:read(4)) -- its position is the script's
    assert.equal("89", send(file).body)
    file:close()
  end)

  it("may be an open one that is closed meanwhile", function()
    local server = helper.respond(uploads.OK)
    local file = assert(io.open(uploads.write_file("a", sample(MIB))))
    local response = http.post(helper.url(server), file)
    file:close()
    response:await()
    assert.equal("", response.error_string)
    assert.is_true(sample(MIB) == server.requests[1].body)
  end)

  it("may be one that was just written", function()
    local file = assert(io.open(uploads.folder() .. "/a", "w+"))
    file:write("fresh")
    file:seek("set", 0)
    assert.equal("fresh", send(file).body)
    file:close()
  end)

  it("may be a pipe, which goes in chunks", function()
    local pipe = io.popen("echo one; echo two")
    local request = send(pipe)
    assert.equal("chunked", request.headers["transfer-encoding"])
    assert.equal("one\ntwo\n", request.body)
    pipe:close()
  end)
end)

describe("a body from another response", function()
  after_each(servers.close)
  helper.setup()

  it("is piped as it comes", function()
    local text = sample(3 * MIB)
    local from = servers.serve(function(_, response)
      for at = 1, #text, 100000 do
        response:write(text:sub(at, at + 99999))
      end
    end)
    assert.is_true(text == send(http.get(from.url)).body)
  end)

  it("is piped no faster than it is read", function()
    local written = 0
    local from = servers.serve(function(_, response)
      while written < 64 * MIB and response:write(("x"):rep(65536)) do
        written = written + 65536
      end
    end)
    local conn
    local to = raw.listen({ on_connect = function(c) c:pause() conn = c end })
    local source = http.get(from.url)
    local response = http.post({ url = helper.url(to), timeout = { idle = false } }, source)
    local before
    helper.wait(function()
      local still = before == written and written > 0 and conn
      before = written
      return still
    end)
    assert.is_true(written < 48 * MIB, written)
    response:abort()
    response:await()
    assert.equal(R.OPERATION_CANCELLED_ERROR, source:await().error) -- nobody would read it
  end)

  it("breaks off with it", function()
    local from = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
    fails(http.get(helper.url(from)), nil, "the response that it is read from broke off")
  end)

  it("may have ended before", function()
    local from = helper.respond(uploads.OK)
    assert.equal("hi", send(http.get(helper.url(from)):await()).body)
  end)

  it("may be any stream with chunks()", function()
    local stream = setmetatable({ list = { "a", "b" } }, { __index = {
      chunks = function(self) return pieces(self.list) end,
    } })
    assert.equal("ab", send(stream).body)
  end)
end)

describe("a body in memory", function()
  helper.setup()

  it("goes in chunks where the headers ask for that", function()
    for _, size in ipairs { 0, 5, 100000 } do
      local request = send(sample(size), { headers = { ["transfer-encoding"] = "chunked" } })
      assert.is_nil(request.headers["content-length"])
      assert.equal(sample(size), request.body)
    end
    assert.equal("", send(nil, { headers = { ["Transfer-Encoding"] = "chunked" } }).body)
  end)

  it("may have its length said", function()
    assert.equal("abc", send("abc", { length = 3 }).body)
  end)
end)

describe("misuse of a body", function()
  helper.setup()
  uploads.use_folder()

  local closed = assert(io.tmpfile())
  closed:close()
  local ROWS = {
    { "'length'", "abc", { length = 4 } },
    { "'length'", nil, { length = 4 } },
    { "'length'", "abc", { length = -1 } },
    { "'length'", "abc", { length = 1.5 } },
    { "'length'", "abc", { length = "3" } },
    { "'file' (it stands in place of data", "abc", { file = "/tmp/x" } },
    { "'file' (string", nil, { file = 5 } },
    { "the file is closed", closed },
    { "item 1 is not a byte", setmetatable({ "x" }, getmetatable(io.stdout)) }, -- a table, whatever it says of itself
    { "'expect'", "abc", { expect = "x" } },
    { "'expect'", "abc", { expect = 0 } },
    { "Transfer-Encoding", "abc", { headers = { ["Transfer-Encoding"] = "gzip" } } },
    { "exclude each other", "abc", { headers = { ["Transfer-Encoding"] = "chunked", ["Content-Length"] = 3 } } },
    { "Content-Length", "abc", { headers = { ["Content-Length"] = 4 } } },
    { "Content-Length", print, { length = 3, headers = { ["Content-Length"] = 4 } } },
  }
  for i, row in ipairs(ROWS) do
    it(("throws: %d, %s"):format(i, row[1]), function()
      local options = row[3] or {}
      options.url = "http://127.0.0.1:1/"
      local ok, message = pcall(http.post, options, row[2])
      assert.is_false(ok)
      assert.truthy(message:find(row[1], 1, true), message)
    end)
  end

  it("throws for a file with what sends no body", function()
    local ok, message = pcall(http.get, { url = "http://127.0.0.1:1/", file = "/tmp/x" })
    assert.is_false(ok)
    assert.matches("http.get sends no body", message)
  end)
end)

describe("Expect: 100-continue", function()
  helper.setup()

  -- Calls on_head(conn) once the head is in, and answers once the body is.
  local function expecting(on_head)
    local server
    server = raw.listen({ on_connect = function(conn)
      local told
      conn.on_data = function()
        local head, at = conn.received:match("^(.-\r\n\r\n)()")
        if head and not told then
          told = true
          server.early = #conn.received - at + 1
          server.head_at = raw.now()
          on_head(conn, head)
        end
        if head and #conn.received - at + 1 == 5 then
          server.body_at = raw.now()
          conn:send(uploads.OK)
        end
      end
    end })
    return server
  end

  it("holds the body back until the server asks for it", function()
    local server = expecting(function(conn, head)
      assert.matches("\r\nExpect: 100%-continue\r\n", head)
      http.after(0.05, function() conn:send("HTTP/1.1 100 Continue\r\n\r\n") end)
    end)
    local response = http.post({ url = helper.url(server), expect = true }, "hello"):await()
    assert.equal(200, response.status_code, response.error_string)
    assert.equal(0, server.early)
    assert.is_true(server.body_at - server.head_at >= 0.04)
  end)

  it("sends it after a while without an answer", function()
    local server = expecting(function() end)
    local response = http.post({ url = helper.url(server), expect = 0.05, length = 5 }, pieces { "hel", "lo" }):await()
    assert.equal(200, response.status_code, response.error_string)
    assert.equal(0, server.early)
    assert.is_true(server.body_at - server.head_at >= 0.04)
  end)

  it("does not send it where the server has answered", function()
    local server = expecting(function(conn)
      conn:send("HTTP/1.1 417 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
      conn:half_close()
    end)
    local response = http.post({ url = helper.url(server), expect = 5 }, helper.expect(function() end, 0)):await()
    assert.equal(417, response.status_code, response.error_string)
    assert.equal("no", response:read())
  end)

  it("says nothing of it without a body", function()
    local server = helper.respond(uploads.OK)
    http.get({ url = helper.url(server), expect = true }):await()
    assert.is_nil(server.requests[1].headers.expect)
  end)
end)
