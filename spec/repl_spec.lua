-- The prompt, in a terminal of the spec's own: whole screens are compared. A | stands in front of the
-- cursor.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local screen = require("screen")

local COMMAND = (os.getenv("MW_BUILD") or "build") .. "/moonwire"
local PATIENCE = 10 * (os.getenv("MW_UNDER") == "valgrind" and 10 or 1)
local ROWS, COLUMNS = 24, 100

local GREETING = ("moonwire %s, %s. http is loaded; help() helps, Ctrl-D leaves\n"):format(http.version,
  jit.version)

local UP, LEFT, HOME, CTRL_C, CTRL_D = "\27[A", "\27[D", "\27[H", "\3", "\4"

describe("the prompt", function()
  helper.setup()

  local dir
  local sessions = {}

  before_each(function()
    dir = raw.mkdtemp()
  end)

  after_each(function()
    for _, s in ipairs(sessions) do
      if not s.ended then
        raw.kill(s.pid, "KILL")
        helper.wait(function() return raw.reap(s.pid) end)
      end
    end
    sessions = {}
    raw.remove_tree(dir)
  end)

  local Session = {}
  Session.__index = Session

  -- Starts the command in a terminal; options: rows, columns, env, and the arguments.
  local function start(options)
    options = options or {}
    local rows, columns = options.rows or ROWS, options.columns or COLUMNS
    local env = {
      HOME = dir, TERM = "xterm", LC_ALL = "C.UTF-8", XDG_STATE_HOME = dir .. "/state", EDITRC = "/dev/null",
    }
    for name, value in pairs(options.env or {}) do
      env[name] = value
    end
    local pty = raw.pty(rows, columns)
    local program = { options.command or COMMAND, unpack(options) }
    program.tty = pty.path
    program.env = env
    local session = setmetatable({
      pty = pty,
      screen = screen.new(rows, columns),
      greeting = options.greeting or GREETING,
    }, Session)
    session.pid = assert(raw.spawn(program))
    sessions[#sessions + 1] = session
    return session
  end

  function Session:read()
    local bytes = self.pty:read()
    while bytes and bytes ~= "" do
      self.screen:feed(bytes)
      bytes = self.pty:read()
    end
    return bytes ~= nil
  end

  -- Waits until the screen looks like this, below the greeting.
  function Session:shows(text)
    text = self.greeting .. text:gsub("\n *$", ""):gsub("\n        ", "\n"):gsub("^ +", "")
    local ok = pcall(helper.wait, function()
      self:read()
      return self.screen:text() == text
    end, PATIENCE)
    if not ok then
      assert.equal(text, self.screen:text())
    end
  end

  -- Types keys, once the prompt stands there.
  function Session:type(...)
    for _, keys in ipairs({ ... }) do
      self.pty:write(keys)
    end
  end

  -- Waits for its end with this status, and checks that the terminal is as it was.
  function Session:ends(status)
    helper.wait(function()
      self:read()
      self.ended = raw.reap(self.pid)
      return self.ended
    end, PATIENCE, "the end of the session")
    self:read()
    assert.equal(status, self.ended)
  end

  function Session:has_plain_terminal()
    local echoes, lines = self.pty:modes()
    assert.same({ true, true }, { echoes, lines })
  end

  -- A session that has shown its first prompt.
  local function open(options)
    local session = start(options)
    session:shows("> |")
    return session
  end

  describe("a line", function()
    it("is an expression, whose values are printed", function()
      local s = open()
      s:type("1 + 1\n")
      s:shows [[> 1 + 1
        2
        > |]]
      s:type("= 'a', nil, true, 0.5\n", "_\n")
      s:shows [[> 1 + 1
        2
        > = 'a', nil, true, 0.5
        "a"	nil	true	0.5
        > _
        "a"
        > |]]
    end)
  end)
end)
