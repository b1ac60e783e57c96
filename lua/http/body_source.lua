-- http.body_source: what gives a request's body piece by piece: a function, a Response, a file, a stream.
-- SPDX-License-Identifier: MIT

local core = require "http.core"

local M = {}

local PIECE = 64 * 1024 -- of a file

local function is_response(source)
  return type(source) == "userdata" and getmetatable(source) == "http.Response"
end

local function is_stream(source)
  return type(source) == "table" and getmetatable(source) ~= nil and type(source.chunks) == "function"
end

--- Whether a value is one of them; a file that is closed is not.
function M.is(source)
  return type(source) == "function" or is_response(source) or io.type(source) == "file" or is_stream(source)
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

--- A function that gives the next piece, nil at the end, or nil and words.
function M.reader(source)
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

--- The piece that a reader returned, if it is one, and words where it has failed. Throws without a position.
function M.check(piece, message)
  if piece ~= nil and type(piece) ~= "string" then
    error(("its function returned a %s (a string expected, or nil at the end)"):format(type(piece)), 0)
  end
  return piece, message ~= nil and core.words(message) or nil
end

--- Once nobody wants it any more: a Response that nobody reads would be under way for ever. The files of a
--- script stay open.
function M.let_go(source)
  if is_response(source) and not source.finished then
    source:abort()
  elseif is_stream(source) and source._let_go then
    source:_let_go()
  end
end

return M
