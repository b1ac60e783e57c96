-- http.curl: response:to_curl(), a line for a POSIX shell that repeats a request with curl.
-- SPDX-License-Identifier: MIT

local core = require "http.core"
local new_redactor = require "http.redact"

-- ---- words for a shell --------------------------------------------------------------------------

local UTF8 = {
  "^[%z\1-\127]+", "^[\194-\223][\128-\191]",
  "^\224[\160-\191][\128-\191]", "^[\225-\236\238\239][\128-\191][\128-\191]", "^\237[\128-\159][\128-\191]",
  "^\240[\144-\191][\128-\191][\128-\191]", "^[\241-\243][\128-\191][\128-\191][\128-\191]",
  "^\244[\128-\143][\128-\191][\128-\191]",
}

local function is_utf8(text)
  local at = 1
  while at <= #text do
    local next_at
    for i = 1, #UTF8 do
      next_at = next_at or text:match(UTF8[i] .. "()", at)
    end
    if not next_at then
      return false
    end
    at = next_at
  end
  return true
end

-- A terminal takes control bytes for keys, where such a line is pasted; C1 has them in UTF-8.
local function is_awkward(text)
  return text:find("[%z\1-\9\11-\31\127]") or text:find("\194[\128-\159]") or not is_utf8(text)
end

-- The argument of printf for these bytes.
local function octal(text)
  return "'" .. text:gsub("[^%w %-_.,:;/=?&+@#(){}%[%]<>~*|^$\"]", function(byte)
    return ("\\%03o"):format(byte:byte())
  end) .. "'"
end

local function single(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function quote(text)
  if text:find("^[%w/%-][%w/%-._:,]*$") then
    return text
  elseif not is_awkward(text) then
    return single(text)
  end
  local most, ends = text:match("^(.-)(\n*)$") -- $(…) drops line ends
  return '"$(printf ' .. octal(most) .. ')"' .. (ends ~= "" and single(ends) or "")
end

-- ---- the parts of the line ----------------------------------------------------------------------

local Line = {}
Line.__index = Line

function Line:add(option, value)
  local word = value == nil and option or option .. " " .. quote(value)
  self[#self + 1] = word
end

local function number(value)
  return (("%.3f"):format(value):gsub("%.?0+$", ""))
end

-- Those that curl makes by itself from the rest.
local OWN = { ["content-length"] = true }

local function add_headers(line, asked, redactor)
  local given, authority = {}, asked.url:match("^%a[%w+.-]*://([^/?#]*)")
  for _, field in ipairs(asked.fields) do
    local name = field.name:lower()
    given[name] = true
    if field.value == "" then
      line:add("-H", field.name .. ";")
    elseif not OWN[name] and not (name == "host" and field.value == authority) then
      line:add("-H", field.name .. ": " .. redactor.field(field.name, field.value))
    end
  end
  -- What curl adds unasked: an empty one takes it out.
  for _, name in ipairs { "Accept", "Content-Type", "Expect" } do
    if not given[name:lower()] and (name == "Accept" or asked.has_body) then
      line:add("-H", name .. ":")
    end
  end
  if asked.credentials and not given.authorization then
    line:add("-H", "Authorization: ***") -- they are not kept
  end
  if given["accept-encoding"] and asked.decode then
    line:add("--compressed")
  end
end

local function file_size(path)
  local file = io.open(path, "rb")
  local size = file and file:seek("end")
  if file then
    file:close()
  end
  return size
end

-- What the file is piped through where only a part of it goes; nil for all of it.
local function part_of_file(asked)
  local whole = asked.body_offset == 0 and file_size(asked.body_file) == (asked.body_length or 0)
  if whole then
    return nil
  end
  local path = asked.body_file:gsub("^%-", "./-")
  return ("tail -c +%.0f %s | head -c %.0f | "):format(asked.body_offset + 1, quote(path), asked.body_length or 0)
end

-- Returns what stands in front of curl, and behind it.
local function add_body(line, asked)
  if not asked.has_body then
    return "", ""
  elseif asked.body_file then
    local pipe = part_of_file(asked)
    line:add("--data-binary", "@" .. (pipe and "-" or asked.body_file:gsub("^%-$", "./-")))
    return pipe or "", ""
  elseif not asked.body then
    line:add("--data-binary", "@-")
    local length = asked.body_length and (" of %.0f bytes"):format(asked.body_length) or ""
    return "", (" # the body%s is not known here: give it on the standard input"):format(length)
  elseif is_awkward(asked.body) then
    line:add("--data-binary", "@-")
    return "printf " .. octal(asked.body) .. " | ", ""
  end
  line:add(asked.body:sub(1, 1) == "@" and "--data-raw" or "--data-binary", asked.body)
  return "", ""
end

local function add_method(line, asked)
  if asked.method == "HEAD" and not asked.has_body then
    line:add("-I")
  elseif asked.method ~= (asked.has_body and "POST" or "GET") then
    line:add("-X", asked.method)
  end
end

-- The default is curl's as well.
local USUAL_REDIRECTS = 50
local USUAL_CONNECT = 30

local function add_redirects(line, asked)
  if asked.max_redirects < 0 then
    return
  end
  line:add("-L")
  if asked.max_redirects ~= USUAL_REDIRECTS then
    line:add("--max-redirs", number(asked.max_redirects))
  end
end

local function add_tls(line, asked)
  if asked.insecure then
    line:add("-k")
  end
  for _, option in ipairs {
    { "--cacert", asked.ca_file }, { "--capath", asked.ca_path }, { "--pinnedpubkey", asked.pins },
    { "--cert", asked.cert_file and asked.cert_file:gsub("[\\:]", "\\%0") }, { "--key", asked.key_file },
  } do
    if option[2] then
      line:add(option[1], option[2])
    end
  end
end

local function add_route(line, asked)
  local scheme, authority = asked.url:match("^(%a[%w+.-]*)://([^/?#]*)")
  local port = authority:match(":(%d+)$")
  for _, entry in ipairs(asked.resolve) do
    local to = entry.port ~= 0 and number(entry.port) or port or scheme == "https" and "443" or "80"
    line:add("--resolve", ("%s:%s:%s"):format(entry.host, to, entry.addresses))
  end
  for _, option in ipairs { { "--unix-socket", asked.unix }, { "--interface", asked.local_address } } do
    if option[2] then
      line:add(option[1], option[2])
    end
  end
end

local function add_proxy(line, asked)
  if asked.proxy == "" then
    line:add("--noproxy", "*")
    return
  elseif asked.proxy then
    line:add("-x", asked.proxy)
  end
  if asked.no_proxy then
    line:add("--noproxy", asked.no_proxy)
  end
  if asked.proxy_ca_file then
    line:add("--proxy-cacert", asked.proxy_ca_file)
  end
  if asked.proxy_insecure then
    line:add("--proxy-insecure")
  end
end

local function add_clocks(line, asked)
  if asked.connect_timeout and asked.connect_timeout ~= USUAL_CONNECT then
    line:add("--connect-timeout", number(asked.connect_timeout))
  end
  if asked.total_timeout then
    line:add("-m", number(asked.total_timeout))
  end
end

local function add_url(line, asked, redactor)
  local url = redactor.text(asked.url)
  local origin = url:match("^(.-://[^/?#]*)%*$")
  if origin then
    line:add("--request-target", "*")
    url = origin
  end
  if url:find("[%[%]{}]") then
    line:add("-g")
  end
  if url:find("/%.") then
    line:add("--path-as-is")
  end
  if url:find("^https:") then
    line:add("--http1.1") -- as we speak it
  end
  line:add(quote(url))
end

local function check_options(options)
  if options ~= nil and type(options) ~= "table" then
    error(("bad argument #1 to 'to_curl' (table of options or nil expected, got %s)"):format(type(options)), 3)
  end
  for name, value in pairs(options or {}) do
    if name ~= "secrets" and name ~= "redact" then
      error(("unknown option '%s' (there are 'secrets' and 'redact')"):format(tostring(name)), 3)
    elseif name == "secrets" and type(value) ~= "boolean" then
      error(("bad option 'secrets' (boolean expected, got %s)"):format(type(value)), 3)
    end
  end
end

--- response:to_curl([options]) -> a line for a POSIX shell with which curl sends the request of a Response
--- again: the first one, where redirects followed. "***" stands in the place of secrets; with
--- options.secrets they are in it. options.redact: see http.redact. nil and words once the runtime is closed.
return function(response, options)
  if type(response) ~= "userdata" or getmetatable(response) ~= "http.Response" then
    error(("bad self (http.Response expected, got %s); call it with a colon"):format(type(response)), 2)
  end
  check_options(options)
  options = options or {}
  local redact = options.redact
  if options.secrets then
    redact = false
  end
  local redactor = new_redactor(redact, 2)
  local asked = core.asked(response)
  if not asked then
    return nil, "the runtime is closed"
  end
  local line = setmetatable({ "curl" }, Line)
  add_method(line, asked)
  add_redirects(line, asked)
  add_tls(line, asked)
  add_route(line, asked)
  add_proxy(line, asked)
  add_clocks(line, asked)
  add_headers(line, asked, redactor)
  local before, behind = add_body(line, asked)
  add_url(line, asked, redactor)
  return before .. table.concat(line, " ") .. behind
end
