-- Applications for specs: one of a single handler, asked without a socket, and what its errors came to.
-- SPDX-License-Identifier: MIT

local assert = require("luassert")
local http = require("http")
local core = require("http.core") -- which http has put there

local M = {}

-- An application of those middleware, which logs nothing: app.errors lists what was thrown.
function M.app(settings, ...)
  local app = http.app(settings)
  app.errors = {}
  function app.on_error(err, ctx)
    app.errors[#app.errors + 1] = { err = err, ctx = ctx }
  end
  for _, fn in ipairs { ... } do
    app:use(fn)
  end
  return app
end

-- Answers one request by `handler` and returns the reply. What the handler throws fails the test,
-- unless `settings.may_fail` is set; the application is the second value.
function M.ask(handler, request, settings)
  settings = settings or {}
  local may_fail = settings.may_fail
  settings.may_fail = nil
  local app = M.app(settings, handler)
  local reply, why = app:callback()(request or {})
  local first = app.errors[1]
  if first and not may_fail then
    error(first.ctx.trace or tostring(first.err), 0)
  end
  return reply, app, why
end

-- Runs fn(ctx) in a handler and returns what it returned.
function M.inside(request, fn, settings)
  local results
  local function keep(...)
    results = { n = select("#", ...), ... }
  end
  M.ask(function(ctx)
    keep(fn(ctx))
  end, request, settings)
  return unpack(results, 1, results.n)
end

-- Compares the fields of a reply that are in `expected`; false stands for one that must not be there.
function M.check_headers(expected, headers, title)
  for name, value in pairs(expected) do
    if value == false then
      assert.is_nil(headers[name], ("%s: %s"):format(title, name))
    else
      assert.same(value, headers[name], ("%s: %s"):format(title, name))
    end
  end
end

local function check_reply(row, half, reply, result)
  if row.returns ~= nil then
    assert.same(row.returns, result, half)
  end
  for _, name in ipairs { "status", "message", "body" } do
    if row[name] ~= nil then
      assert.equal(row[name], reply[name], half .. " " .. name)
    end
  end
  M.check_headers(row.headers or {}, reply.headers, half)
end

-- Calls row.run(half, ctx) in two handlers, half being ctx.response (ctx.request with `of` "request")
-- and then ctx, or only `row.only`. Compares what it returns with row.returns, and the reply with
-- status, message, body and headers as far as the row tells them.
function M.check(row, of)
  of = "ctx." .. (of or "response")
  for _, half in ipairs(row.only and { row.only } or { of, "ctx" }) do
    local result
    local reply = M.ask(function(ctx)
      result = row.run(half == "ctx" and ctx or half == of and ctx[of:sub(5)], ctx)
    end, row.request, M.copy(row.settings))
    check_reply(row, half, reply, result)
  end
end

function M.copy(fields)
  local copy = {}
  for name, value in pairs(fields or {}) do
    copy[name] = value
  end
  return copy
end

-- Makes a test of each row { title, run, … }.
function M.rows(list, of)
  local it = getfenv(2).it
  for _, row in ipairs(list) do
    row.run = row.run or row[2]
    it(row[1], function()
      M.check(row, of)
    end)
  end
end

-- Calls fn and returns what was reported meanwhile.
function M.reports_of(fn)
  local report, list = core.report, {}
  core.report = function(message) -- luacheck: ignore 122
    list[#list + 1] = message
  end
  local ok, why = pcall(fn)
  core.report = report -- luacheck: ignore 122
  if not ok then
    error(why, 0)
  end
  return list
end

-- The reply of an application whose on_error is the one that it has by itself, and what was reported.
function M.logged(handler, settings, request)
  local reply
  local reports = M.reports_of(function()
    local app = http.app(settings)
    app:use(handler)
    reply = app:callback()(request or {})
  end)
  return reply, reports
end

-- Gives pieces one at a time, as a function that is a body does.
function M.pieces(...)
  local list, i = { ... }, 0
  return function()
    i = i + 1
    return list[i]
  end
end

-- Fails unless fn throws `words` at a line of the spec that calls this.
function M.assert_misuse(words, fn, ...)
  local file = debug.getinfo(2, "S").short_src
  local ok, message = pcall(fn, ...)
  if ok then
    error("nothing was thrown: " .. words, 2)
  elseif type(message) ~= "string" or not message:find(words, 1, true) then
    error(("expected '%s', got '%s'"):format(words, tostring(message)), 2)
  elseif message:sub(1, #file + 1) ~= file .. ":" then
    error(("not told at the caller's line: %s"):format(message), 2)
  end
end

return M
