-- The options json, form and multipart against python3-httpbin, which shows what it made of them.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local peers = require("peers")
local raw = require("raw")

describe("bodies given as values, and httpbin", function()
  local httpbin, folder

  setup(function()
    httpbin = peers.httpbin()
    folder = raw.mkdtemp()
  end)
  teardown(function()
    if httpbin then
      httpbin:stop()
    end
    raw.remove_tree(folder)
  end)
  helper.setup()

  local function post(options)
    options.url = helper.url(httpbin, "/post")
    local response = http.post(options)
    return assert(response:json())
  end

  it("understand each other: json", function()
    local value = { name = "ü\n\"/", list = { 1, 2.5, false }, none = http.null, empty = {} }
    assert.same(value, post({ json = value }).json)
    assert.is_false(post({ json = false }).json)
    assert.equal("[]", post({ json = http.empty_array }).data)
  end)

  it("understand each other: form", function()
    local seen = post({ form = { ["ü ä"] = "a&b=c+d %41\r\n", plain = { "x", "y" }, number = 1.5 } })
    assert.same({ ["ü ä"] = "a&b=c+d %41\r\n", plain = { "x", "y" }, number = "1.5" }, seen.form)
  end)

  it("understand each other: multipart", function()
    local path = folder .. "/notes.txt"
    local file = assert(io.open(path, "w"))
    file:write("some text\r\n\r\n--x\r\n")
    file:close()
    local parts = { { "name", "first" }, { "name", "ü\r\n--y" }, { name = "data", data = "d", filename = "grün.txt" } }
    if http.can("stream_upload") then
      parts[4] = { "notes", { file = path } }
      parts[5] = { "counted", { stream = coroutine.wrap(function() coroutine.yield("abc") end), length = 3,
        filename = "c.txt" } }
    end
    local seen = post({ multipart = parts })
    assert.same({ "first", "ü\r\n--y" }, seen.form.name)
    assert.equal("d", seen.files.data)
    if http.can("stream_upload") then
      assert.equal("some text\r\n\r\n--x\r\n", seen.files.notes)
      assert.equal("abc", seen.files.counted)
    end
  end)
end)
