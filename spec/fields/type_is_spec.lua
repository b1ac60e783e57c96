-- http.fields.type_is: what Koa answers to the same Content-Type and types.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

require("http")
local type_is = require("http.fields.type_is")
local misuse = require("spec.fields.misuse")

-- The field (nil: it was not sent), the types, the answer.
local IS = {
  { nil, { "html" }, false },
  { "", { "html" }, false },
  { "text/html", {}, "text/html" },
  { "TEXT/HTML; charset=x", {}, "text/html" },
  { "text", {}, false },
  { "text/html/x", {}, false },
  { "te xt/html", {}, false },
  { "text/html;", {}, "text/html" },
  { "text/", { "*/*" }, false },
  { "a.b/c", { "*/*" }, false },
  { "text/html; charset=utf-8", { "html" }, "html" },
  { "text/html; charset=utf-8", { "text/html" }, "text/html" },
  { "text/html; charset=utf-8", { "text/*", "application/json" }, "text/html" },
  { "application/json", { "json", "urlencoded" }, "json" },
  { "application/json", { "application/json" }, "application/json" },
  { "application/json", { "html", "application/*" }, "application/json" },
  { "application/json", { "html" }, false },
  { "application/json", { "*/json" }, "application/json" },
  { "application/json", { "*/*" }, "application/json" },
  { "application/json", { "+json" }, false },
  { "application/vnd.api+json", { "+json" }, "application/vnd.api+json" },
  { "application/vnd.api+json", { "*/*+json", "json" }, "application/vnd.api+json" },
  { "application/vnd.api+json", { "application/*+json" }, "application/vnd.api+json" },
  { "application/vnd.api+json", { "json" }, false },
  { "application/vnd.api+json", { "+xml", "application/vnd.api+json" }, "application/vnd.api+json" },
  { "image/svg+xml", { "+json", "+xml" }, "image/svg+xml" },
  { "application/+json", { "+json" }, false },
  { "application/json+", { "+json" }, false },
  { "application/x-www-form-urlencoded", { "urlencoded" }, "urlencoded" },
  { "application/x-www-form-urlencoded", { "json", "multipart", "urlencoded" }, "urlencoded" },
  { "multipart/form-data; boundary=x", { "multipart" }, "multipart" },
  { "multipart/form-data; boundary=x", { "multipart/*" }, "multipart/form-data" },
  { "multipart/mixed", { "urlencoded" }, false },
  { "text/html", { ".html" }, ".html" },
  { "text/html", { "nosuch" }, false },
  { "text/html", { "*" }, false },
  { "text/html", { "text" }, false },
  { "text/html", { "TEXT/HTML" }, false },
  { "text/html", { "text/html/x", "/", "" }, false },
  { "image/png", { "jpg", "png", "image/*" }, "png" },
  { "image/png", { "image/*", "png" }, "image/png" },
  { " \ttext/html\t ; x", { "html" }, "html" },
}

-- What stands in a list of types, and what it means.
local NORMALIZE = {
  { "urlencoded", "application/x-www-form-urlencoded" },
  { "multipart", "multipart/*" },
  { "+json", "*/*+json" },
  { "json", "application/json" },
  { ".html", "text/html" },
  { "text/*", "text/*" },
  { "a/b/c", "a/b/c" },
  { "nosuch", false },
  { "", false },
  { "HTML", "text/html" },
  { "/", "/" },
  { "+", "*/*+" },
}

describe("type_is", function()
  it("tells which of the types a Content-Type is", function()
    for number, row in ipairs(IS) do
      local value, types, expected = row[1], row[2], row[3]
      assert.equal(expected, type_is.is(value, types), ("row %d: %s"):format(number, tostring(value)))
      if #types == 0 then
        assert.equal(expected, type_is.is(value))
      elseif #types == 1 then
        assert.equal(expected, type_is.is(value, types[1]))
      end
    end
  end)

  it("knows what the short names mean", function()
    for _, row in ipairs(NORMALIZE) do
      assert.equal(row[2], type_is.normalize(row[1]), row[1])
    end
  end)

  it("takes no name of more than 127 characters for a media type", function()
    local longest = ("a"):rep(127)
    assert.equal(longest .. "/" .. longest, type_is.is(longest .. "/" .. longest))
    assert.is_false(type_is.is(longest .. "a/b"))
    assert.is_false(type_is.is("b/" .. longest .. "a"))
  end)

  it("throws at its caller's line if misused", function()
    local where = "bad argument "
    misuse(function() type_is.is({}) end, where .. "#1 to 'is' %(string or nil expected, got table%)")
    misuse(function() type_is.is("a/b", 1) end,
      where .. "#2 to 'is' %(string or list of strings expected, got number%)")
    misuse(function() type_is.is("a/b", { false }) end,
      where .. "#2 to 'is' %(list of strings expected, got a boolean in it%)")
    misuse(function() type_is.normalize(nil) end,
      where .. "#1 to 'normalize' %(string expected, got nil%)")
  end)
end)
