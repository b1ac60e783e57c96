-- Our output handler for busted: a line per spec file, failures where they happen, and a tally.
-- SPDX-License-Identifier: MIT
--
-- The tally goes to the file $MW_TALLY, a line before and after each test:
--     PASSED FAILED PENDING STATE NAME
-- Its last line is the result, even where the process died: STATE is then "running" and NAME tells
-- what ran. `./dev test` reads it.

local busted = require("busted")
require("busted.languages.en") -- busted's own messages

local tally = {
  passed = 0,
  failed = 0,
  pending = 0,
  file = os.getenv("MW_TALLY") and assert(io.open(os.getenv("MW_TALLY"), "w")),
}

function tally:write(state, name)
  if self.file then
    self.file:write(string.format("%d %d %d %s %s\n", self.passed, self.failed, self.pending, state,
                                  name or ""))
    self.file:flush()
  end
end

-- The engine that these specs run with; "" for those whose head says that they touch none. Where busted
-- was started by hand, who knows.
local engine = os.getenv("MW_ENGINE")
local mark = (engine or "") ~= "" and "[" .. engine .. "] " or ""

local recap = {} -- a line for each failure and each pending test, printed again at the end
local seed

local function say(text)
  io.write(text, "\n")
  io.flush()
end

-- A test's words on one line: "spec/url_spec.lua: url.parse refuses a space".
local function full_name(element)
  local words = {}
  while element and (element.name or element.descriptor) do
    local is_file = element.descriptor == "file"
    table.insert(words, 1, tostring(element.name or element.descriptor) .. (is_file and ":" or ""))
    element = not is_file and busted.parent(element) or nil
  end
  local name = table.concat(words, " "):gsub("%s+", " ")
  return name ~= "" and mark .. name or name
end

local function indent(text)
  return (("      " .. tostring(text)):gsub("\n", "\n      "))
end

-- The part of a traceback that is not busted calling itself.
local function own_frames(trace)
  local kept = {}
  for line in (trace and trace.traceback or ""):gmatch("[^\n]+") do
    if not line:find("/busted/", 1, true) and not line:find("/luassert/", 1, true)
      and not line:find("stack traceback", 1, true) and not line:find("[C]", 1, true) then
      kept[#kept + 1] = line:gsub("^%s+", "  at ")
    end
  end
  return table.concat(kept, "\n")
end

local function report(word, element, message, trace)
  local name = full_name(element) -- busted's own complaints have none: a file that is not there
  local line = word .. "  " .. (name ~= "" and name or "busted")
  recap[#recap + 1] = line
  say(line)
  if message ~= nil then
    say(indent(message))
  end
  local frames = word == "FAIL" and own_frames(trace) or ""
  if frames ~= "" then
    say(indent(frames))
  end
end

-- Failures and errors alike. One inside a test is counted when the test ends, since a test may
-- report several (its body's and its `finally`'s); any other counts here: a file that does not
-- load, a setup that throws.
local function on_failure(element, _, message, trace)
  element = element or {}
  report("FAIL", element, message, trace)
  if element.descriptor ~= "it" then
    tally.failed = tally.failed + 1
    tally:write("between", full_name(element))
  end
  return nil, true
end

local function on_pending(element, _, message)
  report("PENDING", element, message)
  if element.descriptor ~= "it" and element.descriptor ~= "pending" then
    tally.pending = tally.pending + 1
  end
  return nil, true
end

local function on_test_start(element)
  tally:write("running", full_name(element))
  return nil, true
end

local function on_test_end(element, _, status)
  if status == "success" then
    tally.passed = tally.passed + 1
  elseif status == "pending" then
    tally.pending = tally.pending + 1
    if element.descriptor == "pending" then -- a `pending` block says nothing by itself
      report("PENDING", element)
    end
  else
    tally.failed = tally.failed + 1
  end
  tally:write("between", full_name(element))
  return nil, true
end

local file_start

local uses -- of the one runtime; each file loads modules anew

local function engine_uses()
  uses = uses or package.loaded.http and package.loaded.http._engine_uses
  return uses and uses() or 0
end

-- A file that runs once although it needs an engine would be tested with one of them only.
local function check_mark(file)
  if engine == "" and engine_uses() > file_start.uses then
    report("FAIL", file, "its head says \"Touches no engine.\", but it made requests or servers: remove that line")
    tally.failed = tally.failed + 1
    tally:write("between", full_name(file))
  end
end

local function on_file_start()
  file_start = {
    passed = tally.passed,
    failed = tally.failed,
    all = tally.passed + tally.failed + tally.pending,
    time = busted.monotime(),
    uses = engine_uses(),
  }
  return nil, true
end

local function on_file_end(file)
  if tally.passed + tally.failed + tally.pending == file_start.all then
    return nil, true -- a filter left nothing of it
  end
  check_mark(file)
  local word = tally.failed > file_start.failed and "FAIL" or "ok"
  say(string.format("%-5s %s%s (%d, %.2f s)", word, mark, file.name, tally.passed - file_start.passed,
                    busted.monotime() - file_start.time))
  return nil, true
end

local function on_suite_start(_, _, _, random_seed)
  seed = random_seed
  return nil, true
end

local function on_exit()
  if #recap > 0 then
    say("\nnot passed:")
    for _, line in ipairs(recap) do
      say("  " .. line)
    end
  end
  if tally.failed > 0 and seed then
    say("the same order again: ./dev test --seed=" .. seed .. (mark ~= "" and " --engine=" .. engine or ""))
  end
  tally:write("finished")
  return nil, true
end

return function()
  local handler = {}

  function handler.subscribe()
    busted.subscribe({ "suite", "start" }, on_suite_start)
    busted.subscribe({ "file", "start" }, on_file_start)
    busted.subscribe({ "file", "end" }, on_file_end)
    busted.subscribe({ "test", "start" }, on_test_start)
    busted.subscribe({ "test", "end" }, on_test_end)
    busted.subscribe({ "pending" }, on_pending)
    busted.subscribe({ "failure" }, on_failure)
    busted.subscribe({ "error" }, on_failure)
    busted.subscribe({ "exit" }, on_exit)
  end

  return handler
end
