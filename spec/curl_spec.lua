-- response:to_curl(): what curl sends when the line is run is what we have sent.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local certs = require("certs")
local raw = require("raw")

local ALL_BYTES = {}
for byte = 0, 255 do
  ALL_BYTES[#ALL_BYTES + 1] = string.char(byte)
end
ALL_BYTES = table.concat(ALL_BYTES)

local OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"

describe("response:to_curl", function()
  local dir, server

  before_each(function()
    http._drop_idle()
    dir = raw.mkdtemp()
  end)
  after_each(function()
    raw.remove_tree(dir)
    if server then
      server:close()
    end
    server = nil
  end)
  helper.setup()

  local function listen(answer, options)
    server = helper.respond(answer or OK, options)
    return helper.url(server)
  end

  local function fetch(options, data)
    options.method = options.method or "GET"
    local response = http.request(options, data, helper.expect(function() end))
    helper.wait_calls()
    return response
  end

  local function run(line)
    local file = assert(io.open(dir .. "/line", "wb")) -- an argument has 128 KiB at most
    file:write(line, "\n")
    file:close()
    return helper.run_program { "sh", dir .. "/line", env = { CURL_HOME = dir, http_proxy = "", HOME = dir } }
  end

  -- Its fields in lower case and sorted: the order is each client's own.
  local function fields_of(request)
    local list = {}
    for line in request.head:gmatch("\r\n([^\r\n]+)") do
      local name, value = line:match("^(.-):%s*(.*)$")
      list[#list + 1] = name:lower() .. ": " .. value
    end
    table.sort(list)
    return list
  end

  -- Sends a request, then what to_curl says of it; both must be the same.
  local function check(options, data)
    local response = fetch(options, data)
    local ours = server.requests[#server.requests]
    local line = response:to_curl { secrets = true }
    local count = #server.requests
    local status, output = run(line)
    assert.equal(0, status, line .. "\n" .. output)
    local theirs = server.requests[count + 1]
    assert.truthy(theirs, line)
    assert.equal(ours.head:match("^[^\r\n]*"), theirs.head:match("^[^\r\n]*"), line)
    assert.same(fields_of(ours), fields_of(theirs), line)
    assert.is_true(ours.body == theirs.body, line)
    return line
  end

  for title, case in pairs {
    ["a plain GET"] = {},
    ["a query"] = { path = "/a%20b?c=d&e=%27$(id)&f=%22;!x" },
    ["brackets"] = { path = "/[1-3]?x[]=1" },
    ["dots"] = { path = "/a/%2e%2e/b" },
    ["headers that a shell would read"] = {
      headers = { ["X-A"] = "it's $HOME `id` \"q\" \\n !! * ~ # %s %d", ["X-B"] = "-n", ["X-C"] = "@/etc/passwd" },
    },
    ["headers with tabs and bytes above ASCII"] = { headers = { ["X-A"] = "a\tb", ["X-B"] = "caf\233 %s \\ '" } },
    ["UTF-8 in a header"] = { headers = { ["X-A"] = "caf\195\169" } },
    ["an empty header"] = { headers = { ["X-Empty"] = "" } },
    ["Accept and User-Agent of its own"] = { headers = { Accept = "text/plain", ["User-Agent"] = "me/1" } },
    ["a Host of its own"] = { headers = { Host = "other.example" } },
    ["secrets"] = { headers = { Authorization = "Bearer a b", Cookie = "a=1; b=2" } },
    ["DELETE"] = { method = "DELETE" },
    ["OPTIONS"] = { method = "OPTIONS" },
    ["a POST without a type"] = { method = "POST", data = "plain" },
    ["a POST with a type"] = { method = "POST", data = '{"a":"it\'s"}', headers = { ["Content-Type"] = "text/json" } },
    ["an empty body"] = { method = "POST", data = "" },
    ["a PUT"] = { method = "PUT", data = "line one\nline two\n" },
    ["a body that begins with @"] = { method = "POST", data = "@/etc/passwd" },
    ["a body of -"] = { method = "POST", data = "-" },
    ["a body of all bytes"] = { method = "POST", data = ALL_BYTES },
    ["a body of what printf reads"] = { method = "POST", data = "%s%d\\n\\0\\c\1'\"$x`id`\n\n" },
    ["a body with line ends alone"] = { method = "PATCH", data = "\n\n\r\n" },
    ["a body of 64 KiB"] = { method = "POST", data = ("\0x'%"):rep(16384) },
    ["a GET with a body"] = { method = "GET", data = "why" },
  } do
    it("repeats " .. title, function()
      local base = listen()
      local line = check({
        url = base:sub(1, -2) .. (case.path or "/"),
        method = case.method,
        headers = case.headers,
      }, case.data)
      assert.is_nil(line:find("[%z\1-\9\11-\31\127]"), "pasted, this would not be what it is")
    end)
  end

  it("repeats a HEAD", function()
    local base = listen("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    check { url = base, method = "HEAD" }
  end)

  helper.it_can("stream_upload", "repeats a file, by its name", function()
    local path = dir .. "/it's a file"
    local file = assert(io.open(path, "wb"))
    file:write(ALL_BYTES)
    file:close()
    local line = check { url = listen(), method = "POST", file = path }
    assert.truthy(line:find("--data-binary '@", 1, true), line)
  end)

  helper.it_can("stream_upload", "repeats a part of a file", function()
    local path = dir .. "/file"
    local file = assert(io.open(path, "wb"))
    file:write(ALL_BYTES)
    file:close()
    check { url = listen(), method = "POST", file = path, length = 100 }
  end)

  helper.it_can("stream_upload", "leaves the body of a function to the standard input", function()
    local given = false
    local response = fetch({ url = listen(), method = "POST" }, function()
      if not given then
        given = true
        return "made"
      end
    end)
    local line = response:to_curl()
    assert.truthy(line:find("--data-binary '@-'", 1, true), line)
    assert.truthy(line:find(" # the body is not known here", 1, true), line)
    local status, output = run("printf made | " .. line)
    assert.equal(0, status, output)
    assert.truthy(server.requests[2].body:find("made", 1, true))
  end)

  it("leaves a body above 64 KiB to the standard input, too", function()
    local response = fetch({ url = listen(), method = "POST" }, ("x"):rep(65537))
    assert.truthy(response:to_curl():find(" # the body of 65537 bytes", 1, true))
  end)

  it("repeats the first of several requests, and follows where we did", function()
    local base = listen(function(request)
      if request.head:find("^POST /first ") then
        return ("HTTP/1.1 302 Found\r\nLocation: /second\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
      end
      return OK
    end)
    local response = fetch({ url = base .. "first", method = "POST", headers = { Cookie = "a=1" } }, "data")
    assert.equal(base .. "second", response.url)
    local line = response:to_curl { secrets = true }
    local status, output = run(line)
    assert.same({ 0, "ok" }, { status, output:sub(-2) }, line)
    assert.equal(4, #server.requests)
    assert.equal("data", server.requests[3].body)
    assert.truthy(server.requests[3].head:find("Cookie: a=1", 1, true))
    assert.truthy(server.requests[4].head:find("^GET /second "))
  end)

  it("follows no redirects where we do not", function()
    local base = listen("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    local line = fetch({ url = base, redirect = false }):to_curl()
    assert.equal(0, (run(line)))
    assert.equal(2, #server.requests)
    assert.truthy(fetch({ url = base, redirect = 3 }):to_curl():find(" -L --max-redirs 3 ", 1, true))
  end)

  it("repeats what is asked of TLS", function()
    local base = listen(nil, { tls = certs.server })
    local response = fetch { url = base, ca_file = certs.ca_file }
    assert.equal(200, response.status_code, response.error_string)
    local status, output = run(response:to_curl())
    assert.same({ 0, "ok" }, { status, output:sub(-2) })
    local insecure = fetch { url = base, verify = false }:to_curl()
    assert.truthy(insecure:find(" -k ", 1, true))
    assert.equal(0, (run(insecure)))
  end)

  it("repeats clocks and addresses", function()
    local base = listen()
    local options = {
      url = base:gsub("127%.0%.0%.1", "host.example"),
      resolve = { ["host.example"] = "127.0.0.1" },
      timeout = { connect = 7.5, total = 20 },
    }
    local line = check(options)
    for _, part in ipairs { " --connect-timeout 7.5 ", " -m 20 ", "--resolve 'host.example" } do
      assert.truthy(line:find(part, 1, true) or line:find(part:gsub("'", ""), 1, true), line)
    end
  end)

  helper.it_can("connect_anyhow", "repeats a socket's file", function()
    local path = dir .. "/socket"
    local own = assert(http.serve { unix = path, handler = function(_, response) response.body = "by file" end })
    local response = fetch { url = "http://x/", unix = path }
    local status, output = run(response:to_curl())
    own:close()
    assert.same({ 0, "by file" }, { status, output:sub(-7) })
  end)

  it("shows no secret unless asked to", function()
    local response = fetch { url = listen(), headers = { Authorization = "Basic gEhEiM", Cookie = "a=gEhEiM" } }
    local line = response:to_curl()
    assert.is_nil(line:find("gEhEiM", 1, true), line)
    assert.truthy(line:find("'Authorization: Basic ***'", 1, true), line)
    assert.truthy(response:to_curl({ secrets = true }):find("gEhEiM", 1, true))
  end)

  it("marks the place of credentials, which are not kept", function()
    local response = fetch { url = listen(), auth = { "me", "gEhEiM" } }
    assert.truthy(server.requests[1].head:find("Authorization: Basic", 1, true))
    assert.truthy(response:to_curl({ secrets = true }):find("'Authorization: ***'", 1, true))
  end)

  helper.it_can("proxy", "goes through the same proxy, whose password is not kept", function()
    local base = listen()
    local line = fetch({ url = "http://far.invalid/x", proxy = base:sub(1, -2), no_proxy = "a.test,b.test" }):to_curl()
    assert.truthy(server.requests[1].head:find("^GET http://far.invalid/x "))
    assert.equal(0, (run(line)), line)
    assert.truthy(server.requests[2].head:find("^GET http://far.invalid/x "))
    local secret = fetch { url = "http://far.invalid/", proxy = base:gsub("//", "//me:gEhEiM@"):sub(1, -2) }
    line = secret:to_curl { secrets = true }
    assert.is_nil(line:find("gEhEiM", 1, true), line)
    assert.truthy(line:find("***@127.0.0.1", 1, true), line)
    assert.truthy(fetch({ url = base, proxy = false }):to_curl():find(" --noproxy '*' ", 1, true))
  end)

  it("is there while the request is under way, and after it failed", function()
    local response = http.get("http://127.0.0.1:1/x", helper.expect(function() end))
    assert.truthy(response:to_curl():find("http://127.0.0.1:1/x", 1, true))
    helper.wait_calls()
    assert.truthy(response:to_curl():find("http://127.0.0.1:1/x", 1, true))
  end)

  for what, call in pairs {
    ["a dot"] = function(response) response.to_curl() end,
    ["a string"] = function(response) response:to_curl("secrets") end,
    ["an unknown option"] = function(response) response:to_curl { secret = true } end,
    ["secrets that is no boolean"] = function(response) response:to_curl { secrets = 1 } end,
    ["redact that is no list"] = function(response) response:to_curl { redact = 1 } end,
  } do
    it("throws at the caller's line for " .. what, function()
      local response = fetch { url = listen() }
      local ok, message = pcall(call, response)
      assert.is_false(ok)
      assert.truthy(message:find("curl_spec.lua:%d+: "), message)
    end)
  end
end)
