-- http.pool_slots: how many requests to one origin may be under way at once. The others wait for their
-- turn, which comes in the order in which they asked.
-- SPDX-License-Identifier: MIT

local task = require "http.task"

local Slots = {}
local mt = { __name = "http.pool_slots", __index = Slots }

local DEFAULT_PORTS = { http = ":80", https = ":443" }

--- Scheme, host and port of a URL, by which its connections are told apart.
local function origin_of(url)
  local scheme, authority = url:lower():match("^([^:/?#]+)://([^/?#]*)")
  if not scheme then
    return url -- the client refuses it
  end
  return scheme .. "://" .. authority .. (authority:find(":%d+$") and "" or DEFAULT_PORTS[scheme] or "")
end

local function remove(tickets, ticket)
  for at, other in ipairs(tickets) do
    if other == ticket then
      table.remove(tickets, at)
      return
    end
  end
end

--- Waits until a request to that URL may start. Returns the function that ends its turn, to be called
--- once.
function Slots:take(url, level)
  local origin = origin_of(url)
  local row = self.rows[origin] or { busy = 0, tickets = {} }
  self.rows[origin] = row
  if row.busy < self.most then
    row.busy = row.busy + 1
  else
    local ticket = { granted = false, wake = nil }
    row.tickets[#row.tickets + 1] = ticket
    local ok, message = pcall(task.wait_until, function()
      return ticket.granted
    end, function(wake)
      ticket.wake = wake
    end, level + 2)
    if not ok then -- it cannot wait there, or was interrupted
      if ticket.granted then
        self:give_back(origin, row)
      else
        remove(row.tickets, ticket)
      end
      error(message, 0)
    end
  end
  return function()
    self:give_back(origin, row)
  end
end

--- Hands a turn on to who waits longest.
function Slots:give_back(origin, row)
  local ticket = table.remove(row.tickets, 1)
  if not ticket then
    row.busy = row.busy - 1
    self.rows[origin] = row.busy > 0 and row or nil
    return
  end
  ticket.granted = true
  if ticket.wake then
    task.wake(ticket.wake)
  end
end

--- Slots for so many requests to each origin.
local function new(most)
  return setmetatable({ most = most, rows = {} }, mt)
end

return { new = new }
