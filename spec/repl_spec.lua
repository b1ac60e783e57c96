-- The prompt, in a terminal of the spec's own: whole screens are compared. A | stands before the cursor.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local raw = require("raw")
local session = require("session")

local UP, LEFT, HOME, CTRL_C, CTRL_D = session.UP, session.LEFT, session.HOME, session.CTRL_C, session.CTRL_D
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

  local function start(options)
    options.dir = dir
    return session.start(options)
  end

  -- A session that has shown its first prompt.
  local function open(options)
    local s = start(options or {})
    s:shows("> |")
    return s
  end

  local function write(name, text)
    local file = assert(io.open(dir .. "/" .. name, "w"))
    file:write(text)
    file:close()
    return dir .. "/" .. name
  end

  describe("a line", function()
    it("is an expression, whose values are printed", function()
      local s = open()
      s:enter("1 + 1")
      s:shows [[> 1 + 1
        2
        > |]]
      s:enter("= 'a', nil, true, 0.5 -- four", "_", "math.min(3, 2), _;")
      s:shows [[> 1 + 1
        2
        > = 'a', nil, true, 0.5 -- four
        "a"	nil	true	0.5
        > _
        "a"
        > math.min(3, 2), _;
        2	"a"
        > |]]
    end)

    it("is statements, and what they set is there in the next", function()
      local s = open()
      s:enter("x = 7 y = 8", "print(x)", "x * y", "", "nothing")
      s:shows [[> x = 7 y = 8
        > print(x)
        7
        > x * y
        56
        >
        > nothing
        nil
        > |]]
    end)

    it("goes on below until it is whole", function()
      local s = open()
      s:enter("function double(x)", "  return x * 2", "end", "double(", "21)", "1 +", "1", "[[a", "b]]")
      s:shows [=[> function double(x)
        >>   return x * 2
        >> end
        > double(
        >> 21)
        42
        > 1 +
        >> 1
        2
        > [[a
        >> b]]
        "a\nb"
        > |]=]
    end)

    it("tells of its errors: the message, and the way there where there is one", function()
      local s = open()
      s:enter("1 1", "error('no')", "nope.x", "error({})", "function f() error('deep') end",
        "function g() f() return 1 end", "g()", "http.get(1)", "io.write('open') error('end')")
      s:shows [[> 1 1
        stdin:1: unexpected symbol near '1'
        > error('no')
        stdin:1: no
        > nope.x
        stdin:1: attempt to index global 'nope' (a nil value)
        > error({})
        (error object is a table value)
        > function f() error('deep') end
        > function g() f() return 1 end
        > g()
        stdin:1: deep
                stdin:1: in 'f'
                stdin:1: in 'g'
        > http.get(1)
        stdin:1: bad argument #1 to 'get' (table of options or URL expected, got number)
        > io.write('open') error('end')
        open
        stdin:1: end
        > |]]
    end)

    it("may begin with local, and is told once what that means", function()
      local s = open()
      s:enter("local a = 1", "a", "local b = 2")
      s:shows [[> local a = 1
        (a local ends with its line: without the word local, it stays)
        > a
        nil
        > local b = 2
        > |]]
    end)

    it("may wrap in a narrow window, where keys still go to their places", function()
      local s = open({ columns = 20 })
      s:type("'0123456789abcdefghijklmnopqrstuvwxyz'")
      s:shows [[> '0123456789abcdefg
        hijklmnopqrstuvwxyz'
        |]]
      s:type(HOME, "#")
      s:shows [[> #|'0123456789abcdef
        ghijklmnopqrstuvwxyz
        ']]
      s:type("\n")
      s:shows [[> #'0123456789abcdef
        ghijklmnopqrstuvwxyz
        '
        36
        > |]]
    end)

    it("takes characters of several bytes", function()
      local s = open()
      s:type("'äö€'", LEFT, LEFT, "ü")
      s:shows("> 'äöü|€'")
      s:type("\n")
      s:shows [[> 'äöü€'
        "äöü€"
        > |]]
    end)

    it("may ask for help", function()
      local s = open()
      s:enter("help()", "help = nil")
      assert.truthy(s:read():find("server = assert(http.serve {", 1, true))
    end)
  end)

  describe("a value", function()
    it("that is a table is shown with what is in it", function()
      local s = open()
      s:enter("{ 1, 'two', { a = true, ['b c'] = print } }", "setmetatable({ 1 }, { __index = {} })",
        "function f() end t = { f } t[2] = t", "t", "{ 1LL, http.serve, 0.5, 'a\"b' }")
      s:shows [[> { 1, 'two', { a = true, ['b c'] = print } }
        { 1, "two", {
            a = true,
            ["b c"] = function (built in)
          } }
        > setmetatable({ 1 }, { __index = {} })
        { 1 }
        > function f() end t = { f } t[2] = t
        > t
        <1>{ function (stdin:1), <table 1> }
        > { 1LL, http.serve, 0.5, 'a"b' }
        { 1LL, function (a table that can be called), 0.5, 'a"b' }
        > |]]
    end)

    it("is shown in part where it is long or deep", function()
      local s = open({ columns = 60 })
      local cut = '"' .. ("x"):rep(400) .. '"… (1000 bytes)'
      s:enter("('x'):rep(1000)", "{('x'):rep(1000)}")
      s:shows("> ('x'):rep(1000)\n" .. session.wrapped(cut, 60) .. "\n> {('x'):rep(1000)}\n" ..
        session.wrapped("{ " .. cut .. " }", 60) .. "\n> |")
      s = open({ columns = 60 })
      s:enter("l = {} for i = 1, 60 do l[i] = 7 end", "l, #l", "{{{{{ 1 }}}}}")
      local sevens = session.wrapped("{ " .. ("7, "):rep(49) .. "7,", 60)
      s:shows("> l = {} for i = 1, 60 do l[i] = 7 end\n> l, #l\n" .. sevens .. [[

          … 10 more
        }
        60
        > {{{{{ 1 }}}}}
        { { { { {…} } } } }
        > |]])
    end)

    it("with many fields shows the first of them", function()
      local s = open({ rows = 60 })
      s:enter("l = {} for i = 1, 60 do l[99 + i] = {} l['k' .. 99 + i] = i end", "l")
      local fields = {}
      for i = 100, 149 do
        fields[#fields + 1] = ("  [%d] = {},\n"):format(i)
      end
      s:shows("> l = {} for i = 1, 60 do l[99 + i] = {} l['k' .. 99 + i] = i end\n> l\n{\n" ..
        table.concat(fields) .. "  … 70 more\n}\n> |")
    end)

    it("that is a Response is shown with its state and what there is to read", function()
      local server = helper.respond(OK)
      local s = open()
      local url = helper.url(server)
      s:enter(("(function() r = http.get('%s') return r end)()"):format(url), "r:await()", "r:read_all()", "{ r }",
        "http.get('http://127.0.0.1:1/'):await()", "http.spawn(function() end)")
      s:shows(([[> (function() r = http.get('%s') return r end)()
        http.Response (%s, under way)
        > r:await()
        http.Response (%s, 200 OK, text/plain, 5 bytes to read)
        > r:read_all()
        "hello"
        > { r }
        { http.Response (%s, 200 OK, text/plain, 0 bytes to read) }
        > http.get('http://127.0.0.1:1/'):await()
        http.Response (http://127.0.0.1:1/, cannot connect to 127.0.0.1:1: Connection refused)
        > http.spawn(function() end)
        http.Task (finished)
        > |]]):format(url, url, url, url))
    end)

    it("may fail to say what it is", function()
      local s = open()
      s:enter("setmetatable({}, { __tostring = function() error('dumb', 0) end }), 1")
      s:shows [[> setmetatable({}, { __tostring = function() error('dumb', 0) end }), 1
        dumb	1
        > |]]
    end)

    it("is shown without lua-inspect, too", function()
      local s = open({ env = { LUA_PATH = dir .. "/?.lua" } })
      s:enter("'a', print", "{}", "{}")
      local shown = s:read():gsub("0x%x+", "ADDRESS")
      assert.equal(s.greeting .. [[
> 'a', print
"a"     function (built in)
> {}
(to see what is in a table, install lua-inspect)
table: ADDRESS
> {}
table: ADDRESS
> |]], shown)
    end)
  end)

  describe("the history", function()
    it("brings lines back, also in the next session", function()
      local s = open()
      s:enter("1 + 1", "'two'")
      s:type(UP, UP)
      s:shows("> 1 + 1\n2\n> 'two'\n\"two\"\n> 1 + 1|")
      s:type(CTRL_C)
      s:shows("> 1 + 1\n2\n> 'two'\n\"two\"\n> 1 + 1^C\n> |")
      s:type(CTRL_D)
      assert.equal(0, (s:ends()))
      s = open()
      s:type(UP)
      s:shows("> 'two'|")
      s:type(UP)
      s:shows("> 1 + 1|")
      s:enter("0")
      s:type(UP)
      s:shows("> 1 + 10\n11\n> 1 + 10|")
    end)

    it("keeps a chunk of several lines together", function()
      local s = open()
      s:enter("x = {", "1 }")
      s:type(UP)
      s:shows("> x = {\n>> 1 }\n> x = {\n1 }|")
      s:type(LEFT, LEFT, "0\n")
      s:shows("> x = {\n>> 1 }\n> x = {\n10 }\n> |")
      s:enter("x[1]")
      s:shows("> x = {\n>> 1 }\n> x = {\n10 }\n> x[1]\n10\n> |")
    end)

    it("is where MOONWIRE_HISTORY says, or nowhere", function()
      for _, path in ipairs({ dir .. "/mine", "", "/dev/null/history" }) do
        local s = open({ env = { MOONWIRE_HISTORY = path } })
        s:enter("'kept'")
        s:shows("> 'kept'\n\"kept\"\n> |")
        s:type(CTRL_D)
        assert.equal(0, (s:ends()))
      end
      local file = assert(io.open(dir .. "/mine"))
      assert.truthy(file:read("*a"):find("'kept'\n$"))
      file:close()
      assert.is_nil(io.open(dir .. "/state/moonwire/history"))
    end)
  end)

  describe("Tab", function()
    it("completes names and fields, and lists what there is", function()
      local s = open()
      s:type("str\t.for\t")
      s:shows("> string.format|")
      s:enter("('x')", "r = http.get('http://127.0.0.1:1/')")
      s:type("r:abo\t()")
      s:shows("> string.format('x')\n\"x\"\n> r = http.get('http://127.0.0.1:1/')\n> r:abort()|")
      s:type(CTRL_C, "\t.error_s\t", HOME, "co\t")
      s:shows [[> string.format('x')
        "x"
        > r = http.get('http://127.0.0.1:1/')
        > r:abort()^C
        collectgarbage          coroutine
        > co|  .error_s]]
    end)
  end)

  describe("-i", function()
    it("runs a script first, with its arguments", function()
      local file = write("first.lua", "x = ... print(x, arg[1], arg[0]:match('[^/]*$')) http.sleep(0.05) print('over')")
      local s = start({ "-i", file, "one" })
      s:shows("one\tone\tfirst.lua\nover\n> |")
      s:enter("x")
      s:shows("one\tone\tfirst.lua\nover\n> x\n\"one\"\n> |")
    end)

    it("goes on after a script that fails or cannot be read", function()
      local s = start({ "-i", write("fails.lua", "x = 1 error('no')") })
      s:shows(("%s/fails.lua:1: no\n> |"):format(dir))
      s = start({ "-i", dir .. "/none.lua" })
      s:shows(("moonwire: cannot open %s/none.lua: No such file or directory\n> |"):format(dir))
    end)
  end)
end)
