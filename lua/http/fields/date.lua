-- http.fields.date: points in time as HTTP writes them (RFC 9110, 5.6.7), free of locale and time zone.
-- SPDX-License-Identifier: MIT

local check = require "http.fields.check"

local M = {}

local DAYS = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" }
local MONTHS = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" }
local BEFORE_MONTH = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365 }
local DAY = 24 * 60 * 60

local MONTH_OF = {}
for number, name in ipairs(MONTHS) do
  MONTH_OF[name:lower()] = number
end

---- the calendar

local function is_leap(year)
  return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
end

-- Days from 1970-01-01 to the first of that year.
local function days_before_year(year)
  local past = year - 1
  return past * 365 + math.floor(past / 4) - math.floor(past / 100) + math.floor(past / 400) - 719162
end

-- Days from the first of that year to the first of the month (13: of the next year).
local function days_before_month(year, month)
  return BEFORE_MONTH[month] + (month > 2 and is_leap(year) and 1 or 0)
end

local function civil(days)
  local year = 1970 + math.floor(days / 365.2425)
  -- The estimate is at most one year off.
  while days_before_year(year) > days do
    year = year - 1
  end
  while days_before_year(year + 1) <= days do
    year = year + 1
  end
  local rest, month = days - days_before_year(year), 12
  while days_before_month(year, month) > rest do
    month = month - 1
  end
  return year, month, rest - days_before_month(year, month) + 1
end

-- Seconds since 1970, or nil if there is no such day or time. Second 60 is a leap second.
local function seconds_of(year, month, day, hour, minute, second)
  if not month or month < 1 or month > 12 or day < 1 or hour > 23 or minute > 59 or second > 60 then
    return nil
  end
  local first = days_before_month(year, month)
  if first + day > days_before_month(year, month + 1) then
    return nil
  end
  return (days_before_year(year) + first + day - 1) * DAY + hour * 3600 + minute * 60 + second
end

local FIRST = seconds_of(0, 1, 1, 0, 0, 0)
local LAST = seconds_of(9999, 12, 31, 23, 59, 59)

--- The HTTP date of that many seconds since 1970 (fractions are cut off): "Sun, 06 Nov 1994 08:49:37 GMT".
--- Throws if that is no number, or outside the years 0 to 9999, for which there is no such form.
function M.format(seconds)
  if type(seconds) ~= "number" then
    error(("bad argument #1 to 'format' (number expected, got %s)"):format(type(seconds)), 2)
  end
  seconds = math.floor(seconds)
  if not (seconds >= FIRST and seconds <= LAST) then
    error("bad argument #1 to 'format' (the time is outside the years 0 to 9999)", 2)
  end
  local days, rest = math.floor(seconds / DAY), seconds % DAY
  local year, month, day = civil(days)
  return ("%s, %02d %s %04d %02d:%02d:%02d GMT"):format(DAYS[(days + 4) % 7 + 1], day, MONTHS[month], year,
    math.floor(rest / 3600), math.floor(rest / 60) % 60, rest % 60)
end

---- parsing

-- RFC 9110: a year of two digits that seems to lie more than 50 years ahead is one of the past.
local function full_year(digits, now)
  local year = tonumber(digits)
  if #digits == 4 then
    return year
  elseif #digits ~= 2 then
    return nil
  end
  local this_year = civil(math.floor(now / DAY))
  year = year + this_year - this_year % 100
  return year > this_year + 50 and year - 100 or year
end

-- What may stand for GMT, in lower case: its other names, and offsets such as "+0200" and "-03:30".
local function offset_of(zone)
  if zone == "" or zone == "gmt" or zone == "utc" or zone == "z" then
    return 0
  end
  local sign, hours, minutes = zone:match("^([+-])(%d%d):?(%d%d)$")
  if not sign then
    return nil
  end
  hours, minutes = tonumber(hours), tonumber(minutes)
  if hours > 23 or minutes > 59 then
    return nil
  end
  return (hours * 60 + minutes) * (sign == "-" and -60 or 60)
end

local function total(year, month, day, hour, minute, second, zone)
  local offset = offset_of(zone)
  local seconds = offset and year and seconds_of(year, month, tonumber(day),
    tonumber(hour), tonumber(minute), tonumber(second))
  return seconds and seconds - offset or nil
end

-- "Sun, 06 Nov 1994 08:49:37 GMT" and "Sunday, 06-Nov-94 08:49:37 GMT". The name of the day, which says
-- nothing new, may be missing or wrong; the day may have one digit.
local function parse_http(text, now)
  local rest = text:match("^%a+, *(.*)$") or text
  local day, month, digits, hour, minute, second, zone =
    rest:match("^(%d%d?)[ -](%a%a%a)[ -](%d+) (%d%d):(%d%d):(%d%d) ?(%S*)$")
  if not day then
    return nil
  end
  return total(full_year(digits, now), MONTH_OF[month], day, hour, minute, second, zone)
end

-- "Sun Nov  6 08:49:37 1994", as C's asctime writes it.
local function parse_asctime(text)
  local month, day, hour, minute, second, year =
    text:match("^%a%a%a (%a%a%a) +(%d%d?) (%d%d):(%d%d):(%d%d) (%d%d%d%d)$")
  if not month then
    return nil
  end
  return total(tonumber(year), MONTH_OF[month], day, hour, minute, second, "")
end

-- "1994-11-06", "1994-11-06T08:49Z", "1994-11-06 08:49:37.5+01:00". Without a zone it is UTC.
local function parse_iso(text)
  local year, month, day, rest = text:match("^(%d%d%d%d)%-(%d%d)%-(%d%d)(.*)$")
  if not year then
    return nil
  end
  local hour, minute, second, zone = "0", "0", "0", ""
  if rest ~= "" then
    hour, minute, rest = rest:match("^[t ](%d%d):(%d%d)(.*)$")
    if not hour then
      return nil
    end
    local seconds, behind = rest:match("^:(%d%d)(.*)$")
    if seconds then
      second, rest = seconds, behind:gsub("^%.%d+", "", 1)
    end
    zone = rest
  end
  return total(tonumber(year), tonumber(month), day, hour, minute, second, zone)
end

local LONGEST = 64 -- no date is longer; a long text is not worth a look

--- The seconds since 1970 of a date in one of the three forms of HTTP or in ISO 8601 (a day, or a day and a
--- time), or nil. Case is ignored, and so are fractions of a second; no zone means UTC. `now` (default: the
--- clock) decides the century of a year of two digits.
function M.parse(text, now)
  check.string(text, 1, "parse")
  if #text > LONGEST then
    return nil
  end
  text = text:lower():gsub("^%s+", ""):gsub("%s+$", "")
  return parse_http(text, now or os.time()) or parse_asctime(text) or parse_iso(text)
end

return M
