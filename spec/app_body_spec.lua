-- http.app: what ctx.body and ctx.length may be, row by row as the documents have it.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

local apps = require("apps")
local helper = require("helper")
local http = require("http")
local string_stream = require("http.string_stream")

local assert_misuse = apps.assert_misuse
local pieces, rows = apps.pieces, apps.rows
local HTML = "text/html; charset=utf-8"
local TEXT = "text/plain; charset=utf-8"
local JSON = "application/json; charset=utf-8"
local BYTES = "application/octet-stream"

describe("response.length", function()
  helper.setup()

  rows {
    { "is nil by default", function(r) return tostring(r.length) end, returns = "nil" },
    { "is that of a string", function(r) r.body = "h\195\169"; return r.length end, returns = 3,
      headers = { ["Content-Length"] = "3" } },
    { "is that of bytes", function(r) r.body = http.bytes("abc"); return r.length end, returns = 3 },
    { "is that of a table as JSON", function(r) r.body = { foo = "bar" }; return r.length end, returns = 13,
      headers = { ["Content-Length"] = "13" } },
    { "is nil of a stream", function(r) r.body = pieces("a"); return tostring(r.length) end, returns = "nil",
      headers = { ["Content-Length"] = false } },
    { "is what it is set to, before the body", function(r)
      r.length = 5
      return r.length
    end, returns = 5 },
    { "is what a stream is said to have", function(r)
      r.body = pieces("ab", "cde")
      r.length = 5
    end, body = "abcde", headers = { ["Content-Length"] = "5" } },
    { "is corrected where it disagrees with the body", function(r)
      r.body = "abc"
      r.length = 5
    end, body = "abc", headers = { ["Content-Length"] = "3" } },
    { "is read out of the field", function(r) r:set("Content-Length", "12"); return r.length end, returns = 12 },
  }

  it("throws what is none", function()
    apps.inside({}, function(ctx)
      for _, half in ipairs { ctx, ctx.response } do
        for _, value in ipairs { -1, 1.5, "5", {}, 0 / 0, math.huge } do
          assert_misuse("bad length (number of bytes expected", function() half.length = value end)
        end
        assert_misuse("bad length (number of bytes expected, got nil)", function() half.length = nil end)
      end
    end)
  end)
end)

describe("response.body", function()
  helper.setup()

  rows {
    { "is nil by default", function(r) return tostring(r.body) end, returns = "nil", status = 404 },
    { "of a string is plain text", function(r) r.body = "hello"; return r.body end, returns = "hello",
      status = 200, message = "OK", body = "hello", headers = { ["Content-Type"] = TEXT, ["Content-Length"] = "5" } },
    { "of a string that starts with < is HTML", function(r) r.body = "<em>hi</em>" end, status = 200,
      body = "<em>hi</em>", headers = { ["Content-Type"] = HTML, ["Content-Length"] = "11" } },
    { "may have blanks in front of the <", function(r) r.body = " \n<em>" end, headers = { ["Content-Type"] = HTML } },
    { "with a < inside is plain text", function(r) r.body = "a < b" end, headers = { ["Content-Type"] = TEXT } },
    { "may be the empty string", function(r) r.body = "" end, status = 200, body = "",
      headers = { ["Content-Type"] = TEXT, ["Content-Length"] = "0" } },
    { "may be bytes", function(r) r.body = http.bytes("\0\1<") end, status = 200, body = "\0\1<",
      headers = { ["Content-Type"] = BYTES, ["Content-Length"] = "3" } },
    { "may be a list of bytes", function(r) r.body = http.bytes { 0, 65, 255 } end, status = 200, body = "\0A\255",
      headers = { ["Content-Type"] = BYTES, ["Content-Length"] = "3" } },
    { "may be a function that gives pieces", function(r) r.body = pieces("one ", "", "two") end, status = 200,
      body = "one two", headers = { ["Content-Type"] = BYTES, ["Content-Length"] = false } },
    { "may be a Stream", function(r) r.body = string_stream.new("streamed") end, status = 200,
      body = "streamed", headers = { ["Content-Type"] = BYTES, ["Content-Length"] = false } },
    { "may be an open file", function(r) r.body = assert(io.open("spec/support/run.lua", "rb")) end, status = 200,
      headers = { ["Content-Type"] = BYTES } },
    { "may be a table, as JSON", function(r) r.body = { foo = "bar" } end, status = 200, body = '{"foo":"bar"}',
      headers = { ["Content-Type"] = JSON, ["Content-Length"] = "13" } },
    { "may be a list, as JSON", function(r) r.body = { "foo", "bar" } end, status = 200, body = '["foo","bar"]',
      headers = { ["Content-Type"] = JSON, ["Content-Length"] = "13" } },
    { "may be a list with http.null", function(r) r.body = { 1, http.null, "a/b" } end, body = '[1,null,"a/b"]' },
    { "may be a boolean, as JSON", function(r) r.body = false end, status = 200, body = "false",
      headers = { ["Content-Type"] = JSON } },
    { "may be a number, as JSON", function(r) r.body = 42 end, status = 200, body = "42",
      headers = { ["Content-Type"] = JSON, ["Content-Length"] = "2" } },
    { "may be nil: no content", function(r) r.body = nil end, status = 204, message = "No Content", body = "",
      headers = { ["Content-Type"] = false, ["Content-Length"] = false } },
    { "may be http.null: no content", function(r) r.body = http.null end, status = 204, body = "",
      headers = { ["Content-Type"] = false, ["Content-Length"] = false } },
    { "may become nil", function(r)
      r.body = "text"
      r.body = nil
    end, status = 204, body = "", headers = { ["Content-Type"] = false, ["Content-Length"] = false } },
    { "of nil leaves an error without one", function(r)
      r.body = nil
      r.status = 404
    end, status = 404, body = "", headers = { ["Content-Type"] = false, ["Content-Length"] = "0" } },
    { "may be a string again after nil", function(r)
      r.body = nil
      r.body = "text"
      r.status = 200
    end, status = 200, body = "text", headers = { ["Content-Type"] = TEXT } },
    { "keeps a type that is set", function(r)
      r.type = "text/css"
      r.body = "<a>"
    end, headers = { ["Content-Type"] = "text/css; charset=utf-8" } },
    { "keeps the type of the body before", function(r)
      r.body = "<p>"
      r.body = "no tags"
    end, body = "no tags", headers = { ["Content-Type"] = HTML, ["Content-Length"] = "7" } },
    { "may replace a stream", function(r)
      r.body = pieces("never")
      r.body = "text"
    end, body = "text", headers = { ["Content-Length"] = "4" } },
    { "may be replaced by a stream", function(r)
      r.body = "text"
      r.body = pieces("streamed")
    end, body = "streamed", headers = { ["Content-Type"] = TEXT, ["Content-Length"] = false } },
    { "that streams nothing is empty", function(r) r.body = pieces() end, status = 200, body = "" },
  }

  it("is read back as it was given", function()
    apps.inside({}, function(ctx)
      for _, body in ipairs { "text", http.bytes("x"), { 1 }, pieces("x"), string_stream.new("x"), 7 } do
        ctx.body = body
        assert.is_true(rawequal(body, ctx.body))
        assert.is_true(rawequal(body, ctx.response.body))
      end
    end)
  end)

  it("closes the stream that it replaces", function()
    apps.inside({}, function(ctx)
      local stream = string_stream.new("x")
      ctx.body = stream
      ctx.body = "text"
      assert.is_false(stream.is_open)
      local file = io.open("spec/support/run.lua")
      ctx.body = file
      ctx.body = nil
      assert.equal("closed file", io.type(file))
    end)
  end)

  it("sends a file from where it stands, and closes it", function()
    local file = assert(io.open("spec/support/run.lua", "rb"))
    local whole = file:read("*a")
    file:seek("set", 3)
    local reply = apps.ask(function(ctx) ctx.body = file end)
    assert.equal(whole:sub(4), reply.body)
    assert.equal("closed file", io.type(file))
  end)

  it("throws what cannot be one", function()
    apps.inside({}, function(ctx)
      for _, half in ipairs { ctx, ctx.response } do
        assert_misuse("bad body (string, bytes, table, Stream, function or nil expected, got thread)",
          function() half.body = coroutine.create(print) end)
        assert_misuse("bad body", function() half.body = newproxy() end)
      end
      assert.equal(404, ctx.status)
    end)
    assert_misuse("bad argument #1 to 'bytes' (item 2 is not a byte, 0 to 255)", function() http.bytes { 1, 256 } end)
    assert_misuse("bad argument #1 to 'bytes' (string or list of bytes expected, got nil)",
      function() http.bytes() end)
  end)

  it("that is no JSON, and a stream that gives or throws nonsense, are a 500, told to the log", function()
    local cyclic = {}
    cyclic[1] = cyclic
    for words, body in pairs {
      ["the body cannot be written as JSON"] = { f = print },
      ["cannot be written as JSON: "] = cyclic,
      ["a stream gave a number in place of a string"] = pieces(7),
      ["out of pieces"] = function() error("out of pieces") end,
    } do
      local reply, app = apps.ask(function(ctx) ctx.body = body end, {}, { may_fail = true })
      assert.equal(500, reply.status)
      assert.equal("Internal Server Error", reply.body)
      assert.equal(TEXT, reply.headers["Content-Type"])
      assert.equal(1, #app.errors)
      assert.truthy(tostring(app.errors[1].err):find(words, 1, true), tostring(app.errors[1].err))
    end
  end)
end)
