-- http.download: a file fetched to a place on the disk, gone on with where an earlier try broke off.
--
--   local file, message, code = http.download("https://example.com/big.iso", "big.iso", {
--     sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
--   })
-- SPDX-License-Identifier: MIT

local core = require "http.core"
local task = require "http.task"

local function fail(level, message, ...)
  error(message:format(...), level + 1)
end

local function boolean(name)
  return function(value, level)
    if type(value) ~= "boolean" then
      fail(level + 1, "bad option '%s' (boolean expected, got %s)", name, type(value))
    end
  end
end

-- What each option must be. Everything else about the request is an option of the request.
local checks = {
  resume = boolean "resume",
  overwrite = boolean "overwrite",
  coded = boolean "coded",
  progress = function(value, level)
    if type(value) ~= "function" then
      fail(level + 1, "bad option 'progress' (function expected, got %s)", type(value))
    end
  end,
  mode = function(value, level)
    if type(value) ~= "number" or value % 1 ~= 0 or value < 1 or value > 511 then
      fail(level + 1, "bad option 'mode' (integer from 1 to 511, which is 777 in octal, expected)")
    end
  end,
  sha256 = function(value, level)
    local hex = type(value) == "string" and #value == 64 and not value:find("%X")
    if not hex and value ~= true then
      fail(level + 1, "bad option 'sha256' (64 hexadecimal digits, or true to only find it, expected)")
    end
  end,
}

local function read_options(options, level)
  local read = { resume = true, overwrite = true, coded = false }
  for name, value in pairs(options or {}) do
    local check = checks[name]
    if not check then
      fail(level + 1, "unknown option '%s' of a download (it has coded, mode, overwrite, progress, resume and "
        .. "sha256; those of the request go into its first argument: { url = …, … })", tostring(name))
    end
    check(value, level + 1)
    read[name] = value
  end
  if read.sha256 then
    read.hash = true
    read.sha256 = read.sha256 ~= true and read.sha256 or nil
  end
  return read
end

local function check_arguments(what, path, options, callback, level)
  if type(what) ~= "string" and type(what) ~= "table" then
    fail(level + 1, "bad argument #1 to 'download' (table of options or URL expected, got %s)", type(what))
  elseif type(path) ~= "string" or path == "" then
    fail(level + 1, "bad argument #2 to 'download' (path of a file expected, got %s)",
      path == "" and "an empty string" or type(path))
  elseif options ~= nil and type(options) ~= "table" then
    fail(level + 1, "bad argument #3 to 'download' (table of options expected, got %s)", type(options))
  elseif callback ~= nil and type(callback) ~= "function" then
    fail(level + 1, "bad argument #4 to 'download' (function or nil expected, got %s)", type(callback))
  end
end

-- What C throws names no place; the call's line is where the mistake is.
local function start(what, path, options, done, level)
  local ok, handle = pcall(core.download, what, path, options, done, options.progress)
  if not ok then
    error(handle, level + 1)
  end
  return handle
end

-- Whoever can no longer wait (Ctrl-C, or a handler, where nobody may) does not want the file either.
local function wait(handle, state, level)
  local ok, message = pcall(task.wait_until, function()
    return state.over
  end, function(wake)
    state.wake = wake
  end, level + 2)
  if not ok then
    handle:abort()
    error(message, 0)
  end
end

--- Fetches a file. Waits, and returns { path =, size =, resumed_from =, status_code =, sha256 =, response = };
--- or nil, message and code. With a callback, which is called with the same, it returns at once: a handle whose
--- abort() ends it. What has come by then is kept beside the path, and the next call goes on with it.
---@param what string|table a URL, or a table of a request's options
---@param path string
---@param options table|nil
---@param callback function|nil
return function(what, path, options, callback)
  if callback == nil and type(options) == "function" then
    options, callback = nil, options
  end
  check_arguments(what, path, options, callback, 2)
  local read = read_options(options, 2)
  local state = { over = false }
  local function done(file, message, code)
    state.over, state.file, state.message, state.code = true, file, message, code
    if state.wake then
      task.wake(state.wake)
    end
  end
  local handle = start(what, path, read, callback or done, 2) -- no tail call: it throws at our caller's line
  if callback then
    return handle
  end
  wait(handle, state, 2)
  if state.file then
    return state.file
  end
  return nil, state.message, state.code
end
