-- http.url: URLs parsed, built, resolved; text encoded and decoded. How each is read: spec/c/url_test.c.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")

local url = http.url

-- Checks that fn throws words at a line of this file.
local function throws(words, fn)
  local ok, message = pcall(fn)
  assert.is_false(ok, "nothing was thrown; expected: " .. words)
  assert.matches("^[^:]*url_spec%.lua:%d+: ", message)
  assert.truthy(message:find(words, 1, true), message .. "\nhas no: " .. words)
end

local function fails(words, value, message)
  assert.is_nil(value)
  assert.equal("string", type(message))
  assert.truthy(message:find(words, 1, true), message .. "\nhas no: " .. words)
end

-- URLs of all kinds, for what holds of every one.
local URLS = {
  "http://h", "https://h/", "http://h:8080/a/b;c?d=e&f#g", "http://h/?", "http://h/#", "http://h/?#", "http://h?a",
  "http://user@h/", "http://user:pass@h/", "http://:pass@h/", "http://@h/", "http://u%40:p%3A%2f%25@h:81/",
  "http://h/a%20b%zz%", "http://h/a b\"<>", "http://h/\195\169?\195\169#\195\169", "http://b\195\188cher.de/",
  "http://[::1]/", "http://[fe80::1%25eth0]:81/a", "http://0x7f.1/", "http://h/../a/./b/%2e%2e/c", "http:\\\\h\\a",
  " http://h/\n", "ftp://h/a", "wss://h/a?b", "file:///a/b", "file:a", "mailto:a@b?subject=c", "data:,a b", "x:",
  "x://", "x://h", "x:///a", "x:/a/..//b", "x://u@h:1?q", "a+b:c", "http://h/a?b[]=1", "http://h/[a]", "http://h//",
  "http://h/a?b=c?d/e", "http://h/:@", "http://%68/", "HTTP://H:80", "http://h/a%2Fb%2f", "http://h/\0", "http://h./",
}

describe("http.url.parse", function()
  helper.setup()

  it("gives all parts", function()
    assert.same({
      href = "https://example.com:8443/b%20c?q=1&r#f", protocol = "https:", user = "user", password = "p@ss",
      hostname = "example.com", port = 8443, path = "/b%20c", query = "q=1&r", fragment = "f",
      origin = "https://example.com:8443",
    }, url.parse("HTTPS://us%65r:p%40ss@EXAMPLE.com:8443/a/../b c?q=1&r#f"))
  end)

  it("gives nothing for what a URL does not have, and an empty string for what is empty", function()
    assert.same({ href = "http://h/", protocol = "http:", hostname = "h", port = 80, path = "/", origin = "http://h" },
      url.parse("http://h"))
    assert.same({ href = "http://h/?#", protocol = "http:", hostname = "h", port = 80, path = "/", query = "",
      fragment = "", user = "", password = "", origin = "http://h" }, url.parse("http://:@h?#"))
    assert.same({ href = "mailto:a@b", protocol = "mailto:", path = "a@b" }, url.parse("mailto:a@b"))
    assert.same({ href = "file:///a", protocol = "file:", hostname = "", path = "/a" }, url.parse("file:///a"))
  end)

  it("gives hosts in the form that the option hostname takes", function()
    for text, hostname in pairs {
      ["http://[0::0:1]/"] = "::1", ["http://[FE80::1%25eth0]/"] = "fe80::1%eth0", ["http://0x7f.1/"] = "127.0.0.1",
      ["http://2130706433/"] = "127.0.0.1", ["http://017700000001/"] = "127.0.0.1", ["http://EX%41MPLE/"] = "example",
      ["http://B\195\156CHER.de"] = "xn--bcher-kva.de", ["http://fa\195\159.de"] = "xn--fa-hia.de",
    } do
      assert.equal(hostname, url.parse(text).hostname, text)
    end
  end)

  it("resolves against a base", function()
    assert.same({ href = "http://h/a/c", protocol = "http:", user = "u", hostname = "h", port = 80, path = "/a/c",
      origin = "http://h" }, url.parse("c", "http://u@h/a/b?q"))
    assert.is_nil(url.parse("//g/c", "http://u:p@h/a").user)
    assert.equal("http://a/", url.parse("http://a", "https://b").href)
  end)

  it("never has user and password in href, nor in a message", function()
    for _, text in ipairs(URLS) do
      assert.is_nil(assert(url.parse(text)).href:find("^%a+://[^/]*@"), text)
    end
    for _, text in ipairs { "http://secret:secret@a b/", "http://secret@/", "http://secret@h:x/" } do
      local _, message = url.parse(text)
      assert.is_nil(message:find("secret"))
    end
  end)

  it("gives nil and a message for what is no URL", function()
    for text, words in pairs {
      [""] = "scheme", ["h"] = "scheme", ["//h"] = "scheme", ["1://h"] = "scheme", ["http:"] = "no host",
      ["http:///a"] = "no host", ["http://:80"] = "no host", ["http://h:x"] = "the port is not a number",
      ["http://h:65536"] = "larger than 65535", ["http://h:0"] = "port 0", ["http://[::1"] = "no \"]\"",
      ["http://[1]"] = "not an IPv6 address", ["http://1.2.3.256"] = "no IPv4 address",
      ["http://4294967296"] = "no IPv4 address", ["http://a\0b"] = "no host may hold",
      ["http://a%0d%0ab"] = "no host may",
      ["http://a b"] = "no host may hold", ["http://a%2fb"] = "no host may hold", ["http://a..b"] = "empty part",
      ["http://\255"] = "not UTF-8", ["http://-\195\169"] = "IDNA", ["http://" .. ("a"):rep(256)] = "longer than 255",
      ["http://evil.com\239\188\143.h"] = "no host may hold",
    } do
      fails("bad URL: ", url.parse(text))
      fails(words, url.parse(text))
    end
    fails("bad base: ", url.parse("a", "b"))
    fails("bad base: ", url.parse("a", ""))
    fails("bad reference: ", url.parse("//a b", "http://h"))
  end)

  it("throws for what is no string", function()
    for _, wrong in ipairs { false, true, 5, {}, print } do
      throws("bad argument #1 to 'parse'", function() url.parse(wrong) end)
      throws("bad argument #2 to 'parse'", function() url.parse("http://h", wrong) end)
    end
    throws("bad argument #1 to 'parse'", function() url.parse() end)
  end)

  it("is stable: href gives the same parts again", function()
    for _, text in ipairs(URLS) do
      local first = assert(url.parse(text))
      local again = assert(url.parse(first.href))
      first.user, first.password = nil, nil
      assert.same(first, again)
    end
  end)

  it("takes any bytes, many of them", function()
    local random = 7
    local function byte()
      random = random * 16807 % 2147483647
      return random % 256
    end
    local BITS = { "http://", "://", "/", "\\", "..", "%2e", "@", ":", "[", "]", "?", "#", "%", "h", "x:", "\195\169" }
    for _ = 1, 1000 do
      local pieces = {}
      for i = 1, byte() % 12 do
        local which = byte()
        pieces[i] = which < 200 and BITS[which % #BITS + 1] or string.char(byte())
      end
      local parts = url.parse(table.concat(pieces), "http://h/a/b")
      if parts then
        assert.equal(parts.href, url.parse(parts.href).href)
      end
    end
    assert.equal(2 ^ 20 + 9, #url.parse("http://h/" .. ("a"):rep(2 ^ 20)).href)
    assert.equal("http://h/", url.parse("http://h/" .. ("a/../"):rep(2 ^ 18)).href)
  end)
end)

describe("http.url.resolve", function()
  helper.setup()

  it("resolves as RFC 3986, 5.4 does", function()
    local base = "http://a/b/c/d;p?q"
    for reference, expected in pairs {
      ["g:h"] = "g:h", g = "http://a/b/c/g", ["./g"] = "http://a/b/c/g", ["/g"] = "http://a/g", ["//g"] = "http://g/",
      ["?y"] = "http://a/b/c/d;p?y", ["#s"] = "http://a/b/c/d;p?q#s", [""] = "http://a/b/c/d;p?q",
      ["../../g"] = "http://a/g", ["../../../g"] = "http://a/g", ["g;x=1/../y"] = "http://a/b/c/y",
      ["g?y/../x"] = "http://a/b/c/g?y/../x", ["g#s/../x"] = "http://a/b/c/g#s/../x", [".."] = "http://a/b/",
    } do
      assert.equal(expected, url.resolve(base, reference))
    end
  end)

  it("leaves user and password out", function()
    assert.equal("http://h/b", url.resolve("http://u:p@h/a", "b"))
    assert.equal("http://g/", url.resolve("http://h/a", "//u:p@g"))
  end)

  it("gives nil and a message for what is none", function()
    fails("bad base: ", url.resolve("a", "b"))
    fails("bad reference: ", url.resolve("http://h", "http:///"))
    fails("nothing can be relative", url.resolve("mailto:a@b", "c"))
    throws("bad argument #1 to 'resolve'", function() url.resolve(nil, "a") end)
    throws("bad argument #2 to 'resolve'", function() url.resolve("http://h") end)
  end)
end)

describe("http.url.build", function()
  helper.setup()

  it("puts parts together", function()
    local rows = {
      { { hostname = "h" }, "http://h/" },
      { { hostname = "H", protocol = "HTTPS:", port = 443, path = "/a b/../c" }, "https://h/c" },
      { { hostname = "h", scheme = "https", port = 80 }, "https://h:80/" },
      { { hostname = "::1", port = 81 }, "http://[::1]:81/" },
      { { hostname = "[::1]" }, "http://[::1]/" },
      { { hostname = "fe80::1%eth0" }, "http://[fe80::1%25eth0]/" },
      { { hostname = "b\195\188cher.de" }, "http://xn--bcher-kva.de/" },
      { { hostname = "h", query = "a=b c", fragment = "d e" }, "http://h/?a=b%20c#d%20e" },
      { { hostname = "h", query = "" }, "http://h/?" },
      { { hostname = "h", query = {} }, "http://h/" },
      { { hostname = "h", query = { b = 1, a = { "x", "y" }, c = true } }, "http://h/?a=x&a=y&b=1&c=true" },
      { { hostname = "h", query = { { "b", 1 }, { "a", "&" }, { "b", { 2, 3 } } } }, "http://h/?b=1&a=%26&b=2&b=3" },
      { { hostname = "h", path = "/a?b#c\\d\n" }, "http://h/a%3Fb%23c%5Cd%0A" },
      { { hostname = "h", query = "a#b" }, "http://h/?a%23b" },
      { { hostname = "h", path = "/%41%" }, "http://h/%41%" },
      { { hostname = "h", user = "a:b", password = "c@d/%" }, "http://a%3Ab:c%40d%2F%25@h/" },
      { { hostname = "h", password = "c" }, "http://:c@h/" },
      { { scheme = "mailto", path = "a@b", query = "c" }, "mailto:a@b?c" },
      { { scheme = "file", path = "/a b" }, "file:///a%20b" },
      { { scheme = "x", path = "//a" }, "x:/.//a" },
    }
    for _, row in ipairs(rows) do
      assert.equal(row[2], url.build(row[1]))
    end
  end)

  it("makes of what parse gives the same again", function()
    for _, text in ipairs(URLS) do
      local parts = assert(url.parse(text))
      local built = url.build(parts)
      assert.same(parts, url.parse(built))
      assert.equal(built, url.build(url.parse(built)))
    end
  end)

  it("does not change its parts", function()
    local parts = { hostname = "H", query = { a = { 1, 2 } }, port = 80 }
    url.build(parts)
    assert.same({ hostname = "H", query = { a = { 1, 2 } }, port = 80 }, parts)
  end)

  it("lets no part become another", function()
    for _, hostname in ipairs { "a/b", "a\\b", "a?b", "a#b", "u@a", "a\nb", "a\tb", " a", "a b", "[::1", "a]" } do
      throws("bad part 'hostname'", function() url.build { hostname = hostname } end)
    end
    for _, hostname in ipairs { "", "a:80", "a%2fb", "a%00", "1.2.3.256", "::g", "\255" } do
      throws("bad argument #1 to 'build': bad URL", function() url.build { hostname = hostname } end)
    end
    throws("bad part 'protocol'", function() url.build { hostname = "h", protocol = "http://x" } end)
    throws("bad part 'protocol'", function() url.build { hostname = "h", protocol = "" } end)
    throws("bad part 'path'", function() url.build { hostname = "h", path = "a" } end)
  end)

  it("throws for parts that make no URL", function()
    throws("bad argument #1 to 'build' (table of parts expected, got string)", function() url.build("http://h") end)
    throws("bad argument #1 to 'build' (table", function() url.build() end)
    throws("there is no part 'host' of a URL", function() url.build { host = "h" } end)
    throws("there is no part '1' of a URL", function() url.build { "h" } end)
    throws("bad part 'port' (number expected, got string)", function() url.build { hostname = "h", port = "80" } end)
    throws("bad part 'path' (string expected, got boolean)", function() url.build { hostname = "h", path = false } end)
    throws("bad part 'query' (string or table", function() url.build { hostname = "h", query = 5 } end)
    throws("bad part 'query' (", function() url.build { hostname = "h", query = { "a" } } end)
    throws("bad part 'query' (", function() url.build { hostname = "h", query = { a = print } } end)
    for _, port in ipairs { 0, -1, 65536, 1.5, 0 / 0, 1 / 0 } do
      throws("bad part 'port'", function() url.build { hostname = "h", port = port } end)
    end
    throws("no host", function() url.build {} end)
    throws("need the part 'hostname'", function() url.build { scheme = "x", port = 1 } end)
    throws("need the part 'hostname'", function() url.build { scheme = "x", user = "u" } end)
    throws("two names of one part", function() url.build { hostname = "h", protocol = "http:", scheme = "https" } end)
    throws("neither user nor port", function() url.build { hostname = "h", protocol = "file", user = "u" } end)
  end)
end)

describe("http.url.encode", function()
  helper.setup()

  local ALL = "aZ09-._~ !$&'()*+,;=:@/?[]#%\"\195\169\0"

  it("encodes what cannot stand in a component", function()
    local unreserved = "aZ09-._~"
    for component, rest in pairs {
      component = "%20%21%24%26%27%28%29%2A%2B%2C%3B%3D%3A%40%2F%3F%5B%5D%23%25%22%C3%A9%00",
      form = "+%21%24%26%27%28%29%2A%2B%2C%3B%3D%3A%40%2F%3F%5B%5D%23%25%22%C3%A9%00",
      segment = "%20!$&'()*+,;=:@%2F%3F%5B%5D%23%25%22%C3%A9%00",
      path = "%20!$&'()*+,;=:@/%3F%5B%5D%23%25%22%C3%A9%00",
      query = "%20!$&'()*+,;=:@/?[]%23%25%22%C3%A9%00",
      fragment = "%20!$&'()*+,;=:@/?[]%23%25%22%C3%A9%00",
    } do
      assert.equal(unreserved .. rest, (url.encode(ALL, component)))
      assert.equal(ALL, (url.decode(url.encode(ALL, component), component)))
    end
    assert.equal(url.encode(ALL), url.encode(ALL, "component"))
    assert.equal("", url.encode(""))
  end)

  it("gives one value", function()
    assert.equal(1, select("#", url.encode("a b", "form")))
    assert.equal(1, select("#", url.decode("a+b", "form")))
  end)

  it("throws for what is none", function()
    throws("bad argument #1 to 'encode'", function() url.encode(5) end)
    throws("bad argument #2 to 'encode'", function() url.encode("a", "host") end)
    throws("bad argument #2 to 'encode'", function() url.encode("a", false) end)
    throws("bad argument #2 to 'decode'", function() url.decode("a", "host") end)
    throws("bad argument #2 to 'decode'", function() url.decode("a", false) end)
  end)
end)

describe("http.url.decode", function()
  helper.setup()

  it("decodes each escape once", function()
    for text, expected in pairs {
      ["%41%c3%A9"] = "A\195\169", ["%2541"] = "%41", ["a+b"] = "a+b", ["%00"] = "\0", [""] = "", ["\255"] = "\255",
    } do
      assert.equal(expected, url.decode(text))
    end
    assert.equal("a b+", url.decode("a+b%2B", "form"))
  end)

  it("gives nil and a message for an escape that is none", function()
    for text, at in pairs { ["%"] = 1, ["a%4"] = 2, ["%41%zz"] = 4, ["%%41"] = 1, ["%0x41"] = 1, ["%+1"] = 1 } do
      fails("bad escape at byte " .. at, url.decode(text))
    end
    throws("bad argument #1 to 'decode'", function() url.decode(nil) end)
  end)
end)

describe("http.url.parse_query", function()
  helper.setup()

  it("gives the fields, and is undone by a query of build", function()
    assert.same({ a = "1", b = { "x y", "z" }, c = "", ["\195\169"] = "&" },
      url.parse_query("a=1&b=x+y&b=z&c&&%C3%A9=%26"))
    assert.same({}, url.parse_query(""))
    local fields = { a = "b c", d = { "1", "&=?" }, ["e f"] = "" }
    assert.same(fields, url.parse_query(url.parse(url.build { hostname = "h", query = fields }).query))
    throws("bad argument #1 to 'parse_query'", function() url.parse_query({}) end)
  end)
end)
