-- The client against python3-httpbin, which shows what it was sent and misbehaves when asked to.
-- SPDX-License-Identifier: MIT

local cjson = require("cjson")
local helper = require("helper")
local http = require("http")
local peers = require("peers")
local raw = require("raw")

local Response = http.Response

describe("httpbin", function()
  local httpbin

  peers.during(peers.httpbin, function(peer) httpbin = peer end)
  helper.setup()

  local function url(path)
    return helper.url(httpbin, path)
  end

  local function get(options)
    return http.get(options):await()
  end

  -- The body, which must be that of a success.
  local function decoded(response)
    assert.equal("", response.error_string)
    assert.equal(200, response.status_code)
    return cjson.decode(response:read_all_string())
  end

  describe("is sent", function()
    it("the query and the header fields", function()
      local seen = decoded(get({
        url = url("/get?page=5&order=up%20and%20down"),
        headers = { ["X-Spec"] = "a value", ["User-Agent"] = "spec" },
      }))
      assert.same({ page = "5", order = "up and down" }, seen.args)
      assert.equal("a value", seen.headers["X-Spec"])
      assert.equal("spec", seen.headers["User-Agent"])
      assert.equal("127.0.0.1:" .. httpbin.port, seen.headers.Host)
    end)

    it("a query given as a table", function()
      local seen = decoded(get({
        hostname = httpbin.host,
        port = httpbin.port,
        path = "/get",
        query = { text = "a&b=c d" },
      }))
      assert.same({ text = "a&b=c d" }, seen.args)
    end)

    for _, method in ipairs({ "post", "put", "patch" }) do
      it("the body of a " .. method:upper(), function()
        local seen = decoded(http[method]({
          url = url("/" .. method),
          headers = { ["Content-Type"] = "text/plain" },
        }, "some text"):await())
        assert.equal("some text", seen.data)
        assert.equal("9", seen.headers["Content-Length"])
        assert.equal("text/plain", seen.headers["Content-Type"])
      end)
    end

    it("a form", function()
      local seen = decoded(http.post({
        url = url("/post"),
        headers = { ["Content-Type"] = "application/x-www-form-urlencoded" },
      }, "name=value&other=1"):await())
      assert.same({ name = "value", other = "1" }, seen.form)
    end)

    it("JSON, and answers it", function()
      local value = http.post({
        url = url("/anything"),
        headers = { ["Content-Type"] = "application/json" },
      }, cjson.encode({ list = { 1, 2, 3 } })):json()
      assert.same({ list = { 1, 2, 3 } }, value.json)
      assert.equal("POST", value.method)
    end)

    it("a body of many bytes, of which progress is told", function()
      local body = ("0123456789abcdef"):rep(65536)
      local sent
      local response = http.post({
        url = url("/post"),
        headers = { ["Content-Type"] = "text/plain" },
      }, body)
      response.upload_progresss_handler = helper.expect(function(_, bytes, total)
        assert.equal(#body, total)
        sent = bytes
      end, "some")
      local seen = decoded(response:await())
      assert.equal(#body, sent)
      assert.is_true(seen.data == body)
    end)

    it("a body given as bytes or as a Payload", function()
      local options = { url = url("/post"), headers = { ["Content-Type"] = "text/plain" } }
      assert.equal("abc", decoded(http.post(options, { 97, 98, 99 }):await()).data)
      local payload = http.Payload.new()
      payload.type = http.Payload.STRING
      payload.string = "from a payload"
      assert.equal("from a payload", decoded(http.post(options, payload):await()).data)
    end)

    it("a POST without a body, with the length 0", function()
      local seen = decoded(http.post(url("/post")):await())
      assert.equal("", seen.data)
      assert.equal("0", seen.headers["Content-Length"])
    end)

    it("DELETE", function()
      assert.equal(url("/delete"), decoded(http.delete(url("/delete")):await()).url)
    end)

    it("OPTIONS", function()
      local response = http.options(url("/get")):await()
      assert.equal(200, response.status_code)
      assert.matches("GET", response.headers.Allow, 1, true)
    end)

    it("a method by its name", function()
      local response = http.request({ method = "PUT", url = url("/anything") }, "x"):await()
      assert.equal("PUT", decoded(response).method)
    end)

    it("credentials, or answers 401", function()
      local path = url("/basic-auth/somebody/secret")
      local refused = get(path)
      assert.equal(401, refused.status_code)
      assert.equal(Response.AUTHENTICATION_REQUIRED_ERROR, refused.error)
      assert.matches("^Basic", refused.headers["WWW-Authenticate"])
      local let_in = get({
        url = path,
        headers = { Authorization = "Basic c29tZWJvZHk6c2VjcmV0" },
      })
      assert.is_true(decoded(let_in).authenticated)
    end)
  end)

  describe("answers", function()
    local ERRORS = {
      [200] = Response.NO_ERROR,
      [204] = Response.NO_ERROR,
      [304] = Response.NO_ERROR,
      [400] = Response.PROTOCOL_INVALID_OPERATION_ERROR,
      [401] = Response.AUTHENTICATION_REQUIRED_ERROR,
      [403] = Response.CONTENT_ACCESS_DENIED,
      [404] = Response.CONTENT_NOT_FOUND_ERROR,
      [405] = Response.CONTENT_OPERATION_NOT_PERMITTED_ERROR,
      [410] = Response.CONTENT_GONE_ERROR,
      [418] = Response.PROTOCOL_INVALID_OPERATION_ERROR,
      [429] = Response.UNKNOWN_CONTENT_ERROR,
      [500] = Response.INTERNAL_SERVER_ERROR,
      [501] = Response.OPERATION_NOT_IMPLEMENTED_ERROR,
      [503] = Response.SERVICE_UNAVAILABLE_ERROR,
      [599] = Response.UNKNOWN_SERVER_ERROR,
    }

    for status, error in pairs(ERRORS) do
      it("with the status " .. status, function()
        local response = get(url("/status/" .. status))
        assert.equal(status, response.status_code)
        assert.equal(error, response.error)
      end)
    end

    it("a teapot, with its body", function()
      local response = get(url("/status/418"))
      assert.equal("I'M A TEAPOT", response.status_message)
      assert.matches("teapot", response:read_all_string(), 1, true)
    end)

    it("HEAD without a body", function()
      local response = http.head(url("/get")):await()
      assert.equal(200, response.status_code)
      assert.equal(Response.NO_ERROR, response.error)
      assert.is_true(tonumber(response.headers["Content-Length"]) > 0)
      assert.equal("", response:read_all_string())
    end)

    it("redirects, which are followed", function()
      local response = get(url("/redirect/3"))
      assert.equal(200, response.status_code)
      assert.equal(url("/get"), response.url)
      assert.equal(3, #response.history)
    end)

    it("a redirect, which is seen as it is where it is not to be followed", function()
      for _, status in ipairs({ 301, 302, 303, 307, 308 }) do
        local response = get { url = url("/redirect-to?url=/get&status_code=" .. status), redirect = false }
        assert.equal(status, response.status_code)
        assert.equal("/get", response.headers.Location)
        assert.equal(Response.NO_ERROR, response.error)
      end
    end)

    it("exactly the bytes that were asked for", function()
      local first = get(url("/bytes/5000?seed=1")):read_all_string()
      assert.equal(5000, #first)
      assert.is_true(first == get(url("/bytes/5000?seed=1")):read_all_string())
      assert.is_true(first ~= get(url("/bytes/5000?seed=2")):read_all_string())
    end)

    it("lines in chunks", function()
      local response = get(url("/stream/3"))
      assert.equal("chunked", response.headers["Transfer-Encoding"])
      for id = 0, 2 do
        assert.is_true(response.can_read_line)
        assert.equal(id, cjson.decode(response:read_line_string()).id)
      end
      assert.is_true(response.at_end)
      assert.equal("", response:read_line_string())
    end)

    it("bytes in chunks, of a length that is not known", function()
      local response = http.get(url("/stream-bytes/20000?seed=1&chunk_size=1000"))
      local total
      response.download_progress_handler = helper.expect(function(_, _, of) total = of end, "some")
      response:await()
      assert.equal("", response.error_string)
      assert.equal(20000, response.bytes_available)
      assert.equal(-1, total)
    end)

    it("gzip, deflate and br, decoded", function()
      for path, key in pairs { gzip = "gzipped", deflate = "deflated", brotli = "brotli" } do
        local response = get(url("/" .. path))
        assert.is_true(response.decoded)
        assert.is_true(response:json()[key], path)
      end
    end)

    it("gzip and deflate as they are where that is asked for", function()
      local gzip = get { url = url("/gzip"), decode = false }
      assert.equal("gzip", gzip.headers["Content-Encoding"])
      assert.equal("\31\139", gzip:read_string(2))
      local deflate = get { url = url("/deflate"), decode = false }
      assert.equal("deflate", deflate.headers["Content-Encoding"])
      assert.equal(tonumber(deflate.headers["Content-Length"]), deflate.bytes_available)
    end)

    it("a binary file", function()
      local response = get(url("/image/png"))
      assert.equal("image/png", response.headers["Content-Type"])
      assert.equal("\137PNG\r\n\26\n", response:read_string(8))
    end)

    it("one header field twice", function()
      local response = get(url("/response-headers?X-Twice=a&X-Twice=b"))
      assert.equal("a, b", response.headers["X-Twice"])
      assert.same({ "a", "b" }, response:header_values("X-Twice"))
    end)

    it("cookies, each by itself", function()
      local response = get { url = url("/cookies/set?first=1&second=2"), redirect = false }
      assert.equal(302, response.status_code)
      local values = response:header_values("Set-Cookie")
      assert.equal(2, #values)
      assert.matches("^first=1", values[1])
      assert.equal(values[1], response.headers["Set-Cookie"])
    end)

    it("again, although it closes every connection", function()
      for _ = 1, 3 do
        local response = get(url("/get"))
        assert.equal("close", response.headers.Connection)
        assert.is_true(response.ok)
      end
    end)
  end)

  describe("takes its time", function()
    it("and is waited for", function()
      assert.equal(url("/delay/0.3"), decoded(get({ url = url("/delay/0.3"), timeout = 5 })).url)
    end)

    for name, timeout in pairs({
      ["a number"] = 0.2,
      ["the total"] = { total = 0.2 },
      ["the idle time"] = { idle = 0.2 },
    }) do
      it("longer than allowed by " .. name, function()
        local begun = raw.now()
        local response = http.get({ url = url("/delay/1"), timeout = timeout })
        response.error_handler = helper.expect(function(_, error)
          assert.equal(Response.TIMEOUT_ERROR, error)
        end)
        response.finished_handler = helper.expect(function() end)
        response:await()
        local taken = raw.now() - begun
        assert.is_true(taken >= 0.19 and taken < 0.9, ("it took %.2f s"):format(taken))
        assert.equal(Response.TIMEOUT_ERROR, response.error)
        assert.equal(0, response.status_code)
        assert.equal("head", response.error_detail.phase)
        assert.not_equal("", response.error_string)
      end)
    end

    it("dripping, and every drop arrives", function()
      local calls = 0
      local response = http.get({
        url = url("/drip?duration=1&numbytes=10&delay=0"),
        timeout = { idle = 0.6 }, -- less than all of it takes, more than lies between two drops
      })
      response.ready_read_handler = function() calls = calls + 1 end
      response:await()
      assert.equal("", response.error_string)
      assert.equal(("*"):rep(10), response:read_all_string())
      assert.is_true(calls >= 2)
    end)

    it("dripping, for longer than the total", function()
      local response = get({
        url = url("/drip?duration=0.9&numbytes=9&delay=0"),
        timeout = { total = 0.5, idle = 5 },
      })
      assert.equal(Response.TIMEOUT_ERROR, response.error)
      assert.equal(200, response.status_code)
      assert.equal("body", response.error_detail.phase)
      assert.matches("^%*+$", response:read_all_string())
    end)

    it("and is not waited for once cancelled", function()
      local response = http.get(url("/delay/1"))
      response.finished_handler = helper.expect(function() end)
      http.poll(0)
      response:abort()
      assert.is_false(response.finished)
      response:await()
      assert.equal(Response.OPERATION_CANCELLED_ERROR, response.error)
    end)

    it("while others are served", function()
      local order = {}
      local function note(name)
        return helper.expect(function() order[#order + 1] = name end)
      end
      http.get(url("/delay/0.5"), note("late"))
      http.get(url("/get"), note("early"))
      helper.wait_calls()
      assert.same({ "early", "late" }, order)
    end)
  end)
end)
