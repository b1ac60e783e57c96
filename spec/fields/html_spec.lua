-- http.fields.html: text is made harmless as Koa does it.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

require("http")
local html = require("http.fields.html")
local misuse = require("spec.fields.misuse")

local ROWS = {
  { "", "" },
  { "plain", "plain" },
  { "<script>alert(\"x & 'y'\")</script>", "&lt;script&gt;alert(&quot;x &amp; &#39;y&#39;&quot;)&lt;/script&gt;" },
  { "&amp;", "&amp;amp;" },
  { "&&", "&amp;&amp;" },
  { "\195\169\226\130\172", "\195\169\226\130\172" },
  { "\0<", "\0&lt;" },
  { "\"'&<>", "&quot;&#39;&amp;&lt;&gt;" },
}

describe("html.escape", function()
  it("turns what HTML knows into entities", function()
    for number, row in ipairs(ROWS) do
      assert.equal(row[2], html.escape(row[1]), "row " .. number)
    end
  end)

  it("gives one value, and leaves bytes that are no text", function()
    assert.equal(1, select("#", html.escape("<")))
    assert.equal("\255\0&lt;", html.escape("\255\0<"))
  end)

  it("takes numbers, and throws at its caller's line for anything else", function()
    assert.equal("42", html.escape(42))
    for _, value in ipairs({ true, {}, print }) do
      misuse(function() html.escape(value) end,
        "bad argument #1 to 'escape' %(string expected, got " .. type(value) .. "%)")
    end
    misuse(function() html.escape(nil) end, "bad argument #1 to 'escape' %(string expected, got nil%)")
  end)
end)
