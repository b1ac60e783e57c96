-- Content codings of responses: decoded as they come, in every framing and however they are cut; what is
-- asked for; what is left as it came; what is wrong with a body; bombs, and readers who take their time.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local servers = require("servers")

local R = http.Response
local MIB = 1024 * 1024
local BROKEN_PHASE = "decode"

local function unhex(hex)
  return (hex:gsub("%x%x", function(byte) return string.char(tonumber(byte, 16)) end))
end

-- "40 bottles of beer on the wall, 40 bottles of beer." down to 31, in each coding.
local TEXT = ""
for n = 40, 31, -1 do
  TEXT = TEXT .. ("%d bottles of beer on the wall, %d bottles of beer.\n"):format(n, n)
end
local CODED = {
  gzip = unhex("1f8b080000000000020385cb4d0a80201006d07da7980344a48e3f1d2761a4852494d0f56befd0b77e3c5e29"
    .. "b7deabdcd40a65918bda49fd107af65a67e2c197c96dff67f4ef2470927222385139019ca01c0f8e570e83c3"
    .. "ca71e038e55870ac720c38663c2fb670fab908020000"),
  deflate = unhex("78da85cb4d0a80201006d07da7980344a48e3f1d2761a4852494d0f56befd0b77e3c5e29b7deabdcd40a6591"
    .. "8bda49fd107af65a67e2c197c96dff67f4ef2470927222385139019ca01c0f8e570e83c3ca71e038e55870ac"
    .. "720c38663c2fa5a4ab4d"),
  bare = unhex("85cb4d0a80201006d07da7980344a48e3f1d2761a4852494d0f56befd0b77e3c5e29b7deabdcd40a65918bda"
    .. "49fd107af65a67e2c197c96dff67f4ef2470927222385139019ca01c0f8e570e83c3ca71e038e55870ac720c"
    .. "38663c2f"),
  br = unhex("1b0702f81d07764cece9b0c548a407c358ed02726ba91e5dac4198491cfc1b0a14930380db53c0187028e50b"
    .. "43acf4f350be1b7ddc94f4f07ec92570487d93be9caeacb6542d518ae522a9502c0000"),
  zstd = unhex("28b52ffd046895020062830c12a0edb0f2680799ffc56bd2a4f2b4a80a1b018494b2cb6ccc3908a5a4562d10"
    .. "0fefadfa76f4305e76b3b7f8d98fd2c83e3813a810d88bf57f03d09b0310fe1d2f7ee60140943c79bd2f8f30"
    .. "0049010313f703"),}
local HI = {
  gzip = unhex("1f8b0800000000000203cbc80400ac2a93d802000000"),
  zstd_gzip = unhex("28b52ffd0458b100001f8b0800000000000203cbc80400ac2a93d802000000a7c614b4"),
}

-- The field's value, and the bytes: one of each way in which a body can be coded.
local CODINGS = {
  { "gzip", CODED.gzip },
  { "x-gzip", CODED.gzip },
  { "deflate", CODED.deflate },
  { "deflate", CODED.bare, "deflate without the head of zlib" },
  { "br", CODED.br },
  { "zstd", CODED.zstd },
}

local FRAMINGS = {
  counted = function(field, body)
    return ("HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n"):format(field, #body), body
  end,
  chunked = function(field, body)
    local head = ("HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nTransfer-Encoding: chunked\r\n\r\n"):format(field)
    return head, (body:gsub("..?.?.?.?.?.?", function(piece)
      return ("%x\r\n%s\r\n"):format(#piece, piece)
    end)) .. "0\r\n\r\n"
  end,
  closed = function(field, body)
    return ("HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nConnection: close\r\n\r\n"):format(field), body, true
  end,
}

-- Starts a request; returns the response and the connection on which it came.
local function ask(options)
  options = options or {}
  local conn
  local server = raw.listen({
    on_connect = function(c)
      c.on_data = function() conn = c end
    end,
  })
  options.url = helper.url(server)
  options.method = options.method or "GET"
  options.timeout = options.timeout or { idle = 20 }
  local response = http.request(options)
  helper.wait(function() return conn and conn.received:find("\r\n\r\n", 1, true) end)
  return response, conn
end

local function finish(response)
  helper.wait(function() return response.finished end, 30)
  return response
end

-- What becomes of a reply in pieces of `size` (nil: as a whole).
local function fetch(framing, field, body, options, size)
  local response, conn = ask(options)
  local head, bytes, closes = FRAMINGS[framing](field, body)
  helper.drip(conn, head .. bytes, size or #head + #bytes)
  if closes then
    conn:close()
  end
  return finish(response)
end

local function passes(response, body)
  assert.equal("", response.error_string)
  assert.equal(body, response:read_string())
end

local function breaks(response, words)
  assert.equal(R.UNKNOWN_CONTENT_ERROR, response.error, response.error_string)
  assert.equal(BROKEN_PHASE, response.error_detail.phase)
  assert.matches(words, response.error_string, 1, true)
end

describe("a body with a content coding", function()
  helper.setup()

  for _, case in ipairs(CODINGS) do
    local field, coded, title = unpack(case)
    title = title or field
    for framing in pairs(FRAMINGS) do
      it(("is decoded: %s, %s"):format(title, framing), function()
        local response = fetch(framing, field, coded)
        assert.is_true(response.decoded)
        passes(response, TEXT)
      end)

      it(("is decoded byte by byte: %s, %s"):format(title, framing), function()
        passes(fetch(framing, field, coded, nil, 1), TEXT)
      end)
    end

    it(("may be cut anywhere: %s"):format(title), function()
      local head, body = FRAMINGS.counted(field, coded)
      local conns = {}
      local server = raw.listen({
        on_connect = function(c)
          c.on_data = function() conns[#conns + 1] = c end
        end,
      })
      for cut = 1, #coded do
        local response = http.get(helper.url(server))
        helper.wait(function() return conns[cut] end)
        conns[cut]:send(head .. body:sub(1, cut))
        http.poll(0)
        http.poll(0)
        conns[cut]:send(body:sub(cut + 1))
        passes(finish(response), TEXT)
        conns[cut]:close()
        http._drop_idle()
      end
    end)
  end

  it("may have several, of which the last is undone first", function()
    local response = fetch("counted", "gzip, zstd", HI.zstd_gzip)
    passes(response, "hi")
  end)

  it("may tell of them in several fields", function()
    local response, conn = ask()
    conn:send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Encoding:\r\n" ..
      ("content-encoding: ZSTD\r\nContent-Length: %d\r\n\r\n%s"):format(#HI.zstd_gzip, HI.zstd_gzip))
    passes(finish(response), "hi")
  end)

  it("may have the coding that is none", function()
    local response = fetch("counted", "identity", "hi")
    assert.is_false(response.decoded)
    passes(response, "hi")
    passes(fetch("counted", "gzip, identity", HI.gzip), "hi")
  end)

  it("is left as it came where a coding is not known, whichever it is", function()
    for _, field in ipairs({ "compress", "gzip, compress", "compress, gzip", "gzip;q=1" }) do
      local response = fetch("counted", field, HI.gzip)
      assert.is_false(response.decoded)
      passes(response, HI.gzip)
      assert.equal(field, response.headers["Content-Encoding"])
    end
  end)

  it("is refused with more than five", function()
    local response = fetch("counted", ("gzip, "):rep(5) .. "br", HI.gzip)
    breaks(response, "the body has more than 5 content codings")
    assert.equal("", response:read_string())
  end)

  it("leaves the fields as the server sent them, and counts what is on the wire", function()
    local seen
    local response, conn = ask()
    response.download_progress_handler = function(_, received, total)
      assert.is_true(received <= #CODED.gzip)
      seen = { received, total }
    end
    helper.drip(conn, FRAMINGS.counted("gzip", CODED.gzip) .. CODED.gzip, 20)
    passes(finish(response), TEXT)
    assert.same({ #CODED.gzip, #CODED.gzip }, seen)
    assert.equal("gzip", response.headers["Content-Encoding"])
    assert.equal(tostring(#CODED.gzip), response.headers["Content-Length"])
  end)

  it("calls ready_read_handler only where there is something to read", function()
    local calls, bytes = 0, {}
    local response, conn = ask()
    response.ready_read_handler = function()
      calls = calls + 1
      local piece = response:read_string()
      assert.is_true(#piece > 0)
      bytes[#bytes + 1] = piece
    end
    local head, body = FRAMINGS.counted("gzip", CODED.gzip)
    helper.drip(conn, head .. body, 1)
    finish(response)
    assert.equal("", response.error_string)
    assert.is_true(calls > 1)
    assert.equal(TEXT, table.concat(bytes))
  end)

  it("may be empty, whatever it says", function()
    for framing in pairs(FRAMINGS) do
      for _, case in ipairs(CODINGS) do
        passes(fetch(framing, case[1], ""), "")
      end
      passes(fetch(framing, "gzip, br", ""), "")
    end
  end)

  it("may be missing: HEAD, 204, 304", function()
    local field = "Content-Encoding: gzip\r\nContent-Length: 500\r\n\r\n"
    local response, conn = ask({ method = "HEAD" })
    conn:send("HTTP/1.1 200 OK\r\n" .. field)
    passes(finish(response), "")
    assert.is_true(response.decoded) -- as the body of a GET would be
    response, conn = ask()
    conn:send("HTTP/1.1 204 No Content\r\nContent-Encoding: br\r\n\r\n")
    passes(finish(response), "")
    response, conn = ask()
    conn:send("HTTP/1.1 304 Not Modified\r\n" .. field)
    passes(finish(response), "")
  end)

  it("is decoded where the status tells of an error", function()
    local response, conn = ask()
    conn:send(("HTTP/1.1 404 Not Found\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s")
      :format(#HI.gzip, HI.gzip))
    finish(response)
    assert.equal(R.CONTENT_NOT_FOUND_ERROR, response.error)
    assert.equal("hi", response:read_string())
  end)

  it("leaves its connection to the next request", function()
    local connections = 0
    local server = raw.listen({
      on_connect = function(conn)
        connections = connections + 1
        conn.on_data = function(c)
          if c.received:sub(-4) == "\r\n\r\n" then
            local head, body = FRAMINGS.counted("gzip", CODED.gzip)
            c:send(head .. body)
          end
        end
      end,
    })
    for _ = 1, 3 do
      passes(finish(http.get({ url = helper.url(server), read_buffer_size = 0 })), TEXT)
    end
    assert.equal(1, connections)
  end)
end)

describe("Accept-Encoding", function()
  helper.setup()

  local function sent(options)
    local response, conn = ask(options)
    conn:send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    finish(response)
    return helper.parse_request(conn.received).headers["accept-encoding"]
  end

  it("asks for all that can be decoded", function()
    for _, method in ipairs({ "GET", "HEAD", "POST", "OPTIONS" }) do
      assert.equal("gzip, deflate, br, zstd", sent({ method = method }))
    end
  end)

  it("is the script's own if there is one", function()
    assert.equal("identity", sent({ headers = { ["accept-encoding"] = "identity" } }))
    assert.equal("br, gzip", sent({ headers = { ["Accept-Encoding"] = { "br", "gzip" } } }))
    assert.equal("br", sent({ headers = { ["ACCEPT-ENCODING"] = "br" }, decode = false }))
  end)

  it("is not sent with Range, nor with decode = false", function()
    assert.is_nil(sent({ headers = { range = "bytes=0-9" } }))
    assert.is_nil(sent({ decode = false }))
    assert.equal("gzip, deflate, br, zstd", sent({ decode = true }))
  end)

  it("of the script's own is decoded all the same", function()
    passes(fetch("counted", "gzip", HI.gzip, { headers = { ["Accept-Encoding"] = "gzip" } }), "hi")
  end)
end)

describe("options.decode", function()
  helper.setup()

  it("= false leaves the body as it comes", function()
    local response = fetch("counted", "gzip", CODED.gzip, { decode = false })
    assert.is_false(response.decoded)
    passes(response, CODED.gzip)
  end)

  it("is true or false, and nothing else", function()
    for _, value in ipairs({ 1, "gzip", {} }) do
      assert.has_error(function()
        http.get({ url = "http://127.0.0.1/", decode = value })
      end)
    end
  end)

  it("does not make whole what is a part (206)", function()
    local response, conn = ask({ headers = { Range = "bytes=0-9" } })
    conn:send("HTTP/1.1 206 Partial Content\r\nContent-Encoding: gzip\r\nContent-Length: 10\r\n" ..
      "Content-Range: bytes 0-9/22\r\n\r\n" .. HI.gzip:sub(1, 10))
    passes(finish(response), HI.gzip:sub(1, 10))
    assert.is_false(response.decoded)
  end)

  it("decodes the whole where the server does not care for the range", function()
    passes(fetch("counted", "gzip", HI.gzip, { headers = { Range = "bytes=0-9" } }), "hi")
  end)
end)

describe("a body that cannot be decoded", function()
  helper.setup()

  local LIKE = { gzip = "gzip", ["x-gzip"] = "gzip" }

  for _, case in ipairs(CODINGS) do
    local field, coded, title = unpack(case)
    for framing in pairs(FRAMINGS) do
      it(("ends with an error where it ends too early: %s, %s"):format(title or field, framing), function()
        for _, length in ipairs({ 1, 2, 3, 10, math.floor(#coded / 2), #coded - 1 }) do
          local response = fetch(framing, field, coded:sub(1, length))
          breaks(response, ("the body cannot be decoded from %s: it ends too early"):format(LIKE[field] or field))
          local before = response:read_string()
          assert.equal(TEXT:sub(1, #before), before)
        end
      end)
    end
  end

  it("says what is wrong, and leaves what was right", function()
    local wrong = CODED.gzip:sub(1, -9) .. "\0\0\0\0" .. CODED.gzip:sub(-4)
    for framing in pairs(FRAMINGS) do
      local response = fetch(framing, "gzip", wrong)
      breaks(response, "the body cannot be decoded from gzip: incorrect data check")
      assert.equal(TEXT, response:read_string())
    end
  end)

  it("is noticed at once, before the rest has come", function()
    local response, conn = ask()
    conn:send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1000\r\n\r\nhello")
    breaks(finish(response), "the body cannot be decoded from gzip: incorrect header check")
    assert.matches("^127%.0%.0%.1:%d+$", response.error_detail.address)
    helper.wait(function() return conn.closed end)
  end)

  it("is one of the status, too", function()
    local response, conn = ask()
    conn:send("HTTP/1.1 500 Oops\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello")
    breaks(finish(response), "the body cannot be decoded from gzip")
    assert.equal(500, response.status_code)
  end)

  it("says which of several codings it was", function()
    breaks(fetch("counted", "br, gzip", HI.gzip), "the body cannot be decoded from br: ")
  end)

  it("is as it is on the wire where the connection broke first", function()
    local response, conn = ask()
    conn:send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 22\r\n\r\n" .. HI.gzip:sub(1, 15))
    conn:close()
    finish(response)
    assert.equal(R.REMOTE_HOST_CLOSED_ERROR, response.error)
    assert.equal("body", response.error_detail.phase)
  end)
end)

-- ---- elsewhere in the API -----------------------------------------------------------------------

describe("a Response that is decoded", function()
  helper.setup()

  local FIELDS = "Content-Encoding: gzip\r\nETag: \"x\"\r\nAccept-Ranges: bytes\r\nX-One: 1\r\nRepr-Digest: y\r\n"

  -- What a server says that passes on what another one says.
  local function relay(coded, request, options)
    local upstream = helper.respond(("HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n"):format(FIELDS, #coded) ..
      (request:find("^HEAD") and "" or coded))
    local app = http.app()
    app:use(function(ctx)
      options = options or {}
      options.method, options.url = ctx.method, helper.url(upstream)
      ctx.body = http.request(options)
    end)
    local reply = servers.talk(assert(app:listen(0)), request)
    app:close()
    return reply
  end

  it("is passed on by an application without what is true of the coded one alone", function()
    local reply = relay(CODED.gzip, servers.GET)
    local head, body = reply:match("^(.-\r\n\r\n)(.*)$")
    assert.matches("\r\nX%-One: 1\r\n", head)
    assert.matches('\r\nETag: W/"x"\r\n', head)
    for _, name in ipairs({ "content%-encoding", "content%-length", "accept%-ranges", "repr%-digest" }) do
      assert.not_matches("\r\n" .. name, head:lower())
    end
    assert.matches("\r\nTransfer%-Encoding: chunked\r\n", head)
    assert.equal(("%x\r\n%s\r\n0\r\n\r\n"):format(#TEXT, TEXT), body)
  end)

  it("is passed on the same to HEAD", function()
    local head = relay(CODED.gzip, (servers.GET:gsub("GET", "HEAD"))):lower()
    assert.matches("\r\nx%-one: 1\r\n", head)
    assert.not_matches("\r\ncontent%-encoding", head)
    assert.not_matches("\r\ncontent%-length", head)
  end)

  it("is passed on as it is where it was not decoded", function()
    local reply = relay(CODED.gzip, servers.GET, { decode = false })
    local head, body = reply:match("^(.-\r\n\r\n)(.*)$")
    assert.matches("\r\nContent%-Encoding: gzip\r\n", head)
    assert.matches("\r\nContent%-Length: " .. #CODED.gzip .. "\r\n", head)
    assert.matches('\r\nETag: "x"\r\n', head)
    assert.equal(CODED.gzip, body)
  end)

  it("is one of a PoolManager, unless decode_content is false", function()
    local head = FRAMINGS.counted("gzip", HI.gzip)
    local server = helper.respond(head .. HI.gzip)
    local pool = http.PoolManager({})
    for _, case in ipairs({ { nil, "hi" }, { true, "hi" }, { false, HI.gzip } }) do
      for _, preload in ipairs({ true, false }) do
        local response = assert(pool:request("GET", helper.url(server),
          { decode_content = case[1], preload_content = preload }))
        assert.equal(case[2], response:read())
        assert.equal("gzip", response.headers["Content-Encoding"])
      end
    end
    assert.equal("gzip, deflate, br, zstd", server.requests[1].headers["accept-encoding"])
    assert.is_nil(server.requests[5].headers["accept-encoding"])
  end)

  it("gives its lines and pieces decoded", function()
    local head = FRAMINGS.counted("gzip", CODED.gzip)
    local server = helper.respond(head .. CODED.gzip)
    local lines = {}
    for line in http.get(helper.url(server)):lines() do
      lines[#lines + 1] = line
    end
    assert.equal(10, #lines)
    assert.equal(TEXT, table.concat(lines, "\n") .. "\n")
  end)
end)

-- ---- large ones ---------------------------------------------------------------------------------

local LARGE = 4 * MIB -- decoded
local BOMBS = {
  gzip = "gzip -9",
  br = [[node -e "const z = require('zlib'), p = z.createBrotliCompress({ params: { ]] ..
    [[[z.constants.BROTLI_PARAM_QUALITY]: 3 } }); process.stdin.pipe(p).pipe(process.stdout)"]],
  zstd = "zstd -c",
}

-- So many zeros in a coding, by its own tool.
local made = {}
local function bomb(coding, size)
  local key = coding .. size
  if not made[key] then
    local pipe = assert(io.popen(("head -c %d /dev/zero | %s"):format(size, BOMBS[coding])))
    made[key] = pipe:read("*a")
    pipe:close()
    assert(#made[key] > 0, coding .. ": its tool is not there")
  end
  return made[key]
end

local function calm_gc()
  collectgarbage("setpause", 110)
  collectgarbage("setstepmul", 400)
end

describe("a reader who takes the time", function()
  helper.setup()

  for _, size in ipairs({ 1000, 65536, 300000 }) do
    for framing in pairs(FRAMINGS) do
      it(("has no more than read_buffer_size waiting: %d, %s"):format(size, framing), function()
        calm_gc()
        local response, conn = ask({ read_buffer_size = size })
        local head, bytes, closes = FRAMINGS[framing]("gzip", bomb("gzip", LARGE))
        conn:send(head .. bytes)
        if closes then
          conn:close()
        end
        local got, still = 0, 0
        helper.wait(function() return response.bytes_available == size end)
        repeat -- whatever the loop does, it stays so
          http.poll(0)
          still = still + 1
        until still == 20
        assert.equal(size, response.bytes_available)
        assert.is_false(response.finished)
        helper.wait(function()
          assert.is_true(response.bytes_available <= size)
          got = got + #response:read_string()
          return response.finished
        end, 60)
        got = got + #response:read_string()
        assert.equal("", response.error_string)
        assert.equal(LARGE, got)
      end)
    end
  end

  it("is not blamed by the clock of silence", function()
    local response, conn = ask({ read_buffer_size = 1000, timeout = { idle = 0.3 } })
    local head, bytes = FRAMINGS.counted("gzip", bomb("gzip", LARGE))
    conn:send(head .. bytes)
    helper.wait(function() return response.bytes_available == 1000 end)
    local later = raw.now() + 1
    helper.wait(function() return raw.now() > later end)
    assert.is_false(response.finished)
    response.read_buffer_size = 0
    passes(finish(response), ("\0"):rep(LARGE))
  end)

  it("may go away: abort(), close(), an end of the request", function()
    for _, leave in ipairs({ "abort", "close" }) do
      for _, framing in ipairs({ "counted", "closed" }) do
        local response, conn = ask({ read_buffer_size = 1000 })
        local head, bytes, closes = FRAMINGS[framing]("gzip", bomb("gzip", LARGE))
        conn:send(head .. bytes)
        if closes then
          conn:close()
        end
        helper.wait(function() return response.bytes_available == 1000 end)
        response[leave](response)
        finish(response)
        assert.equal(R.OPERATION_CANCELLED_ERROR, response.error)
      end
    end
  end)

  it("may go away from a handler, while more is being decoded", function()
    local response, conn = ask({})
    response.ready_read_handler = helper.expect(function(self) self:abort() end)
    local head, bytes = FRAMINGS.counted("gzip", bomb("gzip", LARGE))
    conn:send(head .. bytes)
    finish(response)
    assert.equal(R.OPERATION_CANCELLED_ERROR, response.error)
  end)

  it("may be forgotten, and collected", function()
    do
      local response, conn = ask({ read_buffer_size = 1000 })
      local head, bytes = FRAMINGS.counted("br", bomb("br", LARGE))
      conn:send(head .. bytes)
      helper.wait(function() return response.bytes_available == 1000 end)
      response:abort()
      finish(response)
    end
    collectgarbage()
  end)

  it("runs out of the total time at most", function()
    local response, conn = ask({ read_buffer_size = 1000, timeout = { total = 0.5 } })
    local head, bytes, _ = FRAMINGS.counted("gzip", bomb("gzip", LARGE))
    conn:send(head .. bytes)
    finish(response)
    assert.equal(R.TIMEOUT_ERROR, response.error)
  end)
end)

describe("a bomb", function()
  helper.setup()

  local ENOUGH = helper.under and 8 * MIB or 1024 * MIB

  for coding in pairs(BOMBS) do
    it(("ends where max_body_size does, the limit's bytes being there to read: %s"):format(coding), function()
      calm_gc()
      for framing in pairs(FRAMINGS) do
        local response = fetch(framing, coding, bomb(coding, LARGE), { max_body_size = MIB })
        breaks(response, "the decoded body is larger than max_body_size, 1048576 bytes")
        assert.is_true(response.bytes_available <= MIB)
      end
    end)

    it(("of just max_body_size is none: %s"):format(coding), function()
      calm_gc()
      local response = fetch("counted", coding, bomb(coding, LARGE), { max_body_size = LARGE })
      assert.equal("", response.error_string)
      assert.equal(LARGE, response.bytes_available)
      breaks(fetch("counted", coding, bomb(coding, LARGE), { max_body_size = LARGE - 1 }), "4194303 bytes")
    end)

    it(("passes in constant memory, and others get their turn: %s"):format(coding), function()
      local bytes = bomb(coding, ENOUGH)
      local dir = raw.mkdtemp()
      local file = assert(io.open(dir .. "/bomb", "wb"))
      file:write(bytes)
      file:close()
      local server = helper.respond((FRAMINGS.counted(coding, bytes)) .. bytes, { keep_open = true })
      local status, output = helper.run_script([[
        local url = arg[1]
        local function memory(name)
          for line in io.lines("/proc/self/status") do
            local kib = line:match("^" .. name .. ":%s*(%d+)")
            if kib then return tonumber(kib) end
          end
        end
        collectgarbage() collectgarbage()
        local clear = io.open("/proc/self/clear_refs", "w")
        clear:write("5") clear:close()
        local before, got, turns = memory("VmRSS"), 0, 0
        local response = http.get({ url = url, max_body_size = false })
        local timer = http.every(0.001, function() turns = turns + 1 end)
        for chunk in response:chunks() do got = got + #chunk end
        timer:cancel()
        assert(turns > 2, turns)
        print(got, response.error_string, memory("VmHWM") - before, turns)
      ]], helper.url(server))
      raw.remove_tree(dir)
      assert.equal(0, status, output)
      local got, words, grown = output:match("^(%d+)\t(.-)\t(%-?%d+)")
      assert.equal("", words)
      assert.equal(tostring(ENOUGH), got)
      if not helper.under then
        assert.is_true(tonumber(grown) < 32 * 1024, "grew by " .. grown .. " KiB")
      end
    end)
  end

  it("of which nothing comes out, whatever goes in, ends too", function()
    local empty = unhex("1f8b080000000000020303000000000000000000")
    local response, conn = ask({ max_body_size = 1000 })
    conn:send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n")
    local sent = 0
    helper.wait(function()
      if conn.unsent_count < 10000 and not conn.closed then
        sent = sent + 10000
        conn:send(empty:rep(500))
      end
      return response.finished
    end)
    assert.equal(R.UNKNOWN_CONTENT_ERROR, response.error)
    assert.matches("max_body_size", response.error_string)
  end)
end)
