-- http.app: the body of a request: as a Stream, and as JSON, a form or text.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

local apps = require("apps")
local helper = require("helper")
local http = require("http")
local string_stream = require("http.string_stream")

local assert_misuse = apps.assert_misuse

describe("request.body", function()
  helper.setup()

  local TEXT = "one\r\ntwo\n\n\0\255last"
  local function post(body, kind, settings)
    return { method = "POST", body = body, headers = { ["Content-Type"] = kind } }, settings
  end
  local function stream(text)
    return apps.inside(post(text), function(ctx) return ctx.request.body end)
  end

  -- { family, max, what is read of TEXT }
  local READS = {
    { "read", nil, TEXT }, { "read", 0, "" }, { "read", 2, "on" }, { "read", #TEXT + 1, TEXT },
    { "read", math.huge, TEXT }, { "read", 2 ^ 53, TEXT },
    { "peek", 0, "" }, { "peek", 2, "on" }, { "peek", math.huge, TEXT },
    { "read_line", nil, "one\r\n" }, { "read_line", 0, "" }, { "read_line", 2, "on" }, { "read_line", 99, "one\r\n" },
    { "read_all", nil, TEXT },
  }
  local function form(name, text)
    return name:find("_bytes") and { text:byte(1, -1) } or text
  end

  for _, suffix in ipairs { "", "_string", "_bytes" } do
    it("has every read method, by " .. (suffix == "" and "its short name" or suffix), function()
      for _, row in ipairs(READS) do
        local name = row[1] .. suffix
        local body = stream(TEXT)
        assert.same(form(name, row[3]), body[name](body, row[2]), name)
        local left = row[1] == "peek" and TEXT or TEXT:sub(#row[3] + 1)
        assert.equal(#left, body.bytes_available, name)
        assert.equal(left == "", body.at_end, name)
        assert.equal(left, body:read_all(), name)
        assert.same(form(name, ""), body[name](body, row[2] or (row[1] == "peek" and 1 or nil)), name .. " at the end")
      end
    end)

    it("has every _async twin, by " .. (suffix == "" and "its short name" or suffix), function()
      for _, row in ipairs(READS) do
        local name = row[1] .. suffix
        local body = stream(TEXT)
        local inside = true
        local callback = helper.expect(function(self, data, err)
          assert.is_false(inside)
          assert.equal(body, self)
          assert.same(form(name, row[3]), data, name)
          assert.is_nil(err)
        end)
        if row[2] then
          body[name .. "_async"](body, row[2], callback)
        else
          body[name .. "_async"](body, callback)
        end
        inside = false
        helper.wait_calls()
      end
    end)

    it("gives nil and \"closed\" once it is closed, by " .. (suffix == "" and "its short name" or suffix), function()
      for _, family in ipairs { "read", "peek", "read_line", "read_all" } do
        local name = family .. suffix
        local body = stream(TEXT)
        assert.is_true(body.is_open)
        body:close()
        body:close()
        assert.same({ false, true, 0, false }, { body.is_open, body.at_end, body.bytes_available, body.can_read_line })
        local argument = family == "peek" and 1 or nil
        assert.same({ nil, "closed" }, { body[name](body, argument) })
        local callback = helper.expect(function(_, data, err)
          assert.same({ nil, "closed" }, { data, err })
        end)
        if argument then
          body[name .. "_async"](body, argument, callback)
        else
          body[name .. "_async"](body, callback)
        end
        helper.wait_calls()
      end
    end)
  end

  it("gives its chunks and its lines", function()
    local whole = ("x"):rep(65536) .. "tail"
    local chunks = {}
    for chunk in stream(whole):chunks() do
      chunks[#chunks + 1] = #chunk
    end
    assert.same({ 65536, 4 }, chunks)
    local lines = {}
    for line in stream(TEXT):lines() do
      lines[#lines + 1] = line
    end
    assert.same({ "one", "two", "", "\0\255last" }, lines)
    for _ in stream(""):chunks() do
      error("there is no chunk")
    end
    for _ in stream(""):lines() do
      error("there is no line")
    end
    local body = stream(TEXT)
    for _ in body:lines() do
      body:close()
    end
    assert.is_true(body.at_end)
  end)

  it("tells whether there is a line", function()
    local body = stream("a\nb")
    assert.is_true(body.can_read_line)
    assert.equal("a\n", body:read_line())
    assert.is_false(body.can_read_line)
    assert.equal("b", body:read_line())
    assert.equal("http.Stream (0 bytes to read)", tostring(body))
  end)

  it("throws for a max that is no number of bytes", function()
    local body = stream(TEXT)
    for _, family in ipairs { "read", "peek", "read_line" } do
      for _, suffix in ipairs { "", "_string", "_bytes" } do
        local name = family .. suffix
        for _, max in ipairs { -1, 0 / 0, "2x", {}, true } do
          assert_misuse(("bad argument #1 to '%s' (number of bytes expected, 0 or more)"):format(name),
            function() body[name](body, max) end)
          assert_misuse(("bad argument #1 to '%s_async' (number of bytes expected, 0 or more)"):format(name),
            function() body[name .. "_async"](body, max, print) end)
        end
        assert_misuse("_async' (function expected, got nil)", function() body[name .. "_async"](body, 1) end)
      end
    end
    assert_misuse("bad self (http.Stream expected, got nil); call it with a colon", function() body.read() end)
    assert_misuse("bad self (http.Stream expected, got nil); call it with a colon", function() body.chunks() end)
    assert_misuse("bad self (http.Stream expected, got string); call it with a colon", function() body.close("x") end)
    assert_misuse("bad argument #1 to 'peek'", function() body:peek() end)
    assert_misuse("bad argument #1 to 'peek_string'", function() body:peek_string() end)
    assert_misuse("bad argument #1 to 'peek_bytes_async'", function() body:peek_bytes_async(print) end)
  end)

  it("is the request's, while ctx.body is the response's", function()
    local reply = apps.ask(function(ctx)
      assert.is_nil(ctx.body)
      assert.is_true(string_stream.is(ctx.request.body))
      assert.equal(ctx.request.body, ctx.request.body)
      ctx.body = ctx.request.body
    end, post("echo"))
    assert.same({ 200, "echo" }, { reply.status, reply.body })
  end)

  it("is empty where there is none", function()
    assert.is_true(apps.inside({}, function(ctx) return ctx.request.body.at_end end))
    assert.equal("", apps.inside({}, function(ctx) return ctx.request:text() end))
  end)

  it("can only be read", function()
    apps.inside({}, function(ctx)
      assert_misuse("'body' can only be read", function() ctx.request.body = "x" end)
    end)
  end)
end)

describe("request.json, form and text", function()
  helper.setup()

  local FORM = "application/x-www-form-urlencoded"
  local GOOD = { -- method, type, body, result
    { "json", "application/json", '{"a":[1,2]}', { a = { 1, 2 } } },
    { "json", "application/json; charset=utf-8", '"text"', "text" },
    { "json", "application/vnd.api+json", "[]", {} },
    { "json", nil, "7", 7 },
    { "json", "application/json", "null", http.null },
    { "json", "application/json", "false", false },
    { "json", "application/json", ' {"n":null}\n', { n = http.null } },
    { "form", FORM, "a=1&b=x+y&a=2&c", { a = { "1", "2" }, b = "x y", c = "" } },
    { "form", FORM .. "; charset=utf-8", "%C3%A4=%26", { ["\195\164"] = "&" } },
    { "form", nil, "a=1", { a = "1" } },
    { "form", FORM, "", {} },
    { "text", "text/plain", "a\0b", "a\0b" },
    { "text", "application/json", "{", "{" },
    { "text", nil, "", "" },
  }
  for i, row in ipairs(GOOD) do
    it(("%s gives what the body holds, row %d"):format(row[1], i), function()
      local result = apps.inside({ method = "POST", body = row[3], headers = { ["Content-Type"] = row[2] } },
        function(ctx) return ctx.request[row[1]](ctx.request) end)
      assert.same(row[4], result)
    end)
  end

  local BAD = { -- method, type, body, options, settings, status, body of the reply
    { "json", "application/json", "{", nil, nil, 400, "the body is not JSON: " },
    { "json", "application/json", "", nil, nil, 400, "the body is not JSON: " },
    { "json", "application/json", "{} x", nil, nil, 400, "the body is not JSON: " },
    { "json", "text/plain", "{}", nil, nil, 415, "JSON expected, got text/plain" },
    { "json", FORM, "{}", nil, nil, 415, "JSON expected, got " .. FORM },
    { "json", "application/json", '"123456789"', { limit = 10 }, nil, 413, "the body is larger than 10 bytes" },
    { "json", "application/json", '"123456789"', nil, { body_limit = 10 }, 413, "the body is larger than 10 bytes" },
    { "form", "application/json", "{}", nil, nil, 415,
      "a form (application/x-www-form-urlencoded) expected, got application/json" },
    { "form", "multipart/form-data; boundary=x", "--x--", nil, nil, 415, "a form (" },
    { "form", FORM, "a=12345678", { limit = 9 }, nil, 413, "the body is larger than 9 bytes" },
    { "form", FORM, "a=12345678", nil, { body_limit = 9 }, 413, "the body is larger than 9 bytes" },
    { "text", "text/plain", "1234", { limit = 3 }, nil, 413, "the body is larger than 3 bytes" },
    { "text", "text/plain", "1234", { limit = 0 }, nil, 413, "the body is larger than 0 bytes" },
    { "text", "text/plain", ("x"):rep(1024 * 1024 + 1), nil, nil, 413, "the body is larger than 1048576 bytes" },
  }
  for i, row in ipairs(BAD) do
    it(("%s tells the client what is wrong, row %d"):format(row[1], i), function()
      local settings = { may_fail = true }
      for name, value in pairs(row[5] or {}) do
        settings[name] = value
      end
      local reply = apps.ask(function(ctx)
        ctx.body = ctx.request[row[1]](ctx.request, row[4])
      end, { method = "POST", body = row[3], headers = { ["Content-Type"] = row[2] } }, settings)
      assert.equal(row[6], reply.status)
      assert.equal(row[7], reply.body:sub(1, #row[7]))
      assert.equal("text/plain; charset=utf-8", reply.headers["Content-Type"])
    end)
  end

  it("take a body that is as long as they may, and one beyond app.body_limit where the call allows it", function()
    local request = { method = "POST", body = "1234" }
    assert.equal("1234", apps.inside(request, function(ctx) return ctx.request:text { limit = 4 } end))
    assert.equal("1234", apps.inside(request, function(ctx) return ctx.request:text { limit = 4 } end,
      { body_limit = 1 }))
  end)

  it("can be asked for again", function()
    apps.inside({ method = "POST", body = "[1]" }, function(ctx)
      assert.same({ 1 }, ctx.request:json())
      assert.same({ 1 }, ctx.request:json())
      assert.equal("[1]", ctx.request:text())
    end)
  end)

  it("throw what are no options", function()
    apps.inside({}, function(ctx)
      for _, name in ipairs { "json", "form", "text" } do
        assert_misuse(("bad argument #1 to '%s' (table of options expected, got number)"):format(name),
          function() ctx.request[name](ctx.request, 7) end)
        assert_misuse("bad option 'limit' (number of bytes expected",
          function() ctx.request[name](ctx.request, { limit = "7" }) end)
        assert_misuse("unknown option 'limits'", function() ctx.request[name](ctx.request, { limits = 7 }) end)
      end
    end)
  end)
end)
