-- http.status: the registered status codes: HTTPStatus, the constants of http, and questions about codes.
--
-- A member of HTTPStatus is a cdata, the one kind of Lua object that compares with plain numbers:
-- `HTTPStatus.OK == 200` holds. A table does not look up by it, though: t[HTTPStatus.OK] is not
-- t[200]; write t[HTTPStatus.OK.value].
--
-- The phrases are those of src/base/status.c, which replies carry.
-- SPDX-License-Identifier: MIT

local ffi = require "ffi"
local core = require "http.core"

-- Code, name, where it is specified, description.
local ROWS = {
  { 100, "CONTINUE", "HTTP/1.1 RFC 7231, Section 6.2.1", "The head of the request was accepted, the body may follow" },
  { 101, "SWITCHING_PROTOCOLS", "HTTP/1.1 RFC 7231, Section 6.2.2",
    "The connection goes on in the protocol that Upgrade names" },
  { 102, "PROCESSING", "WebDAV RFC 2518, Section 10.1", "The request is being worked on and will take a while" },
  { 103, "EARLY_HINTS", "An HTTP Status Code for Indicating Hints RFC 8297, Section 2",
    "Some fields of the final response, in advance" },

  { 200, "OK", "HTTP/1.1 RFC 7231, Section 6.3.1", "Request fulfilled, document follows" },
  { 201, "CREATED", "HTTP/1.1 RFC 7231, Section 6.3.2", "A new resource was made, Location says where" },
  { 202, "ACCEPTED", "HTTP/1.1 RFC 7231, Section 6.3.3", "The request was taken and will be worked on later" },
  { 203, "NON_AUTHORITATIVE_INFORMATION", "HTTP/1.1 RFC 7231, Section 6.3.4",
    "A proxy has changed what the origin server sent" },
  { 204, "NO_CONTENT", "HTTP/1.1 RFC 7231, Section 6.3.5", "Request fulfilled, there is nothing to send" },
  { 205, "RESET_CONTENT", "HTTP/1.1 RFC 7231, Section 6.3.6",
    "Request fulfilled, clear the form for the next input" },
  { 206, "PARTIAL_CONTENT", "HTTP/1.1 RFC 7233, Section 4.1", "The ranges that were asked for follow" },
  { 207, "MULTI_STATUS", "WebDAV RFC 4918, Section 11.1", "The body tells the status of each of several operations" },
  { 208, "ALREADY_REPORTED", "WebDAV Binding Extensions RFC 5842, Section 7.1 (Experimental)",
    "An earlier part of the same body has listed these members" },
  { 226, "IM_USED", "Delta Encoding in HTTP RFC 3229, Section 10.4.1",
    "The body is the difference from what the client has" },

  { 300, "MULTIPLE_CHOICES", "HTTP/1.1 RFC 7231, Section 6.4.1", "There are several forms of it to choose from" },
  { 301, "MOVED_PERMANENTLY", "HTTP/1.1 RFC 7231, Section 6.4.2", "It has a new URI for good, see Location" },
  { 302, "FOUND", "HTTP/1.1 RFC 7231, Section 6.4.3", "It is at another URI for now, see Location" },
  { 303, "SEE_OTHER", "HTTP/1.1 RFC 7231, Section 6.4.4", "The answer is to be had by GET from another URI" },
  { 304, "NOT_MODIFIED", "HTTP/1.1 RFC 7232, Section 4.1", "The copy that the client has is still good" },
  { 305, "USE_PROXY", "HTTP/1.1 RFC 7231, Section 6.4.5",
    "It is to be had through the proxy in Location, deprecated" },
  { 307, "TEMPORARY_REDIRECT", "HTTP/1.1 RFC 7231, Section 6.4.7",
    "It is at another URI for now, ask there by the same method" },
  { 308, "PERMANENT_REDIRECT", "Permanent Redirect RFC 7238, Section 3 (Experimental)",
    "It has a new URI for good, ask there by the same method" },

  { 400, "BAD_REQUEST", "HTTP/1.1 RFC 7231, Section 6.5.1", "The request is malformed or makes no sense" },
  { 401, "UNAUTHORIZED", "HTTP/1.1 Authentication RFC 7235, Section 3.1",
    "Valid credentials are needed, WWW-Authenticate says of which kind" },
  { 402, "PAYMENT_REQUIRED", "HTTP/1.1 RFC 7231, Section 6.5.2", "Reserved for payments to come" },
  { 403, "FORBIDDEN", "HTTP/1.1 RFC 7231, Section 6.5.3", "The request was understood and is refused" },
  { 404, "NOT_FOUND", "HTTP/1.1 RFC 7231, Section 6.5.4", "There is nothing at this URI" },
  { 405, "METHOD_NOT_ALLOWED", "HTTP/1.1 RFC 7231, Section 6.5.5", "Not by this method, Allow lists those that work" },
  { 406, "NOT_ACCEPTABLE", "HTTP/1.1 RFC 7231, Section 6.5.6", "It exists in no form that the request accepts" },
  { 407, "PROXY_AUTHENTICATION_REQUIRED", "HTTP/1.1 Authentication RFC 7235, Section 3.2",
    "The proxy needs valid credentials, Proxy-Authenticate says of which kind" },
  { 408, "REQUEST_TIMEOUT", "HTTP/1.1 RFC 7231, Section 6.5.7", "The request took too long to arrive" },
  { 409, "CONFLICT", "HTTP/1.1 RFC 7231, Section 6.5.8", "The request conflicts with the state of the resource" },
  { 410, "GONE", "HTTP/1.1 RFC 7231, Section 6.5.9", "It was here once and will not come back" },
  { 411, "LENGTH_REQUIRED", "HTTP/1.1 RFC 7231, Section 6.5.10", "The request needs a Content-Length" },
  { 412, "PRECONDITION_FAILED", "HTTP/1.1 RFC 7232, Section 4.2",
    "A condition in the request's headers does not hold" },
  { 413, "REQUEST_ENTITY_TOO_LARGE", "HTTP/1.1 RFC 7231, Section 6.5.11",
    "The body is larger than the server will take" },
  { 414, "REQUEST_URI_TOO_LONG", "HTTP/1.1 RFC 7231, Section 6.5.12", "The URI is longer than the server will read" },
  { 415, "UNSUPPORTED_MEDIA_TYPE", "HTTP/1.1 RFC 7231, Section 6.5.13",
    "The body is in a format that is not taken here" },
  { 416, "REQUEST_RANGE_NOT_SATISFIABLE", "HTTP/1.1 Range Requests RFC 7233, Section 4.4",
    "None of the ranges lies within the resource" },
  { 417, "EXPECTATION_FAILED", "HTTP/1.1 RFC 7231, Section 6.5.14", "What Expect asks for cannot be done" },
  { 418, "IM_A_TEAPOT", "HTCPCP/1.0 RFC 2324, Section 2.3.2", "The server is a teapot and cannot brew coffee" },
  { 421, "MISDIRECTED_REQUEST", "HTTP/2 RFC 7540, Section 9.1.2", "This server does not answer for that URI" },
  { 422, "UNPROCESSABLE_ENTITY", "WebDAV RFC 4918, Section 11.2", "The body is well formed but its content is wrong" },
  { 423, "LOCKED", "WebDAV RFC 4918, Section 11.3", "The resource is locked" },
  { 424, "FAILED_DEPENDENCY", "WebDAV RFC 4918, Section 11.4", "It depended on another operation, which failed" },
  { 425, "TOO_EARLY", "Using Early Data in HTTP RFC 8470, Section 5.2",
    "The request might be a replay and must come again after the handshake" },
  { 426, "UPGRADE_REQUIRED", "HTTP/1.1 RFC 7231, Section 6.5.15", "Only in another protocol, Upgrade names it" },
  { 428, "PRECONDITION_REQUIRED", "Additional HTTP Status Codes RFC 6585", "The request must be conditional" },
  { 429, "TOO_MANY_REQUESTS", "Additional HTTP Status Codes RFC 6585", "The client asks more often than it may" },
  { 431, "REQUEST_HEADER_FIELDS_TOO_LARGE", "Additional HTTP Status Codes RFC 6585",
    "The request's headers are larger than the server will read" },
  { 451, "UNAVAILABLE_FOR_LEGAL_REASONS",
    "An HTTP Status Code to Report Legal Obstacles RFC 7725, Section 3", "A legal demand forbids to show it" },

  { 500, "INTERNAL_SERVER_ERROR", "HTTP/1.1 RFC 7231, Section 6.6.1", "The server has met with a fault of its own" },
  { 501, "NOT_IMPLEMENTED", "HTTP/1.1 RFC 7231, Section 6.6.2", "The server cannot do what the request needs" },
  { 502, "BAD_GATEWAY", "HTTP/1.1 RFC 7231, Section 6.6.3", "A server behind this one gave an invalid answer" },
  { 503, "SERVICE_UNAVAILABLE", "HTTP/1.1 RFC 7231, Section 6.6.4", "Overloaded or down for maintenance, try later" },
  { 504, "GATEWAY_TIMEOUT", "HTTP/1.1 RFC 7231, Section 6.6.5", "A server behind this one gave no answer in time" },
  { 505, "HTTP_VERSION_NOT_SUPPORTED", "HTTP/1.1 RFC 7231, Section 6.6.6",
    "The server does not speak this version of HTTP" },
  { 506, "VARIANT_ALSO_NEGOTIATES", "Transparent Content Negotiation in HTTP RFC 2295, Section 8.1 (Experimental)",
    "The server is misconfigured, negotiation goes round in circles" },
  { 507, "INSUFFICIENT_STORAGE", "WebDAV RFC 4918, Section 11.5", "There is no room to store what the request needs" },
  { 508, "LOOP_DETECTED", "WebDAV Binding Extensions RFC 5842, Section 7.2 (Experimental)",
    "The operation met with a loop and was given up" },
  { 510, "NOT_EXTENDED", "An HTTP Extension Framework RFC 2774, Section 7 (Experimental)",
    "The request lacks an extension that it needs" },
  { 511, "NETWORK_AUTHENTICATION_REQUIRED", "Additional HTTP Status Codes RFC 6585, Section 6",
    "One must log in to this network first" },
}

-- Names that came later, for members that stay what they are.
local ALIASES = {
  CONTENT_TOO_LARGE = 413,
  URI_TOO_LONG = 414,
  RANGE_NOT_SATISFIABLE = 416,
  UNPROCESSABLE_CONTENT = 422,
}

local EMPTY = { [204] = true, [205] = true, [304] = true }
local REDIRECT = { [300] = true, [301] = true, [302] = true, [303] = true, [305] = true, [307] = true, [308] = true }

local by_code = {} -- code -> row
local members = {} -- code -> member
local constants = {} -- name -> code
local HTTPStatus = {} -- name -> member

-- ---- a member ---------------------------------------------------------------------------------

-- Nameless, since a Lua state knows a named struct for ever, and this module may be loaded anew.
local member_type = ffi.typeof("struct { const int value; }")

-- The code of a member; whatever else it is given it gives back.
local function number(value)
  if type(value) == "cdata" and ffi.istype(member_type, value) then
    return value.value
  end
  return value
end

local function class(first)
  return function(code)
    return math.floor(code / 100) == first
  end
end

-- What a member has besides its value.
local fields = {
  name = function(code)
    return by_code[code][2]
  end,
  phrase = core.status_phrase,
  spec = function(code)
    return by_code[code][3]
  end,
  description = function(code)
    return by_code[code][4]
  end,
  is_informational = class(1),
  is_success = class(2),
  is_redirection = class(3),
  is_client_error = class(4),
  is_server_error = class(5),
}

local function comparable(value)
  local code = number(value)
  if type(code) ~= "number" then
    error(("cannot compare an HTTPStatus with a %s"):format(type(value)), 3)
  end
  return code
end

local metatable = {
  __tostring = function(member)
    return ("<HTTPStatus.%s: %d>"):format(by_code[member.value][2], member.value)
  end,
  -- Asked for whatever cdata or other value stands on the other side, nil included.
  __eq = function(a, b)
    return number(a) == number(b)
  end,
  __lt = function(a, b)
    return comparable(a) < comparable(b)
  end,
  __le = function(a, b)
    return comparable(a) <= comparable(b)
  end,
}

function metatable.__index(member, name)
  local field = fields[name]
  if not field then
    local known = "value, phrase, description, name, spec and is_informational … is_server_error"
    error(("an HTTPStatus has no field '%s' (it has %s)"):format(tostring(name), known), 2)
  end
  return field(member.value)
end

ffi.metatype(member_type, metatable)

for _, row in ipairs(ROWS) do
  local code, name = row[1], row[2]
  by_code[code] = row
  members[code] = member_type(code)
  constants[name] = code
  HTTPStatus[name] = members[code]
end
for name, code in pairs(ALIASES) do
  constants[name] = code
  HTTPStatus[name] = members[code]
end

-- ---- questions about codes; all take members as well ------------------------------------------

--- Whether a status of that number is registered. Takes any value.
local function is_known(code)
  code = number(code)
  return code ~= nil and by_code[code] ~= nil
end

--- "Not Found" for 404; nil for what is not known.
local function phrase(code)
  return core.status_phrase(number(code))
end

--- Whether a response of that status has no content: 204, 205, 304.
local function is_empty(code)
  return EMPTY[number(code)] or false
end

--- Whether that status sends the client elsewhere, to where Location says.
local function is_redirect(code)
  return REDIRECT[number(code)] or false
end

-- `100 "continue"`, a line for each.
local function list_in_words()
  local lines = {}
  for i, row in ipairs(ROWS) do
    local words = core.status_phrase(row[1]):lower():gsub("^i'm ", "I'm ")
    lines[i] = ('%d "%s"'):format(row[1], words)
  end
  return table.concat(lines, "\n")
end

--- The plain number of a known status, given as a number or a member. Throws for anything else, as
--- error(…, level) in the calling function would; 2 by default, that function's caller.
local function check(code, level)
  local plain = number(code)
  level = (level or 2) + 1
  if type(plain) ~= "number" or plain % 1 ~= 0 then
    local shown = type(plain) == "number" and tostring(plain) or type(code)
    error(("bad status (integer or HTTPStatus expected, got %s)"):format(shown), level)
  end
  if not by_code[plain] then
    error(("unknown status %.0f; these are known:\n%s"):format(plain, list_in_words()), level)
  end
  return plain
end

-- ---- the class --------------------------------------------------------------------------------

--- All members in the order of their codes, each once.
function HTTPStatus.list()
  local list = {}
  for i, row in ipairs(ROWS) do
    list[i] = members[row[1]]
  end
  return list
end

setmetatable(HTTPStatus, {
  -- HTTPStatus(404): the member of that code; a member is given back.
  __call = function(_, code)
    return members[check(code, 2)]
  end,
  __index = function(_, name)
    local hint = type(name) == "number" and "; call it: HTTPStatus(" .. name .. ")" or ""
    error(("HTTPStatus has no member '%s'%s"):format(tostring(name), hint), 2)
  end,
  __tostring = function()
    return "http.HTTPStatus"
  end,
})

return {
  HTTPStatus = HTTPStatus,
  constants = constants, -- name -> number, for http.OK and all others
  number = number,
  phrase = phrase,
  is_known = is_known,
  is_empty = is_empty,
  is_redirect = is_redirect,
  check = check,
}
