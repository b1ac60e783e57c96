-- http.fields.mime: the types are those of Koa, for files of the web.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

require("http")
local mime = require("http.fields.mime")
local misuse = require("spec.fields.misuse")

local LOOKUP = {
  { "html", "text/html" },
  { ".html", "text/html" },
  { "dir/a.HTML", "text/html" },
  { "a.html/", "text/html" },
  { "dir/html", nil },
  { "dir/.html", nil },
  { "", nil },
  { ".", nil },
  { "..", nil },
  { "a.", nil },
  { "a..html", "text/html" },
  { "...html", "text/html" },
  { "x/..html", "text/html" },
  { "file.tar.gz", "application/gzip" },
  { "a.b/c", nil },
  { "a b.json", "application/json" },
  { "/", nil },
  { ".bashrc", nil },
  { ".foo.json", "application/json" },
  { "nosuch", nil },
  { "a.nosuch", nil },
  { "js", "text/javascript" },
  { "mjs", "text/javascript" },
  { "cjs", "application/node" },
  { "css", "text/css" },
  { "json", "application/json" },
  { "map", "application/json" },
  { "html", "text/html" },
  { "htm", "text/html" },
  { "svg", "image/svg+xml" },
  { "png", "image/png" },
  { "jpg", "image/jpeg" },
  { "jpeg", "image/jpeg" },
  { "webp", "image/webp" },
  { "avif", "image/avif" },
  { "ico", "image/vnd.microsoft.icon" },
  { "gif", "image/gif" },
  { "woff", "font/woff" },
  { "woff2", "font/woff2" },
  { "ttf", "font/ttf" },
  { "otf", "font/otf" },
  { "wasm", "application/wasm" },
  { "xml", "application/xml" },
  { "txt", "text/plain" },
  { "csv", "text/csv" },
  { "md", "text/markdown" },
  { "pdf", "application/pdf" },
  { "zip", "application/zip" },
  { "gz", "application/gzip" },
  { "tar", "application/x-tar" },
  { "mp3", "audio/mpeg" },
  { "mp4", "video/mp4" },
  { "webm", "video/webm" },
  { "ogg", "audio/ogg" },
  { "wav", "audio/wav" },
  { "bin", "application/octet-stream" },
  { "ts", "video/mp2t" },
  { "webmanifest", "application/manifest+json" },
  { "jsonld", "application/ld+json" },
  { "yaml", "text/yaml" },
  { "ics", "text/calendar" },
  { "rss", "application/rss+xml" },
  { "atom", "application/atom+xml" },
  { "xhtml", "application/xhtml+xml" },
  { "doc", "application/msword" },
  { "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
  { "epub", "application/epub+zip" },
}

local CONTENT_TYPE = {
  { "html", "text/html; charset=utf-8" },
  { ".html", "text/html; charset=utf-8" },
  { "js", "text/javascript; charset=utf-8" },
  { "css", "text/css; charset=utf-8" },
  { "json", "application/json; charset=utf-8" },
  { "txt", "text/plain; charset=utf-8" },
  { "md", "text/markdown; charset=utf-8" },
  { "csv", "text/csv; charset=utf-8" },
  { "svg", "image/svg+xml" },
  { "xml", "application/xml" },
  { "png", "image/png" },
  { "bin", "application/octet-stream" },
  { "webmanifest", "application/manifest+json; charset=utf-8" },
  { "jsonld", "application/ld+json" },
  { "map", "application/json; charset=utf-8" },
  { "nosuch", nil },
  { "", nil },
  { "text/html", "text/html; charset=utf-8" },
  { "TEXT/x", "TEXT/x; charset=utf-8" },
  { "text/html; charset=iso-8859-1", "text/html; charset=iso-8859-1" },
  { "text/html; level=1", "text/html; level=1; charset=utf-8" },
  { "application/json", "application/json; charset=utf-8" },
  { "application/javascript", "application/javascript; charset=utf-8" },
  { "image/png", "image/png" },
  { "application/ld+json", "application/ld+json" },
  { "application/vnd.api+json", "application/vnd.api+json" },
  { "a/b", "a/b" },
  { "/", "/" },
  { "text/", "text/; charset=utf-8" },
  { "dir/a.html", "dir/a.html" },
}

local CHARSET = {
  { "text/html", "UTF-8" },
  { "TEXT/HTML; a=b", "UTF-8" },
  { " text/x", "UTF-8" },
  { "application/json", "UTF-8" },
  { "application/javascript", "UTF-8" },
  { "application/manifest+json", "UTF-8" },
  { "application/ld+json", nil },
  { "image/svg+xml", nil },
  { "image/png", nil },
  { "html", nil },
  { "", nil },
  { "text", nil },
  { "/", nil },
}

local EXTENSION = {
  { "text/html", "html" },
  { "TEXT/HTML; charset=x", "html" },
  { " text/css", "css" },
  { "application/javascript", "js" },
  { "text/javascript", "js" },
  { "application/json", "json" },
  { "image/jpeg", "jpg" },
  { "image/x-icon", "ico" },
  { "text/xml", "xml" },
  { "audio/mpeg", "mpga" },
  { "application/octet-stream", "bin" },
  { "text/plain", "txt" },
  { "video/mp4", "mp4" },
  { "application/x-nosuch", nil },
  { "", nil },
  { "/", nil },
  { "html", nil },
}

describe("mime", function()
  local function check(name, rows)
    for number, row in ipairs(rows) do
      assert.equal(row[2], mime[name](row[1]), ("row %d: %s"):format(number, row[1]))
    end
  end

  it("finds the type of a file", function() check("lookup", LOOKUP) end)
  it("finds the Content-Type of a file or a type", function() check("content_type", CONTENT_TYPE) end)
  it("knows which types have a charset", function() check("charset", CHARSET) end)
  it("finds the extension of a type", function() check("extension", EXTENSION) end)

  it("takes more types from a file, and keeps those that it knows", function()
    local path = os.tmpname()
    local file = assert(io.open(path, "wb"))
    file:write("# comment\r\n\napplication/X-Mw-Spec\tmwspec MWspec2 # mwspec3\r\n",
      "text/x-wrong html\napplication/alone\n")
    file:close()
    assert.is_true(mime.load(path))
    os.remove(path)
    assert.equal("application/x-mw-spec", mime.lookup("mwspec"))
    assert.equal("application/x-mw-spec", mime.lookup("a.MWSPEC2"))
    assert.is_nil(mime.lookup("mwspec3"))
    assert.equal("mwspec", mime.extension("application/x-mw-spec"))
    assert.is_nil(mime.extension("application/alone"))
    assert.equal("text/html", mime.lookup("html"))
    assert.equal("html", mime.extension("text/html"))
  end)

  it("tells why a file cannot be read", function()
    local ok, message = mime.load("/nonexistent/mime.types")
    assert.is_nil(ok)
    assert.matches("^/nonexistent/mime.types: ", message)
    ok, message = mime.load("/")
    assert.is_nil(ok)
    assert.is_string(message)
  end)

  it("does without the system's file", function()
    local name, open = "http.fields.mime", io.open
    local loaded = package.loaded[name]
    package.loaded[name] = nil
    finally(function()
      package.loaded[name] = loaded
      io.open = open -- luacheck: ignore
    end)
    io.open = function(path) return nil, path .. ": No such file or directory", 2 end -- luacheck: ignore
    local fresh = require(name)
    assert.equal("text/html", fresh.lookup("html"))
    assert.equal("png", fresh.extension("image/png"))
    assert.is_nil(fresh.lookup("a2l"))
  end)

  it("throws at its caller's line if misused", function()
    for _, name in ipairs({ "lookup", "content_type", "charset", "extension", "load" }) do
      local call = mime[name]
      misuse(function() call(nil) end,
        "bad argument #1 to '" .. name .. "' %(string expected, got nil%)")
    end
  end)
end)
