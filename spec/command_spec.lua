-- The command: what it runs, how it ends, and what its exit status says.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local raw = require("raw")

local COMMAND = (os.getenv("MW_BUILD") or "build") .. "/moonwire"
local PATIENCE = 20 * (helper.under == "valgrind" and 10 or 1) -- seconds for a command to end

describe("the command", function()
  helper.setup()

  local dir

  setup(function()
    dir = raw.mkdtemp()
  end)

  teardown(function()
    raw.remove_tree(dir)
  end)

  local function path(name)
    return dir .. "/" .. name
  end

  local function read(name)
    local file = io.open(path(name), "rb")
    local text = file and file:read("*a")
    if file then
      file:close()
    end
    return text
  end

  local function write(name, text)
    local file = assert(io.open(path(name), "wb"))
    assert(file:write(text))
    assert(file:close())
    return path(name)
  end

  -- Starts a line of the shell, in which "$MW" is the command. Its outputs go to the files out and err.
  local function start(line, ...)
    local program = { "sh", "-c", '{ ' .. line .. '\n} 2>"$DIR/err"', "sh", ... }
    program.stdout = path("out")
    program.env = { MW = COMMAND, DIR = dir }
    os.remove(path("out"))
    os.remove(path("err"))
    return assert(raw.spawn(program))
  end

  -- Waits for its end -> its status (-signal), what it printed, what it complained of.
  local function result(pid)
    local status
    local ok, problem = pcall(helper.wait, function()
      status = raw.reap(pid)
      return status
    end, PATIENCE, "the end of the command")
    if not ok then
      raw.kill(pid, "KILL")
      helper.wait(function() return raw.reap(pid) end)
      error(problem .. ", which has said: " .. tostring(read("out")) .. tostring(read("err")), 0)
    end
    return status, read("out"), read("err")
  end

  local function shell(line, ...)
    return result(start(line, ...))
  end

  -- Runs the command itself with the given arguments.
  local function run(...)
    return shell('exec "$MW" "$@"', ...)
  end

  local function code(text, ...)
    return run("-e", text, ...)
  end

  describe("what it runs", function()
    it("is a file, with its arguments in ... and in arg", function()
      local file = write("args.lua", [[
        print(...)
        print(#arg, arg[0], arg[1], arg[2], arg[3])
        print(arg[-1])
      ]])
      local status, out, err = run(file, "one", "", "-e")
      assert.equal("", err)
      assert.equal("one\t\t-e\n3\t" .. file .. "\tone\t\t-e\n" .. COMMAND .. "\n", out)
      assert.equal(0, status)
    end)

    it("is code given after -e, with the arguments that follow", function()
      local status, out, err = code("print(arg[0], #arg, ...)", "--version", "-e")
      assert.same({ 0, "-e\t2\t--version\t-e\n", "" }, { status, out, err })
    end)

    it("is standard input after -", function()
      local status, out, err = shell([[echo 'print(arg[0], ...)' | "$MW" - a b]])
      assert.same({ 0, "-\ta\tb\n", "" }, { status, out, err })
    end)

    it("leaves standard input to a script from a file", function()
      local file = write("reads.lua", "print(io.read('*a'))")
      local status, out = shell('printf "some input" | "$MW" "$@"', file)
      assert.same({ 0, "some input\n" }, { status, out })
    end)

    it("may begin with a line for the system", function()
      local file = write("bang.lua", "#!/usr/bin/env moonwire\nprint('ran')\n")
      local status, out = run(file)
      assert.same({ 0, "ran\n" }, { status, out })
    end)

    it("finds the module http as a global and by require", function()
      local status, out = code("print(http == require 'http', type(http.get), http.version)")
      assert.equal(0, status)
      assert.truthy(out:find("^true\tfunction\t%d+%.%d+%.%d+\n$"))
    end)

    it("is a task, which may await", function()
      local status, out, err = code([[
        local server = http.serve { handler = function(_, response) response.body = "hello" end }
        print(http.get(server.url):await():read_string())
        server:close()
      ]])
      assert.same({ 0, "hello\n", "" }, { status, out, err })
    end)

    it("may have very many arguments", function()
      local status, out, err = shell([["$MW" -e 'print(select("#", ...), #arg, arg[5000])' $(seq 5000)]])
      assert.same({ 0, "5000\t5000\t5000\n", "" }, { status, out, err })
    end)

    it("cannot have more arguments than Lua takes, and says so", function()
      local status, out, err = shell([["$MW" -e 'print("never")' $(seq 20000)]])
      assert.same({ 1, "" }, { status, out })
      assert.truthy(err:find("too many arguments", 1, true), err)
    end)
  end)

  describe("what it says of itself", function()
    it("is its version with --version", function()
      local status, out, err = run("--version")
      assert.same({ 0, "" }, { status, err })
      assert.truthy(out:find("^moonwire %d+%.%d+%.%d+\n$"), out)
    end)

    it("is how it is used with --help", function()
      local status, out, err = run("--help")
      assert.same({ 0, "" }, { status, err })
      for _, word in ipairs({ "usage: moonwire FILE", "-e CODE", "--version", "exit status" }) do
        assert.truthy(out:find(word, 1, true), word)
      end
    end)

    it("is on standard error, with status 2, when it is used wrongly", function()
      for words, arguments in pairs({
        ["nothing to run; the prompt needs a terminal"] = {},
        ["-i needs FILE"] = { "-i" },
        ["-i cannot be had here; the prompt needs a terminal"] = { "-i", "x.lua" },
        ["-e needs CODE"] = { "-e" },
        ["unknown option --wrong"] = { "--wrong", "x.lua" },
        ["unknown option -x"] = { "-x" },
      }) do
        local status, out, err = run(unpack(arguments))
        assert.same({ 2, "" }, { status, out })
        assert.truthy(err:find(words, 1, true), err)
        assert.truthy(err:find("usage: moonwire", 1, true), err)
      end
    end)
  end)

  describe("how it ends", function()
    it("is when nothing is pending any more", function()
      local status, out, err = code([[
        local server
        server = http.serve { handler = function(_, response) response.body = "done" end }
        local ticks = 0
        local timer
        timer = http.every(0.001, function()
          ticks = ticks + 1
          if ticks == 3 then
            timer:cancel()
            http.get(server.url, function(response)
              print(response:read_string())
              server:close()
            end)
          end
        end)
        print("main is over")
      ]])
      assert.same({ 0, "main is over\ndone\n", "" }, { status, out, err })
    end)

    it("does not wait for a body that nobody can read any more", function()
      local server = helper.respond("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789", { keep_open = true })
      local status, out = run("-e", [[
        local response = http.PoolManager():request("GET", ..., { preload_content = false })
        print(response:read(10))
      ]], helper.url(server))
      assert.same({ 0, "0123456789\n" }, { status, out })
    end)

    it("is with the status given to os.exit", function()
      assert.equal(3, (code("os.exit(3)")))
      assert.equal(0, (code("http.every(1, print) os.exit(true, true)")))
      assert.equal(1, (code("http.every(1, print) os.exit(false)")))
      assert.equal(4, (code("http.after(0, function() os.exit(4, true) end)")))
    end)
  end)

  describe("an error in the script", function()
    -- The status is 1, nothing comes on standard output, and standard error has all the words.
    local function assert_error(words, status, out, err)
      assert.same({ 1, "" }, { status, out })
      for _, word in ipairs(words) do
        assert.truthy(err:find(word, 1, true), ("%q is not in: %s"):format(word, err))
      end
    end

    it("ends it with status 1 and a traceback", function()
      local file = write("fails.lua", "local function inner()\n  error('oh no')\nend\ninner()\n")
      assert_error({ "fails.lua:2: oh no", "stack traceback:", "fails.lua:4" }, run(file))
    end)

    it("may be a table, which has words of its own or none", function()
      assert_error({ "table", "stack traceback:" }, code("error({ code = 7 })"))
      assert_error({ "my words", "stack traceback:" },
        code("error(setmetatable({}, { __tostring = function() return 'my words' end }))"))
    end)

    it("may be nil, or words that do not come", function()
      assert_error({ "nil" }, code("error()"))
      assert_error({ "moonwire:" },
        code("error(setmetatable({}, { __tostring = function() error('inner') end }))"))
    end)

    it("is told with its line after an await, too", function()
      assert_error({ "-e:2: later", "stack traceback:" }, code("http.sleep(0.001)\nerror('later')"))
    end)

    it("ends it at once: what is pending is given up", function()
      assert_error({ "oh no" }, code("http.after(0, function() print('never') end) error('oh no')"))
      assert_error({ "oh no" }, code([[
        http.serve { handler = print }
        http.sleep(0)
        error("oh no")
      ]]))
    end)

    it("may be one of syntax", function()
      local file = write("syntax.lua", "print('never')\nlocal = 1\n")
      assert_error({ "syntax.lua:2:", "near '='" }, run(file))
      assert_error({ "-e:1:", "near" }, code("print('never') ("))
      assert_error({ "stdin:" }, shell([[echo '(' | "$MW" -]]))
    end)

    it("may be a file that is not there, or is none", function()
      assert_error({ "nowhere.lua", "No such file" }, run(path("nowhere.lua")))
      assert_error({ dir }, run(dir))
    end)
  end)

  describe("an error in a handler", function()
    it("is told, and makes the status 1 at the end, while the rest still runs", function()
      local status, out, err = code([[
        local server
        server = http.serve { handler = function(_, response) response.body = "hello" end }
        local response = http.get(server.url, function() error("in the callback") end)
        response.finished_handler = function()
          http.after(0.001, function()
            server:close()
            print("the rest")
          end)
        end
      ]])
      assert.same({ 1, "the rest\n" }, { status, out })
      assert.truthy(err:find("in the callback", 1, true), err)
      assert.truthy(err:find("stack traceback:", 1, true), err)
    end)

    it("may be one of a timer, of a task, or of a server", function()
      local status, out, err = code([[
        http.after(0, function() error("in the timer") end)
        http.spawn(function() http.sleep(0) error("in the task") end)
        local server = http.serve { handler = function() error("in the server") end }
        print(http.get(server.url):await().status_code)
        server:close()
      ]])
      assert.same({ 1, "500\n" }, { status, out })
      for _, word in ipairs({ "in the timer", "in the task", "in the server" }) do
        assert.truthy(err:find(word, 1, true), err)
      end
    end)

    it("is nobody's once it was caught", function()
      local status, out, err = code([[
        local task = http.spawn(function() http.sleep(0) error("caught", 0) end)
        print(pcall(task.await, task))
      ]])
      assert.same({ 0, "false\tcaught\n", "" }, { status, out, err })
    end)
  end)

  describe("Ctrl-C", function()
    -- Starts a script, waits until it has printed "ready", sends SIGINT as often, and waits.
    local function interrupt(text, times)
      local pid = start('exec "$MW" "$@"', write("endless.lua", [[
        io.stdout:setvbuf("line")
      ]] .. text))
      helper.wait(function()
        return (read("out") or ""):find("ready\n", 1, true)
      end, PATIENCE, "the script to be ready")
      for _ = 1, (times or 1) - 1 do
        raw.kill(pid, "INT")
        helper.wait(function() return read("out"):find("again\n", 1, true) end, PATIENCE, "the first to arrive")
      end
      raw.kill(pid, "INT")
      return result(pid)
    end

    it("ends it with status 130 and no words while it waits", function()
      local status, out, err = interrupt([[
        http.serve { handler = print }
        http.every(60, print)
        print("ready")
      ]])
      assert.same({ 130, "ready\n", "" }, { status, out, err })
    end)

    it("ends it while the script awaits", function()
      local status, out, err = interrupt([[
        local server = http.serve { handler = function() print("ready") http.sleep(60) end }
        http.get(server.url):await()
        print("never")
      ]])
      assert.same({ 130, "ready\n", "" }, { status, out, err })
    end)

    it("ends a busy loop of the script", function()
      local status, out, err = interrupt('jit.off() print("ready") while true do end')
      assert.same({ 130, "ready\n", "" }, { status, out, err })
    end)

    it("ends a busy loop of a handler", function()
      local status, out, err = interrupt([[
        jit.off()
        http.after(0, function() print("ready") while true do end end)
      ]])
      assert.same({ 130, "ready\n" }, { status, out })
      assert.is_nil(err:find("never", 1, true))
    end)

    it("ends a busy task", function()
      local status, out = interrupt([[
        jit.off()
        http.spawn(function() http.sleep(0) print("ready") while true do end end)
      ]])
      assert.same({ 130, "ready\n" }, { status, out })
    end)

    it("ends the process when it comes again", function()
      -- The script swallows the first.
      local status = interrupt([[
        jit.off()
        print("ready")
        pcall(function() while true do end end)
        print("again")
        while true do end
      ]], 2)
      assert.equal(-2, status)
    end)

    it("ends a loop that was compiled, at the latest when it comes again", function()
      local pid = start('exec "$MW" "$@"', write("hot.lua", [[
        local n = 0
        for i = 1, 1e6 do n = n + i end -- long enough to be compiled
        io.write("ready\n")
        io.flush()
        while true do n = n + 1 end
      ]]))
      helper.wait(function() return (read("out") or ""):find("ready") end, PATIENCE, "the script to be ready")
      local status
      helper.wait(function()
        status = raw.reap(pid)
        return status or not raw.kill(pid, "INT")
      end, PATIENCE, "the end of the loop")
      assert.truthy(status == 130 or status == -2, status)
    end)
  end)

  describe("standard output", function()
    -- The status of the command is that of the whole line.
    local function assert_lost(words, status, _, err)
      assert.equal(1, status)
      assert.truthy(err:find("standard output", 1, true), err)
      assert.truthy(err:find(words, 1, true), err)
    end

    it("that is full makes the status 1, with words", function()
      assert_lost("No space left", shell([["$MW" -e 'print("x")' >/dev/full]]))
      assert_lost("No space left", shell([["$MW" -e 'print(("x"):rep(1e6))' >/dev/full]]))
    end)

    it("that is full is noticed where nothing is buffered", function()
      assert_lost("", shell([["$MW" -e 'io.stdout:setvbuf("no") print("x")' >/dev/full]]))
      assert_lost("", shell([["$MW" -e 'print("x") io.stdout:flush()' >/dev/full]]))
    end)

    it("that is closed makes the status 1, with words", function()
      assert_lost("", shell([["$MW" -e 'print("x")' >&-]]))
      assert_lost("", shell([["$MW" --version >&-]]))
      assert_lost("", shell([["$MW" --help >/dev/full]]))
    end)

    it("that is closed is no matter to who does not write", function()
      local status, _, err = shell([["$MW" -e 'local n = 1' >&- <&-]])
      assert.same({ 0, "" }, { status, err })
    end)

    it("that is closed does not turn into a socket of the script's", function()
      local status, _, err = shell([["$MW" -e '
        local server
        server = http.serve { handler = function(_, response)
          print("not for the client")
          io.stdout:flush()
          response.body = "hello"
        end }
        local body = http.get(server.url):await():read_string()
        io.stderr:write(body, "\n")
        server:close()' >&- <&-]])
      assert.equal(1, status)
      assert.truthy(err:find("^hello\n"), err)
    end)

    it("whose reader leaves makes the status 1, and no signal ends it", function()
      local _, out, err = shell([[
        { "$MW" -e 'for i = 1, 1e5 do print(i) end io.stderr:write("to the end\n")'; echo $? >"$DIR/status"; } |
          head -n 1]])
      assert.equal("1\n", out)
      assert.truthy(err:find("to the end", 1, true), err)
      assert.equal("1\n", read("status"))
    end)
  end)
end)
