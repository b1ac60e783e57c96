-- http.pool_response: what pool:request() returns, after urllib3's HTTPResponse: a response whose head is
-- in, and whose body is in `data`, or is read in pieces. A status such as 404 is no error here; the only
-- errors are those of a body that breaks off.
-- SPDX-License-Identifier: MIT

local check_self = require "http.check_self"
local core = require "http.core"
local json = require "http.json"
local stream = require "http.stream"

local M = {}

local Response = {}
local mt = { __name = "http.PoolManager.Response" }

local PIECE = 64 * 1024 -- urllib3's
local CLOSED = core.Response.OPERATION_CANCELLED_ERROR

-- ---- reading ----------------------------------------------------------------------------------

-- Words and a number for what has ended the body too early; nil if nothing has.
local function failure(response)
  local words = response.finished and core.transfer_error(response)
  if words then
    return words, response.error
  elseif not response.is_open then
    return "closed", CLOSED
  end
  return nil
end

-- What is in `data` is handed out from there.
local function take(self, size)
  local from = self._at
  self._at = math.min(#self.data, from + (size or #self.data))
  return self.data:sub(from + 1, self._at)
end

-- Makes `data` of all that was not read. Returns it, or nil, message and code; what has come until a
-- failure stays to be read.
local function load(self, level)
  if not rawget(self, "data") then
    stream.wait_finished(self.response, level + 1)
  end
  if not rawget(self, "data") then -- no other task was faster
    local words, code = failure(self.response)
    if words then
      return nil, words, code
    end
    self._complete = true
    self._at = 0
    rawset(self, "data", self.response:read_string())
  end
  return self.data
end

-- Some bytes, as soon as there are any, and at most so many; "" at the end; or nil, message and code.
local function some(self, size, level)
  if not rawget(self, "data") then
    stream.wait_some(self.response, level + 1)
  end
  if rawget(self, "data") then
    return take(self, size)
  end
  local piece = self.response:read_string(size)
  if piece and piece ~= "" then
    return piece
  end
  local words, code = failure(self.response)
  if words then
    return nil, words, code
  end
  self._complete = true
  return ""
end

-- So many bytes, fewer only at the end of what can be had.
local function exactly(self, size, level)
  local pieces, got = {}, 0
  while got < size do
    local piece, words, code = some(self, size - got, level + 1)
    if not piece and got == 0 then
      return nil, words, code
    elseif not piece or piece == "" then
      break
    end
    pieces[#pieces + 1] = piece
    got = got + #piece
  end
  return table.concat(pieces)
end

local function check_size(name, size, least)
  local fits = type(size) == "number" and size >= least and (size % 1 == 0 or size == math.huge)
  if size ~= nil and not fits then
    local message = "bad argument #1 to '%s' (number of bytes expected, %d or more)"
    error(message:format(name, least), 3)
  end
end

--- Reads so many bytes, or all that is left, waiting for them. Returns fewer only at the end of the body,
--- where it returns "", or where that breaks off, after which it returns nil, message and code.
---@param size? number
function Response:read(size)
  check_self(self, mt, 2)
  check_size("read", size, 0)
  if size then
    local bytes, words, code = exactly(self, size, 2)
    if not bytes then
      return nil, words, code
    end
    return bytes
  end
  local data, words, code = load(self, 2)
  if not data then
    return nil, words, code
  end
  return take(self)
end

--- for piece in response:stream() do … end: the body as it arrives, in pieces of at most `size` bytes (64
--- KiB), in constant memory: what is not read makes the server wait. Ends with the body, or where it breaks
--- off: response.error_string is "" if it was whole.
---@param size? number
function Response:stream(size)
  check_self(self, mt, 2)
  check_size("stream", size, 1)
  return function()
    local piece = some(self, size or PIECE, 2)
    return piece ~= "" and piece or nil
  end
end

--- Decodes the body, by cjson. Returns the value, or nil and words for what is wrong, with a code if it
--- did not come whole.
function Response:json()
  check_self(self, mt, 2)
  local data, words, code = load(self, 2)
  if not data then
    return nil, words, code
  end
  local value, wrong = json.decode_body(data, 2)
  if value == nil then
    return nil, wrong
  end
  return value
end

-- ---- letting go -------------------------------------------------------------------------------

--- Lets go of the connection, and of what was not read. `data` stays if it was there.
function Response:close()
  check_self(self, mt, 2)
  self.response:close()
end

--- Gives up the rest of a body that is still coming, with its connection; one that has come whole has
--- given its connection back by itself, and stays to be read.
function Response:release_conn()
  check_self(self, mt, 2)
  if not self.response.finished then
    self.response:close()
  end
end

-- ---- fields -----------------------------------------------------------------------------------

-- What is worked out when it is asked for.
local computed = {}

function computed.data(self, level)
  return (load(self, level + 1))
end

function computed.error_string(self)
  return not self._complete and failure(self.response) or ""
end

function computed.error(self)
  local _, code
  if not self._complete then
    _, code = failure(self.response)
  end
  return code or core.Response.NO_ERROR
end

function mt.__index(self, name)
  local compute = computed[name]
  if compute then
    local value = compute(self, 2)
    return value
  end
  return Response[name]
end

function mt.__tostring(self)
  local text = self.reason ~= "" and " " .. self.reason or ""
  local url = self.url:match("^[^#]*") -- a fragment may hold secrets
  return ("%s (%s, %d%s)"):format(mt.__name, url, self.status, text)
end

-- Ends the exchange when the response is collected: nobody can read the rest, for which it would wait.
local function guard(response)
  local proxy = newproxy(true)
  getmetatable(proxy).__gc = function()
    response:abort()
  end
  return proxy
end

--- Wraps an http.Response whose head is in.
function M.new(response)
  return setmetatable({
    status = response.status_code,
    reason = response.status_message,
    headers = response.headers,
    url = response.url,
    response = response,
    data = nil, -- once it is whole
    _at = nil, -- how much of it was handed out
    _complete = false, -- nothing of the body is missing
    _guard = not response.finished and guard(response) or nil,
  }, mt)
end

--- The same with the body, if it has come: or nil, message and code.
function M.preloaded(response)
  local words, code = failure(response)
  if words then
    response:close()
    return nil, words, code
  end
  local self = M.new(response)
  load(self, 1) -- has nothing to wait for
  return self
end

return M
