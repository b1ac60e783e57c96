-- http.app next to Koa 3: both serve the same routes (spec/peers/koa) and are asked the same. Status, body
-- and header fields must be the same, but for what spec/peers/koa/differs.lua tells why.
-- SPDX-License-Identifier: MIT

local compare = require("spec.peers.koa.compare")
local helper = require("helper")
local peers = require("peers")
local rules = require("spec.peers.koa.differs")
local twin = require("spec.peers.koa.app")

local FEWEST = 80 -- rows

describe("http.app answers as Koa does:", function()
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

  local rows = twin.rows()

  -- Asks both; fails with every difference that no rule explains.
  local function check(row)
    local ours, theirs = compare.ask(row, ports[row.proxied == true])
    local found = compare.differences(ours, theirs)
    local expected, applied = compare.expected(row, theirs, rules)
    for _, rule in ipairs(applied) do
      assert(#found > 0, "there is no difference any more: " .. rule.why)
    end
    assert.same({}, compare.differences(ours, expected))
  end

  for _, row in ipairs(rows) do
    it(compare.title(row), function() check(row) end)
  end

  it("over many rows, and every rule of a difference is of use", function()
    assert.is_true(#rows >= FEWEST)
    for _, rule in ipairs(rules) do
      local matched = false
      for _, row in ipairs(rows) do
        matched = matched or compare.title(row):find(rule.row) ~= nil
      end
      assert(matched, "matches no row: " .. rule.row)
    end
  end)
end)
