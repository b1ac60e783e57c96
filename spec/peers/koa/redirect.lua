-- Where to go and what to save it as: redirect, back, attachment. Twin: redirect.js.
-- SPDX-License-Identifier: MIT

local parts = require("spec.peers.koa.parts")

local routes = {
  ["/redirect"] = function(ctx) ctx:redirect(ctx.query.of) end,
  ["/redirect/status-before"] = function(ctx)
    ctx.status = tonumber(ctx.query.status)
    ctx:redirect("/there")
  end,
  ["/redirect/status-after"] = function(ctx)
    ctx:redirect("/there")
    ctx.status = tonumber(ctx.query.status)
  end,
  ["/redirect/body-after"] = function(ctx)
    ctx:redirect("/there")
    ctx.body = "over there"
  end,
  ["/redirect/body-before"] = function(ctx)
    ctx.body = { a = 1 }
    ctx:redirect("/there")
  end,
  ["/redirect/type-before"] = function(ctx)
    ctx.type = "json"
    ctx:redirect("/there")
  end,
  ["/redirect/raw"] = function(ctx) ctx:redirect('/grüß <b>"a b"</b>\\') end,
  ["/redirect/percent"] = function(ctx) ctx:redirect("/%41%zz%") end,
  ["/back"] = function(ctx) ctx:redirect("back") end,
  ["/back/alt"] = function(ctx) ctx:redirect("back", "/alt") end,

  ["/attachment"] = function(ctx)
    ctx:attachment()
    ctx.body = "text"
  end,
  ["/attachment/named"] = function(ctx)
    ctx:attachment(ctx.query.of)
    ctx.body = "text"
  end,
  ["/attachment/typed"] = function(ctx)
    ctx.type = "html"
    ctx:attachment("page.pdf")
    ctx.body = "text"
  end,
  ["/attachment/inline"] = function(ctx)
    ctx:attachment("page.html", { type = "inline" })
    ctx.body = "text"
  end,
  ["/attachment/fallback"] = function(ctx)
    ctx:attachment("€.txt", { fallback = "euro.txt" })
    ctx.body = "text"
  end,
  ["/attachment/no-fallback"] = function(ctx)
    ctx:attachment("€.txt", { fallback = false })
    ctx.body = "text"
  end,
}

local get = {}

parts.each(get, "/redirect?of=", {
  "/there", "http://example.com/there", "https://example.com", "HTTP://EXAMPLE.com/A/../b", "//example.com/x", "there",
  "", "?a=b", "%23part", "/a%20b", "/a%2520b", "/%3Cscript%3E", "/%27%22%26", "/gr%C3%BC%C3%9F", "/%E2%82%AC",
  "http://example.com/gr%C3%BC%C3%9F?q=%E2%82%AC", "http://example.com/a%20b", "http://ex%C3%A4mple.com/",
  "http://user:pass@example.com/", "http://example.com:80/", "http://example.com%5C%5Cevil.com/",
  "javascript:alert(1)", "/a%0D%0AX-Injected:%201", "http://[::1]:8080/", "http://", "back",
  "/%7B%7D%7C%5E%60%5B%5D", "/a%2Bb;c=d?e=f%26g",
})
parts.each(get, "/redirect/status-before?status=", { 200, 300, 301, 302, 303, 304, 305, 307, 308, 404 })
parts.each(get, "/redirect/status-after?status=", { 200, 301, 303, 308 })
parts.each(get, "/attachment/named?of=", {
  "plain.txt", "page.html", "data.json", "unknown.own", "none", "two%20words.txt", "%22quoted%22.txt",
  "back%5Cslash.txt", "gr%C3%BC%C3%9F.txt", "%E2%82%AC%20rates.txt", "%2541.txt", "100%25.txt", "/etc/passwd",
  "../up.txt", "a/b/c.pdf",
  "C:%5Cdir%5Cfile.txt", "semi;colon.txt", "it%27s.txt", "*star*.txt", "(round).txt", "comma,name.txt", "", ".hidden",
  "tar.gz", "x.tar.gz", "%C3%BC%20%E2%82%AC%20%22x%22.html", "%F0%9F%98%80.png", "tab%09name.txt", "line%0Abreak.txt",
  "UPPER.HTML", "trailing.", "dir/", "%C2%A0nbsp.txt", "%C2%80.txt",
})

parts.rest(get, routes)

local requests = {}
for _, accept in ipairs({
  "text/html", "text/plain", "*/*", "application/json", "text/*;q=0.5", "text/html;q=0", "",
}) do
  requests[#requests + 1] = { "GET", "/redirect?of=/a%3Cb%3E", "Accept: " .. accept }
end
for _, referrer in ipairs({
  "Referrer: /here", "Referer: /here", "Referer: http://HOST/here?a=b", "Referer: http://example.com/away",
  "Referer: //example.com/away", "Referer: //HOST/here", "Referer: https://HOST/here",
  "Referer: http://HOST.example.com/", "Referer: http://HOST@example.com/", "Referer: javascript:alert(1)",
  "Referer: http://[/", "Referer: back", "Referer: ", "Referer: here", "Referer: \\\\example.com/away",
  "Referer: /\\example.com/away",
}) do
  requests[#requests + 1] = { "GET", "/back", referrer }
  requests[#requests + 1] = { "GET", "/back/alt", referrer }
end

return {
  routes = routes,
  get = get,
  requests = requests,
}
