-- http.upload: request bodies that are given as they go out, by a function, a Response, a file or a stream.
-- The core asks for a piece once it has room; a task gives it, and may wait for it.
-- SPDX-License-Identifier: MIT

local core = require "http.core"
local stream = require "http.stream"
local task = require "http.task"

local PIECE = 64 * 1024 -- of a file

local function is_response(source)
  return type(source) == "userdata" and getmetatable(source) == "http.Response"
end

local function of_response(source)
  local chunks = source:chunks()
  return function()
    local piece = chunks()
    local failure = not piece and core.transfer_error(source)
    if failure then
      return nil, "the response that it is read from broke off: " .. failure
    end
    return piece
  end
end

-- From a pipe, a terminal: what sendfile cannot send from. Reading such blocks.
local function of_file(source)
  return function()
    return source:read(PIECE)
  end
end

-- A function that gives the next piece, nil at the end, or nil and words.
local function reader_of(source)
  if type(source) == "function" then
    return source
  elseif is_response(source) then
    return of_response(source)
  elseif io.type(source) then
    return of_file(source)
  end
  local next_chunk, state, key = source:chunks()
  return function()
    return next_chunk(state, key)
  end
end

local function check(piece, message)
  if piece ~= nil and type(piece) ~= "string" then
    error(("its function returned a %s (a string expected, or nil at the end)"):format(type(piece)), 0)
  end
  return piece, message ~= nil and core.words(message) or nil
end

-- Once nobody wants it any more: a Response that nobody reads would be under way for ever.
local function let_go(source)
  if is_response(source) and not source.finished then
    source:abort()
  end
end

local function feed(response, source)
  local read = reader_of(source)
  while not response.finished do
    local piece, message = check(read())
    if piece == "" then
      task.sleep(0) -- it has nothing yet, and the others shall have their turn
    elseif not core.give(response, piece, piece == nil and message or nil) then
      break
    else
      stream.wait(response, core.wants, 2)
    end
  end
  let_go(source)
end

return function(response, source)
  task.guard(function(_, failed)
    core.give(response, nil, core.words(failed.error))
    let_go(source)
  end, function()
    feed(response, source)
  end)
end
