-- http.fields.accepts: what a client takes of what a server has (RFC 9110, 12.5): the best media type,
-- charset, content coding or language.
-- SPDX-License-Identifier: MIT

local check = require "http.fields.check"
local mime = require "http.fields.mime"
local text = require "http.fields.text"

local M = {}

local NAN = 0 / 0

---- reading a field
-- Each element becomes { name =, q =, index = } and what its kind needs to compare it.

-- The number that begins `value`. What is none compares false with everything, and so never is wanted.
local function quality(value)
  local digits, at = value:match("^%s*([+-]?%d+%.?%d*)()")
  if not digits then
    digits, at = value:match("^%s*([+-]?%.%d+)()")
  end
  if not digits then
    return NAN
  end
  return tonumber(digits .. (value:match("^[eE][+-]?%d+", at) or "")) or NAN
end

-- Reads the parameters up to "q", which is given back; those before it go into `parameters`.
local function weight(rest, parameters)
  if rest == "" then
    return 1
  end
  for _, pair in ipairs(text.split(rest, ";", parameters ~= nil)) do
    local equals = pair:find("=", 1, true)
    local key = pair:sub(1, (equals or 0) - 1):lower()
    local value = equals and pair:sub(equals + 1)
    if value and parameters and (value:find('^".*"$') or value == '"') then
      value = value:sub(2, -2)
    end
    if key == "q" then
      return quality(value or "")
    elseif parameters then
      parameters[key] = value and value:lower() or ""
    end
  end
  return 1
end

-- An element: its name, then nothing or ";" and parameters. Nil for what is none.
local function read(element, index, parameters)
  local name, behind = element:match("^([^%s;]+)%s*()")
  if not name or behind <= #element and element:sub(behind, behind) ~= ";" then
    return nil
  end
  return {
    name = name,
    lower = name:lower(),
    parameters = parameters,
    index = index,
    q = weight(element:sub(behind + 1), parameters),
  }
end

local function read_type(element, index)
  local range = read(element, index, {})
  if not range then
    return nil
  end
  range.type, range.subtype = range.lower:match("^([^/]+)/(.+)$")
  return range.type and range or nil
end

local function read_language(element, index)
  local range = read(element, index)
  if not range then
    return nil
  end
  local suffix
  range.prefix, suffix = range.lower:match("^([^-]+)(.*)$")
  return range.prefix and suffix ~= "-" and range or nil
end

local function read_all(field, reader, quoted)
  local ranges, count = {}, 0
  for _, element in ipairs(text.split(field, ",", quoted)) do
    count = count + 1
    ranges[#ranges + 1] = reader(element, count)
  end
  return ranges, count
end

-- "identity" is fine unless the client says otherwise (RFC 9110, 12.5.3), but worth the least.
local function read_encodings(field)
  local ranges, count = read_all(field, read)
  local least = 1
  for _, range in ipairs(ranges) do
    if range.lower == "identity" or range.lower == "*" then
      return ranges
    end
    if range.q ~= 0 and range.q < least then
      least = range.q
    end
  end
  ranges[#ranges + 1] = { name = "identity", lower = "identity", index = count + 1, q = least }
  return ranges
end

---- how closely a range fits an offer: a number, or nil where it does not

local function named(offer)
  return { lower = offer:lower() }
end

local function fit(range, offer)
  return range.lower == offer.lower and 1 or range.lower == "*" and 0 or nil
end

local function fit_type(range, offer)
  local closeness = 0
  if range.type == offer.type then
    closeness = 4
  elseif range.type ~= "*" then
    return nil
  end
  if range.subtype == offer.subtype then
    closeness = closeness + 2
  elseif range.subtype ~= "*" then
    return nil
  end
  for key, value in pairs(range.parameters) do
    if value ~= "*" and value ~= (offer.parameters[key] or "") then
      return nil
    end
  end
  return next(range.parameters) and closeness + 1 or closeness
end

local function fit_language(range, offer)
  if range.lower == offer.lower then
    return 4
  elseif range.prefix == offer.lower then
    return 2
  elseif range.lower == offer.prefix then
    return 1
  end
  return range.lower == "*" and 0 or nil
end

---- choosing

-- Whether `a` comes before `b`: by quality, by closeness, by place in the field, by place in the list.
local function before(a, b)
  if a.q ~= b.q then
    return a.q > b.q
  elseif a.closeness ~= b.closeness then
    return a.closeness > b.closeness
  elseif a.index ~= b.index then
    return a.index < b.index
  end
  return a.place < b.place
end

-- Of the ranges that fit an offer, the one that fits most closely decides, however little it wants it;
-- among equally close ones the one that wants it most, then the last.
local function decide(offer, place, ranges, fits)
  local best
  for _, range in ipairs(ranges) do
    local closeness = fits(range, offer)
    -- No number compares false: it neither keeps what came before it nor what comes behind.
    local keeps = best and (closeness or -1) <= best.closeness
      and (closeness ~= best.closeness or range.q < best.q)
    if closeness and not keeps then
      best = { q = range.q, closeness = closeness, index = range.index, place = place }
    end
  end
  return best and best.q > 0 and best or nil
end

-- The place in the list of the best of the offers, each read by `reader`.
local function choose(offers, ranges, reader, fits)
  local best
  for place = 1, offers.count do
    local offer = offers[place] and reader(offers[place])
    local decision = offer and decide(offer, place, ranges, fits)
    if decision and (not best or before(decision, best)) then
      best = decision
    end
  end
  return best and best.place
end

-- The names of all ranges that are wanted, the most wanted first.
local function all(ranges)
  local wanted, names = {}, {}
  for _, range in ipairs(ranges) do
    if range.q > 0 then
      range.closeness, range.place = 0, range.index
      wanted[#wanted + 1] = range
    end
  end
  table.sort(wanted, before)
  for place, range in ipairs(wanted) do
    names[place] = range.name
  end
  return names
end

local function pick(list, ranges, reader, fits)
  if #list == 0 then
    return all(ranges)
  end
  local offers = { count = #list }
  for place, offer in ipairs(list) do
    offers[place] = offer
  end
  local place = choose(offers, ranges, reader, fits)
  return place and list[place] or false
end

-- An offer is told in full or by an extension; false for an unknown one.
local function full_type(offer)
  return offer:find("/", 1, true) and offer or mime.lookup(offer) or false
end

--- The best of `list` (strings: media types or extensions) for a client that sent this Accept (nil: it
--- sent none), as the list has it, or false. Without a list: all types that the client takes, best first.
--- The same holds for the three functions below and their fields.
function M.types(accept, list)
  check.optional_string(accept, 1, "types")
  list = check.strings(list, 2, "types")
  if #list == 0 then
    return all(read_all(accept or "*/*", read_type, true))
  elseif not accept or accept == "" then
    return list[1]
  end
  local offers = { count = #list }
  for place, offer in ipairs(list) do
    offers[place] = full_type(offer)
  end
  local place = choose(offers, read_all(accept, read_type, true), read_type, fit_type)
  return place and list[place] or false
end

--- By Accept-Encoding. "identity" is acceptable unless it, or "*", is there with q=0.
function M.encodings(accept_encoding, list)
  check.optional_string(accept_encoding, 1, "encodings")
  list = check.strings(list, 2, "encodings")
  return pick(list, read_encodings(accept_encoding or ""), named, fit)
end

--- By Accept-Charset.
function M.charsets(accept_charset, list)
  check.optional_string(accept_charset, 1, "charsets")
  list = check.strings(list, 2, "charsets")
  return pick(list, read_all(accept_charset or "*", read), named, fit)
end

--- By Accept-Language. "en" takes "en-GB", and where "en-GB" is wanted "en" will do.
function M.languages(accept_language, list)
  check.optional_string(accept_language, 1, "languages")
  list = check.strings(list, 2, "languages")
  return pick(list, read_all(accept_language or "*", read_language), read_language, fit_language)
end

return M
