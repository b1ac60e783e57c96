-- http.fields.fresh: a copy is as fresh as Koa finds it.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

require("http")
local fresh = require("http.fields.fresh")
local misuse = require("spec.fields.misuse")

-- The fields of the request, those of the response, the answer.
local ROWS = {
  { {}, {}, false },
  { {}, { etag = '"a"' }, false },
  { { ["if-none-match"] = '"a"' }, { etag = '"a"' }, true },
  { { ["if-none-match"] = '"a"' }, { etag = '"b"' }, false },
  { { ["if-none-match"] = '"a"' }, {}, false },
  { { ["if-none-match"] = '"x", "a" , W/"b"' }, { etag = '"a"' }, true },
  { { ["if-none-match"] = 'W/"a"' }, { etag = '"a"' }, true },
  { { ["if-none-match"] = '"a"' }, { etag = 'W/"a"' }, true },
  { { ["if-none-match"] = 'W/"a"' }, { etag = 'W/"a"' }, true },
  { { ["if-none-match"] = "*" }, { etag = '"a"' }, true },
  { { ["if-none-match"] = "*" }, {}, true },
  { { ["if-none-match"] = '"a" "b"' }, { etag = '"a"' }, false },
  { { ["if-none-match"] = "a" }, { etag = '"a"' }, false },
  { { ["if-none-match"] = "" }, { etag = "" }, false },
  { { ["if-none-match"] = ',,"a",' }, { etag = '"a"' }, true },
  {
    { ["if-modified-since"] = "Sat, 01 Jan 2000 01:00:00 GMT" },
    { ["last-modified"] = "Sat, 01 Jan 2000 00:00:00 GMT" },
    true,
  },
  {
    { ["if-modified-since"] = "Sat, 01 Jan 2000 00:00:00 GMT" },
    { ["last-modified"] = "Sat, 01 Jan 2000 00:00:00 GMT" },
    true,
  },
  {
    { ["if-modified-since"] = "Sat, 01 Jan 2000 00:00:00 GMT" },
    { ["last-modified"] = "Sat, 01 Jan 2000 01:00:00 GMT" },
    false,
  },
  { { ["if-modified-since"] = "Sat, 01 Jan 2000 00:00:00 GMT" }, {}, false },
  { { ["if-modified-since"] = "yesterday, perhaps" }, { ["last-modified"] = "Sat, 01 Jan 2000 00:00:00 GMT" }, false },
  { { ["if-modified-since"] = "Sat, 01 Jan 2000 01:00:00 GMT" }, { ["last-modified"] = "long ago, perhaps" }, false },
  {
    { ["if-modified-since"] = "Saturday, 01-Jan-00 00:30:00 GMT" },
    { ["last-modified"] = "Sat, 01 Jan 2000 00:00:00 GMT" },
    true,
  },
  {
    { ["if-none-match"] = '"a"', ["if-modified-since"] = "Sat, 01 Jan 2000 01:00:00 GMT" },
    { etag = '"a"', ["last-modified"] = "Sat, 01 Jan 2000 00:00:00 GMT" },
    true,
  },
  {
    { ["if-none-match"] = '"a"', ["if-modified-since"] = "Sat, 01 Jan 2000 00:00:00 GMT" },
    { etag = '"a"', ["last-modified"] = "Sat, 01 Jan 2000 01:00:00 GMT" },
    false,
  },
  {
    { ["if-none-match"] = '"b"', ["if-modified-since"] = "Sat, 01 Jan 2000 01:00:00 GMT" },
    { etag = '"a"', ["last-modified"] = "Sat, 01 Jan 2000 00:00:00 GMT" },
    false,
  },
  { { ["if-none-match"] = '"a"', ["cache-control"] = "no-cache" }, { etag = '"a"' }, false },
  { { ["if-none-match"] = '"a"', ["cache-control"] = "max-age=0, no-cache" }, { etag = '"a"' }, false },
  { { ["if-none-match"] = '"a"', ["cache-control"] = " no-cache , x" }, { etag = '"a"' }, false },
  { { ["if-none-match"] = '"a"', ["cache-control"] = "max-age=0" }, { etag = '"a"' }, true },
  { { ["if-none-match"] = '"a"', ["cache-control"] = "x-no-cache" }, { etag = '"a"' }, true },
}

local function getter(fields)
  return function(name) return fields[name] end
end

describe("fresh", function()
  it("tells whether the client's copy is good", function()
    for number, row in ipairs(ROWS) do
      assert.equal(row[3], fresh(getter(row[1]), getter(row[2])), "row " .. number)
    end
  end)

  it("asks for names in lower case, and ignores what is no string", function()
    local asked = {}
    local function get(name)
      asked[name] = true
      return name == "etag" and { '"a"' } or '"a"'
    end
    assert.is_false(fresh(get, get))
    assert.same({ ["if-none-match"] = true, ["if-modified-since"] = true, ["cache-control"] = true, etag = true },
      asked)
  end)

  it("throws at its caller's line if misused", function()
    misuse(function() fresh({}, getter({})) end,
      "bad argument #1 to 'fresh' %(function expected, got table%)")
    misuse(function() fresh(getter({})) end,
      "bad argument #2 to 'fresh' %(function expected, got nil%)")
  end)
end)
