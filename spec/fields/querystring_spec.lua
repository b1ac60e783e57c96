-- http.fields.querystring: queries and forms are read as node:querystring reads them.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

require("http")
local querystring = require("http.fields.querystring")
local misuse = require("spec.fields.misuse")

local ROWS = {
  { "", {} },
  { "a=1", { a = "1" } },
  { "a=1&b=2", { a = "1", b = "2" } },
  { "a=1&a=2", { a = { "1", "2" } } },
  { "a=1&b=x&a=2&a=3", { a = { "1", "2", "3" }, b = "x" } },
  { "a", { a = "" } },
  { "a=", { a = "" } },
  { "=", { [""] = "" } },
  { "=b", { [""] = "b" } },
  { "a=b=c", { a = "b=c" } },
  { "a&&b", { a = "", b = "" } },
  { "&&", {} },
  { "&a=1&", { a = "1" } },
  { "a+b=c+d", { ["a b"] = "c d" } },
  { "%61%3D=%26%2B", { ["a="] = "&+" } },
  { "a=%", { a = "%" } },
  { "a=%4", { a = "%4" } },
  { "a=%zz%41", { a = "%zzA" } },
  { "%=x", { ["%"] = "x" } },
  { "a=%C3%A9&%E2%82%AC=1", { a = "\195\169", ["\226\130\172"] = "1" } },
  { "\195\169=\195\188", { ["\195\169"] = "\195\188" } },
  { "a=%00", { a = "\0" } },
  { "?a=1", { ["?a"] = "1" } },
  { "a[]=1&a[]=2", { ["a[]"] = { "1", "2" } } },
  { "a=1;b=2", { a = "1;b=2" } },
  { "__index=1&__proto__=2&1=one", { ["1"] = "one", __index = "1", __proto__ = "2" } },
  { "a=%2525", { a = "%25" } },
}

-- With a bound, and what is kept.
local BOUNDED = {
  { "a=1&b=2&c=3", 2, { a = "1", b = "2" } },
  { "a=1&b=2&c=3", 3, { a = "1", b = "2", c = "3" } },
  { "a=1&b=2&c=3", 0, { a = "1", b = "2", c = "3" } },
  { "a=1&b=2&c=3", -1, { a = "1", b = "2", c = "3" } },
  { "&&a=1", 2, {} },
  { "&&a=1", 3, { a = "1" } },
  { "a&a&a", 2, { a = { "", "" } } },
}

describe("querystring.parse", function()
  it("gives the fields by name", function()
    for number, row in ipairs(ROWS) do
      assert.same(row[2], querystring.parse(row[1]), ("row %d: %s"):format(number, row[1]))
    end
  end)

  it("stops at the bound", function()
    for number, row in ipairs(BOUNDED) do
      assert.same(row[3], querystring.parse(row[1], { max_keys = row[2] }), "row " .. number)
    end
  end)

  it("takes a thousand fields unless told otherwise", function()
    local parts = {}
    for i = 1, 1500 do
      parts[i] = ("k%d=%d"):format(i, i)
    end
    local text = table.concat(parts, "&")
    local fields = querystring.parse(text)
    assert.equal("1000", fields.k1000)
    assert.is_nil(fields.k1001)
    assert.equal("1500", querystring.parse(text, { max_keys = 0 }).k1500)
    assert.equal("1000", querystring.parse(text, {}).k1000)
  end)

  it("keeps bytes that are not UTF-8", function()
    assert.same({ a = "\255\233", ["\0"] = "" }, querystring.parse("a=%FF\233&%00"))
  end)

  it("throws at its caller's line if misused", function()
    misuse(function() querystring.parse(nil) end,
      "bad argument #1 to 'parse' %(string expected, got nil%)")
    misuse(function() querystring.parse("", { max_keys = "1" }) end,
      "bad argument #2 to 'parse' %(max_keys: number expected, got string%)")
  end)
end)

describe("querystring.stringify", function()
  it("gives what parse reads back, in a stable order", function()
    assert.equal("", querystring.stringify({}))
    assert.equal("a=1&b=x&b=y&c=a%20b%26%3D%2B", querystring.stringify({ c = "a b&=+", a = 1, b = { "x", "y" } }))
    for _, fields in ipairs({
      { a = "1" }, { a = { "1", "2" }, b = "" }, { ["\0\255 &=+%"] = "\0\255 &=+%" }, { ["\195\169"] = "\226\130\172" },
    }) do
      assert.same(fields, querystring.parse(querystring.stringify(fields)))
    end
  end)

  it("throws at its caller's line if misused", function()
    local where = "bad argument #1 to 'stringify' %("
    misuse(function() querystring.stringify("a") end, where .. "table expected, got string%)")
    misuse(function() querystring.stringify({ a = print }) end,
      where .. "the value of 'a' is a function;")
    misuse(function() querystring.stringify({ "a" }) end, where .. "item 1 of the list is no pair of a name")
    misuse(function() querystring.stringify({ [true] = "a" }) end, where .. "its keys must be strings, or it must")
  end)
end)
