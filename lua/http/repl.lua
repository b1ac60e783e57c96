-- http.repl: what the command's prompt does with a line. Each is a task, so that it may await; the C
-- part (src/cli/repl.c) reads the lines and turns the loop until the task has ended.
-- SPDX-License-Identifier: MIT

local core = require "http.core"
local task = require "http.task"
local show = require "http.repl.show"

local M = {
  settle = nil, -- set by the C part: a function that ends a line of output that was left open
}

local CHUNK = "=stdin" -- as stock Lua calls what is typed
local current -- the task of the line that runs
local told_of_locals = false

local HELP = [[
An expression is printed, and _ holds it; Tab completes names; Ctrl-C stops a line. Some to try:
  server = assert(http.serve { handler = function(q, r) r.body = "hello" .. q.path end })
  r = http.get(server.url .. "/there"):await()            the line waits for the reply
  r.status_code, r.headers["Content-Length"], r:read_all()
  http.get(server.url, function(reply) print(reply) end)  goes on while you type
  http.after(2, function() print("ding") end)             and so does this
  http.app, http.PoolManager, http.HTTPStatus             and more: docs/ tells]]

--- The first words of a session, and what only a prompt has.
function M.greet()
  if rawget(_G, "help") == nil then
    _G.help = function()
      print(HELP)
    end
  end
  print(("moonwire %s, %s. http is loaded; help() helps, Ctrl-D leaves"):format(core.version, jit.version))
end

-- An expression, whose value is to be printed, or statements -> chunk, or nil and both complaints.
-- An expression is handed to the function that is the chunk's argument: behind `return`, a call would
-- take the place of the line, which errors then could not name.
local function compile(text)
  local expression = text:gsub("^%s*=", "", 1)
  local chunk, as_expression = loadstring("return " .. expression, CHUNK)
  if chunk then
    local ending = expression:find("--", 1, true) and "\n)" or ")"
    return loadstring("return (...)(" .. expression .. ending, CHUNK) or chunk
  end
  local as_statement
  chunk, as_statement = loadstring(text, CHUNK)
  return chunk, as_statement, as_expression
end

local function lacks_an_end(message)
  return message ~= nil and message:find("near '<eof>'", -13, true) ~= nil
end

--- Whether more lines must follow before this is a chunk.
function M.incomplete(text)
  local chunk, as_statement, as_expression = compile(text)
  return not chunk and (lacks_an_end(as_statement) or lacks_an_end(as_expression))
end

-- The frames between an error and the prompt, without ours and without C: "\n\tfile:line: in name".
local function user_frames(chunk)
  local frames = {}
  for level = 3, 100 do
    local info = debug.getinfo(level, "Slnf")
    if not info or info.func == chunk then
      break
    end
    if info.what ~= "C" and not info.source:find("^=http/") then
      local name = info.name and ("in '%s'"):format(info.name) or "in a function"
      frames[#frames + 1] = ("\n\t%s:%d: %s"):format(info.short_src, info.currentline, name)
    end
  end
  return frames
end

-- The message, and the way to it where it is longer than one step.
local function explain(chunk)
  return function(thrown)
    local frames = user_frames(chunk)
    return core.words(thrown) .. (#frames > 1 and table.concat(frames) or "")
  end
end

-- Runs the chunk as a task; `finish` gets what it returned.
local function start(chunk, finish, ...)
  local arguments = { n = select("#", ...), ... }
  local function finished(ok, ...)
    M.settle()
    if ok then
      finish(...)
    else
      io.stderr:write((...), "\n")
    end
  end
  current = task.spawn(function()
    finished(xpcall(chunk, explain(chunk), unpack(arguments, 1, arguments.n)))
  end)
end

local function itself(...)
  return ...
end

-- What a line came to: printed, and kept.
local function present(...)
  if select("#", ...) > 0 then
    if (...) ~= nil then
      rawset(_G, "_", (...))
    end
    show.print(...)
  end
end

local function tell_of_locals(text)
  if not told_of_locals and text:find("^%s*local%s") and not text:find("[;\n]") then
    told_of_locals = true
    print "(a local ends with its line: without the word local, it stays)"
  end
end

--- Runs what was typed, until it first waits.
function M.run(text)
  local chunk, message = compile(text)
  if not chunk then
    io.stderr:write(message, "\n")
    return
  end
  jit.off(chunk, true) -- compiled loops do not see Ctrl-C
  start(chunk, present, itself)
  if current.finished and current.ok then
    tell_of_locals(text)
  end
end

--- Runs a script before the first prompt.
function M.run_file(chunk, ...)
  start(chunk, function() end, ...)
end

--- Whether the last line still waits for something.
function M.busy()
  return current ~= nil and not current.finished
end

--- Makes what the line waits for fail with these words. A line that catches that, and waits again, is
--- left alone the second time.
function M.interrupt(words)
  local deaf = current.interrupted
  task.interrupt(current, words)
  if deaf then
    io.stderr:write(words, "\n")
  end
end

return M
