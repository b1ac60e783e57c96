-- http.PoolManager against python3-httpbin, which shows what it made of a form.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local peers = require("peers")

describe("http.PoolManager and httpbin", function()
  local httpbin
  local pool = http.PoolManager()

  peers.during(peers.httpbin, function(peer) httpbin = peer end)
  helper.setup()

  local function ask(method, path, options)
    local response = assert(pool:request(method, helper.url(httpbin, path), options))
    assert.equal(200, response.status)
    return assert(response:json())
  end

  local VALUES = { plain = "text", empty = "", number = "1.5", ["ü ä"] = "ß\r\n--x", other = "a&b=c+d %41" }

  for _, method in ipairs({ "POST", "PUT", "PATCH" }) do
    it("understand each other: " .. method .. " of a form", function()
      local path = "/" .. method:lower()
      assert.same(VALUES, ask(method, path, { fields = VALUES }).form)
      assert.same(VALUES, ask(method, path, { fields = VALUES, encode_multipart = false }).form)
    end)
  end

  it("understand each other: files and values in one form", function()
    local seen = ask("POST", "/post", {
      fields = {
        { "name", "first" },
        { "name", "second" },
        { "text", { "grün.txt", "some text\r\n\r\n--limit--", "text/plain" } },
        { "binary", { filename = "x.bin", data = "\255\0\254" } },
        { "number", 1.5 },
      },
      multipart_boundary = "a limit:1",
    })
    assert.same({ name = { "first", "second" }, number = "1.5" }, seen.form)
    assert.equal("some text\r\n\r\n--limit--", seen.files.text)
    assert.equal("data:application/octet-stream;base64,/wD+", seen.files.binary)
    assert.equal('multipart/form-data; boundary="a limit:1"', seen.headers["Content-Type"])
  end)

  it("understand each other: fields in the URL", function()
    local seen = ask("GET", "/get?first=1", { fields = { { "b", "x y" }, { "a", "&=+" }, { "b", "ü" } } })
    assert.same({ first = "1", b = { "x y", "ü" }, a = "&=+" }, seen.args)
    assert.same({ a = "1" }, ask("DELETE", "/delete", { fields = { a = "1" } }).args)
  end)

  it("understand each other: JSON", function()
    local value = { list = { 1, 2, 3 }, text = "ü", yes = true }
    local seen = ask("POST", "/post", { json = value })
    assert.same(value, seen.json)
    assert.equal("application/json", seen.headers["Content-Type"])
  end)

  it("understand each other: a body in pieces", function()
    local url = helper.url(httpbin, "/stream-bytes/100000?seed=1&chunk_size=1000")
    local response = assert(pool:request("GET", url, { preload_content = false }))
    local size = 0
    for piece in response:stream(5000) do
      assert.is_true(#piece <= 5000)
      size = size + #piece
    end
    assert.same({ 100000, "" }, { size, response.error_string })
  end)
end)
