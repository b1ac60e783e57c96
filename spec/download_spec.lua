-- http.download: whatever breaks off, and wherever, the next call ends with the right file or a clear error,
-- and nothing that is not the whole file ever takes its place.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")

local COMMAND = (os.getenv("MW_BUILD") or "build") .. "/moonwire"
local DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
local LATER = "Sun, 06 Nov 1994 08:49:38 GMT"
local TEXT = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-"
local OTHER = TEXT:reverse()
local SHORT = TEXT:sub(1, 20) -- where every byte is a try: each of them waits for the disk
local KIB = 1024

---- files

local function read_file(path)
  local file = io.open(path, "rb")
  local bytes = file and file:read("*a")
  if file then
    file:close()
  end
  return bytes
end

local function write_file(path, bytes)
  local file = assert(io.open(path, "wb"))
  assert(file:write(bytes))
  assert(file:close())
end

local function run(...)
  local dir = raw.mkdtemp()
  local status = raw.run { stdout = dir .. "/out", ... }
  local out = read_file(dir .. "/out")
  raw.remove_tree(dir)
  return status, out
end

local function names_in(dir)
  local _, out = run("ls", "-A", dir)
  return (out:gsub("\n", " "):gsub(" $", ""))
end

-- Bytes in which a piece that is lost, doubled or moved shows.
local function sample(size)
  local parts = {}
  for i = 1, math.ceil(size / (4 * KIB)) do
    parts[i] = ("%07d\n"):format(i):rep(512)
  end
  return table.concat(parts):sub(1, size)
end

---- a server of one file

local function head(status, fields)
  return "HTTP/1.1 " .. status .. "\r\n" .. table.concat(fields, "\r\n") .. "\r\n\r\n"
end

-- Whether it is to send a part only, as a server must that knows ranges.
local function wanted(site, request)
  local from = tonumber((request.headers.range or ""):match("^bytes=(%d+)%-$"))
  local condition = request.headers["if-range"]
  local same = not condition or site.ignores_if_range or condition == site.etag
    or (not site.etag and condition == site.last_modified)
  return site.ranges ~= false and same and from or nil
end

-- Small ones, since some engines tell of whole chunks only.
local function in_chunks(body)
  local parts = {}
  for from = 1, #body, 16 do
    local piece = body:sub(from, from + 15)
    parts[#parts + 1] = ("%x\r\n%s\r\n"):format(#piece, piece)
  end
  return table.concat(parts) .. "0\r\n\r\n"
end

local function answer(site, request)
  local fields, body = {}, site.body
  local from = wanted(site, request)
  local status = "200 OK"
  if from and from >= #body then
    return head("416 Range Not Satisfiable", { "Content-Range: bytes */" .. #body, "Content-Length: 0" })
  elseif from then
    status = "206 Partial Content"
    fields[1] = ("Content-Range: bytes %d-%d/%d"):format(from, #body - 1, #body)
    body = body:sub(from + 1)
  end
  for name, value in pairs { ETag = site.etag, ["Last-Modified"] = site.last_modified, Date = site.date } do
    fields[#fields + 1] = name .. ": " .. value
  end
  if site.chunked then
    fields[#fields + 1] = "Transfer-Encoding: chunked"
    body = in_chunks(body)
    return head(status, fields) .. (site.cut and body:sub(1, site.cut) or body)
  end
  fields[#fields + 1] = "Content-Length: " .. #body
  return head(status, fields) .. (site.cut and body:sub(1, site.cut) or body)
end

-- body, etag, last_modified, date; cut: so many bytes of the body go, and then the connection; ranges = false;
-- ignores_if_range; chunked; reply: bytes, or a function(request), in the place of all that; hold: the connection
-- stays open, as site.conn.
local function open_site(site)
  site.server = helper.respond(function(request, conn)
    site.asked, site.conn = request, conn
    if type(site.reply) == "function" then
      conn:send(site.reply(request))
    else
      conn:send(site.reply or answer(site, request))
    end
    if not site.hold then
      conn:close()
    end
  end, { keep_open = true })
  site.url = helper.url(site.server, "/file")
  return site
end

---- a download, and a folder for it

local dir

local function fetch(what, path, options)
  local over, file, message, code = false, nil, nil, nil
  http.download(what, path, options or {}, helper.expect(function(...)
    file, message, code = ...
    assert.equal(file and 1 or 3, select("#", ...))
    over = true
  end))
  helper.wait(function() return over end, 30, "the download's end")
  return file, message, code
end

local function arrives(what, path, text, resumed_from, options)
  local file, message, code = fetch(what, path, options)
  assert.is_nil(message)
  assert.is_nil(code)
  assert.equal(path, file.path)
  assert.equal(#text, file.size)
  assert.is_true(read_file(path) == text)
  if resumed_from then
    assert.equal(resumed_from, file.resumed_from)
  end
  assert.is_nil(read_file(path .. ".part"))
  assert.is_nil(read_file(path .. ".part.note"))
  return file
end

local function fails(code, words, what, path, options)
  local file, message, found = fetch(what, path, options)
  assert.is_nil(file)
  assert.equal(code, found, message)
  assert.truthy(message:find(words, 1, true), message)
  return message
end

local function with_folder()
  before_each(function() dir = raw.mkdtemp() end)
  after_each(function() raw.remove_tree(dir) end)
  helper.setup()
end

describe("http.download", function()
  with_folder()

  it("puts the file in its place and leaves nothing beside it", function()
    local site = open_site { body = TEXT, etag = '"1"' }
    local file = arrives(site.url, dir .. "/file", TEXT, 0)
    assert.equal(200, file.status_code)
    assert.equal('"1"', file.response.headers.etag)
    assert.is_true(file.response.ok)
    assert.is_nil(file.sha256)
    assert.equal("file", names_in(dir))
  end)

  it("asks for the file as it is", function()
    local site = open_site { body = TEXT }
    arrives({ url = site.url, headers = { ["X-Own"] = "1" } }, dir .. "/file", TEXT)
    assert.equal("identity", site.asked.headers["accept-encoding"])
    assert.equal("1", site.asked.headers["x-own"])
    assert.is_nil(site.asked.headers.range)
    assert.is_nil(site.asked.headers["if-range"])
  end)

  it("takes an empty file", function()
    arrives(open_site({ body = "", etag = '"1"' }).url, dir .. "/file", "", 0, { sha256 = true })
  end)

  it("takes a file whose length nobody told", function()
    arrives(open_site({ body = TEXT, chunked = true }).url, dir .. "/file", TEXT, 0)
    arrives(open_site({ reply = head("200 OK", { "Connection: close" }) .. TEXT }).url, dir .. "/file", TEXT, 0)
  end)

  it("waits outside a task and in one", function()
    local site = open_site { body = TEXT }
    local file = http.download(site.url, dir .. "/one")
    assert.equal(#TEXT, file.size)
    local task = http.spawn(function()
      local got = http.download(site.url, dir .. "/two")
      return got.size, select("#", http.download(site.url .. "\0", dir .. "/three"))
    end)
    local ok, wrong = pcall(task.await, task)
    assert.is_false(ok) -- a NUL in a URL is misuse
    assert.truthy(tostring(wrong):find("url", 1, true), wrong)
    assert.equal(TEXT, read_file(dir .. "/two"))
    local none, message, code = http.download(site.url, dir .. "/no/such")
    assert.is_nil(none)
    assert.truthy(message)
    assert.equal("no_folder", code)
  end)

  it("throws in a handler, where nobody may wait, and lets go of the file", function()
    local site = open_site { body = TEXT }
    local ok, wrong
    http.get(site.url, helper.expect(function()
      ok, wrong = pcall(http.download, site.url, dir .. "/file")
    end))
    helper.wait_calls()
    assert.is_false(ok)
    assert.truthy(wrong:find("cannot wait inside a handler", 1, true), wrong)
    helper.wait(function() return http._live().exchanges <= 1 and names_in(dir) == "" end)
  end)

  it("replaces a file only by a whole one", function()
    local path = dir .. "/file"
    write_file(path, "old")
    local site = open_site { body = TEXT, etag = '"1"', cut = 10 }
    fails("remote_host_closed", "", site.url, path)
    assert.equal("old", read_file(path))
    assert.equal(TEXT:sub(1, 10), read_file(path .. ".part"))
    site.cut = nil
    arrives(site.url, path, TEXT, 10)
  end)

  it("does not touch the options", function()
    local site = open_site { body = TEXT }
    local request = { url = site.url, headers = { A = "1" } }
    local options = { sha256 = true, resume = true, mode = 384 }
    fetch(request, dir .. "/file", options)
    assert.same({ url = site.url, headers = { A = "1" } }, request)
    assert.same({ sha256 = true, resume = true, mode = 384 }, options)
  end)

  it("goes on although nobody holds its handle", function()
    local site = open_site { body = TEXT }
    do
      http.download(site.url, dir .. "/file", helper.expect(function(file) assert.equal(#TEXT, file.size) end))
    end
    collectgarbage()
    collectgarbage()
    helper.wait_calls()
  end)

  it("gives a file the mode that the umask leaves, or the one that is asked for", function()
    local site = open_site { body = TEXT }
    local function mode_of(path)
      local _, out = run("stat", "-c", "%a", path)
      return out:gsub("\n", "")
    end
    write_file(dir .. "/plain", "")
    arrives(site.url, dir .. "/one", TEXT)
    assert.equal(mode_of(dir .. "/plain"), mode_of(dir .. "/one"))
    arrives(site.url, dir .. "/two", TEXT, 0, { mode = tonumber("640", 8) })
    assert.equal("640", mode_of(dir .. "/two"))
  end)

  it("keeps what has come so far from others", function()
    local site = open_site { body = TEXT, etag = '"1"', cut = 10 }
    fails("remote_host_closed", "", site.url, dir .. "/file")
    local _, out = run("stat", "-c", "%a", dir .. "/file.part")
    assert.equal("600\n", out)
  end)

  it("stores a note without the URL, which may be secret", function()
    local site = open_site { body = TEXT, etag = '"1"', cut = 10 }
    fails("remote_host_closed", "", site.url .. "?token=SECRET", dir .. "/file")
    local note = read_file(dir .. "/file.part.note")
    assert.truthy(note:find('^moonwire download 1\nurl: %x+\ntotal: 64\nvalidator: "1"\n$'), note)
  end)

  it("tells its progress, what was there before included", function()
    local body = sample(700 * KIB)
    local site = open_site { body = body, etag = '"1"', cut = 300 * KIB }
    fails("remote_host_closed", "", site.url, dir .. "/file")
    site.cut = nil
    local last, calls = 0, 0
    arrives(site.url, dir .. "/file", body, 300 * KIB, {
      progress = function(received, total, rate, eta)
        calls = calls + 1
        assert.is_true(received >= last and received > 300 * KIB)
        assert.equal(#body, total)
        assert.is_true(rate >= 0)
        assert.is_true(eta == nil or eta >= 0)
        last = received
      end,
    })
    assert.equal(#body, last)
    assert.is_true(calls > 0)
  end)

  it("tells neither total nor the time left where nobody knows them", function()
    local total, eta = 1, 1
    arrives(open_site({ body = TEXT, chunked = true }).url, dir .. "/file", TEXT, 0, {
      progress = function(_, all, _, left) total, eta = all, left end,
    })
    assert.is_nil(total)
    assert.is_nil(eta)
  end)

  it("ends with code 'operation_cancelled' when it is aborted, and keeps what has come", function()
    local site = open_site { body = TEXT, etag = '"1"', cut = 20, hold = true }
    local handle, code
    handle = http.download(site.url, dir .. "/file", {
      progress = function(received)
        if received == 20 then
          handle:abort()
        end
      end,
    }, helper.expect(function(_, _, why) code = why end))
    assert.is_true(handle:active())
    helper.wait_calls()
    assert.equal("operation_cancelled", code)
    assert.is_false(handle:active())
    handle:abort()
    site.cut, site.hold = nil, false
    arrives(site.url, dir .. "/file", TEXT, 20)
  end)

  it("leaves nothing when it is aborted at once", function()
    local handle = http.download(open_site({ body = TEXT }).url, dir .. "/file",
      helper.expect(function(_, _, code) assert.equal("operation_cancelled", code) end))
    handle:abort()
    helper.wait_calls()
    assert.equal("", names_in(dir))
  end)
end)

describe("a download that is interrupted", function()
  with_folder()

  it("is gone on with, wherever that was", function()
    local site = open_site { body = SHORT, etag = '"1"' }
    for n = 0, #SHORT - 1 do
      site.cut = n
      fails("remote_host_closed", "", site.url, dir .. "/file")
      assert.equal(n > 0 and SHORT:sub(1, n) or nil, read_file(dir .. "/file.part"))
      site.cut = nil
      arrives(site.url, dir .. "/file", SHORT, n)
      os.remove(dir .. "/file")
    end
  end)

  it("is gone on with at the blocks' borders, several times", function()
    local body = sample(1024 * KIB + 7)
    local site = open_site { body = body, etag = '"1"' }
    for _, cut in ipairs { 16 * KIB, 64 * KIB - 1, 1, 256 * KIB, 256 * KIB + 1 } do
      site.cut = cut
      fails("remote_host_closed", "", site.url, dir .. "/file", { sha256 = true })
    end
    site.cut = nil
    local file = arrives(site.url, dir .. "/file", body, 592 * KIB + 1, { sha256 = true })
    local _, out = run("sha256sum", dir .. "/file")
    assert.equal(out:match("^%x+"), file.sha256)
    assert.equal(206, file.status_code)
  end)

  it("is fetched anew where the file has changed meanwhile, and never spliced", function()
    local site = open_site {}
    for n = 1, #SHORT - 1 do
      site.body, site.etag, site.cut = SHORT, '"1"', n
      fails("remote_host_closed", "", site.url, dir .. "/file")
      site.body, site.etag, site.cut = SHORT:reverse(), '"2"', nil
      arrives(site.url, dir .. "/file", SHORT:reverse(), 0)
    end
  end)

  it("is gone on with by Last-Modified, if that is a second older than Date", function()
    local site = open_site { body = TEXT, last_modified = DATE, date = LATER, cut = 9 }
    fails("remote_host_closed", "", site.url, dir .. "/file")
    site.cut = nil
    arrives(site.url, dir .. "/file", TEXT, 9)
    assert.equal(DATE, site.asked.headers["if-range"])
  end)

  for title, with in pairs {
    ["no validator"] = {},
    ["a weak ETag"] = { etag = 'W/"1"' },
    ["a weak ETag beside a date"] = { etag = 'W/"1"', last_modified = DATE, date = LATER },
    ["an ETag that is none"] = { etag = "1" },
    ["a Last-Modified of the same second"] = { last_modified = DATE, date = DATE },
    ["a Last-Modified without a Date"] = { last_modified = DATE },
    ["a Last-Modified that is no date"] = { last_modified = "yesterday", date = LATER },
    ["an ETag that is too long"] = { etag = '"' .. ("x"):rep(2000) .. '"' },
  } do
    it("begins anew with " .. title, function()
      with.body, with.cut = TEXT, 20
      local site = open_site(with)
      fails("remote_host_closed", "", site.url, dir .. "/file")
      assert.equal("", names_in(dir)) -- it could not be used
      site.cut = nil
      arrives(site.url, dir .. "/file", TEXT, 0)
      assert.is_nil(site.asked.headers.range)
    end)
  end

  it("begins anew where resume is false", function()
    local site = open_site { body = TEXT, etag = '"1"', cut = 20 }
    fails("remote_host_closed", "", site.url, dir .. "/file")
    site.cut = nil
    arrives(site.url, dir .. "/file", TEXT, 0, { resume = false })
    assert.is_nil(site.asked.headers.range)
  end)

  it("begins anew at another URL", function()
    local site = open_site { body = TEXT, etag = '"1"', cut = 20 }
    fails("remote_host_closed", "", site.url, dir .. "/file")
    site.cut = nil
    arrives(site.url .. "?other", dir .. "/file", TEXT, 0)
    assert.is_nil(site.asked.headers.range)
  end)

  it("is gone on with from a length that was not known", function()
    local site = open_site { body = TEXT, etag = '"1"', chunked = true, cut = 30 }
    fails("remote_host_closed", "", site.url, dir .. "/file")
    local there = #read_file(dir .. "/file.part")
    site.cut = nil
    arrives(site.url, dir .. "/file", TEXT, there)
  end)

  it("is finished where nothing was missing but the end", function()
    local site = open_site { body = TEXT, etag = '"1"', cut = 20 }
    fails("remote_host_closed", "", site.url, dir .. "/file")
    write_file(dir .. "/file.part", TEXT) -- as if it had been killed before the rename
    site.cut = nil
    local file = arrives(site.url, dir .. "/file", TEXT, 64, { sha256 = true })
    assert.equal(416, file.status_code)
    local _, out = run("sha256sum", dir .. "/file")
    assert.equal(out:match("^%x+"), file.sha256)
  end)

  it("is kept through an error that says nothing of the file", function()
    local site = open_site { body = TEXT, etag = '"1"', cut = 20 }
    fails("remote_host_closed", "", site.url, dir .. "/file")
    site.cut = nil
    site.reply = head("503 Service Unavailable", { "Content-Length: 0" })
    fails("service_unavailable", "503", site.url, dir .. "/file")
    site.reply = nil
    arrives(site.url, dir .. "/file", TEXT, 20)
  end)

  for title, note in pairs {
    ["is missing"] = false,
    ["is empty"] = "",
    ["is something else"] = "hello\n",
    ["is cut"] = function(text) return text:sub(1, -2) end,
    ["goes on"] = function(text) return text .. "more\n" end,
    ["has a weak validator"] = function(text) return (text:gsub('"1"', 'W/"1"')) end,
    ["has a negative total"] = function(text) return (text:gsub("total: 64", "total: -64")) end,
    ["has a smaller total than bytes are there"] = function(text) return (text:gsub("64\n", "19\n", 1)) end,
    ["is of another format"] = function(text) return (text:gsub("download 1", "download 2")) end,
    ["holds a NUL"] = function(text) return text .. "\0" end,
  } do
    it("begins anew where the note " .. title, function()
      local site = open_site { body = TEXT, etag = '"1"', cut = 20 }
      fails("remote_host_closed", "", site.url, dir .. "/file")
      site.cut = nil
      local path = dir .. "/file.part.note"
      if not note then
        os.remove(path)
      else
        write_file(path, type(note) == "string" and note or note(read_file(path)))
      end
      arrives(site.url, dir .. "/file", TEXT, 0)
      assert.is_nil(site.asked.headers.range)
    end)
  end

  -- The process is gone from one moment to the next; what the note says must hold of the bytes.
  it("is gone on with after its process was killed", function()
    local body = sample(600 * KIB)
    local site = open_site { body = body, etag = '"1"' }
    for _, sent in ipairs { 1, 100 * KIB, 500 * KIB } do
      site.cut, site.hold = sent, true
      local pid = assert(raw.spawn {
        COMMAND, "-e", "http.download(arg[1], arg[2])", site.url, dir .. "/file", stdout = dir .. "/out",
        env = { MOONWIRE_ENGINE = http.engine },
      })
      helper.wait(function() return #(read_file(dir .. "/file.part") or "") == sent end, 30, "the bytes")
      raw.kill(pid, "KILL")
      local status
      helper.wait(function() status = raw.reap(pid) return status end, 30, "the end of the child")
      assert.equal(-9, status)
      site.cut, site.hold = nil, false
      arrives(site.url, dir .. "/file", body, sent)
    end
  end)
end)

describe("a server that answers the question for the rest", function()
  with_folder()

  local function half(site)
    site.body, site.etag, site.cut = TEXT, '"1"', 20
    fails("remote_host_closed", "", site.url, dir .. "/file")
    site.cut = nil
  end

  local function part(range, fields, body)
    fields = fields or { 'ETag: "1"' }
    fields[#fields + 1] = range and "Content-Range: " .. range
    body = body or TEXT:sub(21)
    fields[#fields + 1] = "Content-Length: " .. #body
    return head("206 Partial Content", fields) .. body
  end

  it("with the whole file has it taken whole", function()
    local site = open_site {}
    half(site)
    site.ranges = false
    arrives(site.url, dir .. "/file", TEXT, 0)
    assert.equal("bytes=20-", site.asked.headers.range)
    assert.equal('"1"', site.asked.headers["if-range"])
  end)

  for title, reply in pairs {
    ["with another beginning"] = part("bytes 19-63/64", nil, TEXT:sub(20)),
    ["with the beginning"] = part("bytes 0-43/64"),
    ["with an end before the end"] = part("bytes 20-62/64", nil, TEXT:sub(21, 63)),
    ["with an end beyond the end"] = part("bytes 20-64/64"),
    ["with a length that is not that of the range"] = part("bytes 20-63/64", nil, TEXT:sub(22)),
    ["with no Content-Range"] = part(nil),
    ["with a Content-Range of no range"] = part("bytes */64"),
    ["with another unit"] = part("lines 20-63/64"),
    ["with nonsense"] = part("bytes 20-63/"),
    ["with a number too large"] = part("bytes 20-99999999999999999999/64"),
    ["with several parts"] = part("bytes 20-63/64",
      { 'ETag: "1"', "Content-Type: multipart/byteranges; boundary=x" }),
  } do
    it(title .. " is not believed", function()
      local site = open_site {}
      half(site)
      site.reply = reply
      fails("bad_range", "the server answered 206", site.url, dir .. "/file")
      assert.equal(TEXT:sub(1, 20), read_file(dir .. "/file.part"))
      site.reply = nil
      arrives(site.url, dir .. "/file", TEXT, 20)
    end)
  end

  for title, reply in pairs {
    ["a 206 of another ETag"] = part("bytes 20-63/64", { 'ETag: "2"' }, OTHER:sub(21)),
    ["a 206 of a weak ETag"] = part("bytes 20-63/64", { 'ETag: W/"1"' }, OTHER:sub(21)),
    ["a 206 without an ETag"] = part("bytes 20-63/64", {}, OTHER:sub(21)),
    ["a 206 of another total"] = part("bytes 20-64/65", nil, OTHER:sub(20)),
    ["a 206 of a total that it does not tell"] = part("bytes 20-63/*"),
    ["a 416 of another total"] = head("416 No", { "Content-Range: bytes */10", "Content-Length: 0" }),
    ["a 416 that says nothing"] = head("416 No", { "Content-Length: 0" }),
  } do
    it("with " .. title .. " has another file, which is fetched anew", function()
      local site = open_site {}
      half(site)
      site.reply = function(request)
        site.reply, site.body, site.etag = nil, OTHER, '"2"'
        assert.equal("bytes=20-", request.headers.range)
        return reply
      end
      local file = arrives(site.url, dir .. "/file", OTHER, 0, { sha256 = true })
      assert.is_nil(site.asked.headers.range)
      assert.is_nil(site.asked.headers["if-range"])
      assert.equal(200, file.status_code)
      assert.equal(3, #site.server.requests)
    end)
  end
end)

describe("a server that answers a download", function()
  with_folder()

  it("with a redirect is followed, also to go on", function()
    local site = open_site { body = TEXT, etag = '"1"', cut = 20 }
    local front = helper.respond(head("302 Found", { "Location: " .. site.url, "Content-Length: 0" }))
    local url = helper.url(front, "/latest")
    fails("remote_host_closed", "", url, dir .. "/file")
    site.cut = nil
    local file = arrives(url, dir .. "/file", TEXT, 20)
    assert.equal(site.url, file.response.url)
    assert.equal("bytes=20-", front.requests[2].headers.range)
  end)

  it("with a redirect that is not to be followed has no file", function()
    local front = helper.respond(head("302 Found", { "Location: /", "Content-Length: 0" }))
    fails("incomplete", "302", { url = helper.url(front), redirect = false }, dir .. "/file")
    assert.equal("", names_in(dir))
  end)

  it("with a moment's trouble is asked again where that is wished", function()
    local site = open_site { body = TEXT, etag = '"1"', cut = 20 }
    fails("remote_host_closed", "", site.url, dir .. "/file")
    site.cut = nil
    site.reply = function()
      site.reply = nil
      return head("503 Service Unavailable", { "Content-Length: 0" })
    end
    local file = arrives({ url = site.url, retries = { total = 2, backoff = 0.01 } }, dir .. "/file", TEXT, 20)
    assert.equal(206, file.status_code)
  end)

  for title, case in pairs {
    ["with 206, which nobody asked for"] = { "bad_range", "not asked for",
      head("206 Partial Content", { "Content-Range: bytes 0-1/2", "Content-Length: 2" }) .. "ab" },
    ["with 204"] = { "incomplete", "204", head("204 No Content", {}) },
    ["with 304"] = { "incomplete", "304", head("304 Not Modified", {}) },
    ["with 404"] = { "content_not_found", "404", head("404 Not Found", { "Content-Length: 2" }) .. "no" },
    ["with 500"] = { "internal_server", "500", head("500 Oops", { "Content-Length: 2" }) .. "no" },
    ["with 416, which nobody asked for"] = { "unknown_content", "416",
      head("416 No", { "Content-Range: bytes */2", "Content-Length: 0" }) },
    ["with a long word on a refusal"] = { "content_gone", "410",
      head("410 Gone", { "Content-Length: 1000000" }) .. ("x"):rep(500000) },
    ["in gzip"] = { "bad_coding", "Content-Encoding: gzip",
      head("200 OK", { "Content-Encoding: gzip", "Content-Length: 2" }) .. "ab" },
    ["with too little"] = { "remote_host_closed", "", head("200 OK", { "Content-Length: 3" }) .. "ab" },
    ["with nonsense"] = { "protocol_failure", "", "what?\r\n\r\n" },
    ["not at all"] = { "remote_host_closed", "", "" },
  } do
    it(title .. " leaves neither a file nor a part", function()
      local site = open_site { reply = case[3] }
      write_file(dir .. "/file", "old")
      fails(case[1], case[2], site.url, dir .. "/file")
      assert.equal("old", read_file(dir .. "/file"))
      assert.equal("file", names_in(dir))
    end)
  end

  it("in gzip has it taken so where that is wished", function()
    local site = open_site { reply = head("200 OK", { "Content-Encoding: gzip", "Content-Length: 2" }) .. "ab" }
    arrives(site.url, dir .. "/file", "ab", 0, { coded = true })
  end)

  it("too largely is stopped", function()
    local site = open_site { body = TEXT, etag = '"1"' }
    fails("unknown_content", "max_body_size", { url = site.url, max_body_size = 63 }, dir .. "/file")
    arrives({ url = site.url, max_body_size = 64 }, dir .. "/file", TEXT)
    site.chunked = true
    fails("unknown_content", "max_body_size", { url = site.url, max_body_size = 63 }, dir .. "/file2")
  end)

  it("is not there", function()
    fails("connection_refused", "127.0.0.1",
      ("http://127.0.0.1:%d/"):format(raw.refused_port()), dir .. "/file")
    assert.equal("", names_in(dir))
  end)

  it("and falls silent runs into the timeout", function()
    local site = open_site { reply = "", hold = true }
    fails("timeout", "timed out", { url = site.url, timeout = 0.3 }, dir .. "/file")
  end)
end)

describe("the checksum", function()
  with_folder()

  local function sum_of(text)
    write_file(dir .. "/sum", text)
    local _, out = run("sha256sum", dir .. "/sum")
    os.remove(dir .. "/sum")
    return out:match("^%x+")
  end

  it("is told, whatever the case of what was expected", function()
    local site = open_site { body = TEXT }
    local sum = sum_of(TEXT)
    assert.equal(sum, arrives(site.url, dir .. "/a", TEXT, 0, { sha256 = true }).sha256)
    assert.equal(sum, arrives(site.url, dir .. "/b", TEXT, 0, { sha256 = sum:upper() }).sha256)
  end)

  it("that is wrong leaves neither a file nor a part", function()
    local site = open_site { body = TEXT, etag = '"1"' }
    write_file(dir .. "/file", "old")
    local message = fails("checksum", sum_of(TEXT), site.url, dir .. "/file", { sha256 = sum_of(OTHER) })
    assert.truthy(message:find(sum_of(OTHER), 1, true))
    assert.equal("old", read_file(dir .. "/file"))
    assert.equal("file", names_in(dir))
  end)

  it("covers what was there before", function()
    local site = open_site { body = TEXT, etag = '"1"', cut = 20 }
    fails("remote_host_closed", "", site.url, dir .. "/file")
    write_file(dir .. "/file.part", OTHER:sub(1, 20)) -- somebody has been at it
    site.cut = nil
    fails("checksum", "", site.url, dir .. "/file", { sha256 = sum_of(TEXT) })
    assert.equal("", names_in(dir))
    arrives(site.url, dir .. "/file", TEXT, 0, { sha256 = sum_of(TEXT) })
  end)
end)

describe("the place on the disk", function()
  with_folder()

  it("is one download's at a time", function()
    local site = open_site { body = TEXT, etag = '"1"', cut = 20, hold = true }
    local first
    http.download(site.url, dir .. "/file", function(file) first = file end)
    helper.wait(function() return read_file(dir .. "/file.part") == TEXT:sub(1, 20) end)
    fails("busy", "another download", site.url, dir .. "/file")
    local status, out = helper.run_program {
      COMMAND, "-e", "print(select(3, http.download(arg[1], arg[2])))", site.url, dir .. "/file",
    }
    assert.equal("busy\n", out)
    assert.equal(0, status)
    site.conn:send(TEXT:sub(21))
    helper.wait(function() return first end)
    assert.equal(TEXT, read_file(dir .. "/file"))
    assert.equal("file", names_in(dir))
  end)

  it("is found before anybody is asked, and the words say what is wrong", function()
    local site = open_site { body = TEXT }
    fails("no_folder", "No such file or directory", site.url, dir .. "/no/file")
    write_file(dir .. "/plain", "")
    fails("no_folder", "Not a directory", site.url, dir .. "/plain/file")
    fails("not_a_file", "it is a folder", site.url, dir)
    fails("not_a_file", "it is a folder", site.url, dir .. "/")
    fails("not_a_file", "it is a folder", site.url, dir .. "/..")
    fails("not_a_file", "a device or a pipe", site.url, "/dev/null")
    fails("io", "File name too long", site.url, dir .. "/" .. ("x"):rep(255))
    assert.equal(0, #site.server.requests)
    assert.equal("plain", names_in(dir))
  end)

  it("is not overwritten where that is not wished", function()
    local site = open_site { body = TEXT }
    arrives(site.url, dir .. "/file", TEXT, 0, { overwrite = false })
    fails("exists", "is there already", site.url, dir .. "/file", { overwrite = false })
    assert.equal(1, #site.server.requests)
    assert.equal("file", names_in(dir))
  end)

  it("is not overwritten by one that ends later, either", function()
    local site = open_site {}
    site.reply = function()
      write_file(dir .. "/file", "mine") -- somebody was faster
      return head("200 OK", { 'ETag: "1"', "Content-Length: 64" }) .. TEXT
    end
    fails("exists", "", site.url, dir .. "/file", { overwrite = false })
    assert.equal("mine", read_file(dir .. "/file"))
  end)

  for title, case in pairs {
    ["a symbolic link"] = { "not_a_file", "symbolic link", { "ln", "-s", "victim", "file.part" } },
    ["a dangling symbolic link"] = { "not_a_file", "symbolic link", { "ln", "-s", "nothing", "file.part" } },
    ["a hard link"] = { "no_access", "hard link", { "ln", "victim", "file.part" } },
    ["a pipe"] = { "not_a_file", "is no file", { "mkfifo", "file.part" } },
    ["a folder"] = { "not_a_file", "", { "mkdir", "file.part" } },
  } do
    it("is refused with " .. title .. " in the place of the part", function()
      local site = open_site { body = TEXT, etag = '"1"' }
      write_file(dir .. "/victim", "mine")
      assert.equal(0, (run("sh", "-c", 'cd "$0" && exec "$@"', dir, unpack(case[3]))))
      local before = names_in(dir)
      fails(case[1], case[2], site.url, dir .. "/file")
      assert.equal("mine", read_file(dir .. "/victim"))
      assert.equal(before, names_in(dir))
      assert.equal(0, #site.server.requests)
    end)
  end

  it("takes no note from a symbolic link, nor writes one through it", function()
    local site = open_site { body = TEXT, etag = '"1"', cut = 20 }
    fails("remote_host_closed", "", site.url, dir .. "/file")
    assert.is_true(os.rename(dir .. "/file.part.note", dir .. "/elsewhere"))
    local note = read_file(dir .. "/elsewhere")
    run("ln", "-s", "elsewhere", dir .. "/file.part.note")
    run("ln", "-s", "elsewhere", dir .. "/file.part.new")
    fails("remote_host_closed", "", site.url, dir .. "/file")
    assert.is_nil(site.asked.headers.range)
    assert.equal(note, read_file(dir .. "/elsewhere"))
  end)

  it("replaces a symbolic link itself, not what it leads to", function()
    write_file(dir .. "/victim", "mine")
    run("ln", "-s", "victim", dir .. "/file")
    arrives(open_site({ body = TEXT }).url, dir .. "/file", TEXT)
    assert.equal("mine", read_file(dir .. "/victim"))
  end)

  local SCRIPT = [[
    local file, message, code = http.download(arg[1], arg[2])
    print(file and "done" or code, message)
  ]]

  it("that a limit makes too small keeps what fits, to be gone on with", function()
    local body = sample(300 * KIB)
    local site = open_site { body = body, etag = '"1"' }
    local _, out = helper.run_program {
      "sh", "-c", "trap '' XFSZ; ulimit -f 64; exec \"$@\"", "sh", COMMAND, "-e", SCRIPT, site.url,
      dir .. "/file", env = { MOONWIRE_ENGINE = http.engine },
    }
    assert.truthy(out:find("^no_space\tcannot write .*file%.part: File too large"), out)
    local there = #read_file(dir .. "/file.part")
    assert.is_true(there > 0 and there < #body)
    arrives(site.url, dir .. "/file", body, there)
  end)

  it("that is full says so", function()
    local body = sample(300 * KIB)
    local site = open_site { body = body, etag = '"1"' }
    local may, why = helper.run_program { "unshare", "-rm", "mount", "-t", "tmpfs", "none", dir }
    if may ~= 0 then
      return pending("no file system of one's own: " .. why)
    end
    local _, out = helper.run_program {
      "unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=128k none "$0" && exec "$@"', dir,
      COMMAND, "-e", SCRIPT, site.url, dir .. "/file", env = { MOONWIRE_ENGINE = http.engine },
    }
    assert.truthy(out:find("^no_space\tcannot write .*file%.part: No space left on device"), out)
  end)

  it("stays the same although the process goes elsewhere", function()
    local site = open_site { body = TEXT }
    local _, out = helper.run_program {
      "sh", "-c", 'cd "$0" && exec "$@"', dir, "env", COMMAND:match("^/") and COMMAND
        or select(2, run("pwd")):gsub("\n", "") .. "/" .. COMMAND, "-e", SCRIPT, site.url, "file",
    }
    assert.equal("done\tnil\n", out)
    assert.equal(TEXT, read_file(dir .. "/file"))
  end)
end)

describe("the arguments of http.download", function()
  with_folder()

  local URL = "http://127.0.0.1:1/"

  for words, arguments in pairs {
    ["bad argument #1 to 'download' (table of options or URL expected, got nil)"] = { nil, "x" },
    ["bad argument #2 to 'download' (path of a file expected, got nil)"] = { URL },
    ["bad argument #2 to 'download' (path of a file expected, got an empty string)"] = { URL, "" },
    ["bad argument #3 to 'download' (table of options expected, got number)"] = { URL, "x", 1 },
    ["bad argument #4 to 'download' (function or nil expected, got number)"] = { URL, "x", {}, 1 },
    ["unknown option 'timeout' of a download"] = { URL, "x", { timeout = 1 } },
    ["unknown option '1' of a download"] = { URL, "x", { true } },
    ["bad option 'resume' (boolean expected, got number)"] = { URL, "x", { resume = 1 } },
    ["bad option 'overwrite' (boolean expected, got string)"] = { URL, "x", { overwrite = "no" } },
    ["bad option 'progress' (function expected, got boolean)"] = { URL, "x", { progress = true } },
    ["bad option 'mode' (integer from 1 to 511"] = { URL, "x", { mode = 512 } },
    ["bad option 'sha256' (64 hexadecimal digits"] = { URL, "x", { sha256 = ("0"):rep(63) } },
    ["bad option 'redirect'"] = { { url = URL, redirect = function() end }, "x" },
    ["bad option 'auth' (table or false expected"] = { { url = URL, auth = function() end }, "x" },
    ["bad option 'file'"] = { { url = URL, file = "/dev/null" }, "x" },
    ["bad option 'json' (a download sends no body)"] = { { url = URL, json = false }, "x" },
    ["bad option 'form' (a download sends no body)"] = { { url = URL, form = {} }, "x" },
    ["bad option 'length' (a download sends no body)"] = { { url = URL, length = 1 }, "x" },
    ["bad option 'url' (it stands instead of"] = { { url = URL, path = "/other" }, "x" },
    ["unknown option 'foo'"] = { { url = URL, foo = 1 }, "x" },
    ["bad method: a download sends GET, not POST"] = { { url = URL, method = "POST" }, "x" },
    ["bad headers: a download sends Range and If-Range by itself"] = { { url = URL, headers = { range = "x" } }, "x" },
    ["path"] = { URL, "a\0b" },
  } do
    it("are refused at the caller's line: " .. words, function()
      arguments[2] = arguments[2] == "x" and dir .. "/x" or arguments[2]
      local line = debug.getinfo(1, "l").currentline + 2
      local ok, wrong = pcall(function()
        local file = http.download(arguments[1], arguments[2], arguments[3], arguments[4])
        return file
      end)
      assert.is_false(ok)
      assert.truthy(wrong:find(words, 1, true), wrong)
      assert.truthy(wrong:find("download_spec.lua:" .. line .. ":", 1, true), wrong)
      assert.equal("", names_in(dir))
    end)
  end
end)
