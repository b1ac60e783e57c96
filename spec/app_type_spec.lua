-- http.app: ctx.type, ctx.response:is, ctx.last_modified, ctx.etag and ctx:vary, row by row as the documents
-- have them.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

local apps = require("apps")
local helper = require("helper")

local assert_misuse = apps.assert_misuse
local check, rows = apps.check, apps.rows
local HTML = "text/html; charset=utf-8"
local TEXT = "text/plain; charset=utf-8"
local JSON = "application/json; charset=utf-8"
local BYTES = "application/octet-stream"

describe("response.type", function()
  helper.setup()

  local TYPES = {
    { "text/plain; charset=utf-8", "text/plain; charset=utf-8", "text/plain" },
    { "image/png", "image/png", "image/png" },
    { ".png", "image/png", "image/png" },
    { "png", "image/png", "image/png" },
    { "html", HTML, "text/html" },
    { ".html", HTML, "text/html" },
    { "text/html", HTML, "text/html" },
    { "json", JSON, "application/json" },
    { "txt", TEXT, "text/plain" },
    { "text", TEXT, "text/plain" },
    { "css", "text/css; charset=utf-8", "text/css" },
    { "bin", BYTES, "application/octet-stream" },
    { "text/html; charset=iso-8859-1", "text/html; charset=iso-8859-1", "text/html" },
    { "application/vnd.x+json", "application/vnd.x+json", "application/vnd.x+json" },
  }

  it("is a media type or an extension", function()
    for _, row in ipairs(TYPES) do
      check { run = function(r)
        r.type = row[1]
        r.body = "x"
        return r.type
      end, returns = row[3], headers = { ["Content-Type"] = row[2] } }
    end
  end)

  rows {
    { "is nil by default", function(r) return tostring(r.type) end, returns = "nil" },
    { "goes away for what is not known", function(r)
      r.type = "html"
      r.type = "no-such-extension"
      return tostring(r.type)
    end, returns = "nil" },
    { "goes away for nil", function(r)
      r.type = "html"
      r.type = nil
      return tostring(r.type)
    end, returns = "nil" },
    { "has another charset by set", function(r)
      r.body = "<p>"
      r:set("Content-Type", "text/html")
      return r.type
    end, returns = "text/html", headers = { ["Content-Type"] = "text/html" } },
    { "stays when a body follows", function(r)
      r.type = "application/xml"
      r.body = "<p>"
    end, headers = { ["Content-Type"] = "application/xml" } },
    { "of a table becomes JSON if it is another", function(r)
      r.type = "html"
      r.body = { 1 }
    end, headers = { ["Content-Type"] = JSON } },
    { "of a table stays if it is JSON of a kind", function(r)
      r.type = "application/vnd.api+json"
      r.body = { 1 }
    end, headers = { ["Content-Type"] = "application/vnd.api+json" } },
  }

  it("throws a line break", function()
    apps.inside({}, function(ctx)
      for _, half in ipairs { ctx, ctx.response } do
        assert_misuse("bad type (string or nil expected, got number)", function() half.type = 7 end)
        assert_misuse("bad value of the header 'Content-Type'", function() half.type = "text/x\r\nX-Evil: 1" end)
      end
    end)
  end)
end)

describe("response.is", function()
  helper.setup()

  local PNG, VND = "image/png", "application/vnd.x+json"
  local ROWS = { -- type, arguments, result
    { HTML, { "html" }, "html" },
    { HTML, {}, "text/html" },
    { HTML, { "text/*" }, "text/html" },
    { HTML, { "text/html" }, "text/html" },
    { HTML, { "json" }, false },
    { HTML, { "json", "html" }, "html" },
    { HTML, { { "json", "html" } }, "html" },
    { HTML, { "application/*", "*/html" }, "text/html" },
    { PNG, { "png" }, "png" },
    { PNG, { "image/*" }, PNG },
    { PNG, { "text/*", "json" }, false },
    { VND, { "+json" }, VND },
    { VND, { "json" }, false },
    { nil, { "html" }, false },
    { nil, {}, false },
  }

  it("tells which of the types it is", function()
    for i, row in ipairs(ROWS) do
      check { run = function(r)
        r.type = row[1]
        return r:is(unpack(row[2]))
      end, returns = row[3], only = "ctx.response", title = "row " .. i }
    end
  end)

  it("throws what is no type", function()
    apps.inside({}, function(ctx)
      ctx.type = "html"
      assert_misuse("bad argument #1 to 'is' (string or list of strings expected, got number)",
        function() ctx.response:is(7) end)
      assert_misuse("bad argument #2 to 'is' (string or list of strings expected, got table)",
        function() ctx.response:is("html", {}) end)
      assert_misuse("bad argument #1 to 'is' (string or list of strings expected, got boolean)",
        function() ctx.response:is { "html", true } end)
    end)
  end)

  it("serves the documents' middleware", function()
    local app = apps.app(nil, function(ctx, next)
      next()
      if not ctx.response:is("html") then
        return
      end
      if type(ctx.body) == "string" then
        ctx.body = ctx.body:gsub("%s+", " ")
      end
    end, function(ctx)
      ctx.body = ctx.path == "/html" and "<p>a\n   b</p>" or "a\n   b"
    end)
    local call = app:callback()
    assert.equal("<p>a b</p>", call({ url = "/html" }).body)
    assert.equal("10", call({ url = "/html" }).headers["Content-Length"])
    assert.equal("a\n   b", call({ url = "/text" }).body)
  end)
end)

describe("response.last_modified, etag and vary", function()
  helper.setup()

  local DATE, SECONDS = "Sun, 06 Nov 1994 08:49:37 GMT", 784111777

  for _, name in ipairs { "last_modified", "lastModified" } do
    rows {
      { name .. " is nil by default", function(r) return tostring(r[name]) end, returns = "nil" },
      { name .. " takes seconds", function(r) r[name] = SECONDS; return r[name] end, returns = SECONDS,
        headers = { ["Last-Modified"] = DATE } },
      { name .. " takes fractions of seconds", function(r) r[name] = SECONDS + 0.7; return r[name] end,
        returns = SECONDS, headers = { ["Last-Modified"] = DATE } },
      { name .. " takes a date", function(r) r[name] = DATE; return r[name] end, returns = SECONDS,
        headers = { ["Last-Modified"] = DATE } },
      { name .. " takes a date in another form", function(r) r[name] = "1994-11-06T08:49:37Z" end,
        headers = { ["Last-Modified"] = DATE } },
      { name .. " is nil where the field is no date", function(r)
        r:set("Last-Modified", "yesterday")
        return tostring(r[name])
      end, returns = "nil" },
    }
    it(name .. " throws what is no date", function()
      apps.inside({}, function(ctx)
        for _, half in ipairs { ctx, ctx.response } do
          for _, value in ipairs { "yesterday", true, {}, 0 / 0, math.huge, 1e15 } do
            assert_misuse("bad last_modified (seconds since 1970 or a date expected, got ",
              function() half[name] = value end)
          end
          assert_misuse("bad last_modified", function() half[name] = nil end)
        end
      end)
    end)
  end

  rows {
    { "etag gets its quotes", function(r) r.etag = "md5-of-it" end, headers = { ETag = '"md5-of-it"' } },
    { "etag keeps the quotes that it has", function(r) r.etag = '"a"' end, headers = { ETag = '"a"' } },
    { "etag may be weak", function(r) r.etag = 'W/"a"' end, headers = { ETag = 'W/"a"' } },
    { "etag can be read", function(r) r.etag = "a"; return r.etag end, returns = '"a"' },
    { "vary adds a field", function(r) r:vary("Origin") end, headers = { Vary = "Origin" } },
    { "vary adds behind others, each once", function(r)
      r:vary("Accept")
      r:vary("Accept-Encoding, Origin")
      r:vary { "accept", "Cookie" }
    end, headers = { Vary = "Accept, Accept-Encoding, Origin, Cookie" } },
    { "vary knows the star", function(r)
      r:vary("Accept")
      r:vary("*")
      r:vary("Origin")
    end, headers = { Vary = "*" } },
  }

  it("etag and vary throw what they are not", function()
    apps.inside({}, function(ctx)
      for _, half in ipairs { ctx, ctx.response } do
        assert_misuse("bad etag (string expected, got number)", function() half.etag = 7 end)
        assert_misuse("bad etag (string expected, got nil)", function() half.etag = nil end)
        assert_misuse("bad value of the header 'ETag'", function() half.etag = "a\nb" end)
        assert_misuse("bad argument #1 to 'vary' (string or list of strings expected, got nil)",
          function() half:vary() end)
        assert_misuse("bad argument #1 to 'vary' (string or list of strings expected, got an empty string)",
          function() half:vary("") end)
        assert_misuse("bad argument #1 to 'vary' (names of header fields expected, got 'a b')",
          function() half:vary("a b") end)
      end
    end)
  end)
end)
