-- http.fields: whatever comes in, nothing throws, and nothing takes more than linear time.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

require("http")
local helper = require("helper")

local accepts = require("http.fields.accepts")
local content_type = require("http.fields.content_type")
local date = require("http.fields.date")
local disposition = require("http.fields.disposition")
local fresh = require("http.fields.fresh")
local html = require("http.fields.html")
local mime = require("http.fields.mime")
local querystring = require("http.fields.querystring")
local type_is = require("http.fields.type_is")
local url_encode = require("http.fields.url_encode")
local vary = require("http.fields.vary")

local function always(value)
  return function() return value end
end

-- Every function, by what it does with a text from outside.
local CALLS = {
  types = function(text) return accepts.types(text, { "html", "json" }) end,
  all_types = accepts.types,
  encodings = function(text) return accepts.encodings(text, { "br", "gzip" }) end,
  all_encodings = accepts.encodings,
  charsets = function(text) return accepts.charsets(text, { "koi8-r", "utf-8" }) end,
  all_charsets = accepts.charsets,
  languages = function(text) return accepts.languages(text, { "en-GB", "de" }) end,
  all_languages = accepts.languages,
  offered_type = function(text) return accepts.types("text/html, */*;q=0.1", { text }) end,
  content_type = content_type.parse,
  parameter = function(text) return content_type.parse("a/b; c=" .. text) end,
  quoted_parameter = function(text) return content_type.parse('a/b; c="' .. text .. '"') end,
  date = date.parse,
  disposition = disposition.format,
  disposition_alone = function(text) return disposition.format(text, { fallback = false }) end,
  fresh = function(text) return fresh(always(text), always(text)) end,
  none_match = function(text)
    return fresh(function(name) return name == "if-none-match" and text or nil end, always('"e"'))
  end,
  html = html.escape,
  lookup = mime.lookup,
  mime_content_type = mime.content_type,
  charset = mime.charset,
  extension = mime.extension,
  querystring = querystring.parse,
  unbounded = function(text) return querystring.parse(text, { max_keys = 0 }) end,
  stringify = function(text) return querystring.stringify({ [text] = text }) end,
  type_is = function(text) return type_is.is(text, { "html", "+json" }) end,
  expected_type = function(text) return type_is.is("text/html", { text }) end,
  normalize = type_is.normalize,
  url_encode = url_encode,
  vary = function(text) return vary.append(text, "Accept") end,
}

local PIECES = {
  "a", " ", ",", ";", "/", ".", "\"", "\\", "=", "%", "&", "\0", "\255", "\n", "*", "a ", "a/", "a.", ",a", "a=b&",
  "a/b;q=0.1,", "; a=b", "; a=\"b\"", "\\\"", "\195\169", "\240\159", "W/\"a\",", "en-a,",
}

describe("http.fields", function()
  -- There is nothing to collect too early here, but a lot to collect.
  setup(function()
    collectgarbage("setpause", 200)
    collectgarbage("setstepmul", 200)
  end)
  teardown(helper.harsh_gc)

  it("takes every byte, every pair of odd ones, and nothing at all", function()
    local odd = { "\0", "\255", "\127", "\r\n", " ", ",", ";", "=", "/", "\"", "\\", "%", "*", ".", "-", "+", "a" }
    for name, call in pairs(CALLS) do
      call("")
      for code = 0, 255 do
        assert.is_true(pcall(call, string.char(code)), name)
      end
      for _, first in ipairs(odd) do
        for _, second in ipairs(odd) do
          assert.is_true(pcall(call, first .. second), name)
          assert.is_true(pcall(call, "text/html" .. first .. second .. "text/html"), name)
        end
      end
    end
  end)

  -- At this length quadratic time shows as ten seconds; the slowest call takes a twentieth of one.
  it("takes linear time", function()
    local length = 2 ^ 17
    local patience = helper.under and (helper.under == "valgrind" and 300 or 30) or 2
    for name, call in pairs(CALLS) do
      for _, piece in ipairs(PIECES) do
        local text = piece:rep(math.floor(length / #piece)) .. "x"
        for _, front in ipairs({ "", "x" }) do
          local start = os.clock()
          assert.is_true(pcall(call, front .. text), name)
          local took = os.clock() - start
          assert(took < patience, ("%s of many %q took %.1f s"):format(name, piece, took))
        end
      end
    end
  end)
end)
