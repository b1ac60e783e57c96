-- http.CookieJar by itself: what it takes, what it refuses, and what it gives to whom.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")

local LONG = ("v"):rep(4095)
local DIR = "/" .. ("d"):rep(1023)

-- { where it comes from, Set-Cookie, what is then sent to these: { url = text } }, or in place of those
-- words of the reason why it is refused. An array part of the last table sets more before.
local HOST, HTTPS = "http://a.example.com/dir/page", "https://a.example.com/dir/page"

local function at_home(text) return { [HOST] = text } end

local ROWS = {
  ---- the pair
  { HOST, "a=b", at_home "a=b" },
  { HOST, "  a =  b ", at_home "a=b" },
  { HOST, "\ta\t=\tb\t", at_home "a=b" },
  { HOST, "a=b=c", at_home "a=b=c" },
  { HOST, "a==", at_home "a==" },
  { HOST, "a=", at_home "a=" },
  { HOST, "=b", at_home "b" },
  { HOST, "b", at_home "b" },
  { HOST, "  b  ;", at_home "b" },
  { HOST, "==b", at_home "=b" },
  { HOST, "a=b c", at_home "a=b c" },
  { HOST, "a b=c", at_home "a b=c" },
  { HOST, 'a="b"', at_home 'a="b"' },
  { HOST, 'a="b;c"', at_home 'a="b' },
  { HOST, "a=b, c=d", at_home "a=b, c=d" },
  { HOST, "a=%3b%00", at_home "a=%3b%00" },
  { HOST, "a=\195\188\255", at_home "a=\195\188\255" },
  { HOST, "\195\188=b", at_home "\195\188=b" },
  { HOST, "a=b\tc", at_home "a=b\tc" },
  { HOST, "a=b;", at_home "a=b" },
  { HOST, "a=b;;;", at_home "a=b" },
  { HOST, "a=b; ; =; =x; x=", at_home "a=b" },
  { HOST, "a=b; Unknown=1; Priority=High", at_home "a=b" },
  { HOST, "A=b", at_home "A=b" },
  { HOST, "", "neither a name nor a value" },
  { HOST, " ", "neither a name nor a value" },
  { HOST, "=", "neither a name nor a value" },
  { HOST, " = ; Path=/", "neither a name nor a value" },
  { HOST, ";", "neither a name nor a value" },
  { HOST, "; a=b", "neither a name nor a value" },
  { HOST, "a=b\0c", "control character" },
  { HOST, "a=b\1", "control character" },
  { HOST, "a=b\127", "control character" },
  { HOST, "a\31=b", "control character" },
  { HOST, "a=b\r", "control character" },
  { HOST, "a=b\nSet-Cookie: c=d", "control character" },
  { HOST, "a=b; Path=/\7", "control character" },
  { HOST, "a=b; x\27", "control character" },

  ---- lengths
  { HOST, "n=" .. LONG, at_home("n=" .. LONG) },
  { HOST, "   n   =   " .. LONG .. "   ", at_home("n=" .. LONG) },
  { HOST, "nn=" .. LONG, "longer than 4096" },
  { HOST, LONG .. "v", at_home(LONG .. "v") },
  { HOST, LONG .. "vv", "longer than 4096" },
  { HOST, LONG .. "=v", at_home(LONG .. "=v") },
  { HOST, LONG .. "=vv", "longer than 4096" },
  { HOST, "a=b; Path=" .. DIR, { [HOST] = "", ["http://a.example.com" .. DIR] = "a=b" } },
  { HOST, "a=b; Path=" .. DIR .. "d", { [HOST] = "a=b", ["http://a.example.com" .. DIR .. "d"] = "" } },
  { HOST, "a=b; Path=/dir; Path=" .. DIR .. "d", at_home "a=b" },
  { HOST, "a=b; Domain=other.com" .. ("x"):rep(1024), at_home "a=b" },
  { HOST, "a=b; Domain=" .. ("x"):rep(1020) .. ".com", "not that of the host" },
  { HOST, "a=b; " .. ("x"):rep(5000) .. "; Path=/y", { [HOST] = "", ["http://a.example.com/y"] = "a=b" } },

  ---- Domain
  { HOST, "a=b", { ["http://b.a.example.com/dir/"] = "", ["http://example.com/dir/"] = "" } },
  { HOST, "a=b; Domain=example.com", { [HOST] = "a=b", ["http://example.com/dir/"] = "a=b",
    ["http://x.y.example.com/dir/"] = "a=b", ["http://badexample.com/dir/"] = "",
    ["http://example.com.evil.com/dir/"] = "", ["http://example.org/dir/"] = "" } },
  { HOST, "a=b; Domain=.example.com", { ["http://example.com/dir/"] = "a=b" } },
  { HOST, "a=b; Domain=EXAMPLE.Com", { ["http://example.com/dir/"] = "a=b" } },
  { HOST, "a=b; DOMAIN = example.com ", { ["http://example.com/dir/"] = "a=b" } },
  { HOST, "a=b; Domain=a.example.com", { [HOST] = "a=b", ["http://b.a.example.com/dir/"] = "a=b",
    ["http://example.com/dir/"] = "" } },
  { HOST, "a=b; Domain=", { [HOST] = "a=b", ["http://b.a.example.com/dir/"] = "" } },
  { HOST, "a=b; Domain", { [HOST] = "a=b", ["http://b.a.example.com/dir/"] = "" } },
  { HOST, "a=b; Domain=.", { [HOST] = "a=b", ["http://b.a.example.com/dir/"] = "" } },
  { HOST, "a=b; Domain=other.com; Domain=example.com", { ["http://example.com/dir/"] = "a=b" } },
  { HOST, "a=b; Domain=example.com; Domain=", { [HOST] = "a=b", ["http://example.com/dir/"] = "" } },
  { HOST, "a=b; Domain=example.com; Domain=other.com", "not that of the host" },
  { HOST, "a=b; Domain=other.com", "not that of the host" },
  { HOST, "a=b; Domain=b.example.com", "not that of the host" },
  { HOST, "a=b; Domain=b.a.example.com", "not that of the host" },
  { HOST, "a=b; Domain=ample.com", "not that of the host" },
  { HOST, "a=b; Domain=..example.com", "not that of the host" },
  { HOST, "a=b; Domain=example.com.", "not that of the host" },
  { HOST, "a=b; Domain=\"example.com\"", "not that of the host" },
  { HOST, "a=b; Domain=example.com:80", "not that of the host" },
  { HOST, "a=b; Domain=http://example.com", "not that of the host" },
  { HOST, "a=b; Domain=*.example.com", "not that of the host" },
  { HOST, "a=b; Domain=ex\195\188mple.com", "not ASCII" },
  { "http://b\195\188cher.example.com/", "a=b; Domain=xn--bcher-kva.example.com",
    { ["http://x.B\195\156CHER.example.com/"] = "a=b" } },
  { "http://example.com./", "a=b; Domain=example.com", "not that of the host" },
  { "http://example.com./", "a=b", { ["http://example.com./"] = "a=b", ["http://example.com/"] = "" } },
  { "http://a.example.com:8080/", "a=b", { ["http://a.example.com:81/"] = "a=b" } }, -- ports do not count

  ---- public suffixes
  { HOST, "a=b; Domain=com", "public suffix" },
  { HOST, "a=b; Domain=.com", "public suffix" },
  { "http://a.example.co.uk/", "a=b; Domain=co.uk", "public suffix" },
  { "http://a.example.co.uk/", "a=b; Domain=uk", "public suffix" },
  { "http://a.example.co.uk/", "a=b; Domain=example.co.uk", { ["http://b.example.co.uk/"] = "a=b" } },
  { "http://example.com./", "a=b; Domain=com.", "public suffix" },
  { "http://a.github.io/", "a=b; Domain=github.io", "public suffix" },
  { "http://github.io/", "a=b; Domain=github.io", { ["http://github.io/"] = "a=b", ["http://a.github.io/"] = "" } },
  { "http://a.b.ck/", "a=b; Domain=b.ck", "public suffix" }, -- *.ck
  { "http://a.www.ck/", "a=b; Domain=www.ck", { ["http://b.www.ck/"] = "a=b" } }, -- but for this one
  { "http://a.xn--p1ai/", "a=b; Domain=xn--p1ai", "public suffix" },
  { "http://a.unheard-of/", "a=b; Domain=unheard-of", "public suffix" }, -- as any last part
  { "http://unheard-of/", "a=b; Domain=unheard-of", { ["http://unheard-of/"] = "a=b", ["http://a.unheard-of/"] = "" } },
  { "http://localhost/", "a=b; Domain=localhost", { ["http://localhost/"] = "a=b", ["http://a.localhost/"] = "" } },

  ---- addresses
  { "http://192.0.2.1/", "a=b", { ["http://192.0.2.1/"] = "a=b", ["http://192.0.2.2/"] = "" } },
  { "http://192.0.2.1/", "a=b; Domain=192.0.2.1", { ["http://192.0.2.1/"] = "a=b" } },
  { "http://192.0.2.1/", "a=b; Domain=0.2.1", "not that of the host" },
  { "http://192.0.2.1/", "a=b; Domain=2.1", "not that of the host" },
  { "http://192.0.2.1/", "a=b; Domain=1", "not that of the host" },
  { "http://192.0.2.1/", "a=b; Domain=.192.0.2.1", { ["http://192.0.2.1/"] = "a=b" } },
  { "http://[2001:db8::1]/", "a=b", { ["http://[2001:DB8::1]/"] = "a=b", ["http://[2001:db8::2]/"] = "" } },
  { "http://[2001:db8::1]/", "a=b; Domain=[2001:db8::1]", "not that of the host" },
  { "http://[2001:db8::1]/", "a=b; Domain=1", "not that of the host" },

  ---- Path
  { HOST, "a=b", { ["http://a.example.com/dir"] = "a=b", ["http://a.example.com/dir/x?y"] = "a=b",
    ["http://a.example.com/"] = "", ["http://a.example.com/direct"] = "", ["http://a.example.com/DIR"] = "" } },
  { "http://a.example.com", "a=b", { ["http://a.example.com/x"] = "a=b", ["http://a.example.com"] = "a=b" } },
  { "http://a.example.com/", "a=b", { ["http://a.example.com/x"] = "a=b" } },
  { "http://a.example.com/x", "a=b", { ["http://a.example.com/y"] = "a=b" } },
  { "http://a.example.com/x/", "a=b", { ["http://a.example.com/x"] = "a=b", ["http://a.example.com/y"] = "" } },
  { "http://a.example.com?/x/y", "a=b", { ["http://a.example.com/z"] = "a=b" } },
  { "http://a.example.com/x/y?/z/", "a=b", { ["http://a.example.com/x/w"] = "a=b" } },
  { HOST, "a=b; Path=/", { ["http://a.example.com/x"] = "a=b" } },
  { HOST, "a=b; path = /x ", { ["http://a.example.com/x"] = "a=b", [HOST] = "" } },
  { HOST, "a=b; Path=/x/", { ["http://a.example.com/x/y"] = "a=b", ["http://a.example.com/x"] = "" } },
  { HOST, "a=b; Path=x", at_home "a=b" },
  { HOST, "a=b; Path=", at_home "a=b" },
  { HOST, "a=b; Path", at_home "a=b" },
  { HOST, "a=b; Path=/x; Path=", at_home "a=b" },
  { HOST, "a=b; Path=/dir; Path=/x", { ["http://a.example.com/x"] = "a=b", [HOST] = "" } },
  { HOST, 'a=b; Path="/x"', at_home "a=b" },
  { HOST, "a=b; Path=/x%2fy", { ["http://a.example.com/x%2fy"] = "a=b", ["http://a.example.com/x/y"] = "" } },

  ---- Secure
  { HTTPS, "a=b; Secure", { [HTTPS] = "a=b", [HOST] = "" } },
  { HTTPS, "a=b; secure=false", { [HTTPS] = "a=b", [HOST] = "" } },
  { HTTPS, "a=b", { [HTTPS] = "a=b", [HOST] = "a=b" } },
  { HOST, "a=b; Secure", "comes from a place that is not" },
  { "http://localhost/", "a=b; Secure", { ["http://localhost/"] = "a=b", ["http://localhost.example.com/"] = "" } },
  { "http://127.0.0.2:8080/", "a=b; Secure", { ["http://127.0.0.2/"] = "a=b" } },
  { "http://[::1]/", "a=b; Secure", { ["http://[::1]/"] = "a=b" } },
  { "http://128.0.0.1/", "a=b; Secure", "comes from a place that is not" },
  { "http://127.example.com/", "a=b; Secure", "comes from a place that is not" },
  { "http://[::2]/", "a=b; Secure", "comes from a place that is not" },

  ---- SameSite, HttpOnly, Partitioned
  { HOST, "a=b; SameSite=Strict; HttpOnly", at_home "a=b" },
  { HOST, "a=b; SameSite=None", "SameSite=None without being Secure" },
  { HOST, "a=b; SameSite=none; SameSite=Lax", at_home "a=b" },
  { HTTPS, "a=b; SameSite=None; Secure", { [HTTPS] = "a=b" } },
  { HTTPS, "a=b; Secure; Partitioned; SameParty", { [HTTPS] = "a=b" } },

  ---- prefixes
  { HTTPS, "__Secure-a=b; Secure", { [HTTPS] = "__Secure-a=b" } },
  { HTTPS, "__Secure-a=b; Secure; Domain=example.com", { [HTTPS] = "__Secure-a=b" } },
  { HTTPS, "__Secure-a=b", "begins with __Secure-" },
  { HTTPS, "__sEcUrE-a=b", "begins with __Secure-" },
  { HTTPS, "__Secure-=b", "begins with __Secure-" },
  { HOST, "__Secure-a=b; Secure", "comes from a place that is not" },
  { HTTPS, "__Secure=b", { [HTTPS] = "__Secure=b" } },
  { HTTPS, "__Host-a=b; Secure; Path=/", { [HTTPS] = "__Host-a=b" } },
  { HTTPS, "__Host-a=b; Secure; Path=/; Domain=", { [HTTPS] = "__Host-a=b" } },
  { HTTPS, "__Host-a=b; Secure", "begins with __Host-" },
  { HTTPS, "__Host-a=b; Path=/", "begins with __Host-" },
  { HTTPS, "__hoST-a=b; Secure; Path=/dir", "begins with __Host-" },
  { HTTPS, "__Host-a=b; Secure; Path=/; Domain=a.example.com", "begins with __Host-" },
  { "https://a.example.com/", "__Host-a=b; Secure", "begins with __Host-" },
  { "https://a.example.com/", "__Host-a=b; Secure; Path=", { ["https://a.example.com/"] = "__Host-a=b" } },
  { HTTPS, "=__Secure-a=b", "begins as the name of a safer cookie" },
  { HTTPS, "=__host-a", "begins as the name of a safer cookie" },
  { HTTPS, "__Host-a", "begins as the name of a safer cookie" },
  { HTTPS, "x__Host-a", { [HTTPS] = "x__Host-a" } },

  ---- one in the place of another
  { HOST, "a=c", { "a=b", [HOST] = "a=c" } },
  { HOST, "A=c", { "a=b", [HOST] = "a=b; A=c" } },
  { HOST, "a=c; Path=/", { "a=b", [HOST] = "a=b; a=c", ["http://a.example.com/"] = "a=c" } },
  { HOST, "a=c; Domain=a.example.com", { "a=b", [HOST] = "a=b; a=c" } },
  { HOST, "a=c; Domain=example.com", { "a=b", [HOST] = "a=b; a=c" } },
  { HOST, "a=c", { "a=b", "z=1", [HOST] = "a=c; z=1" } }, -- it keeps its age
  { HOST, "a=; Max-Age=0", { "a=b", "z=1", [HOST] = "z=1" } },
  { HOST, "a=; Max-Age=0; Path=/", { "a=b", [HOST] = "a=b" } },
  { HOST, "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", { "a=b", [HOST] = "" } },
  { HOST, "a=c; Max-Age=100", { "a=b; Max-Age=1000", [HOST] = "a=c" } },
  { HOST, "c", { "b", [HOST] = "c" } }, -- two without a name

  ---- the order
  { HOST, "c=3; Path=/dir/page", { "a=1", "b=2; Path=/", [HOST] = "c=3; a=1; b=2" } },
  { HOST, "c=3", { "a=1; Domain=example.com", "b=2", [HOST] = "a=1; b=2; c=3" } },

  ---- what a secure place has set stays
  { HOST, "s=2", { { "s=1; Secure" }, refused = "in front of a Secure one", [HTTPS] = "s=1" } },
  { HOST, "s=2; Path=/dir/page", { { "s=1; Secure" }, refused = "in front of", [HTTPS] = "s=1" } },
  { HOST, "s=2; Path=/", { { "s=1; Secure" }, [HTTPS] = "s=1; s=2" } },
  { HOST, "s=2; Domain=example.com", { { "s=1; Secure" }, refused = "in front of", [HTTPS] = "s=1" } },
  { HOST, "s=2", { { "s=1; Secure; Domain=example.com; Path=/" }, refused = "in front of", [HTTPS] = "s=1" } },
  { HOST, "S=2", { { "s=1; Secure" }, [HTTPS] = "s=1; S=2" } },
  { "http://b.example.com/dir/x", "s=2", { { "s=1; Secure" }, [HTTPS] = "s=1" } },
  { HOST, "s=; Max-Age=0", { { "s=1; Secure" }, refused = "in front of", [HTTPS] = "s=1" } },
  { HTTPS, "s=2", { { "s=1; Secure" }, [HTTPS] = "s=2" } },
}

describe("a jar", function()
  helper.setup()

  local function check(row)
    local from, text, expected = unpack(row)
    local jar = http.CookieJar()
    local refused = type(expected) == "string" and expected or expected.refused
    if type(expected) == "string" then
      expected = { [from] = "" }
    end
    for _, before in ipairs(expected) do
      local secure = type(before) == "table"
      assert(jar:set(secure and before[1] or before, secure and HTTPS or from))
    end
    local taken, why = jar:set(text, from)
    if refused then
      assert.is_nil(taken)
      assert.truthy(why:find(refused, 1, true), why)
    else
      assert.is_true(taken, why)
    end
    for url, sent in pairs(expected) do
      if type(url) == "string" and url ~= "refused" then
        assert.equal(sent, jar:header(url), url)
      end
    end
  end

  for at, row in ipairs(ROWS) do
    local shown = ("%q"):format(#row[2] > 70 and row[2]:sub(1, 67) .. "…" or row[2]):gsub("[%c\127-\255]", "?")
    it(("%d: from %s: %s"):format(at, row[1]:gsub("[\128-\255]", "?"), shown), function() check(row) end)
  end
end)

describe("http.CookieJar", function()
  helper.setup()

  it("lists its cookies as they were created", function()
    local jar = http.CookieJar()
    assert.same({}, jar:cookies())
    assert.equal(0, #jar)
    local before = os.time()
    assert(jar:set("b=1; Max-Age=1000; Domain=Example.com; SameSite=lax", "http://www.example.com/x/y"))
    assert(jar:set("a=2; Secure; HttpOnly; SameSite=NONE", "https://www.example.com/"))
    assert(jar:set("c", "http://other.example/"))
    local list = jar:cookies()
    assert.equal(3, #list)
    assert.equal(3, #jar)
    local first = list[1]
    assert.truthy(first.creation >= before and first.creation <= os.time())
    assert.equal(1000, first.expires - first.creation)
    first.creation, first.expires = nil, nil
    assert.same({ name = "b", value = "1", domain = "example.com", path = "/x", same_site = "Lax",
      host_only = false, secure = false, http_only = false }, first)
    list[2].creation, list[3].creation = nil, nil
    assert.same({ name = "a", value = "2", domain = "www.example.com", path = "/", same_site = "None",
      host_only = true, secure = true, http_only = true }, list[2])
    assert.same({ name = "", value = "c", domain = "other.example", path = "/",
      host_only = true, secure = false, http_only = false }, list[3])
  end)

  it("keeps the age of a cookie that gets a new value", function()
    local jar = http.CookieJar()
    for _, text in ipairs { "a=1", "b=1", "a=2", "c=1", "b=2" } do
      assert(jar:set(text, "http://x.test/"))
    end
    local seen = {}
    for _, cookie in ipairs(jar:cookies()) do
      seen[#seen + 1] = cookie.name .. cookie.value
    end
    assert.same({ "a2", "b2", "c1" }, seen)
  end)

  it("tells what a URL gets", function()
    local jar = http.CookieJar()
    assert(jar:set("a=1; Path=/", "http://x.test/"))
    assert(jar:set("a=2; Path=/p", "http://x.test/"))
    assert(jar:set("b=3", "http://y.test/"))
    assert.equal("2", jar:get("http://x.test/p", "a"))
    assert.equal("1", jar:get("http://x.test/", "a"))
    assert.is_nil(jar:get("http://x.test/", "A"))
    assert.is_nil(jar:get("http://z.test/", "a"))
    local list = jar:get("http://x.test/p")
    assert.equal(2, #list)
    assert.equal("2", list[1].value)
    assert.equal("/", list[2].path)
    assert.same({}, jar:get("http://z.test/"))
    assert.equal("", jar:header("http://z.test/"))
    assert.equal("a=2; a=1", jar:header("HTTP://X.Test:8080/p/"))
  end)

  it("removes what fits, and everything", function()
    local jar = http.CookieJar()
    for _, host in ipairs { "x", "y" } do
      for _, text in ipairs { "a=1", "a=1; Path=/p", "b=1" } do
        assert(jar:set(text, "http://" .. host .. ".test/"))
      end
    end
    assert.equal(0, jar:remove { name = "none" })
    assert.equal(1, jar:remove { name = "a", domain = ".X.Test", path = "/p" })
    assert.equal(2, jar:remove { name = "b" })
    assert.equal(3, #jar)
    assert.equal(2, jar:remove { domain = "y.test" })
    assert.equal("http.CookieJar (1)", tostring(jar))
    jar:clear()
    assert.equal(0, #jar)
    assert.equal("", jar:header("http://x.test/"))
    assert(jar:set("a=1", "http://x.test/"))
    assert.equal("a=1", jar:header("http://x.test/"))
  end)

  it("is told of misuse", function()
    local jar = http.CookieJar()
    local function throws(words, fn, ...)
      local arguments = { ... }
      local ok, message = pcall(function() fn(unpack(arguments, 1, 4)) end)
      assert.is_false(ok)
      assert.truthy(message:find(words, 1, true), message)
      assert.matches("^.-cookie_spec%.lua:%d+: ", message)
    end
    throws("call it with a colon", jar.set, "a=b", "http://x.test/")
    throws("call it with a colon", jar.header, "http://x.test/")
    throws("call it with a colon", jar.clear)
    throws("call it with a colon", jar.cookies, io.stdout)
    throws("bad argument #2 to", jar.set, jar, nil, "http://x.test/")
    throws("bad argument #3 to", jar.set, jar, "a=b")
    throws("bad argument #3 to", jar.set, jar, "a=b", 5)
    throws("a byte 0", jar.set, jar, "a=b", "http://x.test/\0")
    throws("bad url", jar.set, jar, "a=b", "x.test")
    throws("bad url: it is neither http nor https", jar.header, jar, "ftp://x.test/")
    throws("bad url", jar.get, jar, "http://x y/")
    throws("bad argument #3 to", jar.get, jar, "http://x.test/", true)
    throws("table expected", jar.remove, jar, "a")
    throws("neither a domain nor a path nor a name", jar.remove, jar, {})
    throws("unknown key 'host'", jar.remove, jar, { host = "x" })
    throws("unknown key 'number'", jar.remove, jar, { "x" })
    throws("bad option 'name' (string expected, got 5)", jar.remove, jar, { name = 5 })
    throws("bad argument #2 to", jar.save, jar)
    throws("table expected", jar.save, jar, "/tmp/x", true)
    throws("unknown option 'sessions'", jar.save, jar, "/tmp/x", { sessions = true })
    throws("bad option 'session'", jar.save, jar, "/tmp/x", { session = 1 })
    throws("bad argument #2 to", jar.load, jar, {})
    assert.equal(0, #jar)
  end)

  it("goes with the collector", function()
    for i = 1, 200 do
      local jar = http.CookieJar()
      assert(jar:set("a=" .. ("x"):rep(i), "http://x.test/"))
    end
    collectgarbage()
  end)

  it("holds its own against thousands of cookies", function()
    local jar = http.CookieJar()
    for i = 1, 5000 do
      assert(jar:set(("n%d=%s"):format(i, ("v"):rep(100)), "http://x.test/"))
    end
    assert.equal(50, #jar)
    assert.equal("4951", jar:cookies()[1].name:sub(2))
    for i = 1, 5000 do
      assert(jar:set("n=v", ("http://h%d.test/"):format(i)))
    end
    assert.equal(3000, #jar)
    assert.equal("", jar:header("http://h2000.test/"))
    assert.equal("n=v", jar:header("http://h2001.test/"))
  end)
end)

describe("the file of a jar", function()
  helper.setup()

  local dir, path

  before_each(function()
    dir = raw.mkdtemp()
    path = dir .. "/cookies"
  end)

  after_each(function() raw.remove_tree(dir) end)

  local function read()
    local file = assert(io.open(path))
    local text = file:read("*a")
    file:close()
    return text
  end

  local function write(text)
    local file = assert(io.open(path, "w"))
    file:write(text)
    file:close()
  end

  local function names(jar)
    local seen = {}
    for _, cookie in ipairs(jar:cookies()) do
      seen[#seen + 1] = cookie.name
    end
    return table.concat(seen, " ")
  end

  it("has a line for each cookie", function()
    local jar = http.CookieJar()
    assert(jar:set("a=1; Max-Age=1000", "http://x.test/dir/"))
    assert(jar:set("b=; Domain=x.test; Secure; HttpOnly; Max-Age=1000", "https://x.test/"))
    assert(jar:set("c=3", "http://x.test/"))
    local expires = jar:cookies()[1].expires
    assert.is_true(jar:save(path))
    local text = read()
    assert.equal("# Netscape HTTP Cookie File\n", text:match("^[^\n]*\n"))
    assert.truthy(text:find(("\nx.test\tFALSE\t/dir\tFALSE\t%d\ta\t1\n"):format(expires), 1, true), text)
    assert.matches("\n#HttpOnly_%.x%.test\tTRUE\t/\tTRUE\t%d+\tb\t\n", text)
    assert.is_nil(text:find("\tc\t", 1, true))
    assert.is_true(jar:save(path, { session = false }))
    assert.equal(text, read())
    assert.is_true(jar:save(path, { session = true }))
    assert.truthy(read():find("\nx.test\tFALSE\t/\tFALSE\t0\tc\t3\n", 1, true))
  end)

  it("gives back what went in", function()
    local jar = http.CookieJar()
    for _, text in ipairs { "a=1; Max-Age=1000", "=2", "c=; Max-Age=1000", "d=\"4 5\"; Secure; HttpOnly; Path=/p",
        "e=5; Domain=x.test", "\195\188=\195\188; Domain=www.x.test" } do
      assert(jar:set(text, "https://www.x.test/dir/"))
    end
    assert(jar:set("six=6; Max-Age=99999999", "http://[2001:db8::1]/"))
    assert(jar:save(path, { session = true }))
    local other = http.CookieJar()
    local loaded, refused = other:load(path)
    assert.equal(7, loaded)
    assert.equal(0, refused)
    local expected, actual = jar:cookies(), other:cookies()
    for i = 1, 7 do
      expected[i].creation, actual[i].creation = nil, nil
    end
    assert.same(expected, actual)
  end)

  it("leaves out what it has no room for", function()
    local jar = http.CookieJar()
    assert(jar:set("a=1\t2; Max-Age=1000", "http://x.test/"))
    assert(jar:set("a\tb=1; Max-Age=1000", "http://x.test/"))
    assert(jar:set("a=1; Path=/\t; Path=/a\tb; Max-Age=1000", "http://x.test/"))
    assert(jar:set("b=2; Max-Age=1000", "http://x.test/"))
    assert(jar:save(path))
    local other = http.CookieJar()
    assert.equal(1, (other:load(path)))
    assert.equal("b", names(other))
  end)

  -- Each with what becomes of it: its name where it is taken, nil where it is refused, "" where it is
  -- passed over.
  local LINES = {
    { "", "" },
    { "# a comment\tTRUE\t/\tFALSE\t0\ta\tb", "" },
    { "#", "" },
    { "\r", "" },
    { "x.test\tFALSE\t/\tFALSE\t0\ta\tb", "a" },
    { "x.test\tFALSE\t/\tFALSE\t0\ta\tb\r", "a" },
    { ".x.test\tTRUE\t/\tFALSE\t0\ta\tb", "a" },
    { "X.Test\ttrue\t/\tfalse\t9999999999\ta\tb", "a" },
    { "#HttpOnly_x.test\tFALSE\t/\tTRUE\t0\ta\tb", "a" },
    { "x.test\tFALSE\t/\tFALSE\t0\ta\t", "a" },
    { "x.test\tFALSE\t/\tFALSE\t0\ta", "a" }, -- whose line was trimmed
    { "x.test\tFALSE\t/\tFALSE\t0\ta\tb=c; d", "a" },
    { "x.test\tFALSE\t/\tTRUE\t0\t__Secure-a\tb", "__Secure-a" },
    { "x.test\tFALSE\t/\tTRUE\t0\t__Host-a\tb", "__Host-a" },
    { "com\tFALSE\t/\tFALSE\t0\ta\tb", "a" },
    { "x.test\tFALSE\t/\tFALSE\t1\ta\tb", "" },
    { "x.test\tFALSE\t/\tFALSE\t0\t\t" },
    { "x.test\tFALSE\t/\tFALSE\t0" },
    { "x.test FALSE / FALSE 0 a b" },
    { "x.test\tFALSE\t/\tFALSE\t0\ta\tb\tc" },
    { "x.test\tMAYBE\t/\tFALSE\t0\ta\tb" },
    { "x.test\tFALSE\t/\t\t0\ta\tb" },
    { "x.test\tFALSE\tdir\tFALSE\t0\ta\tb" },
    { "x.test\tFALSE\t\tFALSE\t0\ta\tb" },
    { "x.test\tFALSE\t/\tFALSE\t\ta\tb" },
    { "x.test\tFALSE\t/\tFALSE\t-1\ta\tb" },
    { "x.test\tFALSE\t/\tFALSE\t1e9\ta\tb" },
    { "x.test\tFALSE\t/\tFALSE\t99999999999999999999999999\ta\tb" },
    { "\tFALSE\t/\tFALSE\t0\ta\tb" },
    { ".\tFALSE\t/\tFALSE\t0\ta\tb" },
    { "x y\tFALSE\t/\tFALSE\t0\ta\tb" },
    { ("x"):rep(300) .. "\tFALSE\t/\tFALSE\t0\ta\tb" },
    { ".com\tTRUE\t/\tFALSE\t0\ta\tb" },
    { ".co.uk\tTRUE\t/\tFALSE\t0\ta\tb" },
    { "x.test\tFALSE\t/\tFALSE\t0\ta\tb\1" },
    { "x.test\tFALSE\t/\tFALSE\t0\ta\tb\0" },
    { "x.test\tFALSE\t/\0\tFALSE\t0\ta\tb" },
    { "x.test\tFALSE\t/" .. ("p"):rep(1024) .. "\tFALSE\t0\ta\tb" },
    { "x.test\tFALSE\t/\tFALSE\t0\ta\t" .. ("v"):rep(4096) },
    { "x.test\tFALSE\t/\tFALSE\t0\ta\t" .. ("v"):rep(100000) },
    { "x.test\tFALSE\t/\tFALSE\t0\t__Secure-a\tb" },
    { ".x.test\tTRUE\t/\tTRUE\t0\t__Host-a\tb" },
    { "x.test\tFALSE\t/p\tTRUE\t0\t__host-a\tb" },
    { "x.test\tFALSE\t/\tTRUE\t0\t\t__Host-a" },
    { "#HttpOnly_" , "" },
  }

  it("is read line by line", function()
    for _, line in ipairs(LINES) do
      local jar = http.CookieJar()
      write(line[1] .. "\nlast.test\tFALSE\t/\tFALSE\t0\tlast\t1") -- without an end of its own
      local loaded, refused = jar:load(path)
      local taken = line[2] ~= nil and line[2] ~= ""
      assert.equal(taken and 2 or 1, loaded, line[1])
      assert.equal(line[2] and 0 or 1, refused, line[1])
      assert.equal(taken and line[2] .. " last" or "last", names(jar), line[1])
    end
  end)

  it("adds to what the jar holds", function()
    local jar = http.CookieJar()
    assert(jar:set("a=old", "http://x.test/"))
    assert(jar:set("b=1", "http://x.test/"))
    write("x.test\tFALSE\t/\tFALSE\t0\ta\tnew\nx.test\tFALSE\t/\tFALSE\t0\tc\t1\n")
    assert.equal(2, (jar:load(path)))
    assert.equal("a=new; b=1; c=1", jar:header("http://x.test/"))
  end)

  it("shortens lives that are too long", function()
    local jar = http.CookieJar()
    write("x.test\tFALSE\t/\tFALSE\t99999999999\ta\tb\n")
    assert.equal(1, (jar:load(path)))
    local left = jar:cookies()[1].expires - os.time()
    assert.truthy(left > 399 * 86400 and left <= 400 * 86400, left)
  end)

  it("tells why it cannot be read or written", function()
    local jar = http.CookieJar()
    local function fails(words, ...)
      local value, message, code = ...
      assert.is_nil(value)
      assert.truthy(message:find(words, 1, true), message)
      assert.equal("system", code)
    end
    fails("No such file", jar:load(path))
    fails("is not a regular file", jar:load(dir))
    fails("is not a regular file", jar:save(dir))
    fails("is not a regular file", jar:save("/dev/null"))
    fails("cannot write " .. dir .. "/none/x: No such file", jar:save(dir .. "/none/x"))
  end)

  it("is curl's as well", function()
    local jar = http.CookieJar()
    local expires = os.time() + 100000
    assert(jar:set("a=1; Domain=x.test; Max-Age=1000", "https://www.x.test/"))
    assert(jar:set("b=2; Secure; HttpOnly; Path=/p; Max-Age=1000", "https://www.x.test/"))
    assert(jar:set("c=; Max-Age=1000", "https://www.x.test/"))
    assert(jar:save(path))
    local server = helper.respond(table.concat({
      "HTTP/1.1 200 OK",
      "Content-Length: 0",
      "Set-Cookie: d=4; Path=/; HttpOnly; Expires=" .. os.date("!%a, %d %b %Y %H:%M:%S GMT", expires),
      "Set-Cookie: a=new; Domain=.x.test; Path=/; Max-Age=500",
    }, "\r\n") .. "\r\n\r\n")
    local status, output = helper.run_program { "curl", "-sS", "-q", "-b", path, "-c", path, "--noproxy", "*",
      "--resolve", "www.x.test:" .. server.port .. ":127.0.0.1", helper.url(server, "/p/x", "www.x.test") }
    assert.equal(0, status, output)
    assert.same({ c = "", a = "1" }, (function()
      local sent = {}
      for name, value in (server.requests[1].headers.cookie .. ";"):gmatch("([^=;%s]+)=([^;]*);") do
        sent[name] = value
      end
      return sent
    end)())
    jar:clear()
    local loaded, refused = jar:load(path)
    assert.equal(4, loaded)
    assert.equal(0, refused)
    assert.equal("new", jar:get("https://www.x.test/p", "a"))
    local list = jar:get("https://www.x.test/p")
    assert.equal(4, #list)
    for _, cookie in ipairs(list) do
      if cookie.name == "d" then
        assert.equal(expires, cookie.expires)
        assert.is_true(cookie.http_only)
      elseif cookie.name == "b" then
        assert.is_true(cookie.secure and cookie.http_only and cookie.host_only)
      end
    end
  end)
end)
