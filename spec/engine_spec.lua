-- The engine: how it is chosen, by whom, when that is refused, and what a script learns of it.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")

local first = http.engines[1]
local used = http.engine

-- What a script prints, in a process of its own, with other words in the environment.
local function printed(engine, code, ...)
  local command = { (os.getenv("MW_BUILD") or "build") .. "/moonwire", ... }
  command[#command + 1] = "-e"
  command[#command + 1] = code
  command.env = { MOONWIRE_ENGINE = engine }
  return helper.run_program(command)
end

local function pattern_of(text)
  return (text:gsub("%p", "%%%0"))
end

local function last()
  return http.engines[#http.engines]
end

describe("http.engines", function()
  it("lists engines of different names, one of which is in use", function()
    local seen = {}
    for _, name in ipairs(http.engines) do
      assert.is_string(name)
      assert.is_nil(seen[name])
      seen[name] = true
    end
    assert.is_true(seen[http.engine])
  end)
end)

describe("the engine", function()
  helper.setup()

  it("is the first of the list without a choice, and where the variable is set to nothing", function()
    local status, output = printed("", "io.write(http.engine)")
    assert.equal(0, status)
    assert.equal(first, output)
  end)

  it("is the one that MOONWIRE_ENGINE names", function()
    for _, name in ipairs(http.engines) do
      local status, output = printed(name, "io.write(http.engine)")
      assert.equal(0, status)
      assert.equal(name, output)
    end
  end)

  it("is the one that --engine names, whatever the variable says", function()
    for _, name in ipairs(http.engines) do
      for _, spelling in ipairs { "--engine=" .. name, false } do
        local status, output
        if spelling then
          status, output = printed(first, "io.write(http.engine, ' ', arg[0])", spelling)
        else
          status, output = printed(first, "io.write(http.engine, ' ', arg[0])", "--engine", name)
        end
        assert.equal(0, status)
        assert.equal(name .. " -e", output)
      end
    end
    local status, output = printed("steam", "io.write(http.engine)", "--engine", last())
    assert.equal(0, status)
    assert.equal(last(), output)
  end)

  it("is the last one of several --engine", function()
    local status, output = printed(first, "io.write(http.engine)", "--engine", first, "--engine", last())
    assert.equal(0, status)
    assert.equal(last(), output)
  end)

  it("must be known: the variable's error lists those that are", function()
    local status, output = printed("steam", "io.write('ran')")
    assert.equal(1, status)
    assert.matches('^moonwire: MOONWIRE_ENGINE: there is no engine "steam"; there ', output)
    for _, name in ipairs(http.engines) do
      assert.matches(pattern_of(name), output)
    end
    assert.is_nil(output:find("ran", 1, true))
  end)

  it("must be known: so must the option's, which is wrong usage", function()
    for _, wrong in ipairs { "steam", "", first:upper(), first .. " " } do
      local status, output = printed("", "io.write('ran')", "--engine=" .. wrong)
      assert.equal(2, status)
      assert.matches('^moonwire: %-%-engine: there is no engine "' .. pattern_of(wrong) .. '"; there ', output)
      assert.matches(pattern_of(last()) .. "\n$", output)
    end
    local status, output = helper.run_program { (os.getenv("MW_BUILD") or "build") .. "/moonwire", "--engine" }
    assert.equal(2, status)
    assert.matches("^moonwire: %-%-engine needs NAME\n", output)
    status, output = printed("", "io.write('ran')", "--engines")
    assert.equal(2, status)
    assert.matches("^moonwire: unknown option %-%-engines\n", output)
  end)

  it("is told by --help, with all the others", function()
    local status, output = printed("", "", "--help")
    assert.equal(0, status)
    assert.matches("--engine NAME", output, 1, true)
    assert.matches("MOONWIRE_ENGINE", output, 1, true)
    for _, name in ipairs(http.engines) do
      assert.matches(name, output, 1, true)
    end
  end)

  it("is chosen for stock luajit by the variable too", function()
    local load = ("package.cpath = %q .. package.cpath io.write(require('http').engine)"):format(
      (os.getenv("MW_BUILD") or "build") .. "/?.so;")
    if helper.under == "asan" then
      return pending("a stock luajit cannot load an instrumented module")
    end
    local status, output = helper.run_program { "luajit", "-e", load, env = { MOONWIRE_ENGINE = last() } }
    assert.equal(last(), output)
    assert.equal(0, status)
    status, output = helper.run_program { "luajit", "-e", load, env = { MOONWIRE_ENGINE = "steam" } }
    assert.equal(1, status)
    assert.matches('MOONWIRE_ENGINE: there is no engine "steam"', output, 1, true)
  end)
end)

describe("http.configure of an engine", function()
  helper.setup()

  after_each(function()
    http.configure { engine = used }
  end)

  local function get(server)
    local answer = http.get(helper.url(server))
    helper.wait(function() return answer.finished end)
    return answer
  end

  it("changes to each and back, and each of them fetches", function()
    local server = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", { keep_open = true })
    for _ = 1, 2 do
      for _, name in ipairs(http.engines) do
        http.configure { engine = name }
        assert.equal(name, http.engine)
        local answer = get(server)
        assert.equal("", answer.error_string)
        assert.equal("hi", answer:read_all())
      end
    end
  end)

  it("changes under a server that was closed, whose requests are made anew", function()
    for _ = 1, 2 do
      for _, name in ipairs(http.engines) do
        http.configure { engine = name }
        local server = assert(http.serve { handler = function(request) return request.path .. name end })
        local answer = http.get(server.url .. "/path")
        helper.wait(function() return answer.finished end)
        assert.equal(200, answer.status_code)
        server:close()
        http.poll(0)
      end
    end
  end)

  it("leaves responses that are finished as they are", function()
    local server = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    local answer = get(server)
    server:close()
    local failed = get(server)
    http.configure { engine = last() }
    http.configure { engine = first }
    http.configure { engine = last() }
    assert.equal("hi", answer:read_all())
    assert.equal(200, answer.status_code)
    assert.equal("connect", failed.error_detail.phase)
    answer:abort()
    failed:abort()
    answer, failed = nil, nil -- luacheck: ignore
    collectgarbage()
    assert.equal(0, http._live().exchanges)
  end)

  it("is allowed for the one in use at any time", function()
    local server = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    local answer = http.get(helper.url(server))
    http.configure { engine = http.engine }
    helper.wait(function() return answer.finished end)
    assert.is_true(answer.ok)
  end)

  it("is allowed in the handler of the last request", function()
    local server = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    local answer = http.get(helper.url(server))
    answer.finished_handler = helper.expect(function()
      for _, name in ipairs(http.engines) do
        http.configure { engine = name }
        assert.equal(name, http.engine)
      end
    end)
    helper.wait_calls()
  end)

  it("must be known", function()
    local ok, message = pcall(http.configure, { engine = "steam" })
    assert.is_false(ok)
    assert.matches('there is no engine "steam"; there ', message, 1, true)
    for _, name in ipairs(http.engines) do
      assert.matches(name, message, 1, true)
    end
    assert.has_error(function() http.configure { engine = 1 } end, "bad option 'engine' (string expected, got 1)")
    assert.equal(used, http.engine)
  end)

  it("keeps the files of names where only the engine is given", function()
    local dir = raw.mkdtemp()
    finally(function()
      http.configure {}
      raw.remove_tree(dir)
    end)
    local file = assert(io.open(dir .. "/hosts", "w"))
    assert(file:write("127.0.0.1 chosen.test\n"))
    file:close()
    http.configure { hosts_file = dir .. "/hosts", engine = last() }
    http.configure { engine = first }
    local server = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    local answer = http.get(helper.url(server, "/", "chosen.test"))
    helper.wait(function() return answer.finished end)
    assert.equal("", answer.error_string)
  end)

  -- What keeps another from being chosen: to be begun, and to be ended.
  local busy = {
    { "a request is under way", "requests are", function()
      local server = assert(raw.listen {})
      local answer = http.get(helper.url(server))
      return function()
        answer:abort()
        helper.wait(function() return answer.finished end)
      end
    end },
    { "a server listens", "a server is", function()
      local server = assert(http.serve { handler = function() end })
      return function() server:close() end
    end },
  }

  if #http.engines > 1 then
    for _, case in ipairs(busy) do
      local title, words, begin = unpack(case)
      it("is refused while " .. title, function()
        local other = http.engine == first and last() or first
        local finish = begin()
        local ok, message = pcall(http.configure, { engine = other })
        assert.is_false(ok)
        assert.matches(words .. " in the hands of the " .. http.engine .. " engine", message, 1, true)
        assert.equal(used, http.engine)
        finish()
        http.configure { engine = other }
        assert.equal(other, http.engine)
      end)
    end
  end
end)

describe("http.can", function()
  local words = { "stream_upload", "upgrade", "stream_request", "interim", "be_strict", "any_method", "drain",
    "trailers", "connect_anyhow", "proxy", "agent" }

  it("answers true or false for each capability", function()
    local all = http.can()
    for _, word in ipairs(words) do
      assert.is_boolean(http.can(word))
      assert.equal(http.can(word), all[word])
      all[word] = nil
    end
    assert.is_nil(next(all))
  end)

  it("throws for a word that is none, at the caller's line", function()
    local ok, message = pcall(function() http.can("fly") end)
    assert.is_false(ok)
    assert.matches([[^spec/engine_spec%.lua:%d+: bad argument #1 to 'can' %(there is no capability "fly"]], message)
    assert.is_false(pcall(http.can, {}))
  end)
end)
