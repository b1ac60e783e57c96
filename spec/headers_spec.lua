-- Header fields, those of a response and those of a request.
-- SPDX-License-Identifier: MIT

local http = require("http")
local helper = require("helper")

local function wait_finished(response)
  helper.wait(function() return response.finished end, nil, "the end of the exchange")
end

-- The Response to these fields, given as lines.
local function fetch(...)
  local head = "HTTP/1.1 200 OK\r\n" .. table.concat({ ... }, "\r\n") .. "\r\nContent-Length: 0\r\n\r\n"
  local response = http.get(helper.url(helper.respond(head)))
  wait_finished(response)
  assert.equal("", response.error_string)
  return response
end

local function plain(headers)
  local copy = {}
  for name, value in pairs(headers) do
    copy[name] = value
  end
  return copy
end

describe("response.headers", function()
  helper.setup()

  it("gives by pairs the names as the server spelled them", function()
    local headers = fetch("content-TYPE: text/plain", "X-one: 1", "x: y", "ETAG: \"e\"").headers
    assert.same({
      ["content-TYPE"] = "text/plain",
      ["X-one"] = "1",
      x = "y",
      ETAG = '"e"',
      ["Content-Length"] = "0",
    }, plain(headers))
  end)

  it("ignores case when indexed", function()
    local headers = fetch("content-TYPE: text/plain").headers
    for _, name in ipairs({ "content-TYPE", "Content-Type", "content-type", "CONTENT-TYPE" }) do
      assert.equal("text/plain", headers[name])
    end
    assert.is_nil(headers["content_type"])
    assert.is_nil(headers["content-typ"])
    assert.is_nil(headers[""])
    assert.is_nil(headers[1])
    assert.is_nil(headers[true])
    assert.is_nil(headers.pairs)
  end)

  it("joins a name that came several times, under its first spelling", function()
    local headers = fetch("Via: a", "X: 0", "VIA: b, c", "via:", "Via: d").headers
    assert.equal("a, b, c, , d", headers.via)
    assert.same({ Via = "a, b, c, , d", X = "0", ["Content-Length"] = "0" }, plain(headers))
  end)

  it("gives the first of several Set-Cookie fields", function()
    for _, name in ipairs({ "Set-Cookie", "set-cookie", "SET-COOKIE" }) do
      local response = fetch(name .. ": a=1, 2; Path=/", "Set-cookie: b=2", "set-Cookie: c=3")
      assert.equal("a=1, 2; Path=/", response.headers["Set-Cookie"])
      assert.equal("a=1, 2; Path=/", plain(response.headers)[name])
      assert.same({ "a=1, 2; Path=/", "b=2", "c=3" }, response:header_values("Set-Cookie"))
    end
    local other = fetch("Cookie: a", "Cookie: b", "Set-Cookie2: a", "Set-Cookie2: b").headers
    assert.equal("a; b", other.cookie)
    assert.equal("a, b", other["set-cookie2"])
  end)

  it("gives values without the blanks around them, as they are otherwise", function()
    local headers = fetch("A:  \t two  words \t ", "B:tight", "C:", "D: a:b", "E: \233\255 \t\128").headers
    assert.equal("two  words", headers.a)
    assert.equal("tight", headers.b)
    assert.equal("", headers.c)
    assert.equal("a:b", headers.d)
    assert.equal("\233\255 \t\128", headers.e)
  end)

  it("takes many fields", function()
    local lines = {}
    for i = 1, 100 do
      lines[i] = ("X-%d: %d"):format(i, i)
      lines[100 + i] = "Many: " .. i
    end
    local response = fetch(unpack(lines))
    for i = 1, 100 do
      assert.equal(tostring(i), response.headers["x-" .. i])
    end
    assert.equal(100, #response:header_values("many"))
    local joined = {}
    for i = 1, 100 do
      joined[i] = i
    end
    assert.equal(table.concat(joined, ", "), response.headers.many)
  end)

  it("is empty before the head, and outlives its Response", function()
    local response = http.get(helper.url(helper.respond("HTTP/1.1 204 No Content\r\nA: b\r\n\r\n")))
    assert.same({}, plain(response.headers))
    assert.is_nil(response.headers.a)
    wait_finished(response)
    local headers = response.headers
    response:close()
    response = nil -- luacheck: ignore
    collectgarbage()
    assert.equal("b", headers.A)
  end)
end)

describe("options.headers", function()
  helper.setup()

  -- The lines of the request's head, without the first, in the order in which they were sent.
  local function sent(options, data)
    local server = helper.respond("HTTP/1.1 204 No Content\r\n\r\n")
    options.hostname, options.port = "127.0.0.1", server.port
    local response = data and http.post(options, data) or http.get(options)
    wait_finished(response)
    assert.equal("", response.error_string)
    local lines, first = {}, true
    for line in server.requests[1].head:gmatch("([^\r\n]+)\r\n") do
      lines[#lines + 1] = not first and line or nil
      first = false
    end
    return lines, ("127.0.0.1:%d"):format(server.port)
  end

  -- Those lines of which the name, whatever its case, is this.
  local function named(lines, name)
    local found = {}
    for _, line in ipairs(lines) do
      if line:match("^[^:]+"):lower() == name then
        found[#found + 1] = line
      end
    end
    return found
  end

  it("are sent with their case", function()
    local lines = sent({ headers = { ["x-lower"] = "Value", ["X-UPPER"] = "v", ["x-MiXeD"] = "\233\t \"q\"" } })
    assert.same({ "x-lower: Value" }, named(lines, "x-lower"))
    assert.same({ "X-UPPER: v" }, named(lines, "x-upper"))
    assert.same({ "x-MiXeD: \233\t \"q\"" }, named(lines, "x-mixed"))
  end)

  it("take numbers", function()
    local lines = sent({ headers = { A = 42, B = 1.5, C = -1, D = 0, E = 4294967296 } })
    assert.same({ "A: 42" }, named(lines, "a"))
    assert.same({ "B: 1.5" }, named(lines, "b"))
    assert.same({ "C: -1" }, named(lines, "c"))
    assert.same({ "D: 0" }, named(lines, "d"))
    assert.same({ "E: 4294967296" }, named(lines, "e"))
  end)

  it("take lists, sent as a line each and in their order", function()
    local lines = sent({ headers = { X = { "1", "2", "1" }, One = { "single" }, None = {} } })
    assert.same({ "X: 1", "X: 2", "X: 1" }, named(lines, "x"))
    assert.same({ "One: single" }, named(lines, "one"))
    assert.same({}, named(lines, "none"))
  end)

  it("take the empty value", function()
    local lines = named((sent({ headers = { Accept = "" } })), "accept")
    assert.equal(1, #lines)
    assert.matches("^Accept: ?$", lines[1])
  end)

  it("come with Host and User-Agent, unless they are given", function()
    local lines, authority = sent({})
    assert.same({ "Host: " .. authority }, named(lines, "host"))
    assert.equal(1, #named(lines, "user-agent"))
    assert.matches("^User%-Agent: moonwire/", named(lines, "user-agent")[1])
    for _, spelling in ipairs({ { "Host", "User-Agent" }, { "host", "user-agent" }, { "HOST", "USER-AGENT" } }) do
      lines = sent({ headers = { [spelling[1]] = "example.com:8080", [spelling[2]] = "spec" } })
      assert.same({ spelling[1] .. ": example.com:8080" }, named(lines, "host"))
      assert.same({ spelling[2] .. ": spec" }, named(lines, "user-agent"))
    end
  end)

  it("name no body where there is none, and its length where there is one", function()
    assert.same({}, named((sent({})), "content-length"))
    assert.same({ "Content-Length: 3" }, named((sent({}, "abc")), "content-length"))
    assert.same({ "Content-Length: 0" }, named((sent({}, "")), "content-length"))
    local lines = sent({ headers = { ["content-length"] = 3 } }, "abc")
    assert.same({ "content-length: 3" }, named(lines, "content-length"))
  end)

  -- A copy to compare with, types and identities of the inner tables included.
  local function snapshot(t)
    local copy = {}
    for key, value in next, t do
      copy[key] = type(value) == "table" and { value, snapshot(value) } or value
    end
    return copy
  end

  local function watch(t)
    return setmetatable(t, {
      __newindex = function(_, key) error("assigned: " .. tostring(key)) end,
      __index = function(_, key) error("asked for: " .. tostring(key)) end,
    })
  end

  it("are never modified, nor is any other table that a request is given", function()
    local server = helper.respond("HTTP/1.1 204 No Content\r\n\r\n")
    local payload = http.Payload.new()
    payload.type, payload.bytes = http.Payload.BYTE_TABLE, { 1, 2, 255 }
    for _, wrap in ipairs({ function(t) return t end, watch }) do
      for _, data in ipairs({ "text", { 104, 105 }, payload, false }) do
        local options = wrap({
          method = "PUT",
          protocol = "http:",
          hostname = "127.0.0.1",
          port = server.port,
          path = "/p",
          query = wrap({ b = 2, a = { "x", 1, true } }),
          headers = wrap({ Number = 42, text = "t", List = wrap({ "a", "b" }), Empty = {} }),
        })
        local before, before_data = snapshot(options), type(data) == "table" and snapshot(data)
        local response = http.request(options, data or nil)
        assert.same(before, snapshot(options))
        wait_finished(response)
        assert.equal(204, response.status_code)
        assert.same(before, snapshot(options))
        assert.equal("number", type(rawget(options.headers, "Number")))
        if before_data then
          assert.same(before_data, snapshot(data))
        end
      end
    end
    assert.equal("/p?a=x&a=1&a=true&b=2", server.requests[1].target)
  end)
end)
