-- The client against nginx: files over http and https as the server that most people run sends them.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local peers = require("peers")
local raw = require("raw")

local Response = http.Response

local MIB = 1024 * 1024
local READ_BUFFER = 262144
local GROWTH = 4 * MIB

-- Downloads a URL in a process of its own, which nothing else has grown, and prints how many bytes came,
-- what became of it, by how many bytes the resident memory grew, and each run of bytes that are not 0.
-- arg: the URL, a small one to pay with for what is allocated once, read_buffer_size, max_body_size.
local DOWNLOAD = [==[
  local function memory(name)
    for line in io.lines("/proc/self/status") do
      local kib = line:match("^" .. name .. ":%s*(%d+) kB")
      if kib then return kib * 1024 end
    end
  end
  http.get(arg[2]):await():read_all_string()
  collectgarbage()
  local clear = io.open("/proc/self/clear_refs", "w") -- VmHWM starts anew
  if clear then clear:write("5") clear:close() end
  local before, offset, marks = memory("VmRSS"), 0, {}
  local zeros = ("\0"):rep(arg[3])
  local response = http.get {
    url = arg[1], read_buffer_size = tonumber(arg[3]), max_body_size = tonumber(arg[4]),
  }
  response.ready_read_handler = function(stream)
    local bytes = stream:read_string()
    if bytes ~= zeros:sub(1, #bytes) then
      for at, mark in bytes:gmatch("()(%Z+)") do
        marks[#marks + 1] = offset + at - 1 .. " " .. mark
      end
    end
    offset = offset + #bytes
  end
  response:await()
  print(offset, response.error_string, memory("VmHWM") - before)
  print(table.concat(marks, "\n"))
]==]

describe("nginx", function()
  local nginx

  peers.during(peers.nginx, function(peer) nginx = peer end)
  helper.setup()

  local function url(path)
    return helper.url(nginx.http, path)
  end

  local function get(options)
    return http.get(options):await()
  end

  describe("over http", function()
    it("serves a small file", function()
      local response = get(url("/small"))
      assert.equal(200, response.status_code)
      assert.equal("OK", response.status_message)
      assert.equal(Response.NO_ERROR, response.error)
      assert.equal("", response.error_string)
      assert.is_true(response.ok)
      assert.equal(tostring(#peers.SMALL), response.headers["content-length"])
      assert.matches("^nginx", response.headers.Server)
      assert.equal(peers.SMALL, response:read_all_string())
      assert.is_true(response.at_end)
    end)

    it("is asked by the name of the host", function()
      local response = get({ hostname = "localhost", port = nginx.http.port, path = "/small" })
      assert.equal(peers.SMALL, response:read_all_string())
    end)

    it("is told the method, the target and the header fields as given", function()
      local response = get({ url = url("/request?a=b%20c&d"), headers = { ["X-Spec"] = "some value" } })
      assert.equal("GET /request?a=b%20c&d some value", response:read_all_string())
    end)

    it("reports progress up to the whole length", function()
      local received, total
      local response = http.get(url("/small"))
      response.download_progress_handler = helper.expect(function(_, bytes, of)
        received, total = bytes, of
      end, "some")
      response:await()
      assert.equal(#peers.SMALL, received)
      assert.equal(#peers.SMALL, total)
    end)

    it("answers HEAD with the length and without the body", function()
      local response = http.head(url("/small")):await()
      assert.equal(200, response.status_code)
      assert.equal(Response.NO_ERROR, response.error)
      assert.equal(tostring(#peers.SMALL), response.headers["Content-Length"])
      assert.equal("", response:read_all_string())
      assert.equal(peers.SMALL, get(url("/small")):read_all_string())
    end)

    it("keeps the connection for the next request", function()
      local serial, count = get(url("/connection")):read_all_string():match("^(%d+) (%d+)$")
      assert.equal("1", count)
      assert.equal(serial .. " 2", get(url("/connection")):read_all_string())
      assert.equal(serial .. " 3", get(url("/connection")):read_all_string())
    end)

    it("answers many requests at once", function()
      local bodies = {}
      for _ = 1, 20 do
        http.get(url("/small"), helper.expect(function(response)
          bodies[#bodies + 1] = response:read_all_string()
        end))
      end
      helper.wait_calls()
      assert.equal(peers.SMALL:rep(20), table.concat(bodies))
    end)

    it("sends a range as 206", function()
      local from, length = 100000000, 64
      local response = get({
        url = url("/big"),
        headers = { Range = ("bytes=%d-%d"):format(from, from + length - 1) },
      })
      assert.equal(206, response.status_code)
      assert.equal(Response.NO_ERROR, response.error)
      assert.equal("bytes 100000000-100000063/268435456", response.headers["Content-Range"])
      assert.equal(peers.big_bytes(from, length), response:read_all_string())
    end)
  end)

  describe("statuses", function()
    local ERRORS = {
      [400] = Response.PROTOCOL_INVALID_OPERATION_ERROR,
      [401] = Response.AUTHENTICATION_REQUIRED_ERROR,
      [403] = Response.CONTENT_ACCESS_DENIED,
      [404] = Response.CONTENT_NOT_FOUND_ERROR,
      [405] = Response.CONTENT_OPERATION_NOT_PERMITTED_ERROR,
      [409] = Response.CONTENT_CONFLICT_ERROR,
      [410] = Response.CONTENT_GONE_ERROR,
      [418] = Response.PROTOCOL_INVALID_OPERATION_ERROR,
      [422] = Response.UNKNOWN_CONTENT_ERROR,
      [429] = Response.UNKNOWN_CONTENT_ERROR,
      [500] = Response.INTERNAL_SERVER_ERROR,
      [501] = Response.OPERATION_NOT_IMPLEMENTED_ERROR,
      [502] = Response.UNKNOWN_SERVER_ERROR,
      [503] = Response.SERVICE_UNAVAILABLE_ERROR,
      [504] = Response.UNKNOWN_SERVER_ERROR,
    }

    for _, status in ipairs(peers.STATUSES) do
      it(status .. " becomes its error, and the body is there", function()
        local told
        local response = http.get(url("/status/" .. status))
        response.error_handler = helper.expect(function(_, error) told = error end)
        response.finished_handler = helper.expect(function() end)
        response:await()
        assert.equal(status, response.status_code)
        assert.equal(ERRORS[status], response.error)
        assert.equal(ERRORS[status], told)
        assert.not_equal("", response.error_string)
        assert.is_false(response.ok)
        assert.equal(tostring(status), response:read_all_string())
      end)
    end

    it("404 of a missing file is CONTENT_NOT_FOUND_ERROR, 203, with nginx's page", function()
      local response = get(url("/nothing/here"))
      assert.equal(404, response.status_code)
      assert.equal(203, response.error)
      assert.matches("404 Not Found", response:read_all_string(), 1, true)
    end)

    it("405 answers a POST to a file", function()
      local response = http.post(url("/small"), "some data"):await()
      assert.equal(405, response.status_code)
      assert.equal(Response.CONTENT_OPERATION_NOT_PERMITTED_ERROR, response.error)
    end)
  end)

  it("redirects, which are followed", function()
    local response = get(url("/moved"))
    assert.equal(200, response.status_code)
    assert.equal(url("/small"), response.url)
  end)

  describe("redirects that are not to be followed are seen as they are", function()
    it("301 for a directory without its slash", function()
      local response = get { url = url("/directory"), redirect = false }
      assert.equal(301, response.status_code)
      assert.equal(Response.NO_ERROR, response.error)
      assert.equal(url("/directory/"), response.headers.Location)
      assert.equal(url("/directory"), response.url)
    end)

    it("302 to another file", function()
      local response = get { url = url("/moved"), redirect = false }
      assert.equal(302, response.status_code)
      assert.equal(Response.NO_ERROR, response.error)
      assert.equal(url("/small"), response.headers.Location)
    end)
  end)

  describe("gzip", function()
    it("is asked for, and decoded", function()
      local response = get(url("/gzip/text"))
      assert.equal("gzip", response.headers["Content-Encoding"])
      assert.equal(peers.TEXT, response:read_all_string())
    end)

    it("comes as it was sent, in chunks, where that is asked for", function()
      local response = get { url = url("/gzip/text"), headers = { ["Accept-Encoding"] = "gzip" }, decode = false }
      assert.equal(200, response.status_code)
      assert.equal("gzip", response.headers["Content-Encoding"])
      assert.equal("chunked", response.headers["Transfer-Encoding"])
      local body = response:read_all_string()
      assert.equal("\31\139", body:sub(1, 2))
      assert.is_true(#body < #peers.TEXT)
    end)

    it("does not come where nobody has asked for it", function()
      local response = get { url = url("/gzip/text"), decode = false }
      assert.is_nil(response.headers["Content-Encoding"])
      assert.equal(peers.TEXT, response:read_all_string())
    end)
  end)

  describe("over https", function()
    local function secure(path, options)
      options = options or {}
      options.url = helper.url(nginx.https, path)
      return get(options)
    end

    local function assert_refused(response)
      assert.equal(Response.SSL_HANDSHAKE_FAILED_ERROR, response.error)
      assert.equal(0, response.status_code)
      assert.equal("tls", response.error_detail.phase)
      assert.is_table(response.error_detail.tls)
      assert.not_equal("", response.error_string)
      assert.equal("", response:read_all_string())
    end

    it("serves a file to those who know the private authority", function()
      local response = secure("/small", { ca_file = nginx.ca_file })
      assert.equal("", response.error_string)
      assert.equal(200, response.status_code)
      assert.equal(peers.SMALL, response:read_all_string())
    end)

    it("is verified by the name of the host, too", function()
      local response = get({
        url = helper.url(nginx.https, "/small", "localhost"),
        ca_file = nginx.ca_file,
      })
      assert.equal("", response.error_string)
      assert.equal(peers.SMALL, response:read_all_string())
    end)

    it("is refused when nobody has vouched for the authority", function()
      assert_refused(secure("/small"))
    end)

    it("is taken unverified with verify = false", function()
      local response = secure("/small", { verify = false })
      assert.equal(Response.NO_ERROR, response.error)
      assert.equal(peers.SMALL, response:read_all_string())
    end)

    it("is refused when the certificate is for another host", function()
      local options = { url = helper.url(nginx.wrong_host, "/small"), ca_file = nginx.ca_file }
      assert_refused(get(options))
      options.ca_file = nil
      options.verify = false
      assert.equal(peers.SMALL, get(options):read_all_string())
    end)

    it("does not let a connection that was not verified serve a request that must be", function()
      assert.is_true(secure("/small", { verify = false }).ok)
      assert_refused(secure("/small"))
    end)

    it("keeps the connection for the next request", function()
      local options = { ca_file = nginx.ca_file }
      local serial, count = secure("/connection", options):read_all_string():match("^(%d+) (%d+)$")
      assert.equal("1", count)
      assert.equal(serial .. " 2", secure("/connection", options):read_all_string())
    end)

    it("serves a range of the big file", function()
      local from, length = 201326590 - MIB, 2 * MIB
      local response = secure("/big", {
        ca_file = nginx.ca_file,
        headers = { Range = ("bytes=%d-%d"):format(from, from + length - 1) },
      })
      assert.equal(206, response.status_code)
      assert.is_true(peers.big_bytes(from, length) == response:read_all_string())
    end)
  end)

  describe("a file of 256 MiB", function()
    it("arrives whole, in bounded memory", function()
      local status, output = helper.run_script(DOWNLOAD, url("/big"), url("/small"),
        tostring(READ_BUFFER), tostring(peers.BIG_SIZE))
      assert.equal(0, status, output)
      local received, problem, growth, marks = output:match("^(%d+)\t(.-)\t(%-?%d+)\n(.*)\n$")
      assert.equal("", problem, output)
      assert.equal(peers.BIG_SIZE, tonumber(received))
      local count = 0 -- of bytes that are not 0
      for offset, bytes in marks:gmatch("(%d+) ([^\n]+)") do
        assert.equal(peers.big_bytes(tonumber(offset), #bytes), bytes)
        count = count + #bytes
      end
      assert.equal(peers.BIG_MARKED, count)
      if not raw.sanitized then -- it holds freed memory back
        assert.is_true(tonumber(growth) <= GROWTH,
          ("resident memory has grown by %.1f MiB"):format(growth / MIB))
      end
    end)

    it("can be left in the middle", function()
      local response = http.get({ url = url("/big"), read_buffer_size = READ_BUFFER })
      response.ready_read_handler = function(stream) stream:abort() end
      response.error_handler = helper.expect(function(_, error)
        assert.equal(Response.OPERATION_CANCELLED_ERROR, error)
      end)
      response.finished_handler = helper.expect(function() end)
      response:await()
      assert.equal(200, response.status_code)
      assert.equal(Response.OPERATION_CANCELLED_ERROR, response.error)
      assert.equal(peers.SMALL, get(url("/small")):read_all_string())
    end)

    it("is refused where max_body_size is smaller", function()
      local response = get({ url = url("/big"), max_body_size = MIB })
      assert.equal(Response.UNKNOWN_CONTENT_ERROR, response.error)
      assert.not_equal("", response.error_string)
    end)
  end)
end)
