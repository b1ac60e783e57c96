-- http.auth: the function that a script gives as the option auth, asked for the value of Authorization.
-- It runs as a task: it may wait for the request that fetches a new token.
-- SPDX-License-Identifier: MIT

local core = require "http.core"
local task = require "http.task"

local function ask(response, fn, challenged)
  local url = response.url:match("^[^#]*") -- as it is sent
  local value = fn(challenged and response or nil, url)
  if value ~= nil and type(value) ~= "string" then
    error(("the function of the option 'auth' returned a %s (a string or nil expected)"):format(type(value)), 0)
  end
  local wrong = core.authorize(response, value)
  if wrong then
    error(wrong, 0)
  end
end

-- What it throws is reported, as of every task; the request goes on without the field.
return function(response, fn, challenged)
  task.guard(function()
    core.authorize(response, nil)
  end, ask, response, fn, challenged)
end
