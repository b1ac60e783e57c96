-- http.har: archives by HAR 1.2, checked against what its text asks of every field.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local certs = require("certs")
local raw = require("raw")
local servers = require("servers")
local json = require("cjson").new()

local COMMAND = (os.getenv("MW_BUILD") or "build") .. "/moonwire"

-- ---- the text of HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/) as a table --------------
-- Each field: a type, "?" behind it where the text says "optional". A list is { type }.

local function url(value) return value:find("^%a[%w+.-]*://") ~= nil and not value:find("#", 1, true) end
local function time(value) return value:find("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$") ~= nil end
local function size(value) return value >= -1 end
local function positive(value) return value >= 0 end
local function address(value) return value:find("^[%x.:]+$") ~= nil end

local PAIR = { name = { "string" }, value = { "string" }, comment = { "string", optional = true } }

local COOKIE = {
  name = { "string" }, value = { "string" }, path = { "string", optional = true },
  domain = { "string", optional = true }, expires = { "string", time, optional = true },
  httpOnly = { "boolean", optional = true }, secure = { "boolean", optional = true },
  comment = { "string", optional = true },
}

local REQUEST = {
  method = { "string" }, url = { "string", url }, httpVersion = { "string" }, cookies = { "list", COOKIE },
  headers = { "list", PAIR }, queryString = { "list", PAIR }, headersSize = { "number", size },
  bodySize = { "number", size }, comment = { "string", optional = true },
  postData = { "object", {
    mimeType = { "string" }, text = { "string" }, comment = { "string", optional = true }, -- text and params
  }, optional = true }, -- exclude each other
}

local RESPONSE = {
  status = { "number" }, statusText = { "string" }, httpVersion = { "string" }, cookies = { "list", COOKIE },
  headers = { "list", PAIR }, redirectURL = { "string" }, headersSize = { "number", size },
  bodySize = { "number", size }, comment = { "string", optional = true },
  content = { "object", {
    size = { "number", positive }, compression = { "number", optional = true }, mimeType = { "string" },
    text = { "string", optional = true }, encoding = { "string", optional = true },
    comment = { "string", optional = true },
  } },
}

local TIMINGS = {
  blocked = { "number", size, optional = true }, dns = { "number", size, optional = true },
  connect = { "number", size, optional = true }, ssl = { "number", size, optional = true },
  send = { "number", positive }, wait = { "number", positive }, receive = { "number", positive },
  comment = { "string", optional = true },
}

local ENTRY = {
  startedDateTime = { "string", time }, time = { "number", positive }, request = { "object", REQUEST },
  response = { "object", RESPONSE }, cache = { "object", {} }, timings = { "object", TIMINGS },
  serverIPAddress = { "string", address, optional = true }, connection = { "string", optional = true },
  comment = { "string", optional = true },
}

local HAR = {
  log = { "object", {
    version = { "string", function(value) return value == "1.2" end },
    creator = { "object", { name = { "string" }, version = { "string" } } },
    entries = { "list", ENTRY },
    comment = { "string", optional = true },
  } },
}

local check_object

local function check_value(value, rule, place)
  local kind = rule[1]
  if kind == "object" then
    assert.equal("table", type(value), place)
    check_object(value, rule[2], place)
  elseif kind == "list" then
    assert.equal("table", type(value), place)
    for i, item in ipairs(value) do
      check_object(item, rule[2], place .. "[" .. i .. "]")
    end
  else
    assert.equal(kind, type(value), place)
    if rule[2] then
      assert.is_true(rule[2](value), place .. " is " .. tostring(value))
    end
  end
end

function check_object(object, rules, place)
  for name, rule in pairs(rules) do
    if object[name] ~= nil then
      check_value(object[name], rule, place .. "." .. name)
    else
      assert.is_true(rule.optional, place .. "." .. name .. " is missing")
    end
  end
  for name in pairs(object) do -- "custom fields and elements MUST start with an underscore"
    assert.truthy(rules[name] or name:find("^_"), place .. "." .. tostring(name) .. " is none of HAR's")
  end
end

-- time is the sum of the timings that apply; connect holds ssl; the entries are sorted.
local function check(har)
  check_object(har, HAR, "")
  local before = ""
  for _, entry in ipairs(har.log.entries) do
    local sum, t = 0, entry.timings
    for name, value in pairs(t) do
      sum = sum + (name ~= "ssl" and math.max(0, value) or 0)
    end
    assert.is_true(math.abs(sum - entry.time) < 0.01, "time is not the sum of its parts")
    assert.is_true(t.ssl <= t.connect)
    assert.is_true(before <= entry.startedDateTime)
    before = entry.startedDateTime
  end
  return har.log.entries
end

local function fetch(options, data)
  options.method = options.method or "GET"
  local response = http.request(options, data, helper.expect(function() end))
  helper.wait_calls()
  return response
end

local function base(server)
  return ("http://127.0.0.1:%d"):format(server.port)
end

describe("http.har", function()
  local dir, recorder

  before_each(function()
    http._drop_idle()
    dir = raw.mkdtemp()
  end)
  after_each(function()
    if recorder then
      recorder:stop()
    end
    recorder = nil
    raw.remove_tree(dir)
    servers.close()
  end)
  helper.setup()

  local function record(options)
    recorder = http.har.record(options)
  end

  local function read(path)
    local file = assert(io.open(path, "rb"))
    local text = file:read("*a")
    file:close()
    return text
  end

  -- What was recorded, by way of the file.
  local function entries()
    local path = dir .. "/all.har"
    assert.is_true(recorder:save(path))
    local text = read(path)
    assert.is_nil(text:find('"[hc]%a+s":{}'), "an empty list must be one: " .. text)
    check(recorder:stop())
    return check(json.decode(text))
  end

  local function value_of(list, name)
    for _, item in ipairs(list) do
      if item.name:lower() == name then
        return item.value
      end
    end
  end

  it("records nothing where nothing happens", function()
    record()
    assert.same({}, entries())
  end)

  it("records a request and its reply", function()
    local server = servers.serve(function(_, response)
      response.headers["Content-Type"] = "text/plain; charset=utf-8"
      response.headers["Set-Cookie"] = { "a=1; Path=/x; Domain=example.com; Secure; HttpOnly; " ..
        "Expires=Wed, 09 Jun 2027 10:18:14 GMT", "b=2" }
      response.body = "hello"
    end)
    record()
    local before = os.date("!%Y-%m-%dT%H:%M")
    fetch { url = base(server) .. "/p?q=a%20b+c&empty=&flag&q=%C3%A9", headers = { Cookie = "s=1; t=2" } }
    local entry = entries()[1]
    local request, response = entry.request, entry.response
    assert.is_true(entry.startedDateTime >= before)
    assert.equal("GET", request.method)
    assert.equal(base(server) .. "/p?q=a%20b+c&empty=&flag&q=%C3%A9", request.url)
    assert.same({ { name = "q", value = "a b c" }, { name = "empty", value = "" }, { name = "flag", value = "" },
      { name = "q", value = "\195\169" } }, request.queryString)
    assert.same({ { name = "s", value = "***" }, { name = "t", value = "***" } }, request.cookies)
    assert.equal("127.0.0.1:" .. server.port, value_of(request.headers, "host"))
    assert.equal(200, response.status)
    assert.equal("OK", response.statusText)
    assert.same({ name = "a", value = "***", path = "/x", domain = "example.com", secure = true, httpOnly = true,
      expires = "2027-06-09T10:18:14.000Z" }, response.cookies[1])
    assert.equal("b", response.cookies[2].name)
    assert.equal("text/plain; charset=utf-8", response.content.mimeType)
    assert.equal(5, response.content.size)
    assert.equal(5, response.bodySize)
    assert.is_nil(response.content.text)
    assert.equal("127.0.0.1", entry.serverIPAddress)
    assert.equal(tostring(server.port), entry.connection)
    assert.equal(-1, entry.timings.dns)
    assert.equal(-1, entry.timings.ssl)
    assert.is_true(entry.timings.connect >= 0)
    assert.is_nil(entry.comment)
  end)

  it("records no connection where one is used again", function()
    local server = servers.serve(function(_, response) response.body = "x" end)
    record()
    fetch { url = base(server) }
    fetch { url = base(server) }
    local list = entries()
    assert.equal(2, #list)
    assert.equal(-1, list[2].timings.connect)
    assert.equal("127.0.0.1", list[2].serverIPAddress)
  end)

  it("records a handshake", function()
    local server = servers.serve(function(_, response) response.body = "x" end, { tls = certs.server })
    record()
    fetch { url = ("https://127.0.0.1:%d/"):format(server.port), ca_file = certs.ca_file }
    local t = entries()[1].timings
    assert.is_true(t.connect > 0)
    assert.is_true(t.ssl > 0 or not http.can("connect_anyhow"))
  end)

  it("records each leg: redirects and what is tried again", function()
    local count = 0
    local server = servers.serve(function(request, response)
      count = count + 1
      if request.target == "/a" then
        response.status, response.headers.Location = 303, "/b?c=d"
      else
        response.status = count == 2 and 503 or 200
      end
    end)
    record()
    fetch({ url = base(server) .. "/a", method = "PUT", retries = { total = 1, backoff = 0.001 } }, "data")
    local list = entries()
    assert.same({ 3, 303, 503, 200 }, { #list, list[1].response.status, list[2].response.status,
      list[3].response.status })
    assert.equal("/b?c=d", list[1].response.redirectURL)
    assert.same({ "PUT", "GET", "GET" }, { list[1].request.method, list[2].request.method, list[3].request.method })
    assert.equal("data", list[1].request.postData.text)
    assert.is_nil(list[2].request.postData)
    assert.same({ { name = "c", value = "d" } }, list[2].request.queryString)
  end)

  it("records failures, with their words", function()
    local broken = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")
    record()
    fetch { url = "http://127.0.0.1:1/" }
    fetch { url = "http://nowhere.invalid/" }
    fetch { url = helper.url(broken) }
    broken:close()
    local list = entries()
    assert.equal(0, list[1].response.status)
    assert.truthy(list[1].comment:find("refused", 1, true))
    assert.is_true(list[2].timings.dns >= 0)
    assert.truthy(list[2].comment:find("nowhere.invalid", 1, true))
    assert.equal(200, list[3].response.status)
    assert.equal(2, list[3].response.content.size)
    assert.truthy(list[3].comment)
  end)

  describe("bodies", function()
    local function echo()
      return servers.serve(function(request, response) response.body = request.body end)
    end

    it("of requests are kept, up to a limit", function()
      local server = echo()
      record { post_limit = 4 }
      fetch({ url = base(server), method = "POST", headers = { ["Content-Type"] = "text/x" } }, "caf\195\169s")
      fetch({ url = base(server), method = "POST" }, "ok")
      local list = entries()
      assert.same({ mimeType = "text/x", text = "caf", comment = "the first 3 of 6 bytes" }, list[1].request.postData)
      assert.equal(6, list[1].request.bodySize)
      assert.same({ mimeType = "", text = "ok" }, list[2].request.postData)
    end)

    it("of bytes are in base64", function()
      local server = echo()
      record { content_limit = 100 }
      for _, body in ipairs { "\255", "\0\255\254", "\128abc" } do
        fetch({ url = base(server), method = "POST" }, body)
      end
      local list = entries()
      assert.same({ "/w==", "AP/+", "gGFiYw==" }, { list[1].response.content.text, list[2].response.content.text,
        list[3].request.postData.text })
      assert.same({ "base64", "base64" }, { list[1].response.content.encoding, list[1].request.postData._encoding })
    end)

    it("with every byte that JSON must escape come through", function()
      local text = {}
      for byte = 0, 127 do
        text[#text + 1] = string.char(byte)
      end
      text = table.concat(text)
      local server = echo()
      record { content_limit = 1000 }
      fetch({ url = base(server), method = "POST" }, text)
      assert.equal(text, entries()[1].response.content.text)
    end)

    it("of responses are kept only if asked to, up to a limit, and where nobody has read of them", function()
      local server = echo()
      record { content_limit = 3 }
      fetch({ url = base(server), method = "POST" }, "abcdef")
      http.post({ url = base(server) }, "abcdef", helper.expect(function() end)).ready_read_handler = function(response)
        response:read_string(1)
      end
      helper.wait_calls()
      local list = entries()
      assert.equal("abc", list[1].response.content.text)
      assert.equal("the first 3 of 6 bytes", list[1].response.content.comment)
      assert.is_nil(list[2].response.content.text)
      assert.equal(6, list[2].response.content.size)
    end)

    helper.it_can("stream_upload", "of functions are not", function()
      local server, given = echo(), false
      record()
      fetch({ url = base(server), method = "POST" }, function()
        if not given then
          given = true
          return "made"
        end
      end)
      local data = entries()[1].request.postData
      assert.equal("", data.text)
      assert.truthy(data.comment)
    end)

    it("that are forms hide what they are told to", function()
      local server = echo()
      record { redact = { "password" } }
      fetch({ url = base(server), method = "POST",
        headers = { ["Content-Type"] = "application/x-www-form-urlencoded" } }, "user=me&password=gEhEiM&x=1")
      assert.equal("user=me&password=***&x=1", entries()[1].request.postData.text)
    end)
  end)

  it("records what is under way as not finished", function()
    local server = servers.serve(function(_, response)
      http.sleep(0.05)
      response.body = "x"
    end)
    record()
    http.get(base(server), helper.expect(function() end))
    http.poll(0)
    local list = entries()
    assert.equal("not finished", list[1].comment)
    helper.wait_calls()
    assert.equal("not finished", recorder:stop().log.entries[1].comment)
  end)

  it("reads header fields that are no UTF-8 as ISO 8859-1", function()
    local server = helper.respond("HTTP/1.1 200 OK\r\nX-A: caf\233\r\nContent-Length: 0\r\n\r\n")
    record()
    fetch { url = helper.url(server) }
    server:close()
    assert.equal("caf\195\169", value_of(entries()[1].response.headers, "x-a"))
  end)

  it("tells where a file cannot be written", function()
    record()
    local ok, message, code = recorder:save(dir .. "/none/x.har")
    assert.is_nil(ok)
    assert.truthy(message:find("No such file", 1, true))
    assert.equal("system", code)
  end)

  it("may be recorded twice at a time", function()
    local server = servers.serve(function(_, response) response.body = "x" end)
    record()
    local other = http.har.record()
    fetch { url = base(server) }
    assert.equal(1, #other:stop().log.entries)
    fetch { url = base(server) }
    assert.equal(1, #other:stop().log.entries)
    assert.equal(2, #entries())
    assert.truthy(tostring(other):find("1 entries, stopped", 1, true))
  end)

  for what, call in pairs {
    ["options that are no table"] = function() http.har.record("x") end,
    ["unknown options"] = function() http.har.record { limit = 1 } end,
    ["a limit that is none"] = function() http.har.record { post_limit = -1 } end,
    ["redact that is no list"] = function() http.har.record { redact = "x" } end,
    ["a file that is no name"] = function() recorder:save() end,
    ["a dot in place of the colon"] = function() recorder.stop() end,
  } do
    it("throws at the caller's line for " .. what, function()
      record()
      local ok, message = pcall(call)
      assert.is_false(ok)
      assert.truthy(message:find("har_spec.lua:%d+: "), message)
    end)
  end

  describe("of the command, --har FILE", function()
    local SERVER = [[
      local server = http.serve { handler = function(request, response)
        if request.target == "/never" then http.sleep(600) end
        response.body = "x"
      end }
      http.get(server.url):await()
    ]]

    local function start(script, ...)
      local program = { COMMAND, "--har", dir .. "/c.har", ... }
      program[#program + 1], program[#program + 2] = "-e", script
      return program
    end

    local function run(script)
      local status, output = helper.run_program(start(script))
      local har = check(json.decode(read(dir .. "/c.har")))
      return har, status, output
    end

    it("writes it at the end", function()
      local list, status, output = run(SERVER .. "server:close()")
      assert.equal(0, status, output)
      assert.equal(1, #list)
      assert.equal(200, list[1].response.status)
    end)

    it("writes it where the script fails", function()
      local list, status = run(SERVER .. "error('oops')")
      assert.same({ 1, 1 }, { #list, status })
    end)

    it("writes it where the script does not even begin", function()
      local list, status = run("this is no Lua")
      assert.same({ 0, 1 }, { #list, status })
    end)

    it("writes it where the script ends the process", function()
      local list, status = run(SERVER .. "os.exit(7)")
      assert.same({ 1, 7 }, { #list, status })
    end)

    it("writes it at Ctrl-C, with what was under way", function()
      local program = start(SERVER .. [[
        http.after(0.05, function() io.stdout:write("ready\n") io.stdout:flush() end)
        http.get(server.url .. "/never"):await()
      ]])
      program.stdout = dir .. "/out"
      local pid = assert(raw.spawn(program))
      helper.wait(function() return read(dir .. "/out"):find("ready", 1, true) end, 30)
      raw.kill(pid, "INT")
      local status
      helper.wait(function()
        status = raw.reap(pid)
        return status
      end, 30)
      local list = check(json.decode(read(dir .. "/c.har")))
      assert.same({ 130, 2 }, { status, #list })
      assert.equal("not finished", list[2].comment)
    end)

    it("fails before the script runs where there can be no such file", function()
      local status, output = helper.run_program { COMMAND, "--har", dir .. "/none/x.har", "-e", "print('ran')" }
      assert.equal(1, status)
      assert.truthy(output:find("--har: ", 1, true), output)
      assert.is_nil(output:find("ran", 1, true))
    end)

    it("is used wrongly without FILE", function()
      assert.equal(2, (helper.run_program { COMMAND, "--har" }))
      assert.equal(2, (helper.run_program { COMMAND, "--har=", "-e", "x()" }))
    end)
  end)
end)
