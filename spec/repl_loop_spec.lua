-- The prompt and what goes on while it stands there: lines that wait, output that comes, Ctrl-C, Ctrl-D.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local raw = require("raw")
local session = require("session")

local UP, LEFT, CTRL_C, CTRL_D = session.UP, session.LEFT, session.CTRL_C, session.CTRL_D
local OK = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"

describe("the prompt", function()
  helper.setup()

  local dir

  before_each(function()
    dir = raw.mkdtemp()
  end)

  after_each(function()
    session.end_all()
    raw.remove_tree(dir)
  end)

  -- A session that has shown its first prompt.
  local function open(options)
    options = options or {}
    options.dir = dir
    local s = session.start(options)
    s:shows("> |")
    return s
  end

  -- A server that answers when it is told so: its URL, and a function that waits for a request and
  -- returns its connection.
  local function holding_server()
    local held = {}
    local server = helper.respond(function(_, conn)
      held[#held + 1] = conn
    end, { keep_open = true })
    return helper.url(server), function(i)
      return helper.wait(function() return held[i or 1] end)
    end
  end

  describe("while a line waits", function()
    it("stays away until what the line waits for is there", function()
      local url, request = holding_server()
      local s = open()
      local line = ("http.get('%s'):await():read_all()"):format(url)
      s:type(line, "\n")
      local conn = request()
      s:shows("> " .. line .. "\n|")
      conn:send(OK)
      s:shows("> " .. line .. "\n\"hello\"\n> |")
    end)

    it("gets what is typed meanwhile", function()
      local url, request = holding_server()
      local s = open()
      local line = ("http.get('%s'):await() print('here')"):format(url)
      s:type(line, "\n")
      local conn = request()
      s:shows("> " .. line .. "\n|")
      s:type("1 + 1\n")
      s:shows("> " .. line .. "\n1 + 1\n|")
      conn:send(OK)
      s:shows("> " .. line .. "\n1 + 1\nhere\n> 1 + 1\n2\n> |")
    end)

    it("comes when nothing is pending that the line could wait for", function()
      local s = open()
      s:enter("a = http.spawn(function() http.sleep(0) b:await() end) b = http.spawn(function() a:await() end)",
        "a:await()")
      s:shows [[> a = http.spawn(function() http.sleep(0) b:await() end) b = http.spawn(function() a:await() end)
        > a:await()
        stdin:1: nothing is pending, so what is waited for can never come
        > |]]
    end)
  end)

  describe("output that comes meanwhile", function()
    it("is set above the half-typed line", function()
      local url, request = holding_server()
      local s = open()
      local line = ("r = http.get('%s', function(r) print(r.status_code, r:read_all()) end)"):format(url)
      s:enter(line)
      s:type("1 + 2 * 3", LEFT:rep(4))
      s:shows("> " .. line .. "\n> 1 + 2| * 3")
      request():send(OK)
      s:shows("> " .. line .. "\n200\thello\n> 1 + 2| * 3")
      s:type("0\n")
      s:shows("> " .. line .. "\n200\thello\n> 1 + 20 * 3\n61\n> |")
    end)

    it("is set above a line that takes several rows", function()
      local url, request = holding_server()
      local s = open({ columns = 30 })
      local first, second = "f = function() print('ding') end", ("r = http.get('%s', f)"):format(url)
      s:enter(first, second, second)
      local so_far = session.wrapped("> " .. first .. "\n> " .. second .. "\n> " .. second, 30) .. "\n"
      s:type(("x"):rep(65), LEFT)
      s:shows(so_far .. ("> %s\n%s\n%s|x"):format(("x"):rep(28), ("x"):rep(30), ("x"):rep(6)))
      request(1):send(OK)
      so_far = so_far .. "ding\n"
      s:shows(so_far .. ("> %s\n%s\n%s|x"):format(("x"):rep(28), ("x"):rep(30), ("x"):rep(6)))
      s:type(("\b"):rep(36), "\5\b") -- one row is left, and the cursor stands in the next
      s:shows(so_far .. ("> %s\n|"):format(("x"):rep(28)))
      request(2):send(OK)
      s:shows(so_far .. ("ding\n> %s\n|"):format(("x"):rep(28)))
    end)

    it("is set above several lines with tabs and control characters", function()
      local url, request = holding_server()
      local s = open({ columns = 40 })
      local line = ("r = http.get('%s', f)"):format(url)
      s:enter("f = function() print('ding') end", "x = {", "}", line)
      s:type(UP, UP, ("y"):rep(34), "\22\1", "\22\1", ("z"):rep(39), "\22\t") -- Ctrl-V takes the next as it is
      local before = "> f = function() print('ding') end\n> x = {\n>> }\n" .. session.wrapped("> " .. line, 40) .. "\n"
      local typed = ("> x = {\n}%s^A^Az\n%s\n|"):format(("y"):rep(34), ("z"):rep(38))
      s:shows(before .. typed)
      request():send(OK)
      s:shows(before .. "ding\n" .. typed)
    end)

    it("may come from io.write, stderr and errors, and is never overwritten", function()
      local s = open()
      s:enter("t = http.after(0.1, function() io.write('a') io.stderr:write('b') end)")
      s:type("http")
      s:shows [[> t = http.after(0.1, function() io.write('a') io.stderr:write('b') end)
        ab
        > http|]]
      s:type(CTRL_C, "x = http.spawn(function() http.sleep(0) nope() end)\n")
      s:shows [[> t = http.after(0.1, function() io.write('a') io.stderr:write('b') end)
        ab
        > http^C
        > x = http.spawn(function() http.sleep(0) nope() end)
        moonwire: stdin:1: attempt to call global 'nope' (a nil value)
        stack traceback:
                stdin: in function <stdin:1>
        > |]]
    end)

    it("is ended before the prompt, and before a result", function()
      local s = open()
      s:enter("io.write('c')", "x = io.write('d')", "io.write('e\\n') x = nil")
      s:shows [[> io.write('c')
        c
        true
        > x = io.write('d')
        d
        > io.write('e\n') x = nil
        e
        > |]]
    end)
  end)

  describe("Ctrl-C", function()
    it("drops a half-typed line", function()
      local s = open()
      s:type("half", LEFT)
      s:shows("> hal|f")
      s:type(CTRL_C)
      s:shows("> half^C\n> |")
      s:enter("function f(")
      s:type("a")
      s:shows("> half^C\n> function f(\n>> a|")
      s:type(CTRL_C)
      s:shows("> half^C\n> function f(\n>> a^C\n> |")
      s:enter("1")
      s:shows("> half^C\n> function f(\n>> a^C\n> 1\n1\n> |")
    end)

    it("stops a loop", function()
      local s = open()
      s:type("while true do end\n")
      s:works()
      s:type(CTRL_C)
      s:shows [[> while true do end
        ^C
        stdin:1: interrupted
        > |]]
      s:enter("function f() local i = 0 while true do i = i + 1 end end")
      s:type("f()\n")
      s:works()
      s:type(CTRL_C)
      s:shows [[> while true do end
        ^C
        stdin:1: interrupted
        > function f() local i = 0 while true do i = i + 1 end end
        > f()
        ^C
        stdin:1: interrupted
        > |]]
    end)

    it("stops what waits, and nothing else", function()
      local url, request = holding_server()
      local s = open()
      local first, second = ("r = http.get('%s', function() print('ding') end)"):format(url),
        ("http.get('%s'):await()"):format(url)
      s:enter(first)
      s:type(second, "\n")
      request(2)
      s:type(CTRL_C)
      local so_far = ("> %s\n> %s\n^C\nstdin:1: interrupted\n"):format(first, second)
      s:shows(so_far .. "> |")
      request(1):send(OK)
      s:shows(so_far .. "ding\n> |")
    end)

    it("stops a line that catches it, the second time", function()
      local s = open()
      s:type("while true do print(pcall(http.sleep, 100)) end\n")
      s:shows("> while true do print(pcall(http.sleep, 100)) end\n|")
      s:type(CTRL_C)
      s:shows [[> while true do print(pcall(http.sleep, 100)) end
        ^C
        false	interrupted
        |]]
      s:type(CTRL_C)
      s:shows [[> while true do print(pcall(http.sleep, 100)) end
        ^C
        false	interrupted
        ^C
        interrupted
        > |]]
    end)

    it("stops a handler that does not end", function()
      local s = open()
      s:enter("x = http.spawn(function() http.sleep(0) while true do end end)")
      s:works()
      s:type(CTRL_C)
      s:shows [[> x = http.spawn(function() http.sleep(0) while true do end end)
        > ^C
        moonwire: stdin:1: interrupted
        stack traceback:
                stdin: in function <stdin:1>
        > |]]
    end)

    it("ends the command at the third time, where nothing else helps", function()
      local s = open()
      s:enter("f = loadstring('while true do end')", "jit.on(f)")
      s:type("f()\n")
      s:works()
      s:type(CTRL_C)
      s:shows("> f = loadstring('while true do end')\n> jit.on(f)\n> f()\n^C\n|")
      s:type(CTRL_C)
      s:shows("> f = loadstring('while true do end')\n> jit.on(f)\n> f()\n^C\n^C\n|")
      s:type(CTRL_C)
      assert.same({ -2, true }, { s:ends() })
    end)
  end)

  describe("Ctrl-D", function()
    it("leaves, whatever is pending", function()
      local s = open()
      s:enter("s = http.serve { handler = function() http.sleep(9) end } t = http.after(9, print)",
        "r = http.get(s.url) ; error('x')")
      s:shows [[> s = http.serve { handler = function() http.sleep(9) end } t = http.after(9, print)
        > r = http.get(s.url) ; error('x')
        stdin:1: x
        > |]]
      s:type(CTRL_D)
      assert.same({ 0, true }, { s:ends() })
      assert.truthy(s:read():find("stdin:1: x\n>\n|", 1, true))
    end)

    it("ends an unfinished chunk with what it lacks", function()
      local s = open()
      s:enter("function f()")
      s:type(CTRL_D)
      s:shows("> function f()\n>>\nstdin:1: 'end' expected near '<eof>'\n> |")
    end)
  end)

  describe("the terminal", function()
    it("is given back as it was, however the process ends", function()
      local s = open()
      s:type("t = http.after(0.05, function() os.exit(3) end)\n")
      assert.same({ 3, true }, { s:ends() })
      for signal, number in pairs({ TERM = 15, HUP = 1 }) do
        s = open()
        raw.kill(s.pid, signal)
        assert.same({ -number, true }, { s:ends() })
      end
    end)

    it("may change its size", function()
      local s = open({ columns = 90 })
      s:type(("1"):rep(30))
      s:shows("> " .. ("1"):rep(30) .. "|")
      s.pty:resize(24, 120)
      s.screen.columns = 120
      s:type(("2"):rep(70))
      s:shows("> " .. ("1"):rep(30) .. ("2"):rep(70) .. "|")
    end)

    it("is drawn anew after a stop", function()
      local s = open()
      s:type("half")
      s:shows("> half|")
      raw.kill(s.pid, "STOP")
      s.screen:feed("\rxxxxxx") -- as the shell may have written
      raw.kill(s.pid, "CONT")
      s:shows("> half|") -- before that the terminal may not be its own yet
      s:type(LEFT)
      s:shows("> hal|f")
      local echoes, lines = s.pty:modes()
      assert.same({ false, false }, { echoes, lines })
    end)

    it("is the script's while a line reads from it", function()
      local s = open()
      s:type("io.read()\n")
      s:shows("> io.read()\n|")
      s:enter("some words")
      s:type("io.write('Name? ') name = io.read()\n")
      s:shows("> io.read()\nsome words\n\"some words\"\n> io.write('Name? ') name = io.read()\nName? |")
    end)

    it("must be there", function()
      local s = session.start({ dir = dir, command = "sh", "-c", session.COMMAND .. " </dev/null 2>&1 | head -n 1" })
      s.greeting = ""
      s:shows("moonwire: nothing to run; the prompt needs a terminal for its input and output\n|")
      assert.equal(0, (s:ends()))
    end)
  end)
end)
