-- http.app next to Koa 3, http.boom next to @hapi/boom: both serve the same routes (spec/peers/koa) and are
-- asked the same. Status, body and header fields must be the same, but for what
-- spec/peers/koa/differs.lua tells why.
-- SPDX-License-Identifier: MIT

local boom = require("spec.peers.koa.boom")
local compare = require("spec.peers.koa.compare")
local helper = require("helper")
local peers = require("peers")
local rules = require("spec.peers.koa.differs")
local twin = require("spec.peers.koa.app")

local FEWEST = 80 -- rows

-- Rows by the first two parts of their paths, one test for each: a test a row would take minutes.
local function groups_of(rows)
  local groups, names = {}, {}
  for _, row in ipairs(rows) do
    local name = row[2]:match("^/[^/?]*/?[^/?]*") or "targets of other forms"
    if not groups[name] then
      groups[name] = {}
      names[#names + 1] = name
    end
    table.insert(groups[name], row)
  end
  return groups, names
end

describe("koa:", function()
  local koa, apps, ports

  setup(function()
    koa = peers.koa()
    apps = { twin.new({ silent = true }), twin.new({ silent = true, proxy = true }) }
    local plain, proxied = assert(apps[1]:listen(0)), assert(apps[2]:listen(0))
    ports = { [false] = { plain.port, koa.port }, [true] = { proxied.port, koa.proxied_port } }
  end)
  teardown(function()
    for _, app in ipairs(apps or {}) do
      app:close()
    end
    if koa then
      koa:stop()
    end
  end)
  helper.setup()
  -- The collector's usual pace: at helper's each of these thousands of requests would take 50 ms.
  before_each(function()
    collectgarbage("setpause", 200)
    collectgarbage("setstepmul", 200)
  end)

  local rows = twin.rows()
  local groups, names = groups_of(rows)

  -- Asks both -> every difference that no rule explains, and every rule that explains none
  local function problems_of(row)
    local ours, theirs = compare.ask(row, ports[row.proxied == true])
    local found = compare.differences(ours, theirs)
    local expected, applied = compare.expected(row, theirs, rules)
    local problems = compare.differences(ours, expected)
    for _, rule in ipairs(applied) do
      if #found == 0 and not rule.may then
        problems[#problems + 1] = "no difference any more, although " .. rule.why
      end
    end
    return problems
  end

  for _, name in ipairs(names) do
    it("http.app answers as Koa does: " .. name, function()
      local problems = {}
      for _, row in ipairs(groups[name]) do
        for _, problem in ipairs(problems_of(row)) do
          problems[#problems + 1] = compare.title(row) .. "\n    " .. problem
        end
      end
      assert(#problems == 0, table.concat(problems, "\n"))
    end)
  end

  it("the rows are many, and every difference told of is in some", function()
    assert.is_true(#rows >= FEWEST)
    for _, rule in ipairs(rules) do
      local matched = false
      for _, row in ipairs(rows) do
        matched = matched or compare.applies(rule, row)
      end
      assert(matched, "matches no row: " .. rule.row)
    end
  end)

  for name, list in pairs(boom.methods) do
    it("http.boom makes what @hapi/boom makes: " .. name, function()
      for _, row in ipairs(list) do
        local theirs = compare.ask(boom.request(row), { koa.port })
        assert.equal(200, theirs.status, boom.title(row))
        assert.same(boom.expected(row, theirs.body), boom.ours(row))
      end
    end)
  end
end)
