-- response:json(): the body decoded, or nil and words.
-- SPDX-License-Identifier: MIT

local http = require("http")
local raw = require("raw")
local helper = require("helper")
local cjson = require("cjson")

local function request(body, status, length)
  local answer = ("HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s"):format(status or "200 OK", length or #body, body)
  return http.get(helper.url(helper.respond(answer)))
end

local function wait_finished(response)
  helper.wait(function() return response.finished end)
end

-- Checks that json() gives nil and words, among them `part`.
local function fails(response, part)
  local value, why, rest = response:json()
  assert.is_nil(value)
  assert.equal("string", type(why))
  assert.is_nil(rest)
  assert.truthy(why:find(part, 1, true), why)
end

describe("response:json()", function()
  helper.setup()

  it("waits for the end, and gives the body's value", function()
    local response = request('{"name": "moonwire", "list": [1, 2, {"deep": true}], "none": null}')
    assert.is_false(response.finished)
    assert.same({ name = "moonwire", list = { 1, 2, { deep = true } }, none = cjson.null }, response:json())
    assert.is_true(response.ok)
    assert.equal(1, select("#", response:json()))
  end)

  it("gives values of every kind", function()
    for body, expected in pairs({
      ["0"] = 0, ["-1.5"] = -1.5, ["1e3"] = 1000, ["9007199254740992"] = 2 ^ 53, ['""'] = "", ['"text"'] = "text",
      ["true"] = true, ["null"] = cjson.null, [' \r\n\t"blanks" \n'] = "blanks",
      ['"\\u00e9\\n\\u0000"'] = "\195\169\n\0", ["[]"] = {}, ["{}"] = {}, ["[[],{}]"] = { {}, {} },
      ["[null]"] = { cjson.null },
    }) do
      local value, why = request(body):json()
      assert.same(expected, value)
      assert.is_nil(why)
    end
    local value, why = request("false"):json()
    assert.is_false(value)
    assert.is_nil(why)
  end)

  it("gives nil and words for a body that is not JSON", function()
    for _, body in ipairs({
      "hello", "<html></html>", "{", "[1,", '{"a":}', "{a:1}", "'a'", '{"a":1} x', "1 2", "nil", "undefined", "\0",
      '"\0"', "\255\254", ("["):rep(100000),
    }) do
      fails(request(body), "not JSON")
    end
    for _, number in ipairs { "NaN", "nan", "Infinity", "-inf", "0x10", "01", "-", "+1", ".5", "[-01]" } do
      fails(request(number), "not JSON")
    end
  end)

  it("gives nil and words for no body", function()
    fails(request(""), "JSON")
    fails(request(" \n"), "JSON")
    fails(http.get(helper.url(helper.respond("HTTP/1.1 204 No Content\r\n\r\n"))), "JSON")
    fails(http.head(helper.url(helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"))), "JSON")
  end)

  it("decodes the body of an error status", function()
    for _, status in ipairs({ "400 Bad", "404 Not Found", "500 Oh" }) do
      local response = request('{"error":"gone"}', status)
      assert.same({ error = "gone" }, response:json())
      assert.is_false(response.ok)
    end
  end)

  it("gives nil and error_string after a transfer that broke, even where the part is JSON", function()
    for _, status in ipairs({ "200 OK", "404 Not Found" }) do
      local response = request("[1, 2]", status, 99)
      fails(response, "lost")
      assert.equal(2, response.error)
      assert.equal(response.error_string, select(2, response:json()))
      assert.equal("[1, 2]", response:read_string())
    end
    local refused = http.get(("http://127.0.0.1:%d/"):format(raw.refused_port()))
    fails(refused, "cannot connect")
    local aborted = request("[1]")
    aborted:abort()
    fails(aborted, "cancelled")
    local unspoken = http.get("gopher://127.0.0.1/")
    fails(unspoken, "gopher")
  end)

  it("leaves the body to be read, and can be asked again", function()
    local response = request('{"a":\n1}')
    assert.same({ a = 1 }, response:json())
    assert.equal(8, response.bytes_available)
    assert.same({ a = 1 }, response:json())
    assert.equal('{"a":\n', response:read_line())
    fails(response, "not JSON") -- what is left is not
    assert.equal("1}", response:read_all())
    assert.is_true(response.at_end)
  end)

  it("gives nil and \"closed\" after close()", function()
    local response = request("[1]")
    wait_finished(response)
    response:close()
    fails(response, "closed")
    local cut = request("[1]")
    cut:close()
    fails(cut, "c") -- "closed", or that it was cancelled
  end)

  it("takes a big body, whatever read_buffer_size is", function()
    local numbers = {}
    for i = 1, 20000 do
      numbers[i] = i
    end
    local body = cjson.encode(numbers)
    local answer = ("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(#body) .. body
    local response = http.get({ url = helper.url(helper.respond(answer)), read_buffer_size = 1000 })
    local value = response:json()
    assert.equal(20000, #value)
    assert.equal(20000, value[20000])
  end)

  it("waits in a task, while the loop goes on", function()
    local first, second
    local one, two = request('{"n":1}'), request('{"n":2}')
    http.spawn(function() first = one:json() end)
    http.spawn(function() second = two:json() end)
    assert.is_nil(first)
    helper.wait(function() return first and second end)
    assert.same({ 1, 2 }, { first.n, second.n })
  end)

  it("gives the value in a handler where all is there, and throws at its line where it had to wait", function()
    local response = http.get(helper.url(helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[1]")),
      helper.expect(function(self) fails(self, "lost") end))
    response.ready_read_handler = helper.expect(function(self)
      local ok, message = pcall(function() self:json() end)
      assert.is_false(ok)
      assert.matches("^.-json_spec%.lua:%d+: .*handler", message)
    end)
    local whole = request("[1]")
    whole.finished_handler = helper.expect(function(self) assert.same({ 1 }, self:json()) end)
    helper.wait_calls()
  end)

  it("asks for cjson in words where it is missing", function()
    package.loaded["http.json"] = nil -- it keeps what it has loaded
    local json = require("http.json")
    local loaded, preload, path, cpath = package.loaded, package.preload, package.path, package.cpath
    local module, safe = loaded.cjson, loaded["cjson.safe"]
    loaded["cjson.safe"], preload["cjson.safe"], package.path, package.cpath = nil, nil, "", ""
    local ok, message = pcall(function() json.decode_body("[1]") end)
    loaded.cjson, loaded["cjson.safe"], package.path, package.cpath = module, safe, path, cpath
    assert.is_false(ok)
    assert.matches("^.-json_spec%.lua:%d+: .*cjson", message)
  end)
end)
