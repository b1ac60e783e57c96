-- A terminal's screen: what the bytes that a program sends make of it. It knows what libedit makes use
-- of in an xterm, and refuses the rest, so that nothing is shown otherwise than it would be.
-- SPDX-License-Identifier: MIT

local M = {}

local Screen = {}
Screen.__index = Screen

function M.new(rows, columns)
  local screen = setmetatable({
    rows = rows,
    columns = columns,
    row = 1, -- the cursor's
    column = 1,
    wrapping = false, -- a character was put into the last column: the next one goes below
    inserting = false,
    cells = {}, -- a list of characters for each row
    rest = "", -- bytes of a sequence that is not whole yet
  }, Screen)
  for row = 1, rows do
    screen.cells[row] = {}
  end
  return screen
end

function Screen:move(row, column)
  self.row = math.max(1, math.min(self.rows, row))
  self.column = math.max(1, math.min(self.columns, column))
  self.wrapping = false
end

function Screen:feed_line()
  if self.row < self.rows then
    self:move(self.row + 1, self.column)
  else
    table.remove(self.cells, 1)
    self.cells[self.rows] = {}
    self.wrapping = false
  end
end

function Screen:put(character)
  if self.wrapping then
    self:move(self.row, 1)
    self:feed_line()
  end
  local cells = self.cells[self.row]
  for column = #cells + 1, self.column - 1 do
    cells[column] = " "
  end
  if self.inserting then
    table.insert(cells, self.column, character)
    cells[self.columns + 1] = nil
  else
    cells[self.column] = character
  end
  self.wrapping = self.column == self.columns
  self.column = math.min(self.columns, self.column + 1)
end

function Screen:erase(row, from, to)
  local cells = self.cells[row]
  for column = from, math.min(to, #cells) do
    cells[column] = " "
  end
end

local CONTROLS = {
  ["\a"] = function() end,
  ["\b"] = function(screen) screen:move(screen.row, screen.column - 1) end,
  ["\t"] = function(screen) screen:move(screen.row, screen.column + 8 - (screen.column - 1) % 8) end,
  ["\n"] = function(screen) screen:feed_line() end,
  ["\r"] = function(screen) screen:move(screen.row, 1) end,
}

-- What follows ESC [, by its last byte; `n` is its first number or nil.
local SEQUENCES = {
  A = function(screen, n) screen:move(screen.row - (n or 1), screen.column) end,
  B = function(screen, n) screen:move(screen.row + (n or 1), screen.column) end,
  C = function(screen, n) screen:move(screen.row, screen.column + (n or 1)) end,
  D = function(screen, n) screen:move(screen.row, screen.column - (n or 1)) end,
  G = function(screen, n) screen:move(screen.row, n or 1) end,
  H = function(screen, n, m) screen:move(n or 1, m or 1) end,
  J = function(screen, n)
    assert(not n or n == 0 or n == 2)
    screen:erase(screen.row, n == 2 and 1 or screen.column, screen.columns)
    for row = n == 2 and 1 or screen.row + 1, screen.rows do
      screen.cells[row] = {}
    end
  end,
  K = function(screen, n)
    assert(not n or n == 0)
    screen:erase(screen.row, screen.column, screen.columns)
  end,
  P = function(screen, n)
    for _ = 1, n or 1 do
      if screen.cells[screen.row][screen.column] then
        table.remove(screen.cells[screen.row], screen.column)
      end
    end
  end,
  ["@"] = function(screen, n)
    for _ = 1, n or 1 do
      table.insert(screen.cells[screen.row], screen.column, " ")
      screen.cells[screen.row][screen.columns + 1] = nil
    end
  end,
  h = function(screen, n)
    assert(n == 4)
    screen.inserting = true
  end,
  l = function(screen, n)
    assert(n == 4)
    screen.inserting = false
  end,
  m = function() end,
}

-- Takes in one character or sequence of `bytes` at `at`; returns where the next begins, nil if this one
-- is not whole.
function Screen:take(bytes, at)
  local byte = bytes:byte(at)
  if byte == 27 then
    local numbers, final, after = bytes:match("^%[([%d;]*)([@-~])()", at + 1)
    if not final then
      assert(#bytes - at < 12, "unknown sequence: ESC " .. bytes:sub(at + 1, at + 12))
      return nil
    end
    local sequence = SEQUENCES[final]
    assert(sequence, "unknown sequence: ESC [" .. numbers .. final)
    sequence(self, tonumber(numbers:match("^%d+")), tonumber(numbers:match(";(%d+)")))
    return after
  elseif byte < 32 then
    assert(CONTROLS[string.char(byte)], "unknown control " .. byte)(self)
    return at + 1
  end
  local length = byte < 0xc0 and 1 or byte < 0xe0 and 2 or byte < 0xf0 and 3 or 4
  if at + length - 1 > #bytes then
    return nil
  end
  self:put(bytes:sub(at, at + length - 1))
  return at + length
end

-- Takes in what a program has sent.
function Screen:feed(bytes)
  bytes = self.rest .. bytes
  local at = 1
  while at <= #bytes do
    local after = self:take(bytes, at)
    if not after then
      break
    end
    at = after
  end
  self.rest = bytes:sub(at)
end

-- All that is on it, without blanks at the ends of lines, and with a | in front of where the cursor is.
function Screen:text()
  local lines, last = {}, self.row
  for row, cells in ipairs(self.cells) do
    local line = table.concat(cells)
    if row == self.row then
      line = table.concat(cells, "", 1, math.min(#cells, self.column - 1))
      line = line .. (" "):rep(self.column - 1 - #cells) .. "|" .. table.concat(cells, "", self.column)
    end
    lines[row] = line:gsub(" +$", "")
    last = lines[row] ~= "" and math.max(last, row) or last
  end
  return table.concat(lines, "\n", 1, last)
end

return M
