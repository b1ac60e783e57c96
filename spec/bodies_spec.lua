-- Bodies given as values: json, form, multipart; byte for byte on the wire, streamed, sent again, refused.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local uploads = require("uploads")

local R = http.Response
local MIB = 1024 * 1024
local FORM = "application/x-www-form-urlencoded"

-- What arrives on the wire of such a POST.
local function send(options, method)
  local server = helper.respond(uploads.OK)
  options.url, options.method = helper.url(server), method or "POST"
  local response = http.request(options):await()
  assert.equal("", response.error_string)
  assert.equal(200, response.status_code)
  local request = server.requests[1]
  if request.headers["transfer-encoding"] then
    request.body = uploads.unchunk(request.body)
  end
  return request
end

local function told(words, fn)
  local ok, message = pcall(fn)
  assert.is_false(ok)
  assert.matches("^.-bodies_spec%.lua:%d+: ", message)
  assert.truthy(message:find(words, 1, true), message)
end

-- A function that gives these pieces.
local function pieces(list)
  local i = 0
  return function()
    i = i + 1
    return list[i]
  end
end

local function boundary_of(request)
  return (request.headers["content-type"]:match("^multipart/form%-data; boundary=(%x+)$"))
end

-- The parts of a body, each its head and its data, by the boundary of its type.
local function parts_of(request)
  local limit = "--" .. boundary_of(request)
  local body, result = request.body, {}
  local at = #limit + 1
  assert.equal(limit, body:sub(1, #limit))
  while body:sub(at, at + 1) == "\r\n" do
    local stop = assert(body:find("\r\n" .. limit, at, true))
    local head, data = body:sub(at + 2, stop - 1):match("^(.-)\r\n\r\n(.*)$")
    result[#result + 1] = head
    result[#result + 1] = data
    at = stop + 2 + #limit
  end
  assert.equal("--\r\n", body:sub(at))
  return result
end

-- In few words, whatever their size.
local function same_parts(expected, request)
  local parts = parts_of(request)
  assert.equal(#expected, #parts)
  for i, piece in ipairs(expected) do
    if #piece < 1000 then
      assert.equal(piece, parts[i])
    else
      assert.is_true(piece == parts[i], "part " .. i)
    end
  end
end

local NAMED = 'Content-Disposition: form-data; name="%s"'
local FILE = 'Content-Disposition: form-data; name="%s"; filename="%s"\r\nContent-Type: %s'

describe("the option json", function()
  helper.setup()

  local VALUES = {
    ["an object"] = { { a = "b" }, '{"a":"b"}' },
    ["an empty table"] = { {}, "{}" },
    ["an empty array"] = { http.empty_array, "[]" },
    ["empty arrays within"] = { { { {} }, http.empty_array, { http.empty_array } }, "[[{}],[],[[]]]" },
    ["a list"] = { { 1, 2.5, "x" }, '[1,2.5,"x"]' },
    ["false"] = { false, "false" },
    ["true"] = { true, "true" },
    ["null"] = { http.null, "null" },
    ["null in a list"] = { { 1, http.null, 3 }, "[1,null,3]" },
    ["a number"] = { 0, "0" },
    ["a string"] = { 'a/"b"\n', '"a/\\"b\\"\\n"' },
    ["an empty string"] = { "", '""' },
  }
  for name, row in pairs(VALUES) do
    it("sends " .. name, function()
      local request = send { json = row[1] }
      assert.equal(row[2], request.body)
      assert.equal("application/json", request.headers["content-type"])
      assert.equal(tostring(#row[2]), request.headers["content-length"])
    end)
  end

  it("keeps every digit of a number", function()
    local one = { 1234567890123456, -1700000000123456, 2 ^ 53, 0.1, 0.1 + 0.2, 1700000000.123456, 1e14, 1e300 }
    local text = send({ json = { list = one, again = { one, one } } }).body
    assert.truthy(text:find("[1234567890123456,-1700000000123456,9007199254740992,0.1,0.30000000000000004,"
      .. "1700000000.123456,", 1, true), text)
    local back = {}
    for number in text:match('"list":%[(.-)%]'):gmatch("[^,]+") do
      back[#back + 1] = tonumber(number)
    end
    assert.same(one, back)
    assert.equal(1234567890123456, one[1])
    assert.equal("1234567890123456", send({ json = 1234567890123456 }).body)
    local round = { 1234567890123456 }
    round[2] = round
    told("nesting", function() http.post { url = "http://127.0.0.1:1/", json = round } end)
  end)

  it("sends no body where it is nil", function()
    local request = send { json = nil }
    assert.equal("", request.body)
    assert.is_nil(request.headers["content-type"])
  end)

  it("leaves a Content-Type that there is, in whatever case, and one that is false is none", function()
    for _, name in ipairs { "Content-Type", "content-type", "CONTENT-TYPE" } do
      assert.equal("application/ld+json", send({ json = 1, headers = { [name] = "application/ld+json" } })
        .headers["content-type"])
      assert.is_nil(send({ json = 1, headers = { [name] = false } }).headers["content-type"])
    end
    assert.equal("application/json", send({ json = 1, headers = { ["X-Other"] = "x" } }).headers["content-type"])
  end)

  it("goes with any method, by http.request", function()
    for _, method in ipairs { "GET", "DELETE", "PUT", "PATCH", "OPTIONS" } do
      local request = send({ json = { 1 } }, method)
      assert.equal(method, request.method)
      assert.equal("[1]", request.body)
    end
  end)

  it("refuses what is no JSON", function()
    local loop = {}
    loop.loop = loop
    for words, value in pairs {
      ["type not supported"] = { f = print }, ["must not be NaN"] = 0 / 0, ["excessive nesting"] = loop,
      ["sparse"] = { [1] = 1, [1000000] = 1 },
    } do
      told("bad option 'json' (", function() http.post { url = "http://127.0.0.1:1/", json = value } end)
      told(words, function() http.post { url = "http://127.0.0.1:1/", json = value } end)
    end
  end)
end)

describe("the option form", function()
  helper.setup()

  local FORMS = {
    ["nothing"] = { {}, "" },
    ["a field"] = { { a = "b" }, "a=b" },
    ["fields in the order of their names"] = { { b = 1, a = true, c = "x" }, "a=true&b=1&c=x" },
    ["a list of values"] = { { a = { "x", "y", 1 } }, "a=x&a=y&a=1" },
    ["an empty list of values"] = { { a = {}, b = "" }, "b=" },
    ["pairs in their own order"] = { { { "b", 1 }, { "a", { 2, 3 } }, { "b", false } }, "b=1&a=2&a=3&b=false" },
    ["blanks, and what browsers leave alone"] = { { ["a b"] = "1 2*-._~" }, "a+b=1+2*-._%7E" },
    ["UTF-8"] = { { ["ü"] = "€" }, "%C3%BC=%E2%82%AC" },
    ["any bytes"] = { { a = "\0\255\r\n&=+%" }, "a=%00%FF%0D%0A%26%3D%2B%25" },
  }
  for name, row in pairs(FORMS) do
    it("sends " .. name, function()
      local request = send { form = row[1] }
      assert.equal(row[2], request.body)
      assert.equal(FORM, request.headers["content-type"])
    end)
  end

  local MISTAKES = {
    { "a string", "a=b", "table expected, got string" },
    { "false", false, "table expected, got false" },
    { "a value that is a function", { a = print }, "the value of 'a' is a function" },
    { "a value that is no list", { a = { b = 1 } }, "the value of 'a' is a table, but no list" },
    { "a list in a list", { a = { { 1 } } }, "the value of 'a' is a table" },
    { "null", { a = http.null }, "the value of 'a' is a userdata" },
    { "names that are numbers", { [5] = "x" }, "its names must be strings" },
    { "a pair that is none", { { "a", 1 }, { "b" } }, "item 2 is no pair" },
  }
  for _, row in ipairs(MISTAKES) do
    it("refuses " .. row[1], function()
      told("bad option 'form' (" .. "", function() http.post { url = "http://127.0.0.1:1/", form = row[2] } end)
      told(row[3], function() http.post { url = "http://127.0.0.1:1/", form = row[2] } end)
    end)
  end
end)

describe("the option multipart", function()
  helper.setup()
  uploads.use_folder()

  it("sends values and data as a browser would, byte for byte", function()
    local request = send { multipart = {
      { "b", 1.5 },
      { "a", false },
      { 'q"\n', { data = "{}", filename = 'ü"\r\n.json' } },
      { name = "typed", data = "<p>", content_type = "text/html" },
      { "raw", { data = "x\0\r\n--", filename = "noext" } },
      { "bare", { data = "y", filename = false } },
    } }
    local limit = boundary_of(request)
    assert.equal(32, #limit)
    local head = "--" .. limit .. "\r\nContent-Disposition: form-data; "
    assert.equal(table.concat {
      head, 'name="b"\r\n\r\n1.5\r\n',
      head, 'name="a"\r\n\r\nfalse\r\n',
      head, 'name="q%22%0D%0A"; filename="ü%22%0D%0A.json"\r\nContent-Type: application/json\r\n\r\n{}\r\n',
      head, 'name="typed"\r\nContent-Type: text/html\r\n\r\n<p>\r\n',
      head, 'name="raw"; filename="noext"\r\nContent-Type: application/octet-stream\r\n\r\nx\0\r\n--\r\n',
      head, 'name="bare"\r\n\r\ny\r\n',
      "--", limit, "--\r\n",
    }, request.body)
    assert.equal(tostring(#request.body), request.headers["content-length"])
  end)

  it("sends nothing as the last boundary alone", function()
    local request = send { multipart = {} }
    assert.equal("--" .. boundary_of(request) .. "--\r\n", request.body)
  end)

  it("takes the boundary of a Content-Type that there is", function()
    local request = send { multipart = { a = "1" }, headers = { ["content-type"] = 'multipart/mixed; boundary="a b"' } }
    assert.equal('multipart/mixed; boundary="a b"', request.headers["content-type"])
    assert.equal('--a b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--a b--\r\n', request.body)
    for stated, words in pairs {
      ["multipart/form-data"] = "names no boundary", ["multipart/form-data; boundary=1"] = "occurs in what",
    } do
      told(words, function()
        http.post { url = "http://127.0.0.1:1/", multipart = { a = "--1" }, headers = { ["Content-Type"] = stated } }
      end)
    end
  end)

  local MISTAKES = {
    { "a string", "a=b", "table expected, got string" },
    { "false", false, "table expected, got false" },
    { "a value that cannot be sent", { a = print }, "the value of 'a' is a function" },
    { "a part of nothing", { a = {} }, "the file 'a' lacks its data" },
    { "a part of two things", { a = { data = "x", file = "/y" } }, "the part 'a' has both data and file" },
    { "a part of two other things", { a = { stream = print, file = "/y" } }, "has both file and stream" },
    { "an unknown key", { a = { data = "x", type = "y" } }, "'type' is not one of them" },
    { "a path that is none", { a = { file = 5 } }, "the file of 'a' is a number (string expected)" },
    { "a path with a NUL in it", { a = { file = "/dev/null\0.png" } }, "the path of a file has a NUL byte in it" },
    { "a path that is false", { a = { file = false } }, "the file of 'a' is a boolean (string expected)" },
    { "a stream that is none", { a = { stream = 5 } }, "the stream of 'a' is a number" },
    { "a stream that is false", { a = { stream = false } }, "the stream of 'a' is a boolean" },
    { "data that is false by mistake", { a = { data = {} } }, "the value of 'a' is a table" },
    { "a length of data", { a = { data = "x", length = 1 } }, "stands beside no stream" },
    { "a length of a file", { a = { file = "/x", length = 1 } }, "stands beside no stream" },
    { "a length that is none", { a = { stream = print, length = -1 } }, "the length of 'a' is -1" },
    { "a length that is false", { a = { stream = print, length = false } }, "the length of 'a' is false" },
    { "a file name that is none", { a = { data = "x", filename = 5 } }, "the filename of 'a' is a number" },
    { "a type that is none", { a = { data = "x", content_type = 5 } }, "the content_type of 'a' is a number" },
    { "a type with a line end", { a = { data = "x", content_type = "a/b\n" } }, "control character" },
    { "a pair that is none", { { "a", "1" }, { "b" } }, "item 2 is no pair" },
    { "a named part without anything", { { name = "a" } }, "the file 'a' lacks its data" },
    { "a list with a name in it", { { "a", "1" }, b = 2 }, "a list of pairs has no field 'b'" },
  }
  for _, row in ipairs(MISTAKES) do
    it("refuses " .. row[1], function()
      told("bad option 'multipart' (", function() http.post { url = "http://127.0.0.1:1/", multipart = row[2] } end)
      told(row[3], function() http.post { url = "http://127.0.0.1:1/", multipart = row[2] } end)
    end)
  end

  it("fails as `file` does where a file cannot be opened", function()
    local server = helper.respond(uploads.OK)
    for path, words in pairs {
      [uploads.folder() .. "/none"] = "No such file or directory", [uploads.folder()] = "not a regular file",
    } do
      local response = http.post({ url = helper.url(server), multipart = {
        { "first", { file = uploads.write_file("there", "x") } }, { "a", { file = path } },
      } }):await()
      local plain = http.post({ url = helper.url(server), file = path }):await()
      assert.equal(plain.error, response.error)
      assert.equal("send", response.error_detail.phase)
      if http.can("stream_upload") then
        assert.equal(R.UNKNOWN_CONTENT_ERROR, response.error)
        assert.truthy(response.error_string:find(words, 1, true), response.error_string)
        assert.truthy(response.error_string:find(path, 1, true), response.error_string)
        assert.equal(plain.error_string, response.error_string)
      end
    end
    assert.equal(0, server.accepted)
  end)

  helper.it_cannot("stream_upload", "refuses files and streams with words where the engine reads no body", function()
    for _, part in ipairs { { file = uploads.write_file("a", "x") }, { stream = function() error("asked") end } } do
      local server = helper.respond(uploads.OK)
      local response = http.post({ url = helper.url(server), multipart = { a = part } }):await()
      assert.equal(R.PROTOCOL_INVALID_OPERATION_ERROR, response.error)
      assert.matches("cannot read a body as it sends it", response.error_string)
      assert.equal(0, server.accepted)
    end
  end)
end)

describe("a multipart body that is read as it goes out", function()
  helper.setup()
  uploads.use_folder()

  local function it(title, fn)
    helper.it_can("stream_upload", title, fn)
  end

  it("holds a file, by its path", function()
    local text = ("0123456789abcdef"):rep(20000)
    local request = send { multipart = {
      { "one", "1" }, { "big", { file = uploads.write_file("a b.txt", text) } }, { "two", "2" },
      { "other", { file = uploads.write_file("c", ""), filename = "other.PNG" } },
      { "bare", { file = uploads.write_file("d", "dd"), filename = false } },
    } }
    assert.equal(tostring(#request.body), request.headers["content-length"])
    same_parts({
      NAMED:format("one"), "1", FILE:format("big", "a b.txt", "text/plain"), text, NAMED:format("two"), "2",
      FILE:format("other", "other.PNG", "image/png"), "", NAMED:format("bare"), "dd",
    }, request)
  end)

  it("holds an open file, from where it stands, whose position stays", function()
    local file = assert(io.open(uploads.write_file("a", "0123456789")))
    file:read(4)
    local request = send { multipart = { a = { stream = file } } }
    assert.equal(tostring(#request.body), request.headers["content-length"])
    same_parts({ NAMED:format("a"), "456789" }, request)
    assert.equal("4", file:read(1))
    file:close()
  end)

  it("holds a pipe, a function, a Stream and another response, in chunks", function()
    local other = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    local pipe = io.popen("echo one; echo two")
    local request = send { multipart = {
      { "pipe", { stream = pipe } },
      { "function", { stream = pieces { "a", "", "b" }, filename = "f.json" } },
      { "response", { stream = http.get(helper.url(other)) } },
      { "nothing", { stream = function() end } },
    } }
    pipe:close()
    assert.equal("chunked", request.headers["transfer-encoding"])
    assert.is_nil(request.headers["content-length"])
    same_parts({
      NAMED:format("pipe"), "one\ntwo\n", FILE:format("function", "f.json", "application/json"), "ab",
      NAMED:format("response"), "hello", NAMED:format("nothing"), "",
    }, request)
  end)

  it("has a length where each part has one", function()
    local request = send { multipart = {
      { "a", { stream = pieces { "on", "e" }, length = 3 } }, { "b", { stream = pieces {}, length = 0 } },
    } }
    assert.equal(tostring(#request.body), request.headers["content-length"])
    same_parts({ NAMED:format("a"), "one", NAMED:format("b"), "" }, request)
  end)

  it("ends with words where a part does not keep its word", function()
    local server = raw.listen({})
    for words, part in pairs {
      ["the part 'a' is shorter than its length"] = { stream = pieces { "x" }, length = 2 },
      ["the part 'a' is longer than its length"] = { stream = pieces { "xxx" }, length = 2 },
      ["the disk is gone"] = { stream = function() return nil, "the disk is gone" end },
    } do
      -- what follows would make up for it
      local response = http.post({ url = helper.url(server), multipart = {
        { "a", part }, { "b", { stream = pieces { "yy" }, length = 1 } },
      } }):await()
      assert.equal(R.UNKNOWN_CONTENT_ERROR, response.error, response.error_string)
      assert.truthy(response.error_string:find(words, 1, true), response.error_string)
      assert.equal("send", response.error_detail.phase)
    end
  end)

  it("ends with words where its file becomes shorter", function()
    local path = uploads.write_file("a", ("x"):rep(32 * MIB))
    local conn
    local server = raw.listen({ on_connect = function(c) c:pause() conn = c end })
    local response = http.post { url = helper.url(server), multipart = { a = { file = path } } }
    helper.wait(function() return conn end)
    http.poll(0.01)
    uploads.write_file("a", "short")
    conn:resume()
    response:await()
    assert.equal(R.UNKNOWN_CONTENT_ERROR, response.error, response.error_string)
    assert.matches("has become shorter while it was being sent", response.error_string)
  end)

  it("refuses a length that an open file has not got", function()
    local file = assert(io.open(uploads.write_file("a", "abc")))
    told("the length of 'a' is 5, but its file has 3 bytes left", function()
      http.post { url = "http://127.0.0.1:1/", multipart = { a = { stream = file, length = 5 } } }
    end)
    file:close()
    told("the stream of 'a' is a userdata", function()
      http.post { url = "http://127.0.0.1:1/", multipart = { a = { stream = file } } }
    end)
  end)

  it("is told of as it moves on, of the whole", function()
    local server = helper.respond(uploads.OK)
    local last, total = 0, nil
    local response = http.post { url = helper.url(server), multipart = {
      text = ("x"):rep(1000), file = { file = uploads.write_file("a", ("y"):rep(MIB)) },
    } }
    response.upload_progress_handler = function(_, sent, of)
      assert.is_true(sent > last)
      last, total = sent, of
    end
    response:await()
    assert.equal(#server.requests[1].body, last)
    assert.equal(last, total)
  end)

  it("lets go of its files and responses, sent or not, aborted or refused", function()
    local text = ("x"):rep(4 * MIB)
    local from = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", { keep_open = true })
    local function parts()
      return { a = { file = uploads.folder() .. "/a" }, b = { stream = http.get(helper.url(from)) } }
    end
    uploads.write_file("a", text)
    local stuck
    local slow = raw.listen({ on_connect = function(conn) conn:pause() stuck = true end })
    local response = http.post { url = helper.url(slow), multipart = parts() }
    helper.wait(function() return stuck end)
    response:abort()
    assert.equal(R.OPERATION_CANCELLED_ERROR, response:await().error)
    local refused = http.post({ url = ("http://127.0.0.1:%d/"):format(raw.refused_port()), multipart = parts() })
    assert.equal(R.CONNECTION_REFUSED_ERROR, refused:await().error)
    local source = http.get(helper.url(from))
    refused = http.post({ url = ("http://127.0.0.1:%d/"):format(raw.refused_port()) }, source)
    assert.equal(R.CONNECTION_REFUSED_ERROR, refused:await().error)
    assert.equal(R.OPERATION_CANCELLED_ERROR, source:await().error)
  end)

  it("may be aborted at any time", function()
    local path = uploads.write_file("a", ("x"):rep(MIB))
    for turns = 0, 12 do
      local server = helper.respond(uploads.OK)
      local response = http.post { url = helper.url(server), multipart = {
        a = { file = path }, b = { stream = pieces { "x", "", "y" } },
      } }
      for _ = 1, turns do
        http.poll(0)
      end
      response:abort()
      response:await()
      assert.is_true(response.error == R.OPERATION_CANCELLED_ERROR or response.ok)
      server:close()
    end
  end)

  it("is sent again from its beginning where all of it can be", function()
    local text = ("0123456789"):rep(30000)
    local path = uploads.write_file("a", text)
    local server, seen = uploads.dying()
    local response = http.put({ url = helper.url(server), multipart = { { "a", { file = path } }, { "b", "2" } } })
    response:await()
    assert.equal(200, response.status_code, response.error_string)
    assert.equal(3, #seen)
    assert.is_true(seen[2].body == seen[3].body)
    same_parts({ FILE:format("a", "a", "application/octet-stream"), text, NAMED:format("b"), "2" }, seen[3])
  end)

  it("is not sent again where a function has given of it", function()
    local server, seen = uploads.dying()
    local response = http.put({ url = helper.url(server), multipart = { a = { stream = pieces { "x" } } } }):await()
    assert.equal(R.REMOTE_HOST_CLOSED_ERROR, response.error, response.error_string)
    assert.equal(2, #seen)
  end)

  it("takes constant memory, whatever its size", function()
    local path = uploads.folder() .. "/big"
    local file = assert(io.open(path, "wb"))
    local piece = ("0123456789abcdef"):rep(4096)
    for _ = 1, 64 * MIB / #piece do
      file:write(piece)
    end
    file:close()
    local status, output = helper.run_script([[
      local http = require "http"
      local received = 0
      local server = assert(http.serve { stream = true, max_body_size = 100 * 1024 * 1024,
        handler = function(request, response)
          for chunk in request.stream:chunks() do received = received + #chunk end
          response.body = "done"
        end })
      local function peak()
        for line in io.lines("/proc/self/status") do
          local kib = line:match("^VmHWM:%s*(%d+)")
          if kib then return tonumber(kib) end
        end
      end
      http.post({ url = server.url, multipart = { a = "1" } }):await()
      local before = peak()
      local response = http.post({ url = server.url, multipart = { a = "1", big = { file = arg[1] } } }):await()
      print(response.status_code, response.error_string, received > 64 * 1024 * 1024, peak() - before)
      server:close()
    ]], path)
    assert.equal(0, status, output)
    local grown = output:match("^200\t\ttrue\t(%d+)\n$")
    assert.is_truthy(grown, output)
    assert.is_true(helper.under ~= nil or tonumber(grown) < 16 * 1024, grown .. " KiB")
  end)

  for _, status in ipairs { 307, 308 } do
    it("follows a redirect that keeps it: " .. status, function()
      local text = ("0123456789"):rep(30000)
      local path, bodies = uploads.write_file("a", text), {}
      local server = helper.respond(function(request)
        bodies[#bodies + 1] = request
        if request.target == "/" then
          return ("HTTP/1.1 %d Go\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"):format(status)
        end
        return uploads.OK
      end, { keep_open = true })
      local response = http.post({ url = helper.url(server), multipart = { { "a", { file = path } }, { "b", "2" } } })
      response:await()
      assert.equal(200, response.status_code, response.error_string)
      assert.equal(2, #bodies)
      assert.equal("/there", bodies[2].target)
      assert.is_true(bodies[1].body == bodies[2].body)
      assert.equal(bodies[1].headers["content-type"], bodies[2].headers["content-type"])
      same_parts({ FILE:format("a", "a", "application/octet-stream"), text, NAMED:format("b"), "2" }, bodies[2])
      for name, value in pairs { json = { a = 1 }, form = { a = 1 } } do
        http.post({ url = helper.url(server), [name] = value }):await()
        assert.equal(bodies[#bodies - 1].body, bodies[#bodies].body)
        assert.equal(bodies[#bodies - 1].headers["content-type"], bodies[#bodies].headers["content-type"])
      end
    end)
  end

  it("does not follow one where a function has given of it", function()
    local server = helper.respond("HTTP/1.1 307 Go\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n")
    local response = http.post({ url = helper.url(server), multipart = { a = { stream = pieces { "x" } } } }):await()
    assert.equal(R.CONTENT_RE_SEND_ERROR, response.error, response.error_string)
    assert.equal(1, #server.requests)
  end)
end)

describe("options that give a body", function()
  helper.setup()
  local url = "http://127.0.0.1:1/"

  local GIVEN = { json = false, form = { a = 1 }, multipart = { a = 1 }, file = "/dev/null" }
  for first, one in pairs(GIVEN) do
    for second, other in pairs(GIVEN) do
      if first < second then
        it(("exclude each other: %s and %s"):format(first, second), function()
          local options = { url = url, [first] = one, [second] = other }
          told(("'%s' (it stands in place of '%s', not beside it)"):format(first, second), function()
            http.post(options)
          end)
        end)
      end
    end

    it(("exclude data: %s"):format(first), function()
      for _, data in ipairs { "x", { 1 }, print } do
        told(("'%s' (it stands in place of data, not beside it)"):format(first), function()
          http.post({ url = url, [first] = one }, data)
        end)
      end
    end)

    for _, name in ipairs { "get", "head", "delete", "options" } do
      it(("are none of http.%s: %s"):format(name, first), function()
        told(("bad option '%s' (http.%s sends no body)"):format(first, name), function()
          http[name] { url = url, [first] = one }
        end)
      end)
    end
  end

  it("have their own length", function()
    for _, name in ipairs { "json", "form", "multipart" } do
      told("bad option 'length' (it is not for '" .. name .. "'", function()
        http.post { url = url, [name] = { a = 1 }, length = 5 }
      end)
    end
  end)

  it("are not modified, nor are their tables", function()
    local server = helper.respond(uploads.OK)
    local options = {
      url = helper.url(server), headers = { ["X-A"] = "1" },
      multipart = { { "a", { data = "x", filename = "f.txt" } } },
    }
    http.post(options):await()
    assert.same({
      url = helper.url(server), headers = { ["X-A"] = "1" },
      multipart = { { "a", { data = "x", filename = "f.txt" } } },
    }, options)
  end)
end)
