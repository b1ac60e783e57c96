-- The client's manual: each example runs and prints what stands below it, each option is described, each link
-- leads somewhere; and so for docs/compare.md, whose cells of ours link to the specs that prove them.
-- Touches no engine.
-- SPDX-License-Identifier: MIT

require("http")
local core = require("http.core") -- is there once http is
local helper = require("helper")
local raw = require("raw")

local COMMAND = (os.getenv("MW_BUILD") or "build") .. "/moonwire"

-- What examples take for granted: `server` and `url`, where something answers, and hosts of the documents' own
-- names. Those are served in the process, so that nobody else is ever asked.
local PRELUDE = [[
local names = { %s }
local open = {}
local function handler(request, response)
  if request.method ~= "GET" and request.body ~= "" then
    response.headers["Content-Type"] = request.headers["Content-Type"]
    response.body = request.body
  else
    response.body = '{"id": 1}'
  end
end
for _, origin in ipairs(names) do
  open[#open + 1] = assert(http.serve { origin = origin, handler = handler })
end
server = assert(http.serve { handler = handler })
open[#open + 1] = server
url, token_url = server.url .. "/path", server.url .. "/token"
local ok, message = xpcall(assert(loadfile(arg[1], "t")), debug.traceback)
local last = http.now() + 20
repeat -- what is under way; what has finished goes with the collector
  http.sleep(0.001)
  collectgarbage()
  collectgarbage()
until http._live().exchanges == 0 or http.now() > last
for _, one in ipairs(open) do
  one:close()
end
if not ok then
  io.stderr:write(message, "\n")
  os.exit(1)
end
]]

local function read_file(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end

local function write_file(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

-- The pages: { path = text }, and their names in order.
local function pages_of(pattern)
  local pipe = assert(io.popen("ls " .. pattern))
  local names, texts = {}, {}
  for name in pipe:lines() do
    names[#names + 1] = name
    texts[name] = read_file(name)
  end
  pipe:close()
  return names, texts
end

local CLIENT, TEXTS = pages_of("docs/client.md docs/client/*.md")

-- The blocks of code of a page: { line, info, code, output }, where output is that of a block of text right
-- behind it.
local function blocks_of(text)
  local blocks, block, last, number = {}, nil, nil, 0
  for line in text:gmatch("(.-)\n") do
    number = number + 1
    local info = line:match("^```(.*)$")
    if block and info then
      if block.info == "text" and last then
        last.output = table.concat(block, "\n") .. "\n"
      end
      last = block.info ~= "text" and block or nil
      block = nil
    elseif info then
      block = { line = number, info = info }
      blocks[#blocks + 1] = block
    elseif block then
      block[#block + 1] = line
    elseif line ~= "" then
      last = nil
    end
  end
  return blocks
end

-- The origins that an example names, but for this machine's.
local function origins_in(code)
  local seen, list = {}, {}
  for scheme, host in code:gmatch("(https?)://([%w%.%-:@]+)") do
    host = host:gsub("^.*@", ""):gsub("%.$", "")
    local origin = scheme .. "://" .. host
    local ours = host:find("^127%.") or host:find("^localhost") or host:find("^%d")
    if not ours and host:find("%.") and not seen[origin] then
      seen[origin] = true
      list[#list + 1] = ("%q"):format(origin)
    end
  end
  return table.concat(list, ", ")
end

-- With the default engine, which can do all that the manual tells.
local function run(block)
  local dir = raw.mkdtemp()
  local code = table.concat(block, "\n")
  local needs_network = code:find("http.mock", 1, true) or code:find("origin =", 1, true)
    or code:find("http.policy {", 1, true)
  assert(os.execute("mkdir " .. dir .. "/spec") == 0)
  write_file(dir .. "/prelude.lua", PRELUDE:format(needs_network and "" or origins_in(code)))
  write_file(dir .. "/example.lua", code)
  local command = ("%s prelude.lua example.lua"):format(COMMAND:sub(1, 1) == "/" and COMMAND or "$OLDPWD/" .. COMMAND)
  if code:find("package.cpath", 1, true) then -- for stock LuaJIT
    command = ("luajit -e 'package.cpath = %q .. package.cpath' example.lua"):format(
      (COMMAND:gsub("[^/]*$", "?.so;")))
  end
  local status, output = helper.run_program { "/bin/sh", "-c",
    ("unset MOONWIRE_ENGINE; cd %s && exec %s 2>&1"):format(dir, command) }
  raw.remove_tree(dir)
  return status, output
end

describe("the client's manual", function()
  helper.setup()

  local count = 0
  for _, name in ipairs(CLIENT) do
    for _, block in ipairs(blocks_of(TEXTS[name])) do
      if block.info:find("^lua") then
        count = count + 1
        it(("%s, line %d: the example %s"):format(name, block.line,
          block.output and "prints what it says" or "runs"), function()
          assert.equal("lua", block.info)
          if helper.under == "asan" and table.concat(block):find("package.cpath", 1, true) then
            return pending("a stock luajit cannot load an instrumented module")
          end
          local status, output = run(block)
          assert.equal(0, status, output)
          if block.output then
            assert.equal(block.output, output)
          else
            assert.is_nil(output:find("stack traceback", 1, true), output)
          end
        end)
      end
    end
  end

  it("has examples", function()
    assert.is_true(count > 40, count)
  end)

  it("describes each option of a request", function()
    local all = {}
    for _, name in ipairs(CLIENT) do
      all[#all + 1] = TEXTS[name]
    end
    all = table.concat(all)
    for name in pairs(core.option_names()) do
      assert.truthy(TEXTS["docs/client.md"]:find("`" .. name .. "`", 1, true), name .. " is not in the table")
      assert.truthy(all:find("%f[%w_]" .. name .. " ="), name .. " has no example")
    end
  end)

  it("describes the fields of timeout and retries", function()
    for option, page in pairs { timeout = "docs/client/clocks.md", retries = "docs/client/retries.md" } do
      local _, message = pcall(core.check_options, { [option] = { zz = 1 } })
      local fields = assert(message:match("%((.-) are its fields"))
      for name in fields:gsub(" and ", ", "):gmatch("[%w_]+") do
        assert.truthy(TEXTS[page]:find("`" .. name .. "`", 1, true), option .. "." .. name)
      end
    end
  end)
end)

-- ---- links ------------------------------------------------------------------------------------

-- As GitHub makes them of headings.
local function anchor_of(heading)
  return (heading:lower():gsub("[^%w_ %-]", ""):gsub(" ", "-"))
end

local function anchors_in(text)
  local anchors, code = {}, false
  for line in text:gmatch("(.-)\n") do
    if line:find("^```") then
      code = not code
    end
    local heading = not code and line:match("^#+ (.*)$")
    if heading then
      anchors[anchor_of(heading)] = true
    end
  end
  return anchors
end

local function exists(path)
  local file = io.open(path)
  if file then
    file:close()
  end
  return file ~= nil
end

local function join(page, target)
  local path = page:match("^(.*/)") .. target
  local before
  repeat
    before = path
    path = path:gsub("[^/]+/%.%./", "", 1)
  until path == before
  return path
end

describe("a link of the client's manual", function()
  for _, name in ipairs(CLIENT) do
    it("leads somewhere: " .. name, function()
      for target in TEXTS[name]:gsub("```.-```", ""):gmatch("%]%(([^)]+)%)") do
        local path, anchor = target:match("^([^#]*)#?(.*)$")
        if not path:find("^https?:") then
          local file = path == "" and name or join(name, path)
          assert.is_true(exists(file), target)
          assert.is_true(anchor == "" or anchors_in(read_file(file))[anchor] == true, target)
        end
      end
    end)
  end
end)

-- ---- docs/compare.md --------------------------------------------------------------------------

local COMPARE = read_file("docs/compare.md")

local TITLED = { it = true, describe = true, everywhere = true, test = true, TEST = true, ["helper.it_can"] = true }

-- The lines of a spec that hold the title of something.
local function titles_of(path)
  local titles = {}
  for line in io.lines(path) do
    local call = line:match("^%s*([%w_%.]+)%(")
    if TITLED[call] then
      titles[#titles + 1] = line
    end
  end
  return table.concat(titles, "\n")
end

describe("docs/compare.md", function()
  helper.setup()

  it("links each cell of ours to a spec that has its words as a title", function()
    local count = 0
    for words, path in COMPARE:gmatch("%[([^%]]+)%]%(%.%./(spec/[^)]+)%)") do
      count = count + 1
      assert.is_true(exists(path), path)
      assert.truthy(titles_of(path):find(words, 1, true), path .. ": " .. words)
    end
    assert.is_true(count > 60, count)
  end)

  it("has in each row all clients, and of ours a link unless we lack it", function()
    local rows = 0
    for line in COMPARE:gmatch("\n(| [^\n]+)") do
      local cells = {}
      for cell in line:gmatch("|([^|]+)") do
        cells[#cells + 1] = cell:match("^%s*(.-)%s*$")
      end
      assert.equal(7, #cells, line)
      if cells[7] ~= "moonwire" then
        rows = rows + 1
        assert.is_true(cells[7] == "no" or cells[7]:find("](../spec/", 1, true) ~= nil, line)
      end
    end
    assert.is_true(rows > 50, rows)
  end)
end)
