-- http.fields.url_encode: a URL is encoded as Koa encodes it.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

require("http")
local url_encode = require("http.fields.url_encode")
local misuse = require("spec.fields.misuse")

local ROWS = {
  { "", "" },
  { "/", "/" },
  { "http://localhost/foo/bar.html?a=b#c", "http://localhost/foo/bar.html?a=b#c" },
  { "/foo bar", "/foo%20bar" },
  { "/foo%20bar", "/foo%20bar" },
  { "/%foo%zz%", "/%25foo%25zz%25" },
  { "%%20", "%25%20" },
  { "%", "%25" },
  { "%4", "%254" },
  { "%41%4G", "%41%254G" },
  { "/\195\169", "/%C3%A9" },
  { "/\226\130\172\240\159\152\128", "/%E2%82%AC%F0%9F%98%80" },
  { '/a"b<c>d`e{f}g|h\\i^j[k]', "/a%22b%3Cc%3Ed%60e%7Bf%7Dg|h\\i^j[k]" },
  { "http://[::1]:80/", "http://[::1]:80/" },
  { "\0\n\r\t\127", "%00%0A%0D%09%7F" },
  { "/~user/(a)!*'$&,;=:@", "/~user/(a)!*'$&,;=:@" },
  { "/\195\188%C3%BC", "/%C3%BC%C3%BC" },
}

describe("url_encode", function()
  it("encodes what no URL holds, and leaves valid sequences", function()
    for number, row in ipairs(ROWS) do
      assert.equal(row[2], url_encode(row[1]), "row " .. number)
      assert.equal(row[2], url_encode(row[2]), "row " .. number .. ", once more")
    end
  end)

  it("keeps the bytes of what is not UTF-8", function()
    assert.equal("/%FF%E9%C3", url_encode("/\255\233\195"))
    assert.equal("/%ED%A0%80", url_encode("/\237\160\128"))
  end)

  it("leaves nothing that a header field may not hold", function()
    for code = 0, 255 do
      local byte = string.char(code)
      assert.matches("^[!-~]+$", url_encode(byte))
    end
  end)

  it("throws at its caller's line if misused", function()
    misuse(function() url_encode(nil) end,
      "bad argument #1 to 'url_encode' %(string expected, got nil%)")
  end)
end)
