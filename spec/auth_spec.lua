-- Credentials: Basic, Digest, tokens and functions; where they go, and where they never do.
-- SPDX-License-Identifier: MIT

local digest_server = require("digest_server")
local helper = require("helper")
local http = require("http")
local raw = require("raw")

local R = http.Response
local USER, PASSWORD = digest_server.USER, digest_server.PASSWORD
local reply = digest_server.reply
local BASIC = "Basic dXNlcjpwYSBzcw==" -- user:pa ss

local function get(options)
  return http.get(options):await()
end

-- A server that answers with `status` and notes the Authorization of each request.
local function listen(status, fields, options)
  options = options or { keep_open = true }
  local server
  server = helper.respond(function(request)
    server.seen[#server.seen + 1] = request.headers.authorization or "nothing"
    return reply(status or "200 OK", fields or {}, "body")
  end, options)
  server.seen = {}
  return server
end

-- One that lets in who shows `value`.
local function guarded(value, challenge)
  local server
  server = helper.respond(function(request)
    local shown = request.headers.authorization or "nothing"
    server.seen[#server.seen + 1] = shown
    if shown == value then
      return reply("200 OK", {}, "in")
    end
    return reply("401 Unauthorized", { "WWW-Authenticate: " .. (challenge or "Basic realm=x") }, "out")
  end, { keep_open = true })
  server.seen = {}
  return server
end

local function with_user(server, path)
  return (helper.url(server, path):gsub("://", "://user:pa%%20ss@", 1))
end

local function assert_hidden(response)
  local all = { response.url, response.error_string, tostring(response) }
  for _, value in pairs(response.error_detail or {}) do
    all[#all + 1] = tostring(value)
  end
  for _, leg in ipairs(response.history) do
    all[#all + 1] = leg.url
  end
  local text = table.concat(all, "\n")
  assert.is_nil(text:find("pa ss", 1, true))
  assert.is_nil(text:find("pa%20ss", 1, true))
  assert.is_nil(text:find("user", 1, true))
end

describe("auth", function()
  helper.setup()

  describe("with a user and a password", function()
    it("sends Basic with the first request", function()
      for _, auth in ipairs {
        { "user", "pa ss" }, { user = "user", password = "pa ss" }, { "user", "pa ss", scheme = "basic" },
      } do
        local server = listen()
        assert.equal(200, get({ url = helper.url(server), auth = auth }).status_code)
        assert.same({ BASIC }, server.seen)
      end
    end)

    it("takes a missing password for an empty one", function()
      local server = listen()
      get({ url = helper.url(server), auth = { "user" } })
      assert.same({ "Basic dXNlcjo=" }, server.seen)
    end)

    it("waits for the challenge where the scheme is any, and knows it the next time", function()
      local server = guarded(BASIC)
      for _ = 1, 2 do
        local response = get({ url = helper.url(server), auth = { "user", "pa ss", scheme = "any" } })
        assert.equal("in", response:read_all())
      end
      assert.same({ "nothing", BASIC, BASIC }, server.seen)
    end)

    it("is left with the 401 and its body where they are wrong", function()
      for scheme, seen in pairs { basic = { BASIC }, any = { "nothing", BASIC } } do
        local server = guarded("another")
        local response = get({ url = helper.url(server), auth = { "user", "pa ss", scheme = scheme } })
        assert.equal(R.AUTHENTICATION_REQUIRED_ERROR, response.error)
        assert.equal(401, response.status_code)
        assert.equal("out", response:read_all())
        assert.same(seen, server.seen)
        assert_hidden(response)
      end
    end)

    it("never sends Basic where the scheme is digest", function()
      local server = guarded(BASIC)
      local response = get({ url = helper.url(server), auth = { "user", "pa ss", scheme = "digest" } })
      assert.equal(R.AUTHENTICATION_REQUIRED_ERROR, response.error)
      assert.same({ "nothing" }, server.seen)
    end)

    it("leaves a header of the script's as it is, and 401 to the script", function()
      local server = guarded("another")
      local response = get({
        url = with_user(server), auth = { "user", "pa ss" }, headers = { authorization = "Mine" },
      })
      assert.equal(401, response.status_code)
      assert.same({ "Mine" }, server.seen)
    end)

    it("does not modify the table", function()
      local server = listen()
      local auth = { "user", "pa ss", scheme = "any" }
      get({ url = helper.url(server), auth = auth })
      assert.same({ "user", "pa ss", scheme = "any" }, auth)
    end)
  end)

  it("sends a token as it is, once", function()
    local server = guarded("another", 'Bearer error="invalid_token"')
    local response = get({ url = helper.url(server), auth = { bearer = "to.ken==" } })
    assert.equal(R.AUTHENTICATION_REQUIRED_ERROR, response.error)
    assert.same({ "Bearer to.ken==" }, server.seen)
  end)

  describe("in a URL", function()
    it("is percent-decoded, and seen nowhere", function()
      local server = listen("404 Not Found")
      local response = get(with_user(server, "/path"))
      assert.equal(helper.url(server, "/path"), response.url)
      assert.same({ BASIC }, server.seen)
      assert_hidden(response)
    end)

    it("gives way to the option, which may be false", function()
      local server = listen()
      get({ url = with_user(server), auth = { bearer = "t" } })
      get({ url = with_user(server), auth = false })
      get({ url = with_user(server), auth = { scheme = "any" } }) -- of the URL's user
      assert.same({ "Bearer t", "nothing", "nothing" }, server.seen)
    end)

    it("may be empty, which is nobody", function()
      local server = listen()
      get((helper.url(server):gsub("://", "://@", 1)))
      get((helper.url(server):gsub("://", "://:@", 1)))
      assert.same({ "nothing", "nothing" }, server.seen)
    end)
  end)

  describe("as a misuse", function()
    local CASES = {
      { { "us:er", "secret" }, 'a ":"' },
      { { "us\ner", "secret" }, "control character" },
      { { "user", "secret\r\nX: y" }, "control character" },
      { { "user", "secret\0" }, "byte 0x00" },
      { { bearer = "secret token" }, "blank" },
      { { bearer = "" }, "empty" },
      { { bearer = "t", user = "u" }, "stands alone" },
      { { bearer = "t", scheme = "any" }, "stands alone" },
      { { password = "secret" }, "no user" },
      { {}, "names no user" },
      { { "a", user = "b" }, "two of" },
      { { "a", "secret", "more" }, "its fields" },
      { { "a", pasword = "secret" }, "its fields" },
      { { "a", "secret", scheme = "ntlm" }, "its scheme is" },
      { { 1, "secret" }, "string expected, got a number" },
      { { "a", 12345 }, "string expected, got a number" },
      { true, "table, function or false expected" },
      { "user:secret", "table, function or false expected" },
    }
    for _, case in ipairs(CASES) do
      it("throws at the caller's line, without the password: " .. case[2], function()
        local ok, message = pcall(function() http.get({ url = "http://127.0.0.1:1/", auth = case[1] }) end)
        assert.is_false(ok)
        assert.truthy(message:find("^spec/auth_spec.lua:%d+: "), message)
        assert.truthy(message:find(case[2], 1, true), message)
        assert.is_nil(message:find("secret", 1, true), message)
        assert.is_nil(message:find("12345", 1, true), message)
      end)
    end

    it("throws for a URL that no field could carry", function()
      for _, user in ipairs { "secret%0d%0a:x", "u:secret%00", "u:secret%0aX", "se%3acret:secret" } do
        local ok, message = pcall(http.get, "http://" .. user .. "@127.0.0.1:1/")
        assert.is_false(ok)
        assert.truthy(message:find("bad url", 1, true), message)
        assert.is_nil(message:find("secret", 1, true), message)
      end
    end)
  end)
end)

describe("auth by Digest", function()
  helper.setup()

  local function ask(server, options)
    options = options or {}
    options.url = options.url or helper.url(server, "/a?b=c,d")
    options.auth = options.auth or { USER, PASSWORD, scheme = "digest" }
    return http.request(options, options.data):await()
  end

  local function post(server, data)
    return http.post({ url = helper.url(server, "/p"), auth = { USER, PASSWORD, scheme = "digest" } }, data):await()
  end

  for _, algorithm in ipairs { "MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess" } do
    it("answers " .. algorithm .. ", with every qop and name, and counts on", function()
      for _, how in ipairs {
        { qop = "auth" }, { qop = "auth,auth-int", opaque = "o\"p" }, { qop = "auth-int", userhash = true },
        { qop = "auth", charset = "UTF-8" }, { qop = "auth", rspauth = "right" },
      } do
        how.algorithm = algorithm
        local server = digest_server.start(how)
        for _, data in ipairs { "the body", "" } do
          local response = post(server, data)
          assert.equal("", response.error_string)
          local with_int = how.qop ~= "auth" and (data ~= "" or how.qop == "auth-int")
          assert.equal(with_int and "auth-int" or "auth", response:read_all())
        end
        assert.same({ "nothing", "ok", "ok" }, server.log)
        assert.equal("00000002", server.seen[3].nc)
        assert.equal(algorithm:find("sess") ~= nil, server.seen[2].cnonce == server.seen[3].cnonce)
      end
    end)
  end

  it("answers servers that know no qop, and no algorithm", function()
    local server = digest_server.start({})
    assert.equal("none", ask(server, { method = "GET" }):read_all())
    assert.same({ "nothing", "ok" }, server.log)
  end)

  it("is what plain credentials become where a server asks for it", function()
    local server = digest_server.start({ qop = "auth", also = "Basic realm=x" })
    for _ = 1, 2 do
      assert.equal(200, ask(server, { method = "GET", auth = { USER, PASSWORD } }).status_code)
    end
    assert.same({ "Basic", "ok", "ok" }, server.log)
  end)

  it("takes the strongest of several", function()
    local server = digest_server.start({
      qop = "auth", algorithm = "SHA-512-256",
      also = 'Basic realm=x, Digest realm="r", nonce="n", Digest realm="r", nonce="n", algorithm=SHA-256',
    })
    assert.equal(200, ask(server, { method = "GET", auth = { USER, PASSWORD, scheme = "any" } }).status_code)
    assert.same({ "nothing", "ok" }, server.log)
  end)

  it("takes the next nonce that it is given", function()
    local server = digest_server.start({ qop = "auth", next_nonce = true, algorithm = "SHA-256" })
    for i = 1, 3 do
      assert.equal(200, ask(server, { method = "GET" }).status_code)
      assert.equal(("nonce \"%d\""):format(i), server.seen[i + 1].nonce)
      assert.equal("00000001", server.seen[i + 1].nc)
    end
    assert.same({ "nothing", "ok", "ok", "ok" }, server.log)
  end)

  it("answers a nonce that is stale once more, and asks for nothing in between", function()
    local server = digest_server.start({ qop = "auth", lasts = 1 })
    for _ = 1, 3 do
      assert.equal(200, ask(server, { method = "GET" }).status_code)
    end
    assert.same({ "nothing", "ok", "stale", "ok", "stale", "ok" }, server.log)
  end)

  it("gives up where every nonce is stale", function()
    local server = digest_server.start({ qop = "auth", lasts = 0 })
    local response = ask(server, { method = "GET" })
    assert.equal(R.AUTHENTICATION_REQUIRED_ERROR, response.error)
    assert.equal("refused: stale", response:read_all())
    assert.same({ "nothing", "stale", "stale", "stale" }, server.log)
  end)

  it("gives up where the password is wrong, and begins anew with another", function()
    local server = digest_server.start({ qop = "auth" })
    local response = ask(server, { method = "GET", auth = { USER, "wrong", scheme = "digest" } })
    assert.equal(R.AUTHENTICATION_REQUIRED_ERROR, response.error)
    assert.equal("refused: the response", response:read_all())
    assert.equal(2, #server.log)
    assert.equal(200, ask(server, { method = "GET" }).status_code)
  end)

  it("counts the uses of a nonce over requests side by side", function()
    local server = digest_server.start({ qop = "auth" })
    assert.equal(200, ask(server, { method = "GET" }).status_code)
    server.seen = {}
    local all = {}
    for i = 1, 8 do
      all[i] = http.get({ url = helper.url(server), auth = { USER, PASSWORD } })
    end
    local counts = {}
    for i = 1, 8 do
      all[i]:await()
    end
    assert.is_true(#server.seen >= 8)
    for _, p in ipairs(server.seen) do
      assert.is_nil(counts[p.nonce .. p.nc], "a count that comes twice")
      counts[p.nonce .. p.nc] = true
    end
  end)

  it("ends where the server does not prove that it knows the password", function()
    local server = digest_server.start({ qop = "auth", rspauth = "wrong" })
    local response = ask(server, { method = "GET" })
    assert.equal(R.PROTOCOL_FAILURE, response.error)
    assert.truthy(response.error_string:find("rspauth", 1, true))
  end)

  it("is in the history, without what was sent", function()
    local server = digest_server.start({ qop = "auth" })
    local response = ask(server, { method = "GET" })
    assert.equal(1, #response.history)
    assert.equal(401, response.history[1].status_code)
  end)

  describe("sends a body again", function()
    it("that is in memory, or a file", function()
      local dir = raw.mkdtemp()
      local file = assert(io.open(dir .. "/body", "wb"))
      file:write("from a file")
      file:close()
      local server = digest_server.start({ qop = "auth,auth-int" })
      assert.equal("auth-int", post(server, "text"):read_all())
      assert.equal("auth-int", post(server, { 65, 66 }):read_all())
      if http.can("stream_upload") then
        local other = digest_server.start({ qop = "auth,auth-int" })
        local response = http.put({
          url = helper.url(other), file = dir .. "/body", auth = { USER, PASSWORD, scheme = "digest" },
        }):await()
        assert.equal("auth", response:read_all()) -- it is not hashed
        assert.equal("from a file", other.requests[2].body)
      end
      raw.remove_tree(dir)
      assert.equal("text", server.requests[2].body)
      assert.equal("AB", server.requests[3].body)
    end)

    helper.it_can("stream_upload", "unless it cannot be read a second time", function()
      local server = digest_server.start({ qop = "auth" })
      local pieces = { "a", "b" }
      local response = post(server, function() return table.remove(pieces, 1) end)
      assert.equal(R.CONTENT_RE_SEND_ERROR, response.error)
      assert.same({ "nothing" }, server.log)
    end)
  end)

  it("answers no challenge that it cannot read or compute", function()
    for _, challenge in ipairs {
      'Digest realm="r", nonce="n', 'Digest realm="r"', "Digest nonce=n", "Digest", "",
      'Digest realm=r, nonce=n, algorithm=SHA-1', 'Digest realm=r, nonce=n, qop="auth-conf"',
      'Digest realm=r, realm=s, nonce=n', "Negotiate", "Digest " .. ("a=b,"):rep(5000), ("x "):rep(5000),
    } do
      local server = guarded("x", challenge)
      local response = get({ url = helper.url(server), auth = { "u", "p", scheme = "any" } })
      assert.equal(R.AUTHENTICATION_REQUIRED_ERROR, response.error)
      assert.same({ "nothing" }, server.seen)
    end
  end)
end)

describe("auth and redirects", function()
  helper.setup()

  -- A server that sends everybody elsewhere.
  local function signpost(to)
    return listen("302 Found", { "Location: " .. to })
  end

  it("stays with its origin: neither port nor host may differ", function()
    for _, host in ipairs { "127.0.0.1", "localhost" } do
      local target = listen()
      local server = signpost(helper.url(target, "/", host))
      for _, options in ipairs {
        { auth = { "user", "pa ss" } }, { auth = { bearer = "t" } }, { auth = function() return "Mine" end },
        { url = with_user(server) },
      } do
        options.url = options.url or helper.url(server)
        target.seen = {}
        local response = get(options)
        assert.equal(200, response.status_code)
        assert.same({ "nothing" }, target.seen)
        assert.equal(helper.url(target, "/", host), response.url)
      end
    end
  end)

  it("goes on within the origin, and counts on", function()
    local server
    server = digest_server.start({ qop = "auth", before = function(request)
      if request.target == "/first" and request.headers.authorization then
        return reply("302 Found", { "Location: /second" }, "")
      end
    end })
    local response = get({ url = helper.url(server, "/first"), auth = { USER, PASSWORD, scheme = "digest" } })
    assert.equal(200, response.status_code)
    assert.equal("/second", server.seen[#server.seen].uri)
    assert.equal(2, #response.history - (server.log[2] == "ok" and 0 or 1))
  end)

  it("is there again when it comes home", function()
    local home, away
    home = helper.respond(function(request)
      home.seen[#home.seen + 1] = request.headers.authorization or "nothing"
      if request.target == "/" then
        return reply("302 Found", { "Location: " .. helper.url(away) }, "")
      end
      return reply("200 OK", {}, "home")
    end, { keep_open = true })
    home.seen = {}
    away = signpost(helper.url(home, "/end"))
    assert.equal("home", get({ url = helper.url(home), auth = { "user", "pa ss" } }):read_all())
    assert.same({ "nothing" }, away.seen)
    assert.same({ BASIC, BASIC }, home.seen)
  end)

  it("takes nobody's name from a Location", function()
    local target = listen()
    local server = signpost(with_user(target))
    local response = get(helper.url(server))
    assert.same({ "nothing" }, target.seen)
    assert_hidden(response)
  end)
end)

describe("netrc", function()
  local dir
  before_each(function() dir = raw.mkdtemp() end)
  after_each(function() raw.remove_tree(dir) end)
  helper.setup()

  local function write(text, name)
    local path = dir .. "/" .. (name or "netrc")
    local file = assert(io.open(path, "wb"))
    file:write(text)
    file:close()
    return path
  end

  it("gives user and password by host, for each that a redirect leads to", function()
    local target = listen()
    local server = listen("302 Found", { "Location: " .. helper.url(target, "/", "localhost") })
    local path = write("machine 127.0.0.1 login user password \"pa ss\"\nmachine localhost login l password p\n")
    assert.equal(200, get({ url = helper.url(server), netrc = path }).status_code)
    assert.same({ BASIC }, server.seen)
    assert.same({ "Basic bDpw" }, target.seen)
  end)

  it("gives way to everything else, but completes a user of the URL", function()
    local server = listen()
    local path = write("machine 127.0.0.1 login l password p\nmachine 127.0.0.1 login user password \"pa ss\"")
    get({ url = helper.url(server), netrc = path, auth = { bearer = "t" } })
    get({ url = helper.url(server), netrc = path, auth = false })
    get({ url = helper.url(server), netrc = path, headers = { Authorization = "Mine" } })
    get({ url = with_user(server), netrc = path })
    get({ url = (helper.url(server):gsub("://", "://user@")), netrc = path })
    get({ url = (helper.url(server):gsub("://", "://else@")), netrc = path })
    get({ url = helper.url(server), netrc = false })
    assert.same({ "Bearer t", "nothing", "Mine", BASIC, BASIC, "Basic ZWxzZTo=", "nothing" }, server.seen)
  end)

  it("says which file, and where, cannot be read", function()
    local server = listen()
    for path, words in pairs {
      [dir .. "/none"] = "No such file", [dir] = "Is a directory",
      [write("machine 127.0.0.1 login l\nsecret", "syntax")] = "line 2: a word is none",
      [write("machine \0", "zero")] = "cannot be read",
      [write('machine 127.0.0.1 login l password "secret\\n"', "control")] = "control character",
    } do
      local response = get({ url = helper.url(server), netrc = path })
      assert.equal(R.UNKNOWN_CONTENT_ERROR, response.error)
      assert.truthy(response.error_string:find(words, 1, true), response.error_string)
      assert.truthy(response.error_string:find(path, 1, true), response.error_string)
      assert.is_nil(response.error_string:find("secret", 1, true))
    end
    assert.same({}, server.seen)
  end)

  it("is the one in the home directory where it is true, and need not be there", function()
    local server = listen()
    local script = ("assert(http.get({ url = %q, netrc = true }):await().ok)"):format(helper.url(server))
    local command = (os.getenv("MW_BUILD") or "build") .. "/moonwire"
    for _ = 1, 2 do
      local status, output = helper.run_program({ command, "-e", script, env = { HOME = dir } })
      assert.equal(0, status, output)
      write("default login user password \"pa ss\"", ".netrc")
    end
    assert.same({ "nothing", BASIC }, server.seen)
  end)

  it("throws for what is neither true, false nor a name", function()
    assert.has_error(function() http.get({ url = "http://127.0.0.1:1/", netrc = 1 }) end)
  end)
end)

describe("auth by a function", function()
  helper.setup()

  it("is asked before the first request and after a 401, from the loop", function()
    local server = guarded("Bearer 2")
    local asked, inside = {}, true
    local response = http.get({ url = helper.url(server, "/x#y"), auth = helper.expect(function(challenged, url)
      assert.is_false(inside)
      asked[#asked + 1] = challenged and challenged.status_code .. " " .. challenged.headers["WWW-Authenticate"] or "-"
      assert.equal(helper.url(server, "/x"), url)
      return "Bearer " .. #asked
    end, 2) })
    inside = false
    assert.equal("in", response:await():read_all())
    assert.same({ "-", "401 Basic realm=x" }, asked)
    assert.same({ "Bearer 1", "Bearer 2" }, server.seen)
    assert.is_nil(response.headers["WWW-Authenticate"])
  end)

  it("may wait, for another request for one", function()
    local tokens, server = listen(), guarded("Bearer body")
    local response = get({ url = helper.url(server), timeout = { idle = 30, total = 60 }, auth = function(challenged)
      http.sleep(0.01)
      return challenged and "Bearer " .. get(helper.url(tokens)):read_all() or "Bearer old"
    end })
    assert.equal("in", response:read_all())
    assert.same({ "Bearer old", "Bearer body" }, server.seen)
  end)

  it("may ask the same server, though that be by the only connection", function()
    local server = helper.respond(function(request, conn)
      if request.target == "/token" then
        return "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nt"
      elseif request.headers.authorization == "Bearer t" then
        return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nin"
      end
      http.after(0.05, function() conn:send("later") end)
      return "HTTP/1.1 401 No\r\nContent-Length: 5\r\n\r\n"
    end, { keep_open = true })
    http.configure { max_connections_per_origin = 1 }
    local response = get({ url = helper.url(server), timeout = 10, auth = function(challenged)
      return challenged and "Bearer " .. get(helper.url(server, "/token")):read_all() or nil
    end })
    http.configure { max_connections_per_origin = false }
    assert.equal("in", response:read_all(), response.error_string)
  end)

  it("is not read ahead without bounds while it is thought about", function()
    local sent, piece, over, stopped = 0, ("x"):rep(64 * 1024), false, false
    local server = helper.respond(function(request, conn)
      if request.headers.authorization then
        return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nin"
      end
      conn:send("HTTP/1.1 401 No\r\n\r\n")
      local function more()
        stopped = over or not conn.open
        if stopped then
          return
        elseif conn.unsent_count < 2 * #piece then
          sent = sent + 1
          conn:send(piece)
        end
        http.after(0.001, more)
      end
      more()
    end, { keep_open = true })
    local response = get({ url = helper.url(server), timeout = 20, auth = function(challenged)
      if challenged then
        http.sleep(0.5)
        return "Bearer t"
      end
    end })
    assert.equal("in", response:read_all(), response.error_string)
    over = true
    helper.wait(function() return stopped end)
    assert.is_true(sent < 256, tostring(sent))
  end)

  it("is believed where it says nothing, or the same again", function()
    local server = guarded("x")
    assert.equal("out", get({ url = helper.url(server), auth = function() end }):read_all())
    assert.equal("out", get({ url = helper.url(server), auth = function() return "y" end }):read_all())
    assert.same({ "nothing", "y" }, server.seen)
  end)

  it("is not asked for ever", function()
    local server, count = guarded("x"), 0
    local response = get({ url = helper.url(server), auth = function()
      count = count + 1
      return "try " .. count
    end })
    assert.equal(R.AUTHENTICATION_REQUIRED_ERROR, response.error)
    assert.equal(6, count)
    assert.equal(6, #server.seen)
  end)

  it("is reported where it throws or gives what cannot be sent; then nothing is", function()
    local server = listen()
    for auth, words in pairs {
      ['error("thrown")'] = "thrown", ["return 5"] = "returned a number", ['return "a\\r\\nX: y"'] = "byte 0x0D",
      ['return "a\\0"'] = "byte 0x00", ['http.sleep(0.01) error("thrown later")'] = "thrown later",
    } do
      local status, output = helper.run_script(([[
        local response = http.get({ url = %q, auth = function() %s end }):await()
        assert(response.ok)
      ]]):format(helper.url(server), auth))
      assert.equal(1, status) -- what is reported is an error of the script's
      local _, times = output:gsub(words:gsub("%p", "%%%0"), "")
      assert.equal(1, times, output)
    end
    assert.same({ "nothing", "nothing", "nothing", "nothing", "nothing" }, server.seen)
  end)

  it("costs no more than the total time", function()
    local server = listen()
    local response = get({ url = helper.url(server), timeout = 0.05, auth = function()
      http.sleep(0.3)
      return "late"
    end })
    assert.equal(R.TIMEOUT_ERROR, response.error)
    assert.same({}, server.seen)
    http.sleep(0.5)
  end)

  it("may cancel, at once and later, before the first request and with a 401", function()
    for _, waits in ipairs { false, true } do
      for _, when in ipairs { 1, 2 } do
        local server, count, response = guarded("x"), 0, nil
        response = http.get({ url = helper.url(server), auth = function()
          count = count + 1
          if waits then
            http.sleep(0.01)
          end
          if count == when then
            response:abort()
          end
          return "try " .. count
        end }, helper.expect(function() end))
        response:await()
        assert.equal(R.OPERATION_CANCELLED_ERROR, response.error)
        assert.equal(when - 1, #server.seen)
        http.sleep(0.05)
      end
    end
  end)
end)

describe("a request with credentials that is cancelled", function()
  helper.setup()

  it("ends once, wherever it was", function()
    for at = 0, 3 do
      local response
      local server = digest_server.start({ qop = "auth", before = function(_, count)
        if count == at then
          response:abort()
        end
      end })
      response = http.get({ url = helper.url(server), auth = { USER, PASSWORD, scheme = "digest" } },
        helper.expect(function() end))
      if at == 0 then
        response:abort()
      end
      response:await()
      assert.equal(at < 3 and R.OPERATION_CANCELLED_ERROR or R.NO_ERROR, response.error)
    end
  end)

  it("ends once in every turn of the loop", function()
    for turns = 1, 12 do
      local server = digest_server.start({ qop = "auth" })
      local response = http.get({ url = helper.url(server), auth = { USER, PASSWORD, scheme = "digest" } },
        helper.expect(function() end))
      for _ = 1, turns do
        http.poll(0)
      end
      response:abort()
      helper.wait_calls()
      assert.is_true(response.finished)
    end
  end)
end)
