-- http.fields.content_type: a Content-Type is taken apart as Koa does it.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

require("http")
local content_type = require("http.fields.content_type")
local misuse = require("spec.fields.misuse")

-- The field, its type, its parameters.
local ROWS = {
  { "text/html", "text/html", {} },
  { "TEXT/HTML", "text/html", {} },
  { "text/html; charset=utf-8", "text/html", { charset = "utf-8" } },
  { "text/html;charset=utf-8", "text/html", { charset = "utf-8" } },
  { 'text/html ; Charset = "UTF-8" ', "text/html", { charset = "UTF-8" } },
  { "text/html; a=b; c=d", "text/html", { a = "b", c = "d" } },
  { "text/html; a=b; A=c", "text/html", { a = "c" } },
  { 'text/html; a="x;y, \\"z\\""', "text/html", { a = 'x;y, "z"' } },
  { 'text/html; a=""', "text/html", { a = "" } },
  { 'text/html; a="\233"', "text/html", { a = "\233" } },
  { 'text/html; a="\\\233"', "text/html", { a = "\233" } },
  { " text/html ", "text/html", {} },
  { "x-a!b/c+d;e=f", "x-a!b/c+d", { e = "f" } },
}

local MALFORMED = {
  "",
  "text",
  "text/",
  "/html",
  "a/b/c",
  "te xt/html",
  "text/html;",
  "text/html; ",
  "text/html; a",
  "text/html; a=",
  "text/html; =b",
  'text/html; a="x',
  'text/html; a="x\\"',
  'text/html; a="b"x',
  "text/html; a=b c",
  "text/html;;a=b",
  'text/html; a="\1"',
  'text/html; a="\\\1"',
  "text/html, a=b",
  "text/html; a=(b)",
}

describe("content_type.parse", function()
  it("gives the type and the parameters", function()
    for _, row in ipairs(ROWS) do
      local media_type, parameters = content_type.parse(row[1])
      assert.equal(row[2], media_type, row[1])
      assert.same(row[3], parameters, row[1])
    end
  end)

  it("gives nil and why of what is malformed", function()
    for _, value in ipairs(MALFORMED) do
      local media_type, message = content_type.parse(value)
      assert.is_nil(media_type, value)
      assert.equal(value:find("^%a+/%a+;") and "invalid parameter format" or "invalid media type", message, value)
    end
  end)

  it("throws at its caller's line if misused", function()
    misuse(function() content_type.parse(nil) end,
      "bad argument #1 to 'parse' %(string expected, got nil%)")
  end)
end)
