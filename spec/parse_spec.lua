-- Every hostile message against the parser of http1 alone: in one piece, in two cut at every byte, and
-- byte by byte. What it says is the same each time.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

require("http")
local raw = require("raw")
local hostile = require("hostile")

-- Up to here messages are cut at every byte, longer ones in so many places.
local SHORT, PLACES = 600, 50

local function parse(message, pieces)
  return raw.parse(message.kind, pieces, message.asked == "HEAD")
end

local function pieces_of(bytes, size)
  local pieces = {}
  for from = 1, #bytes, size do
    pieces[#pieces + 1] = bytes:sub(from, from + size - 1)
  end
  return pieces
end

-- What does not depend on where the bytes of a refused message were cut.
local function gist(result)
  local refused = result.verdict == "refuse"
  return ("%s %s %s %s %s %s"):format(result.verdict, result.refusal, result.wrong, result.target,
    result.body, refused or result.rest)
end

local function check_verdict(message, result)
  if message.verdict == "refuse" then
    assert.equal("refuse", result.verdict)
    assert.equal(message.status or result.refusal, result.refusal)
    assert.is_string(result.wrong)
    assert.equal(message.part == "body", result.target ~= nil or result.status ~= nil)
    return
  end
  assert.equal(message.close and "close" or "accept", result.verdict, result.wrong)
  assert.equal(message.body, result.body)
  if message.kind == "request" then
    assert.equal(message.method, result.method)
    assert.equal(message.target, result.target)
    assert.equal(hostile.NEXT, result.rest)
  else
    assert.equal(message.status, result.status)
    assert.equal("", result.rest)
  end
end

describe("the parser of http1", function()
  -- The collector that runs all the time is for other specs: nothing here lives longer than a call.
  before_each(function()
    collectgarbage("setpause", 150)
    collectgarbage("setstepmul", 200)
  end)

  for _, message in ipairs(hostile.messages) do
    local bytes = message.bytes
    it(("%ss a %s: %s (%s)"):format(message.verdict, message.kind, message.name, message.reason), function()
      local whole = parse(message, { bytes })
      check_verdict(message, whole)
      local expected = gist(whole)
      local step = #bytes <= SHORT and 1 or math.ceil(#bytes / PLACES)
      for cut = 1, #bytes, step do
        local said = gist(parse(message, { bytes:sub(1, cut), bytes:sub(cut + 1) }))
        if said ~= expected then -- luassert takes its time
          assert.equal(expected, said, "cut behind byte " .. cut)
        end
      end
      assert.equal(expected, gist(parse(message, pieces_of(bytes, step))))
    end)
  end

  it("knows more than 120 hostile messages", function()
    local count = 0
    for _, message in ipairs(hostile.messages) do
      count = count + (message.verdict == "refuse" and 1 or 0)
    end
    assert.is_true(count >= 120, count)
  end)
end)
