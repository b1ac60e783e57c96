-- Applications for specs: one of a single handler, asked without a socket, and what its errors came to.
-- SPDX-License-Identifier: MIT

local http = require("http")

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

-- The fields of a reply that are in `expected`; false stands for one that must not be there.
function M.check_headers(assert, expected, headers, title)
  for name, value in pairs(expected) do
    if value == false then
      assert.is_nil(headers[name], ("%s: %s"):format(title, name))
    else
      assert.same(value, headers[name], ("%s: %s"):format(title, name))
    end
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
