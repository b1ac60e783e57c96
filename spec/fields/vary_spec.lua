-- http.fields.vary: Vary grows as Koa's does.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

require("http")
local vary = require("http.fields.vary")
local misuse = require("spec.fields.misuse")

-- The value so far, what is added, the value then.
local ROWS = {
  { "", "Accept", "Accept" },
  { "", "*", "*" },
  { "", { "Accept", "Origin" }, "Accept, Origin" },
  { "", { "*", "Accept" }, "*" },
  { "Accept", "Origin", "Accept, Origin" },
  { "Accept", "accept", "Accept" },
  { "accept, origin", "Accept", "accept, origin" },
  { "Accept", { "ACCEPT", "Origin" }, "Accept, Origin" },
  { "Accept", "Origin, accept,User-Agent", "Accept, Origin, User-Agent" },
  { "Accept", " Origin ,User-Agent ", "Accept, Origin, User-Agent" },
  { "*", "Accept", "*" },
  { "Accept, *", "Origin", "*" },
  { "Accept", "*", "*" },
  { "Accept", { "Origin", "origin" }, "Accept, Origin" },
  { "  Accept  ,x", "Y", "  Accept  ,x, Y" },
  { "a,,b", "c", "a,,b, c" },
  { "Accept", "!#$%&'*+-.^_`|~", "Accept, !#$%&'*+-.^_`|~" },
}

describe("vary.append", function()
  it("adds the names that are not there yet", function()
    for number, row in ipairs(ROWS) do
      assert.equal(row[3], vary.append(row[1], row[2]), "row " .. number)
    end
  end)

  it("begins with nothing", function()
    assert.equal("Accept", vary.append(nil, "Accept"))
    assert.equal("a, B", vary.append(nil, { "a", "B", "b" }))
    assert.equal("", vary.append(nil, {}))
  end)

  it("throws at its caller's line if a name could not be sent", function()
    local function check(words, ...)
      local arguments, count = { ... }, select("#", ...)
      misuse(function() vary.append(unpack(arguments, 1, count)) end,
        "bad argument " .. words)
    end
    check("#1 to 'append' %(string or nil expected, got table%)", {}, "a")
    check("#2 to 'append' %(string or list of strings expected, got nil%)", "a")
    check("#2 to 'append' %(string or list of strings expected, got number%)", "a", 1)
    check("#2 to 'append' %(string or list of strings expected, got an empty string%)", "a", "")
    for _, name in ipairs({ "a b", "a:", "\233", "a\nb", "\0", "(" }) do
      check("#2 to 'append' %(names of header fields expected, got '", nil, name)
      check("#2 to 'append' %(names of header fields expected, got '", "*", { "ok", name })
    end
    check("#2 to 'append' %(names of header fields expected, got ''%)", nil, "a,,b")
    check("#2 to 'append' %(names of header fields expected, got ' a'%)", nil, { " a" })
    check("#2 to 'append' %(names of header fields expected, got a number%)", nil, { 1 })
  end)
end)
