-- http.app: ctx:redirect and ctx:attachment, row by row as the documents have them.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

local apps = require("apps")
local helper = require("helper")

local assert_misuse = apps.assert_misuse
local check, rows = apps.check, apps.rows
local HTML = "text/html; charset=utf-8"
local TEXT = "text/plain; charset=utf-8"

describe("response.redirect", function()
  helper.setup()

  local LINES = { ["/"] = "Redirecting to /." }
  local REFERRER = { -- Referrer, host, alternative, Location
    { nil, nil, nil, "/" },
    { nil, nil, "/index.html", "/index.html" },
    { "/login", nil, "/x", "/login" },
    { "javascript://a.example/%0aalert(1)", "a.example", "/x", "/x" },
    { "ftp://a.example/", "a.example", "/x", "/x" },
    { "http:?", "", "/x", "/x" },
    { "\\\\evil.example/", "a.example", "/x", "/x" },
    { "http:evil.example", "a.example", "/x", "/x" },
    { "http://localhost/a?b=c", nil, "/x", "http://localhost/a?b=c" },
    { "http://LOCALHOST/a", nil, "/x", "http://localhost/a" },
    { "http://evil.example/a", nil, nil, "/" },
    { "http://evil.example/a", nil, "/index.html", "/index.html" },
    { "//evil.example/a", nil, nil, "/" },
    { "\\\\evil.example/a", nil, nil, "/" },
    { "http:\\\\evil.example/a", nil, nil, "/" },
    { "http://localhost@evil.example/", nil, nil, "/" },
    { "http://evil.example/", "evil.example", nil, "http://evil.example/" },
    { "http://a.example:81/", "a.example", nil, "/" },
    { "javascript:alert(1)", nil, nil, "/" },
    { "data:text/html,x", nil, nil, "/" },
  }

  rows {
    { "is a 302 with a body", function(r) r:redirect("/login") end, status = 302, message = "Found",
      body = "Redirecting to /login.", headers = { Location = "/login", ["Content-Length"] = "22" } },
    { "goes to another site", function(r) r:redirect("http://google.com") end, status = 302,
      headers = { Location = "http://google.com/" } },
    { "says so as HTML where that is accepted", function(r) r:redirect("/?a=1&b=<script>\"'") end,
      request = { headers = { Accept = "text/html" } }, status = 302,
      body = "Redirecting to /?a=1&amp;b=&lt;script&gt;&quot;&#39;.", headers = { ["Content-Type"] = HTML } },
    { "says so as text elsewhere", function(r) r:redirect("/?a=1&b=<script>") end,
      request = { headers = { Accept = "text/plain" } }, body = "Redirecting to /?a=1&b=<script>.",
      headers = { ["Content-Type"] = TEXT, Location = "/?a=1&b=%3Cscript%3E" } },
    { "keeps a status of redirection set before", function(r)
      r.status = 301
      r:redirect("/cart")
      r.body = "Redirecting to shopping cart"
    end, status = 301, body = "Redirecting to shopping cart",
      headers = { Location = "/cart", ["Content-Length"] = "28" } },
    { "has the status set behind it", function(r)
      r:redirect("/cart")
      r.status = 307
    end, status = 307, body = "Redirecting to /cart." },
    { "does not keep another status", function(r)
      r.status = 404
      r:redirect("/")
    end, status = 302, body = LINES["/"] },
    { "encodes what is no URL", function(r) r:redirect("/gr\195\188n e") end,
      headers = { Location = "/gr%C3%BCn%20e" } },
    { "does not encode twice", function(r) r:redirect("/a%20b") end, headers = { Location = "/a%20b" } },
    { "takes the type of a body before", function(r)
      r.body = { 1 }
      r:redirect("/")
    end, status = 302, body = LINES["/"], request = { headers = { Accept = "text/plain" } },
      headers = { ["Content-Type"] = TEXT } },
    { "has back() for \"back\"", function(r) r:back("/up") end, status = 302, headers = { Location = "/up" } },
  }

  it("'back' follows a Referrer on this host alone", function()
    for i, row in ipairs(REFERRER) do
      for _, name in ipairs { "Referrer", "Referer" } do
        check { run = function(r) r:redirect("back", row[3]) end, status = 302, headers = { Location = row[4] },
          request = { headers = { [name] = row[1], Host = row[2] } }, title = "row " .. i }
      end
    end
  end)

  it("cannot break the head", function()
    local reply = apps.ask(function(ctx) ctx:redirect("/a\r\nX-Evil: 1") end)
    assert.is_nil(reply.headers["X-Evil"])
    assert.is_nil(reply.headers.Location:find("[\r\n]"))
    reply = apps.ask(function(ctx) ctx:redirect("back") end, { headers = { Referrer = "/a\r\nX-Evil: 1" } })
    assert.is_nil(reply.headers["X-Evil"])
  end)

  it("throws what is no URL", function()
    apps.inside({}, function(ctx)
      for _, half in ipairs { ctx, ctx.response } do
        assert_misuse("bad argument #1 to 'redirect' (URL expected, got nil)", function() half:redirect() end)
        assert_misuse("bad argument #1 to 'redirect' (URL expected, got table)", function() half:redirect {} end)
        assert_misuse("bad argument #2 to 'redirect' (URL expected, got number)",
          function() half:redirect("back", 7) end)
        assert_misuse("bad argument #1 to 'back' (URL expected, got number)", function() half:back(7) end)
      end
      assert.equal(404, ctx.status)
    end)
  end)
end)

describe("response.attachment", function()
  helper.setup()

  local ROWS = { -- name, options, Content-Disposition, Content-Type
    { nil, nil, "attachment", false },
    { "report.pdf", nil, 'attachment; filename="report.pdf"', "application/pdf" },
    { "a/b/c.html", nil, 'attachment; filename="c.html"', HTML },
    { "with \"quotes\".txt", nil, 'attachment; filename="with \\"quotes\\".txt"', TEXT },
    { "na\195\175ve.txt", nil, 'attachment; filename="na\239ve.txt"', TEXT },
    { "\226\130\172 rates.pdf", nil, "attachment; filename=\"? rates.pdf\"; filename*=UTF-8''%E2%82%AC%20rates.pdf",
      "application/pdf" },
    { "\226\130\172.pdf", { fallback = "euro.pdf" },
      "attachment; filename=\"euro.pdf\"; filename*=UTF-8''%E2%82%AC.pdf", "application/pdf" },
    { "\226\130\172.pdf", { fallback = false }, "attachment; filename*=UTF-8''%E2%82%AC.pdf", "application/pdf" },
    { "plan.pdf", { type = "inline" }, 'inline; filename="plan.pdf"', "application/pdf" },
    { "no-extension", nil, 'attachment; filename="no-extension"', false },
    { "a\r\nX-Evil: 1", nil, "attachment; filename=\"a??X-Evil: 1\"; filename*=UTF-8''a%0D%0AX-Evil%3A%201", false },
  }

  it("tells the client to prompt, with the name of the file", function()
    for _, row in ipairs(ROWS) do
      check { run = function(r)
        r:attachment(row[1], row[2])
        return tostring(r.type and r.type or false)
      end, headers = { ["Content-Disposition"] = row[3] },
        returns = row[4] and row[4]:match("^[^;]*") or "false" }
    end
  end)

  rows {
    { "does not change a type that is set", function(r)
      r.type = "text/css"
      r:attachment("a.html")
      r.body = "x"
    end, headers = { ["Content-Type"] = "text/css; charset=utf-8" } },
    { "goes with any body", function(r)
      r:attachment("a.html")
      r.body = "no tags"
    end, status = 200, body = "no tags", headers = { ["Content-Type"] = HTML } },
  }

  it("throws what is no name", function()
    apps.inside({}, function(ctx)
      for _, half in ipairs { ctx, ctx.response } do
        assert_misuse("bad argument #1 to 'attachment' (string expected, got number)",
          function() half:attachment(7) end)
        assert_misuse("bad argument #2 to 'attachment' (table or nil expected, got string)",
          function() half:attachment("a", "b") end)
        assert_misuse("bad argument #2 to 'attachment' (type: a token expected, got 'a b')",
          function() half:attachment("a", { type = "a b" }) end)
        assert_misuse("bad argument #2 to 'attachment' (fallback: ",
          function() half:attachment("a", { fallback = 7 }) end)
      end
    end)
  end)
end)
