-- http.Response: its properties at every moment of an exchange, its constants, what it refuses.
-- SPDX-License-Identifier: MIT

local http = require("http")
local raw = require("raw")
local helper = require("helper")
local certs = require("certs")

local Response = http.Response

local CONSTANTS = {
  NO_ERROR = 0,
  CONNECTION_REFUSED_ERROR = 1,
  REMOTE_HOST_CLOSED_ERROR = 2,
  HOST_NOT_FOUND_ERROR = 3,
  TIMEOUT_ERROR = 4,
  OPERATION_CANCELLED_ERROR = 5,
  SSL_HANDSHAKE_FAILED_ERROR = 6,
  TEMPORARY_NETWORK_FAILURE_ERROR = 7,
  NETWORK_SESSION_FAILED_ERROR = 8,
  TOO_MANY_REDIRECTS_ERROR = 10,
  INSECURE_REDIRECT_ERROR = 11,
  UNKNOWN_NETWORK_ERROR = 99,
  PROXY_CONNECTION_REFUSED_ERROR = 101,
  PROXY_CONNECTION_CLOSED_ERROR = 102,
  PROXY_NOT_FOUND_ERROR = 103,
  PROXY_TIMEOUT_ERROR = 104,
  PROXY_AUTHENTICATION_REQUIRED_ERROR = 105,
  UNKNOWN_PROXY_ERROR = 199,
  CONTENT_ACCESS_DENIED = 201,
  CONTENT_OPERATION_NOT_PERMITTED_ERROR = 202,
  CONTENT_NOT_FOUND_ERROR = 203,
  AUTHENTICATION_REQUIRED_ERROR = 204,
  CONTENT_RE_SEND_ERROR = 205,
  CONTENT_CONFLICT_ERROR = 206,
  CONTENT_GONE_ERROR = 207,
  UNKNOWN_CONTENT_ERROR = 299,
  PROTOCOL_UNKNOWN_ERROR = 301,
  PROTOCOL_INVALID_OPERATION_ERROR = 302,
  PROTOCOL_FAILURE = 399,
  INTERNAL_SERVER_ERROR = 401,
  OPERATION_NOT_IMPLEMENTED_ERROR = 402,
  SERVICE_UNAVAILABLE_ERROR = 403,
  UNKNOWN_SERVER_ERROR = 499,
  -- of a Stream
  NOT_OPEN_MODE = 0,
  READ_ONLY_MODE = 1,
  WRITE_ONLY_MODE = 2,
  READ_WRITE_MODE = 3,
  APPEND_MODE = 4,
  TRUNCATE_MODE = 8,
  READ_MODE = 1,
  WRITE_MODE = 2,
}

-- What a Response says of itself at six moments. A function is a check of the value.
local MOMENTS = { "before the head", "after the head", "after the end", "after a cut", "refused", "closed" }

local function no_fields(headers) return type(headers) == "table" and next(headers) == nil end
local function fields(headers) return headers["content-length"] == "10" and headers.x == "y" end
local function words(text) return type(text) == "string" and #text > 0 end
local function detail(value) return type(value) == "table" and value.attempt == 1 end

local PROPERTIES = {
  status_code      = { 0, 200, 200, 200, 0, 200 },
  status_message   = { "", "Fine Indeed", "Fine Indeed", "Fine Indeed", "", "Fine Indeed" },
  error            = { 0, 0, 0, 2, 1, 5 },
  error_string     = { "", "", "", words, words, words },
  error_detail     = { "nil", "nil", "nil", detail, detail, detail },
  headers          = { no_fields, fields, fields, fields, no_fields, fields },
  ok               = { false, false, true, false, false, false },
  finished         = { false, false, true, true, true, true },
  is_open          = { true, true, true, true, true, false },
  open_mode        = { 1, 1, 1, 1, 1, 0 },
  readable         = { true, true, true, true, true, false },
  writeable        = { false, false, false, false, false, false },
  sequential       = { true, true, true, true, true, true },
  bytes_available  = { 0, 6, 10, 6, 0, 0 },
  can_read_line    = { false, true, true, true, false, false },
  bytes_to_write   = { 0, 0, 0, 0, 0, 0 },
  pos              = { 0, 0, 0, 0, 0, 0 },
  at_end           = { false, false, false, false, true, true },
  read_buffer_size = { 0, 0, 0, 0, 0, 0 },
}

local HEAD = "HTTP/1.1 200 Fine Indeed\r\nX: y\r\nContent-Length: 10\r\n\r\n"

local function wait_finished(response)
  helper.wait(function() return response.finished end, nil, "the end of the exchange")
end

-- A Response at one of the MOMENTS, and the URL that was asked for.
local function at(moment)
  local server, conn
  server = assert(raw.listen({ on_connect = function(c) conn = c end }))
  local url = helper.url(server, "/path?query")
  if moment == "refused" then
    url = ("http://127.0.0.1:%d/path?query"):format(raw.refused_port())
  end
  local response = http.get(url)
  if moment == "before the head" then
    return response, url
  end
  if moment == "refused" then
    wait_finished(response)
    return response, url
  end
  helper.wait(function() return conn and conn.received:find("\r\n\r\n", 1, true) end)
  conn:send(HEAD .. "line\n.")
  helper.wait(function() return response.bytes_available == 6 end)
  if moment == "after the end" then
    conn:send("rest")
  elseif moment == "after a cut" then
    conn:close()
  elseif moment == "closed" then
    response:close()
  end
  if moment ~= "after the head" then
    wait_finished(response)
  end
  return response, url
end

local function fetch(answer, options)
  local response = http.get(helper.url(helper.respond(answer, options)))
  wait_finished(response)
  return response
end

-- Checks that fn throws, at a line of this file, a message with `part`.
local function throws(part, fn)
  local ok, message = pcall(fn)
  assert.is_false(ok, "nothing was thrown; expected: " .. part)
  assert.matches("^.-response_spec%.lua:%d+: ", message)
  assert.truthy(message:find(part, 1, true), message)
end

describe("response", function()
  helper.setup()

  for index, moment in ipairs(MOMENTS) do
    it("has the documented properties: " .. moment, function()
      local response, url = at(moment)
      assert.equal(url, response.url)
      for name, expected in pairs(PROPERTIES) do
        local value, wanted = response[name], expected[index]
        local words_for_it = ("%s is %s"):format(name, tostring(value))
        if type(wanted) == "function" then
          assert.is_true(wanted(value), words_for_it)
        elseif wanted == "nil" then
          assert.is_nil(value, words_for_it)
        else
          assert.equal(wanted, value, words_for_it)
        end
      end
    end)

    it("has properties, methods and constants that cannot be assigned: " .. moment, function()
      local response = at(moment)
      local names = { "url", "read_string", "close", "abort", "await", "json", "NO_ERROR", "READ_MODE" }
      for name in pairs(PROPERTIES) do
        names[#names + 1] = name ~= "read_buffer_size" and name or nil
      end
      for _, name in ipairs(names) do
        local before = response[name]
        for _, value in ipairs({ 7, false, "text", {} }) do
          throws(name, function() response[name] = value end)
        end
        if type(before) ~= "table" then -- error_detail may be made anew each time
          assert.equal(before, response[name])
        end
      end
    end)
  end

  it("is ok after the end, also once it is read and closed", function()
    local response = at("after the end")
    assert.equal("line\n.rest", response:read_string())
    assert.is_true(response.at_end)
    response:close()
    assert.is_true(response.ok)
    assert.equal(Response.NO_ERROR, response.error)
    assert.equal("", response.error_string)
    assert.equal(Response.NOT_OPEN_MODE, response.open_mode)
  end)

  it("has every constant with its number, on the class and on a Response, and no other", function()
    local response = at("before the head")
    for name, number in pairs(CONSTANTS) do
      assert.equal(number, Response[name], name)
      assert.equal(number, response[name], name)
    end
    for name, value in pairs(Response) do
      if type(value) == "number" then
        assert.equal(CONSTANTS[name], value, name)
      end
    end
  end)

  it("keeps the script's own fields, of any value", function()
    local response = at("before the head")
    local key = {}
    local own = { text = "t", number = 1, ["false"] = false, table = { 1 }, fn = function() end }
    own[true], own[key], own.x = "by a boolean", "by a table", "one letter"
    for name, value in pairs(own) do
      response[name] = value
    end
    collectgarbage()
    for name, value in pairs(own) do
      assert.equal(value, response[name])
    end
    response.text = nil
    assert.is_nil(response.text)
    assert.is_nil(response.never_set)
    assert.is_nil(response[1])
    throws("by name", function() response[1] = "x" end)
    assert.is_nil((at("refused")).number)
  end)

  it("tells in tostring what it is", function()
    local expected = {
      "under way)", "under way)", "200 Fine Indeed)", "lost", "cannot connect", "cancelled",
    }
    for index, moment in ipairs(MOMENTS) do
      local response, url = at(moment)
      local text = tostring(response)
      assert.equal("http.Response (" .. url, text:sub(1, 15 + #url))
      assert.truthy(text:find(expected[index], 1, true), text)
    end
    local response = at("after the end")
    response:close()
    assert.truthy(tostring(response):find("closed)", 1, true), tostring(response))
  end)

  it("keeps its fragment out of what tostring gives", function()
    local url = "http://127.0.0.1:1/a?b#token=secret"
    local response = http.get(url)
    for _ = 1, 2 do
      assert.equal(url, response.url)
      assert.truthy(tostring(response):find("(http://127.0.0.1:1/a?b,", 1, true), tostring(response))
      helper.wait(function() return response.finished end)
    end
    assert.is_nil(response.error_string:find("secret", 1, true), response.error_string)
  end)

  it("does not let its metatable be taken", function()
    assert.is_not_table(getmetatable(at("before the head")))
    local meta = debug.getmetatable(at("before the head"))
    for _, event in ipairs { "__index", "__newindex", "__tostring", "__gc" } do
      for _, value in ipairs { {}, 5, "x" } do
        local ok, message = pcall(meta[event], value, "url")
        assert.is_false(ok)
        assert.truthy(message:find("Response expected", 1, true), message)
      end
    end
  end)

  it("tells in each method whose it is, as for a dot in place of the colon", function()
    local arguments = { header_values = "x", seek = 1, open = 1, write_string = "x", write_bytes = {} }
    local wrong = {}
    for name, method in pairs(Response) do
      local callback_first = name:find("^read_all.*_async") or name == "reset_async"
      local argument = callback_first and print or name:find("^peek") and 1 or arguments[name:gsub("_async$", "")]
      for _, self in ipairs(type(method) == "function" and { false, {}, io.stdout } or {}) do
        local ok, message = pcall(function() Response[name](self or nil, argument, print) end)
        if ok or not message:find("^.-response_spec.*Response expected, got") then
          wrong[name] = message or "nothing"
        end
      end
    end
    assert.same({}, wrong)
    throws("http.Response expected", function() Response.read_string() end)
  end)

  it("takes a read_buffer_size that is a number of bytes, and nothing else", function()
    local response = at("before the head")
    response.read_buffer_size = 4096
    assert.equal(4096, response.read_buffer_size)
    for _, value in ipairs({ -1, 0 / 0, "4096", true, {} }) do
      throws("read_buffer_size", function() response.read_buffer_size = value end)
    end
    throws("read_buffer_size", function() response.read_buffer_size = nil end)
    assert.equal(4096, response.read_buffer_size)
  end)
end)

describe("response.error", function()
  helper.setup()

  -- 300 and the other redirections, none with a Location, and everything that stands for no error
  local MAPPED = {
    [200] = 0, [201] = 0, [202] = 0, [203] = 0, [206] = 0, [226] = 0, [299] = 0, [300] = 0, [301] = 0,
    [302] = 0, [303] = 0, [305] = 0, [307] = 0, [308] = 0, [399] = 0, [400] = 302, [401] = 204, [403] = 201,
    [404] = 203, [405] = 202, [407] = 105, [409] = 206, [410] = 207, [418] = 302, [500] = 401, [501] = 402,
    [503] = 403,
  }
  for status = 400, 599 do
    MAPPED[status] = MAPPED[status] or (status < 500 and 299 or 499)
  end

  it("maps every status as documented, and the body is still delivered", function()
    local server = helper.respond(function(request)
      local status = request.target:sub(2)
      return ("HTTP/1.1 %s So\r\nContent-Length: 7\r\n\r\nbody%s"):format(status, status)
    end, { keep_open = true })
    for status, expected in pairs(MAPPED) do
      local response = http.get(helper.url(server, "/" .. status))
      wait_finished(response)
      assert.equal(status, response.status_code)
      assert.equal(expected, response.error, status)
      assert.equal(expected == 0, response.ok, status)
      assert.equal(expected == 0, response.error_string == "", status)
      if expected ~= 0 then
        assert.truthy(response.error_string:find(status .. " So", 1, true), response.error_string)
        assert.equal(1, response.error_detail.attempt)
      end
      assert.equal("body" .. status, response:read_all_string())
    end
  end)

  it("comes with error_detail: phase, errno, address, tls, attempt", function()
    local head = HEAD .. "half"
    local function detail_of(answer)
      local server = helper.respond(answer)
      local response = http.get(helper.url(server))
      wait_finished(response)
      return response.error_detail, response.error, ("127.0.0.1:%d"):format(server.port)
    end
    local cut, cut_error, cut_address = detail_of(head)
    assert.same({ 2, "body", 1, cut_address }, { cut_error, cut.phase, cut.attempt, cut.address })
    local mute, mute_error, mute_address = detail_of("")
    assert.same({ 2, "head", mute_address }, { mute_error, mute.phase, mute.address })
    local bad, bad_error, bad_address = detail_of("HTTP/1.1 abc\r\n\r\n")
    assert.same({ 399, "head", bad_address }, { bad_error, bad.phase, bad.address })

    local refused, url = at("refused")
    local known = refused.error_detail
    assert.equal("connect", known.phase)
    assert.equal(url:match("//(.-)/"), known.address)
    assert.is_number(known.errno)
    assert.is_nil(known.tls)

    local server = helper.respond(HEAD, { tls = certs.self_signed })
    local untrusted = http.get(helper.url(server))
    wait_finished(untrusted)
    known = untrusted.error_detail
    assert.equal(Response.SSL_HANDSHAKE_FAILED_ERROR, untrusted.error)
    assert.equal("tls", known.phase)
    assert.is_true(words(known.tls.reason))
    assert.equal(0, known.tls.depth)
    assert.truthy(known.tls.subject:find("localhost", 1, true), known.tls.subject)
  end)

  it("is 301 for a protocol that is not spoken", function()
    local response = http.get("gopher://127.0.0.1/")
    assert.is_false(response.finished)
    wait_finished(response)
    assert.equal(Response.PROTOCOL_UNKNOWN_ERROR, response.error)
    assert.truthy(response.error_string:find("gopher", 1, true))
    assert.equal(0, response.status_code)
  end)
end)

describe("response:header_values", function()
  helper.setup()

  it("lists the values of a name, whatever its case, in their order", function()
    local response = fetch("HTTP/1.1 200 OK\r\nA: 1\r\nb: x\r\na: 2, 3\r\nSet-Cookie: c=1\r\nset-cookie: d=2\r\n"
      .. "Empty:\r\nContent-Length: 0\r\n\r\n")
    assert.same({ "1", "2, 3" }, response:header_values("A"))
    assert.same({ "1", "2, 3" }, response:header_values("a"))
    assert.same({ "c=1", "d=2" }, response:header_values("SET-COOKIE"))
    assert.same({ "" }, response:header_values("empty"))
    assert.same({}, response:header_values("none"))
    assert.same({}, response:header_values(""))
  end)

  it("is empty without a head, works after close(), and wants a name", function()
    local response = at("before the head")
    assert.same({}, response:header_values("x"))
    assert.same({ "y" }, (at("closed")):header_values("X"))
    for _, name in ipairs({ false, {}, print }) do
      throws("header_values", function() response:header_values(name) end)
    end
    throws("header_values", function() response:header_values() end)
  end)
end)
