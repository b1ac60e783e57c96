-- http.fields.accepts: what Koa answers to the same fields and offers.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

require("http")
local accepts = require("http.fields.accepts")
local misuse = require("spec.fields.misuse")

-- The field (nil: it was not sent), the offers, the answer.
local TYPES = {
  { nil, {}, { "*/*" } },
  { "", {}, {} },
  { "text/html", {}, { "text/html" } },
  { "text/*, application/json;q=0.5, image/png;q=0.8", {}, { "text/*", "image/png", "application/json" } },
  { "a/b;q=0, c/d", {}, { "c/d" } },
  { "text/html;level=1, text/html;q=0.3", {}, { "text/html", "text/html" } },
  { "*/*;q=.1, text/plain, bogus, te xt/x", {}, { "text/plain", "*/*" } },
  { "a/a;q=1.5, b/b;q=2, c/c;q=abc, d/d;q=-1, e/e;q=1e-1, f/f;q=, g/g;q", {}, { "b/b", "a/a", "e/e" } },
  { "TEXT/Html", {}, { "TEXT/Html" } },
  { nil, { "html", "json" }, "html" },
  { "", { "json", "html" }, "json" },
  { nil, { "nosuch" }, "nosuch" },
  { "text/html", { "html" }, "html" },
  { "text/html", { "text/html" }, "text/html" },
  { "text/html", { "json", "text/html", "html" }, "text/html" },
  { "text/*, application/json", { "html" }, "html" },
  { "text/*, application/json", { "image/png", "png" }, false },
  { "text/*;q=.5, application/json", { "html", "json" }, "json" },
  { "text/*;q=.5, application/json", { "application/json", "text/html" }, "application/json" },
  { "application/json, text/html", { "html", "json" }, "json" },
  { "application/json, text/html", { "json", "html" }, "json" },
  { "*/*", { "html", "json" }, "html" },
  { "*/*", { "nosuch", "json" }, "json" },
  { "nonsense", { "html" }, false },
  { "text/html;q=0, */*", { "html", "json" }, "json" },
  { "text/html;q=0, */*", { "html" }, false },
  { "text/plain;q=0.5, text/*;q=0.9", { "text/plain", "text/html" }, "text/html" },
  {
    "text/*, text/plain, text/plain;format=flowed, */*",
    { "text/plain;format=flowed", "text/plain" },
    "text/plain;format=flowed",
  },
  {
    "text/html;level=1;q=0.3, text/html;q=0.7, */*;q=0.5",
    { "text/html;level=1", "text/html", "image/jpeg" },
    "text/html",
  },
  { 'text/html;level="1", text/plain', { "text/html;level=1" }, "text/html;level=1" },
  { "text/html;LEVEL=A", { "text/html;level=a" }, "text/html;level=a" },
  { "text/html;level=*", { "text/html;level=3" }, "text/html;level=3" },
  { 'a/b;c="x,y;z";q=0.1, d/e', { 'a/b;c="x,y;z"', "d/e" }, "d/e" },
  { 'a/b;c="x, d/e', { "d/e" }, false },
  { "TEXT/HTML", { "html" }, "html" },
  { "text/html ; q=0.5 , application/json ; q=0.9", { "html", "json" }, "json" },
  {
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    { "json", "xml", "html" },
    "html",
  },
  { "*/*, */*;q=x", { "html" }, false },
  { "text/html;q=0.5;q=1, text/plain;q=0.7", { "html", "txt" }, "txt" },
  { "*/json", { "json" }, "json" },
  { "*", { "html" }, false },
  { ", ,text/html,", { "html" }, "html" },
  { "text/html;", { "html" }, "html" },
  { "*/*;q=0", { "html" }, false },
}

local ENCODINGS = {
  { nil, {}, { "identity" } },
  { "", {}, { "identity" } },
  { "gzip, deflate", {}, { "gzip", "deflate", "identity" } },
  { "gzip;q=0.5, br", {}, { "br", "gzip", "identity" } },
  { "*", {}, { "*" } },
  { "*;q=0", {}, {} },
  { "identity;q=0, gzip", {}, { "gzip" } },
  { "gzip;q=0, br;q=0.2", {}, { "br", "identity" } },
  { "GZip", {}, { "GZip", "identity" } },
  { nil, { "gzip" }, false },
  { nil, { "gzip", "identity" }, "identity" },
  { "", { "identity" }, "identity" },
  { "gzip, deflate", { "deflate", "gzip" }, "gzip" },
  { "gzip;q=0.5, deflate", { "gzip", "deflate" }, "deflate" },
  { "gzip", { "identity" }, "identity" },
  { "gzip", { "br" }, false },
  { "gzip, identity;q=0", { "identity" }, false },
  { "*;q=0", { "identity", "gzip" }, false },
  { "*", { "gzip" }, "gzip" },
  { "*, gzip;q=0", { "gzip", "br" }, "br" },
  { "br;q=0.2, *;q=0.5", { "br", "zstd" }, "zstd" },
  { "GZIP", { "gzip" }, "gzip" },
  { "gzip", { "GZIP" }, "GZIP" },
  { "gzip;q=0.2, identity;q=0.5", { "gzip", "identity" }, "identity" },
  { "gzip, br, zstd", { "br", "gzip" }, "gzip" },
  { "x-gzip", { "gzip" }, false },
  { "gzip;q=x", { "gzip", "identity" }, "identity" },
  { "gz ip, br", { "gzip", "br" }, "br" },
  { "gzip ; q=0 , br", { "gzip" }, false },
}

local CHARSETS = {
  { nil, {}, { "*" } },
  { "", {}, {} },
  { "utf-8, iso-8859-1;q=0.2, utf-7;q=0.5", {}, { "utf-8", "utf-7", "iso-8859-1" } },
  { "*;q=0.5, utf-8", {}, { "utf-8", "*" } },
  { nil, { "utf-8", "latin1" }, "utf-8" },
  { "", { "utf-8" }, false },
  { "utf-8, iso-8859-1;q=0.2, utf-7;q=0.5", { "utf-7", "utf-8" }, "utf-8" },
  { "utf-8", { "utf-7" }, false },
  { "UTF-8", { "utf-8" }, "utf-8" },
  { "utf-8", { "UTF-8" }, "UTF-8" },
  { "*", { "koi8-r" }, "koi8-r" },
  { "*, utf-8;q=0", { "utf-8", "koi8-r" }, "koi8-r" },
  { "utf-8;q=0", { "utf-8" }, false },
  { "utf-8;q=0.5, utf-8;q=0.9, koi8-r;q=0.7", { "koi8-r", "utf-8" }, "utf-8" },
  { "utf-8;x=1;q=0.1, koi8-r;q=0.2", { "utf-8", "koi8-r" }, "koi8-r" },
}

local LANGUAGES = {
  { nil, {}, { "*" } },
  { "", {}, {} },
  { "en;q=0.8, es, pt", {}, { "es", "pt", "en" } },
  { "fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", {}, { "fr-CH", "fr", "en", "de", "*" } },
  { "en-, -x, zh-Hant-TW, e n", {}, { "zh-Hant-TW" } },
  { nil, { "en" }, "en" },
  { "", { "en" }, false },
  { "en;q=0.8, es, pt", { "en", "es" }, "es" },
  { "en;q=0.8, es, pt", { "pt", "es" }, "es" },
  { "en-US", { "en" }, "en" },
  { "en", { "en-US" }, "en-US" },
  { "en-US, en;q=0.8", { "en", "en-US" }, "en-US" },
  { "en-US, en;q=0.8", { "en-GB" }, "en-GB" },
  { "fr, en-US", { "de", "en" }, "en" },
  { "EN-us", { "en-US" }, "en-US" },
  { "*", { "de" }, "de" },
  { "*;q=0.1, de;q=0", { "de", "fr" }, "fr" },
  { "en-GB, en;q=0.3", { "en-US", "fr" }, "en-US" },
  { "zh-Hant, zh;q=0.5", { "zh-Hans", "zh-Hant" }, "zh-Hant" },
  { "da, en-GB;q=0.8, en;q=0.7", { "en", "en-GB" }, "en-GB" },
  { "de-CH-1996", { "de" }, "de" },
  { "de-CH-1996", { "de-CH" }, false },
  { "nl", { "xx", "-" }, false },
  { "en", { "en-" }, false },
}

describe("accepts", function()
  local function check(negotiate, rows)
    for number, row in ipairs(rows) do
      local field, list, expected = row[1], row[2], row[3]
      local got = negotiate(field, list)
      assert.same(expected, got, ("row %d: %s"):format(number, tostring(field)))
      if #list == 0 then
        assert.same(expected, negotiate(field))
      elseif #list == 1 then
        assert.same(expected, negotiate(field, list[1]))
      end
    end
  end

  it("finds the best media type", function() check(accepts.types, TYPES) end)
  it("finds the best content coding", function() check(accepts.encodings, ENCODINGS) end)
  it("finds the best charset", function() check(accepts.charsets, CHARSETS) end)
  it("finds the best language", function() check(accepts.languages, LANGUAGES) end)

  -- RFC 9110, 12.4.2, allows both; Koa overlooks such a weight, except among media types.
  it("heeds a weight behind blanks or in upper case everywhere", function()
    for _, name in ipairs({ "encodings", "charsets", "languages" }) do
      assert.equal("y", accepts[name]("x; q=0.5, y;q=0.7", { "x", "y" }), name)
      assert.equal("y", accepts[name]("x;Q=0.5, y;q=0.7", { "x", "y" }), name)
    end
    assert.equal("text/b", accepts.types("text/a; Q=0.5, text/b;q=0.7", { "text/a", "text/b" }))
  end)

  it("keeps the order of the field among equal ones, however many", function()
    local ranges = {}
    for i = 1, 300 do
      ranges[i] = ("l%d"):format(i)
    end
    assert.same(ranges, accepts.charsets(table.concat(ranges, ",")))
    assert.same(ranges, accepts.languages(table.concat(ranges, ";q=0.5 , ") .. ";q=0.5"))
  end)

  it("does not change the list that it is given", function()
    local list = { "html", "json" }
    accepts.types("application/json", list)
    assert.same({ "html", "json" }, list)
  end)

  it("throws at its caller's line if misused", function()
    for _, name in ipairs({ "types", "encodings", "charsets", "languages" }) do
      local negotiate = accepts[name]
      local where = "bad argument "
      misuse(function() negotiate(1) end,
        where .. "#1 to '" .. name .. "' %(string or nil expected, got number%)")
      misuse(function() negotiate("x", true) end,
        where .. "#2 to '" .. name .. "' %(string or list of strings expected, got boolean%)")
      misuse(function() negotiate("x", { "a", 2 }) end,
        where .. "#2 to '" .. name .. "' %(list of strings expected, got a number in it%)")
    end
  end)
end)
