-- http.trace: what happens to requests, told to a function, or printed as it happens.
-- SPDX-License-Identifier: MIT

local core = require "http.core"
local new_redactor = require "http.redact"

local M = {}

-- Who listens, in the order in which they began: { fn=, redactor=, body_limit= }.
local listeners = {}

local headers_mt

-- A copy, since each listener may do with it as it likes, without what is secret to it.
local function copy_for(listener, event)
  local redactor, copy = listener.redactor, {}
  for key, value in pairs(event) do
    copy[key] = type(value) == "string" and key ~= "body" and redactor.text(value) or value
  end
  if event.fields then
    headers_mt = headers_mt or getmetatable(event.headers)
    copy.fields, copy.headers = {}, setmetatable({}, headers_mt)
    for i, field in ipairs(event.fields) do
      copy.fields[i] = { name = field.name, value = redactor.field(field.name, field.value) }
    end
    for name, value in pairs(event.headers) do
      copy.headers[name] = redactor.field(name, value)
    end
  end
  copy.body = listener.body_limit and event.body and event.body:sub(1, listener.body_limit)
  return copy
end

local function dispatch(event)
  local now = { unpack(listeners) } -- one of them may change the list
  for _, listener in ipairs(now) do
    if not listener.stopped then
      local ok, trace = xpcall(function()
        listener.fn(copy_for(listener, event))
      end, core.traceback)
      if not ok then
        core.report(trace)
      end
    end
  end
end

local function update()
  local limit = 0
  for _, listener in ipairs(listeners) do
    limit = math.max(limit, listener.body_limit or 0)
  end
  if listeners[1] then
    core.trace(dispatch, limit)
  else
    core.trace(nil)
  end
end

--- For modules: calls fn(event) until the function that this returns is called. options: redact, body_limit.
function M._listen(fn, options, level)
  local listener = {
    fn = fn,
    redactor = new_redactor(options.redact, level + 1),
    body_limit = options.body_limit,
  }
  listeners[#listeners + 1] = listener
  update()
  return function()
    listener.stopped = true
    for i, other in ipairs(listeners) do
      if other == listener then
        table.remove(listeners, i)
        update()
      end
    end
  end
end

-- ---- printing -----------------------------------------------------------------------------------

-- What a peer sends must not steer the terminal.
local function clean(text)
  return (tostring(text):gsub("%c", "?"))
end

local function lines(mark, first, fields)
  local all = { mark .. " " .. clean(first) }
  for _, field in ipairs(fields or {}) do
    all[#all + 1] = ("%s %s: %s"):format(mark, clean(field.name), clean(field.value))
  end
  all[#all + 1] = mark
  return table.concat(all, "\n")
end

local function note(event, format, ...)
  return ("* #%d "):format(event.id) .. clean(format:format(...))
end

local function peer(event)
  return event.address or event.url:match("^%a[%w+.-]*://([^/?#]*)") or event.url
end

local function status_line(event)
  return ("%d %s"):format(event.status_code, event.status_message or ""):gsub(" $", "")
end

local function how_it_ended(event)
  local words = event.error_string or (event.status_code and status_line(event)) or "no reply"
  return ("%s; %d bytes sent, %d received, %.3f s"):format(words, event.sent, event.received, event.timings.total)
end

local function another(event)
  local wait = event.wait > 0 and (" in %.3f s"):format(event.wait) or ""
  local why = event.error_string and " after: " .. event.error_string or ""
  return note(event, "%s%s%s: %s %s", event.what, wait, why, event.next_method, event.next_url)
end

local WORDS = {
  start = function(e) return note(e, "%s %s", e.method, e.url) end,
  queue = function(e) return note(e, "waits for its turn to connect to %s", peer(e)) end,
  resolve = function(e) return note(e, "looks up %s", peer(e)) end,
  connect = function(e) return note(e, "connects to %s", peer(e)) end,
  proxy = function(e) return note(e, "talks to the proxy %s", peer(e)) end,
  tls = function(e) return note(e, "speaks TLS with %s", peer(e)) end,
  send = function(e)
    local target = e.url:match("^%a[%w+.-]*://[^/?#]*(.+)$") or "/"
    return note(e, "sends to %s", peer(e)) .. "\n" .. lines(">", e.method .. " " .. target, e.fields)
  end,
  interim = function(e) return lines("<", status_line(e), e.fields) end,
  head = function(e) return lines("<", status_line(e), e.fields) end,
  redirect = another,
  authenticate = another,
  retry = another,
  done = function(e) return note(e, "ends: %s", how_it_ended(e)) end,
}

--- A hook that prints an event to the standard error, as `curl -v` does.
function M.print(event)
  local words = WORDS[event.what]
  io.stderr:write(words and words(event) or note(event, "%s", event.what), "\n")
end

-- ---- the hook of the script ---------------------------------------------------------------------

local stop_hook

local function check_options(options)
  if options ~= nil and type(options) ~= "table" then
    error(("bad argument #2 to 'trace' (table of options or nil expected, got %s)"):format(type(options)), 3)
  end
  for name in pairs(options or {}) do
    if name ~= "redact" then
      error(("unknown option '%s' (there is only 'redact')"):format(tostring(name)), 3)
    end
  end
end

--- Calls hook(event) from the loop for all that happens to requests, in the place of the hook before; true
--- is http.trace.print, nil or false ends it. options.redact: see http.redact.
local function set(_, hook, options)
  if hook == true then
    hook = M.print
  elseif hook and type(hook) ~= "function" then
    error(("bad argument #1 to 'trace' (function, boolean or nil expected, got %s)"):format(type(hook)), 2)
  end
  check_options(options)
  local stop_old = stop_hook
  stop_hook = hook and M._listen(hook, { redact = options and options.redact }, 2)
  if stop_old then
    stop_old()
  end
end

return setmetatable(M, { __call = set })
