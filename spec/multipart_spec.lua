-- multipart/form-data, byte for byte.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

require("http") -- brings its modules
local multipart = require("http.multipart")
local helper = require("helper")

local NAMED = 'Content-Disposition: form-data; name="%s"\r\n'
local FILE = 'Content-Disposition: form-data; name="%s"; filename="%s"\r\nContent-Type: %s\r\n'

-- { what it is, fields, the parts: each its head and its data }
local BODIES = {
  { "a value", { name = "value" }, { NAMED:format("name"), "value" } },
  { "nothing", {}, {} },
  { "an empty value", { name = "" }, { NAMED:format("name"), "" } },
  { "an empty name", { [""] = "x" }, { NAMED:format(""), "x" } },
  { "values in the order of their names", { b = "2", a = "1", c = "3" },
    { NAMED:format("a"), "1", NAMED:format("b"), "2", NAMED:format("c"), "3" } },
  { "pairs in their own order", { { "b", "1" }, { "a", "2" }, { "b", "3" } },
    { NAMED:format("b"), "1", NAMED:format("a"), "2", NAMED:format("b"), "3" } },
  { "numbers and booleans", { { "n", 1.5 }, { "t", true }, { "f", false } },
    { NAMED:format("n"), "1.5", NAMED:format("t"), "true", NAMED:format("f"), "false" } },
  { "any bytes", { x = "\0\r\n\r\n--\255\r\n--b" }, { NAMED:format("x"), "\0\r\n\r\n--\255\r\n--b" } },
  { "a file", { upload = { "notes.txt", "some text" } },
    { FILE:format("upload", "notes.txt", "text/plain"), "some text" } },
  { "a file of a type", { { "upload", { "notes.txt", "some text", "text/plain; charset=utf-8" } } },
    { FILE:format("upload", "notes.txt", "text/plain; charset=utf-8"), "some text" } },
  { "a file by names", { upload = { filename = "a.png", data = "\137PNG", content_type = "image/png" } },
    { FILE:format("upload", "a.png", "image/png"), "\137PNG" } },
  { "a file without a name", { upload = { data = "{}", content_type = "application/json" } },
    { NAMED:format("upload") .. "Content-Type: application/json\r\n", "{}" } },
  { "a value by name", { upload = { data = 7 } }, { NAMED:format("upload"), "7" } },
  { "an empty file with an empty name", { upload = { "", "" } },
    { FILE:format("upload", "", "application/octet-stream"), "" } },
  { "names that would end the line", { ['a"b\r\nc'] = { 'x"\n\r.txt', "d" } },
    { FILE:format("a%22b%0D%0Ac", "x%22%0A%0D.txt", "text/plain"), "d" } },
  { "names that only look special", { ["grün\\%22;="] = { "ü ä%.txt", "d" } },
    { FILE:format("grün\\%22;=", "ü ä%.txt", "text/plain"), "d" } },
}

-- { what is wrong, fields, words of the error [, boundary] }
local MISTAKES = {
  { "a name that is a number", { [2] = "x" }, "its names must be strings, or it a list of pairs; got a number" },
  { "a pair that is none", { { "a", "1" }, "b" }, "item 2 is no pair" },
  { "a pair without a value", { { "a" } }, "item 1 is no pair" },
  { "a pair of three", { { "a", "1", "2" } }, "item 1 is no pair" },
  { "a pair with a number for a name", { { 1, "1" } }, "item 1 is no pair" },
  { "a list with a name in it", { { "a", "1" }, b = "2" }, "a list of pairs has no field 'b'" },
  { "a value that cannot be sent", { a = print }, "the value of 'a' is a function" },
  { "a file without data", { a = { "name" } }, "the file 'a' lacks its data" },
  { "a file without anything", { a = {} }, "the file 'a' lacks its data" },
  { "a file without a name", { a = { [2] = "data" } }, "the file 'a' lacks its filename" },
  { "a file of four", { a = { "n", "d", "t", "x" } }, "'4' is not one of them" },
  { "a file with another key", { a = { filename = "n", data = "d", type = "t" } }, "'type' is not one of them" },
  { "a file with its name twice", { a = { "n", "d", filename = "n" } }, "is not one of them" },
  { "a file with a number for a name", { a = { 1, "d" } }, "the filename of 'a' is a number" },
  { "data that is a table", { a = { "n", {} } }, "the value of 'a' is a table" },
  { "a type that is a number", { a = { "n", "d", 5 } }, "the content_type of 'a' is a number" },
  { "a type that ends the line", { a = { "n", "d", "a/b\r\nX: y" } }, "control character" },
  { "an empty boundary", { a = "1" }, "a boundary is", "" },
  { "a boundary of 71 letters", { a = "1" }, "a boundary is", ("b"):rep(71) },
  { "a boundary that ends in a space", { a = "1" }, "a boundary is", "b " },
  { "a boundary with a line end", { a = "1" }, "a boundary is", "b\r\nX: y" },
  { "a boundary with a quote", { a = "1" }, "a boundary is", 'b"c' },
  { "a boundary that occurs in a value", { a = "x--bound" }, "occurs", "bound" },
  { "a boundary that occurs in a name", { ["--bound"] = "x" }, "occurs", "bound" },
}

describe("multipart.encode(fields, boundary)", function()
  helper.setup()

  for _, row in ipairs(BODIES) do
    it("writes " .. row[1], function()
      local expected = ""
      for i = 1, #row[3], 2 do
        expected = expected .. "--limit\r\n" .. row[3][i] .. "\r\n" .. row[3][i + 1] .. "\r\n"
      end
      local body, content_type = multipart.encode(row[2], "limit")
      assert.equal(expected .. "--limit--\r\n", body)
      assert.equal("multipart/form-data; boundary=limit", content_type)
    end)
  end

  for _, row in ipairs(MISTAKES) do
    it("refuses " .. row[1], function()
      local ok, message = pcall(multipart.encode, row[2], row[4] or "b")
      assert.is_false(ok)
      assert.truthy(message:find(row[3], 1, true), message)
    end)
  end

  it("takes a boundary of 70 letters, and quotes one that is no token", function()
    local _, content_type = multipart.encode({ a = "1" }, ("b"):rep(70))
    assert.equal("multipart/form-data; boundary=" .. ("b"):rep(70), content_type)
    local body, quoted = multipart.encode({ a = "1" }, "a b(c)+_,-./:=?'d")
    assert.equal('multipart/form-data; boundary="a b(c)+_,-./:=?\'d"', quoted)
    assert.equal("--a b(c)+_,-./:=?'d--\r\n", body:match("[^\n]*\n$"))
  end)

  it("chooses a boundary of 128 random bits, another each time", function()
    local seen = {}
    for _ = 1, 50 do
      local body, content_type = multipart.encode({ a = "1" })
      local boundary = content_type:match("^multipart/form%-data; boundary=(%x+)$")
      assert.equal(32, #boundary)
      assert.is_nil(seen[boundary])
      seen[boundary] = true
      assert.equal((multipart.encode({ a = "1" }, boundary)), body)
    end
  end)

  it("chooses a boundary that does not occur in the data", function()
    local open, first = io.open, true -- a source of randomness that gives first what is in the data
    rawset(io, "open", function()
      local byte = first and "\171" or "\205"
      first = false
      return { read = function(_, count) return byte:rep(count) end, close = function() end }
    end)
    local ok, body, content_type = pcall(multipart.encode, { a = "--" .. ("ab"):rep(16) })
    rawset(io, "open", open)
    assert.is_true(ok, body)
    assert.equal("multipart/form-data; boundary=" .. ("cd"):rep(16), content_type)
  end)

  it("says what to do where there is no randomness", function()
    local open = io.open
    rawset(io, "open", function() end)
    local ok, message = pcall(multipart.encode, { a = "1" })
    rawset(io, "open", open)
    assert.is_false(ok)
    assert.matches("give a multipart_boundary", message, 1, true)
  end)
end)
