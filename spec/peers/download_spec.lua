-- Downloads from nginx: ranges and If-Range as the server that most people run answers them.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local peers = require("peers")
local raw = require("raw")
local certs = require("certs")

local KIB = 1024
local SIZE = 4096 * KIB + 11

-- Bytes in which a piece that is lost, doubled or moved shows.
local function sample(mark)
  local parts = {}
  for i = 1, math.ceil(SIZE / (16 * KIB)) do
    parts[i] = ("%s%06d\n"):format(mark, i):rep(2 * KIB)
  end
  return table.concat(parts):sub(1, SIZE)
end

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

describe("a download from nginx", function()
  local nginx, dir

  peers.during(peers.nginx, function(peer) nginx = peer end)
  before_each(function() dir = raw.mkdtemp() end)
  after_each(function() raw.remove_tree(dir) end)
  helper.setup()

  -- nginx tells versions apart by time and size.
  local function publish(mark, time)
    write_file(nginx.dir .. "/www/file", sample(mark))
    assert.equal(0, raw.run { "touch", "-d", time, nginx.dir .. "/www/file" })
  end

  -- The file's bytes are checked, and no more than needed is fetched.
  local function fetch(request, mark, resumed_from)
    local file, message, code = http.download(request, dir .. "/file", { sha256 = true })
    assert.is_nil(message)
    assert.is_nil(code)
    assert.equal(SIZE, file.size)
    assert.is_true(read_file(dir .. "/file") == sample(mark))
    assert.is_nil(read_file(dir .. "/file.part"))
    assert.equal(resumed_from, file.resumed_from)
    local out = dir .. "/sum"
    raw.run { "sha256sum", dir .. "/file", stdout = out }
    assert.equal(read_file(out):match("^%x+"), file.sha256)
    return file
  end

  -- Ends it once so much has come; returns how much that was.
  local function interrupt(request, at)
    local handle, code
    handle = http.download(request, dir .. "/file", {
      progress = function(received)
        if received >= at then
          handle:abort()
        end
      end,
    }, helper.expect(function(_, _, why) code = why end))
    helper.wait(function() return code end, 30)
    assert.equal("operation_cancelled", code)
    return #read_file(dir .. "/file.part")
  end

  for title, request_of in pairs {
    ["over http"] = function() return { url = helper.url(nginx.http, "/file") } end,
    ["over https"] = function() return { url = helper.url(nginx.https, "/file"), ca_file = certs.ca_file } end,
  } do
    describe(title, function()
      it("arrives whole", function()
        publish("a", "2001-01-01")
        assert.equal(200, fetch(request_of(), "a", 0).status_code)
      end)

      it("is gone on with where it was interrupted", function()
        publish("a", "2001-01-01")
        local there = interrupt(request_of(), 1)
        assert.is_true(there > 0 and there < SIZE)
        assert.equal(206, fetch(request_of(), "a", there).status_code)
      end)

      it("is fetched anew when the file has changed", function()
        publish("a", "2001-01-01")
        interrupt(request_of(), 1)
        publish("b", "2001-01-02")
        assert.equal(200, fetch(request_of(), "b", 0).status_code)
      end)

      it("is finished where only the end was missing", function()
        publish("a", "2001-01-01")
        interrupt(request_of(), 1)
        write_file(dir .. "/file.part", sample("a"))
        assert.equal(416, fetch(request_of(), "a", SIZE).status_code)
      end)
    end)
  end

  it("is gone on with after its process was killed", function()
    publish("a", "2001-01-01")
    local url = helper.url(nginx.http, "/file")
    local pid = assert(raw.spawn {
      (os.getenv("MW_BUILD") or "build") .. "/moonwire", "-e",
      "http.download(arg[1], arg[2], { progress = function(n) if n > 1e6 then while true do end end end })",
      url, dir .. "/file", env = { MOONWIRE_ENGINE = http.engine },
    })
    helper.wait(function() return #(read_file(dir .. "/file.part") or "") > 1e6 end, 60, "the bytes")
    raw.kill(pid, "KILL")
    local status
    helper.wait(function()
      status = raw.reap(pid)
      return status
    end, 30, "the end of the child")
    assert.equal(-9, status)
    fetch(url, "a", #read_file(dir .. "/file.part"))
  end)

  it("is not coded, where nginx would like to", function()
    local file = assert(http.download(helper.url(nginx.http, "/gzip/text"), dir .. "/file"))
    assert.equal(#peers.TEXT, file.size)
    assert.equal(peers.TEXT, read_file(dir .. "/file"))
  end)
end)
