-- http.upload: request bodies that are given as they go out, by a function, a Response, a file or a stream.
-- The core asks for a piece once it has room; a task gives it, and may wait for it. A body that begins again
-- does so with another task: `turn` tells them apart.
-- SPDX-License-Identifier: MIT

local body_source = require "http.body_source"
local core = require "http.core"
local stream = require "http.stream"
local task = require "http.task"

local function feed(response, source, turn)
  local read = body_source.reader(source)
  local function wanted()
    return core.wants(response, turn)
  end
  while core.upload_turn(response) == turn and not response.finished do
    local piece, message = body_source.check(read())
    if piece == "" then
      task.sleep(0) -- it has nothing yet, and the others shall have their turn
    elseif not core.give(response, turn, piece, piece == nil and message or nil) then
      break
    else
      stream.wait(response, wanted, 2)
    end
  end
end

--- Begins to give; without a turn the exchange is over, and so is the source's use.
return function(response, source, turn)
  if not turn then
    return body_source.let_go(source)
  end
  task.guard(function(_, failed)
    core.give(response, turn, nil, core.words(failed.error))
  end, feed, response, source, turn)
end
