-- http.app.respond: writes what a context's response holds to the client.
-- SPDX-License-Identifier: MIT

local body = require "http.app.body"
local drain = require "http.drain"
local http_error = require "http.app.error"
local status = require "http.status"

local M = {}

local function send_head(response, wire, length)
  if response._status < 200 then
    error(("the status %d is no final one: the client would wait for another"):format(response._status), 0)
  end
  local ok = wire:head(response._status, response._message or status.phrase(response._status),
    response._headers:list(), length)
  response._sent, response._promised = true, length or false -- not if that has thrown: there may be another
  return ok
end

local function finish(response, wire)
  response._finished = true
  wire:finish()
end

-- As the client will see it: what a whole body has counts, whatever a script has set.
local function length_of(response)
  local kind = body.kind(response._body, 1)
  if kind == "none" or kind == "stream" then
    return response.length
  end
  return #body.content(kind, response._body)
end

--- Sends the head now; the body follows in chunks, unless its length is set.
function M.flush_headers(response)
  if not response._sent then
    send_head(response, response._wire, length_of(response))
  end
end

-- A head that has been sent may have told another length than the body came to. The server cuts the
-- connection then; here the script is told.
local function check_length(response, written)
  local promised = response._promised
  if promised and written < promised then
    error(("the body has %d bytes, and the Content-Length that was sent is %d"):format(written, promised), 0)
  end
end

-- The whole answer, of a body that is there.
local function send(response, wire, content)
  local ok = true
  if not response._sent then
    ok = send_head(response, wire, #content)
  end
  check_length(response, #content)
  if ok and content ~= "" then
    wire:write(content)
  end
  finish(response, wire)
end

-- ---- streams ----------------------------------------------------------------------------------

-- RFC 9110, 7.6.1: fields of one connection, not of the message.
local HOP_BY_HOP = {
  connection = true,
  ["keep-alive"] = true,
  ["proxy-authenticate"] = true,
  ["proxy-authorization"] = true,
  ["proxy-connection"] = true,
  te = true,
  trailer = true,
  ["transfer-encoding"] = true,
  upgrade = true,
}

local function hop_by_hop(headers)
  local names = {}
  for name in (headers.connection or ""):gmatch("[^,%s]+") do
    names[name:lower()] = true
  end
  return names
end

-- They tell of the bytes as the origin sent them, which those of a decoded body are not.
local OF_CODED = {
  ["accept-ranges"] = true,
  ["content-digest"] = true,
  ["content-encoding"] = true,
  ["content-length"] = true,
  ["content-md5"] = true,
  digest = true,
  ["repr-digest"] = true,
}

-- What a decoded body is may be the same to a reader, but not byte for byte (RFC 9110, 8.8.1).
local function weak(etag)
  return etag:sub(1, 2) == "W/" and etag or "W/" .. etag
end

-- A client's Response as a body brings its status and fields; what the handler has set stays.
local function adopt(response, upstream)
  local named = hop_by_hop(upstream.headers)
  if not response._explicit_status then
    response._status = upstream.status_code
    response._message = upstream.status_message ~= "" and upstream.status_message or false
  end
  for name in pairs(upstream.headers) do
    local key = name:lower()
    local passes = not HOP_BY_HOP[key] and not named[key] and not (upstream.decoded and OF_CODED[key])
    if passes and not response:has(name) then
      local values = upstream:header_values(name)
      if upstream.decoded and key == "etag" then
        values = { weak(values[1]) }
      end
      local several = values[2] and key ~= "content-type" and key ~= "content-length"
      response:set(name, several and values or values[1])
    end
  end
end

local TIMEOUT = 4 -- Response.TIMEOUT_ERROR

local function no_answer(upstream, why)
  local code = upstream.error == TIMEOUT and 504 or 502
  error(http_error.new(code, "no answer to pass on: " .. why), 0)
end

-- Ends the source as soon as the client goes away, even while we wait for a piece of it.
local function watch(wire, source)
  return drain.watch(wire, function()
    body.close(source)
  end)
end

local function next_piece(read)
  local chunk, why
  repeat
    chunk, why = read()
  until chunk ~= ""
  return chunk, why
end

local function send_stream_head(response, wire, chunk)
  if response._sent then
    return
  end
  local length = response:get("Content-Length")
  if response._status == 205 then
    send_head(response, wire, 0)
  else
    send_head(response, wire, length and response.length or (chunk == nil and 0 or nil))
  end
end

-- Sends pieces, the first of which has been read, until there is none. Throws what breaks it off.
local function pump(response, wire, source, read, chunk)
  local state = watch(wire, source)
  local why
  local written = 0
  while chunk do
    written = written + #chunk
    if not wire:write(chunk) then
      break
    end
    drain.wait(wire, state)
    if wire:gone() then
      break
    end
    chunk, why = next_piece(read)
  end
  if why and not wire:gone() then
    error("the body broke off: " .. why, 0)
  elseif not wire:gone() then
    check_length(response, written)
  end
  body.close(source)
  finish(response, wire)
end

local function send_stream(ctx, response, wire)
  local source = response._body
  local read = body.reader(source)
  local relayed = body.is_response(source)
  local head_only = ctx.request.method == "HEAD"
  watch(wire, source)
  local chunk, why
  if relayed or not head_only then
    chunk, why = next_piece(read)
  end
  if wire:gone() then
    body.close(source)
    finish(response, wire)
    return
  end
  if why and relayed then
    no_answer(source, why)
  elseif why then
    error("the body broke off: " .. why, 0)
  end
  if relayed and not response._sent then
    adopt(response, source)
  end
  local bodyless = head_only or status.is_empty(response._status)
  send_stream_head(response, wire, bodyless and "" or chunk)
  if bodyless then
    body.close(source)
    return finish(response, wire)
  end
  pump(response, wire, source, read, chunk)
end

-- ---- everything -------------------------------------------------------------------------------

-- 204 and 304 have no body, and 205 an empty one (RFC 9110, 15.3.6).
local function send_empty(response, wire)
  if not response._sent then
    response.body = nil
    send_head(response, wire, response._status == 205 and 0 or nil)
  end
  finish(response, wire)
end

local function send_nothing(response, wire)
  if response._null_body then
    response:remove("Content-Type")
    return send(response, wire, "")
  end
  if not response._sent then
    response.type = "text"
  end
  send(response, wire, response.message)
end

--- Writes the answer. Called from the task of the request; waits for the client where it reads slowly.
--- Throws what a stream, or a table that is no JSON, throws.
function M.respond(ctx)
  local response = ctx.response
  local wire = response._wire
  if response._finished then
    return
  elseif wire:gone() then
    body.close(response._body)
    return finish(response, wire)
  end
  local kind = body.kind(response._body, 1)
  local empty = status.is_empty(response._status)
  if kind == "stream" and (not empty or body.is_response(response._body)) then
    return send_stream(ctx, response, wire)
  elseif empty then
    return send_empty(response, wire)
  elseif ctx.request.method == "HEAD" then
    if not response._sent then
      send_head(response, wire, length_of(response))
    end
    return finish(response, wire)
  elseif kind == "none" then
    return send_nothing(response, wire)
  end
  send(response, wire, body.content(kind, response._body))
end

--- Ends what nobody is left to answer: 500, or a cut if the head has gone out.
function M.abandon(response)
  local wire = response._wire
  if response._finished then
    return
  end
  body.close(response._body)
  response._finished = true
  if response._sent or not wire:head(500, nil, {}, 0) then
    wire:abort()
  else
    wire:finish()
  end
end

--- Answers with an error, as http.app.error describes it. If the head has gone out already, the
--- connection is cut: that is what tells the client.
function M.fail(ctx, reply)
  local response = ctx.response
  local wire = response._wire
  if response._finished then
    return
  end
  body.close(response._body)
  if response._sent then
    response._finished = true
    wire:abort()
    return
  end
  response._headers:clear()
  for name, value in pairs(reply.headers or {}) do
    local key = tostring(name):lower()
    if key ~= "content-type" and key ~= "content-length" then
      response._headers:set(name, value)
    end
  end
  rawset(response, "_body", nil)
  response._status, response._message = reply.status, false
  response.type = reply.type
  local bodyless = ctx.request.method == "HEAD"
  send_head(response, wire, #reply.body)
  if not bodyless then
    wire:write(reply.body)
  end
  finish(response, wire)
end

return M
