-- http.fields.date: HTTP dates, both ways.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

require("http")
local date = require("http.fields.date")
local misuse = require("spec.fields.misuse")

local FORMATTED = {
  { 784111777, "Sun, 06 Nov 1994 08:49:37 GMT" },
  { 0, "Thu, 01 Jan 1970 00:00:00 GMT" },
  { -1, "Wed, 31 Dec 1969 23:59:59 GMT" },
  { 951782400, "Tue, 29 Feb 2000 00:00:00 GMT" },
  { 951868800, "Wed, 01 Mar 2000 00:00:00 GMT" },
  { 4107542400, "Mon, 01 Mar 2100 00:00:00 GMT" },
  { 2147483648, "Tue, 19 Jan 2038 03:14:08 GMT" },
  { 1735689599, "Tue, 31 Dec 2024 23:59:59 GMT" },
  { -2203891200, "Thu, 01 Mar 1900 00:00:00 GMT" },
  { 253402300799, "Fri, 31 Dec 9999 23:59:59 GMT" },
  { -62135596800, "Mon, 01 Jan 0001 00:00:00 GMT" },
  { -62167219200, "Sat, 01 Jan 0000 00:00:00 GMT" },
}

local NOW = 1795305600 -- 2026-11-22

local PARSED = {
  { "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
  { "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
  { "Sun Nov  6 08:49:37 1994", 784111777 },
  { "Sun Nov 06 08:49:37 1994", 784111777 },
  -- Leniently: case, blanks around, no or another day's name, a day of one digit, other names of GMT, offsets.
  { "sun, 06 nov 1994 08:49:37 gmt", 784111777 },
  { " \tSun, 06 Nov 1994 08:49:37 GMT ", 784111777 },
  { "06 Nov 1994 08:49:37 GMT", 784111777 },
  { "Mon, 06 Nov 1994 08:49:37 GMT", 784111777 },
  { "Sun, 6 Nov 1994 08:49:37 GMT", 784111777 },
  { "Sun,06 Nov 1994 08:49:37 GMT", 784111777 },
  { "Sun, 06 Nov 1994 08:49:37", 784111777 },
  { "Sun, 06 Nov 1994 08:49:37 UTC", 784111777 },
  { "Sun, 06 Nov 1994 10:49:37 +0200", 784111777 },
  { "Sun, 06 Nov 1994 05:19:37 -03:30", 784111777 },
  { "Sun, 06-Nov-1994 08:49:37 GMT", 784111777 },
  -- Two digits: 2076 is 50 years ahead, 2077 is more.
  { "Wednesday, 01-Jan-76 00:00:00 GMT", 3345062400 },
  { "Saturday, 01-Jan-77 00:00:00 GMT", 220924800 },
  { "Saturday, 01-Jan-00 00:00:00 GMT", 946684800 },
  -- A leap second is the first of the next minute.
  { "Sat, 31 Dec 2016 23:59:60 GMT", 1483228800 },
  { "2026-11-22", 1795305600 },
  { "2026-11-22T10:00:00Z", 1795341600 },
  { "2026-11-22t10:00:00z", 1795341600 },
  { "2026-11-22 10:00:00", 1795341600 },
  { "2026-11-22T10:00Z", 1795341600 },
  { "2026-11-22T10:00:00.999Z", 1795341600 },
  { "2026-11-22T11:00:00+01:00", 1795341600 },
  { "2026-11-22T08:30-0130", 1795341600 },
  { "2024-02-29", 1709164800 },
  { "0001-01-01", -62135596800 },
}

local NO_DATES = {
  "", " ", "0", "now", "yesterday, perhaps", "1994", "1994-11", "Sun", "Sun, ", "784111777",
  "Sun, 31 Nov 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT",
  "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT",
  "Sun, 06 Nov 1994 08:49 GMT", "Sun, 06 Nov 199 08:49:37 GMT", "Sun, 06 Nov 19940 08:49:37 GMT",
  "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Nov 1994 08:49:37 +2400", "Sun, 06 Nov 1994 08:49:37 GMT x",
  "Sun Nov  6 08:49:37 94", "Sun Nov 31 08:49:37 1994", "Sun Xyz  6 08:49:37 1994",
  "2026-02-29", "2026-13-01", "2026-00-01", "2026-01-00", "2026-1-1", "2026-11-22T", "2026-11-22T10",
  "2026-11-22T10:00:00X", "2026-11-22T25:00Z", "2026-11-22T10:00:00+99:00", "2026-11-22T10:00:00.Z",
  "Sun, 06 Nov 1994 08:49:37 GMT\0", "\255", "2026-11-22" .. (" "):rep(100),
}

describe("date", function()
  it("formats and parses back", function()
    for _, row in ipairs(FORMATTED) do
      assert.equal(row[2], date.format(row[1]))
      assert.equal(row[1], date.parse(row[2]))
    end
    assert.equal("Sun, 06 Nov 1994 08:49:37 GMT", date.format(784111777.9))
    assert.equal("Wed, 31 Dec 1969 23:59:59 GMT", date.format(-0.5))
  end)

  it("agrees with the C library on days of a hundred years", function()
    for day = -18250, 18250, 31 do
      local seconds = day * 86400 + (day % 86400) * 7
      local text = date.format(seconds)
      local there = os.date("!*t", seconds)
      assert.equal(("%02d %04d %02d:%02d:%02d"):format(there.day, there.year, there.hour, there.min, there.sec),
        (text:gsub("^%a+, (%d+) %a+", "%1"):gsub(" GMT$", "")))
      assert.equal(seconds, date.parse(text))
    end
  end)

  it("parses what HTTP and ISO 8601 allow", function()
    for _, row in ipairs(PARSED) do
      assert.equal(row[2], date.parse(row[1], NOW), row[1])
    end
    assert.equal(946684800, date.parse("Saturday, 01-Jan-00 00:00:00 GMT"))
  end)

  it("gives nil for anything else", function()
    for _, text in ipairs(NO_DATES) do
      assert.is_nil(date.parse(text), text)
    end
  end)

  it("speaks English in every locale", function()
    local before = os.setlocale(nil, "all")
    finally(function() os.setlocale(before, "all") end)
    for _, locale in ipairs({ "", "C", "C.UTF-8", "de_DE.UTF-8", "tr_TR.UTF-8" }) do
      os.setlocale(locale, "all")
      assert.equal("Sun, 06 Nov 1994 08:49:37 GMT", date.format(784111777))
      assert.equal(784111777, date.parse("SUN, 06 NOV 1994 08:49:37 GMT"))
    end
  end)

  it("throws at its caller's line if misused", function()
    local where = "bad argument #1 to "
    misuse(function() date.format("1") end, where .. "'format' %(number expected, got string%)")
    for _, seconds in ipairs({ 253402300800, -62167219201, 1e300, math.huge, -math.huge, 0 / 0 }) do
      misuse(function() date.format(seconds) end,
        where .. "'format' %(the time is outside the years 0 to 9999%)")
    end
    misuse(function() date.parse(nil) end, where .. "'parse' %(string expected, got nil%)")
  end)
end)
