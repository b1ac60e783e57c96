-- http.failure: errors that a user is to be told, and the other short ways out of a handler.
--
--   handler = http.serve.catching_failure(function(request)
--     local id = tonumber(request.query:match("id=(%d+)"))
--     if not id then
--       error(http.Failure("an id is needed"))
--     end
--     return http.redirect("/items/" .. id)
--   end)
-- SPDX-License-Identifier: MIT

local core = require "http.core"
local status = require "http.status"

local M = {}

local TEXT = "text/plain; charset=utf-8"

-- ---- Failure ----------------------------------------------------------------------------------

local failure_mt = { __name = "http.Failure" }

function failure_mt.__tostring(failure)
  return tostring(failure.message)
end

--- Whether a value, such as pcall gives it, is a Failure.
function M.is(value)
  return type(value) == "table" and getmetatable(value) == failure_mt
end

local function check_message(message)
  if message == nil or message == core.null then
    return "Bad request"
  end
  if type(message) ~= "string" then
    error(("bad argument #1 to 'Failure' (string expected, got %s)"):format(type(message)), 3)
  end
  return message
end

--- Failure([message [, status]]): an object to be thrown with error(), which catching_failure makes
--- a response. By default "Bad request" and 400. Fields: message, status (a number).
M.Failure = setmetatable({ is = M.is }, {
  __call = function(_, message, code)
    message = check_message(message)
    code = code == nil and 400 or status.check(code, 2)
    if code < 200 then
      error(("bad status (a Failure ends the request, which %d does not)"):format(code), 2)
    end
    return setmetatable({ message = message, status = code }, failure_mt)
  end,
  __tostring = function()
    return "http.Failure"
  end,
})

-- Keeps with the response where a value was thrown first, so that the server tells that place and
-- not the one where it was passed on.
local function keep_trace(response, value)
  local kept = response._trace
  if not kept or not rawequal(kept.value, value) then
    rawset(response, "_trace", { value = value, words = debug.traceback(core.words(value), 3) })
  end
end

local function answer(response, failure)
  response.status = failure.status
  response.reason = nil
  response.headers = { ["Content-Type"] = TEXT }
  response.body = tostring(failure)
end

--- catching_failure(handler): a handler for http.serve that runs `handler` and answers with the
--- Failure that it throws: its status, and its message as text. It replaces what the handler had
--- set. Any other error passes, as does a Failure once the head has been sent.
function M.catching_failure(handler)
  if type(handler) ~= "function" then
    error(("bad argument #1 to 'catching_failure' (function expected, got %s)"):format(type(handler)), 2)
  end
  return function(request, response, ...)
    if type(response) ~= "table" then
      error(("catching_failure is for handlers of http.serve (a response expected, got %s)"):format(type(response)), 2)
    end
    local function tell(value)
      if not M.is(value) or response.sent or response.finished then
        keep_trace(response, value)
      end
      return value
    end

    local function settle(ok, ...)
      if ok then
        return ...
      end
      local value = (...)
      if not M.is(value) or response.sent or response.finished then
        error(value, 0)
      end
      answer(response, value)
    end

    return settle(xpcall(handler, tell, request, response, ...))
  end
end

-- ---- redirect ---------------------------------------------------------------------------------

local function escape(byte)
  return ("%%%02X"):format(byte:byte())
end

--- redirect(url [, status]): a response that sends the client to `url`, for a handler to return. 302
--- (Found) by default. What cannot stand in a URL, such as blanks and letters beyond ASCII, is
--- percent-encoded; line breaks and other control characters throw.
function M.redirect(url, code)
  if type(url) ~= "string" then
    error(("bad argument #1 to 'redirect' (string expected, got %s)"):format(type(url)), 2)
  elseif url == "" or url:find("%c") or url:find("%z") then
    local wrong = url == "" and "an empty string" or "one with a control character"
    error(("bad argument #1 to 'redirect' (URL expected, got %s)"):format(wrong), 2)
  end
  code = code == nil and 302 or status.check(code, 2)
  if not status.is_redirect(code) then
    error(("bad status (a redirect expected, got %d %s)"):format(code, status.phrase(code)), 2)
  end
  local location = url:gsub('[ "<>\\^`{|}\128-\255]', escape)
  return {
    status = code,
    headers = { ["Location"] = location, ["Content-Type"] = TEXT },
    body = "Redirecting to " .. location .. "\n",
  }
end

return M
