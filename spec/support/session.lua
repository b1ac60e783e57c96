-- The command's prompt in a terminal of our own, for specs that type and look.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")
local raw = require("raw")
local screen = require("screen")

local M = {}

M.COMMAND = (os.getenv("MW_BUILD") or "build") .. "/moonwire"
local PATIENCE = 10 * (helper.under == "valgrind" and 10 or 1)
local ROWS, COLUMNS = 24, 100

-- Keys.
M.UP, M.LEFT, M.HOME, M.CTRL_C, M.CTRL_D = "\27[A", "\27[D", "\27[H", "\3", "\4"

local Session = {}
Session.__index = Session

local sessions = {}

-- A text without newlines at its end as a terminal shows it.
function M.wrapped(text, columns)
  text = text:gsub("…", "\1") -- one column, three bytes
  text = text:gsub(("[^\n]"):rep(columns), "%0\n"):gsub("\n\n", "\n"):gsub("\1", "…")
  return (text:gsub("\n$", ""))
end

-- Expected text as a screen has it: without the indentation of a spec, and with blanks for tabs.
local function plain(text)
  local lines = {}
  for line in text:gsub("\n *$", ""):gsub("\n        ", "\n"):gsub("$", "\n"):gmatch("([^\n]*)\n") do
    local from = line:find("\t", 1, true)
    while from do
      line = line:sub(1, from - 1) .. (" "):rep(8 - (from - 1) % 8) .. line:sub(from + 1)
      from = line:find("\t", 1, true)
    end
    lines[#lines + 1] = line
  end
  return table.concat(lines, "\n")
end

-- Starts the command in a terminal. Options: rows, columns, env, dir (for its files), command (another
-- program), and the arguments.
function M.start(options)
  local rows, columns = options.rows or ROWS, options.columns or COLUMNS
  local greeting = ("moonwire %s, %s. http is loaded; help() helps, Ctrl-D leaves"):format(http.version, jit.version)
  local env = {
    HOME = options.dir, XDG_STATE_HOME = options.dir .. "/state", EDITRC = "/dev/null",
    TERM = "xterm", LC_ALL = "C.UTF-8",
  }
  for name, value in pairs(options.env or {}) do
    env[name] = value
  end
  local session = setmetatable({
    pty = raw.pty(rows, columns),
    screen = screen.new(rows, columns),
    greeting = M.wrapped(greeting, columns) .. "\n", -- what every expected screen begins with
    pid = nil,
    ended = nil, -- its status, once it is known
  }, Session)
  local program = { options.command or M.COMMAND, unpack(options) }
  program.tty = session.pty.path
  program.env = env
  session.pid = assert(raw.spawn(program))
  sessions[#sessions + 1] = session
  return session
end

-- Ends all sessions that a test has left running.
function M.end_all()
  for _, session in ipairs(sessions) do
    if not session.ended then
      raw.kill(session.pid, "KILL")
      helper.wait(function() return raw.reap(session.pid) end)
    end
  end
  sessions = {}
end

function Session:read()
  local bytes = self.pty:read()
  while bytes and bytes ~= "" do
    self.screen:feed(bytes)
    bytes = self.pty:read()
  end
  return self.screen:text()
end

-- Waits until the screen, below the greeting, looks like this: all of it. A | stands before the cursor.
function Session:shows(text)
  text = self.greeting .. plain(text)
  local ok, problem = pcall(helper.wait, function()
    return self:read() == text
  end, PATIENCE)
  if not ok then
    error(("%s\nwanted:\n%s\nshown:\n%s"):format(problem, text, self.screen:text()), 2)
  end
end

-- Types keys, without waiting for what comes of them.
function Session:type(...)
  self.pty:write(table.concat({ ... }))
end

-- Types lines, each once the prompt stands there again, and the terminal no longer echoes by itself.
function Session:enter(...)
  for _, line in ipairs({ ... }) do
    local before = self:read()
    self:type(line, "\n")
    helper.wait(function()
      local text = self:read()
      return text ~= before and text:find("\n>>? |$") and not self.pty:modes()
    end, PATIENCE, "the prompt behind " .. line)
  end
end

-- Waits until the command computes: until it has used some processor time more.
function Session:works()
  local function used()
    local file = assert(io.open(("/proc/%d/stat"):format(self.pid)))
    local user, system = file:read("*a"):match("%) %S+" .. (" %S+"):rep(10) .. " (%d+) (%d+)")
    file:close()
    return user + system
  end
  local before = used()
  helper.wait(function() return used() > before + 5 end, PATIENCE, "work")
end

-- Waits for its end -> its status, and whether the terminal has its plain modes again.
function Session:ends()
  helper.wait(function()
    self:read()
    self.ended = raw.reap(self.pid)
    return self.ended
  end, PATIENCE, "the end of the session")
  self:read()
  local echoes, lines = self.pty:modes()
  return self.ended, echoes and lines
end

return M
