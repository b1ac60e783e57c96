-- The mistakes that newcomers make, and what they are told.
-- SPDX-License-Identifier: MIT

local http = require("http")
local helper = require("helper")

describe("a newcomer", function()
  helper.setup()

  local function told(words, fn)
    local ok, message = pcall(fn)
    assert.is_false(ok)
    assert.matches("^.-mistakes_spec%.lua:%d+: ", message)
    assert.truthy(message:find(words, 1, true), message)
  end

  local function serve(handler)
    local server = assert(http.serve { handler = handler })
    return server, function() server:close() end
  end

  it("is told of a colon where a dot belongs", function()
    told("call http.get with a dot", function() http:get("http://127.0.0.1:1/") end)
    told("call http.post with a dot", function() http:post("http://127.0.0.1:1/", "x") end)
  end)

  it("is told of a dot where a colon belongs", function()
    local server, close = serve(function(_, response)
      told("call it with a colon", function() response.write("x") end)
      told("call it with a colon", function() response.finish() end)
    end)
    local response = http.get(server.url):await()
    assert.equal(200, response.status_code)
    told("call it with a colon", function() response.await() end)
    told("call it with a colon", function() server.close() end)
    local task = http.spawn(function() end)
    told("call it with a colon", function() task.await() end)
    close()
  end)

  it("is told of a handler that is misspelled", function()
    local response = http.get("http://127.0.0.1:1/")
    told("unknown handler 'finish_handler'", function() response.finish_handler = print end)
    response.data = 5 -- while other fields are the script's own
    assert.equal(5, response.data)
    response:await()
  end)

  it("is told of a field that a server's response does not have", function()
    local server, close = serve(function(_, response)
      told("unknown field 'status_code'", function() response.status_code = 404 end)
      response.status = 404
    end)
    assert.equal(404, http.get(server.url):await().status_code)
    close()
  end)

  it("can give a Payload what it is to carry", function()
    local server, close = serve(function(request, response) response.body = request.body end)
    for _, content in ipairs { "hello", { 104, 101, 108, 108, 111 } } do
      local response = http.post(server.url, http.Payload.new(content)):await()
      assert.equal("hello", response:read_all())
    end
    told("string, table of bytes or nil expected, got number", function() http.Payload.new(5) end)
    close()
  end)

  it("is told that a server listens on addresses, not on names", function()
    local server, message, code = http.serve { host = "nowhere.test", handler = print }
    assert.is_nil(server)
    assert.equal("cannot listen on nowhere.test: it is not an address", message)
    assert.equal("system", code)
  end)
end)
