-- What http.boom makes of the arguments that @hapi/boom is given: boom.js has its part.
-- SPDX-License-Identifier: MIT

local cjson = require("cjson")
local http = require("http")

local null = http.null

-- Those with one form: NAME([message [, data]])
local PLAIN = {
  "bad_request", "payment_required", "forbidden", "not_found", "not_acceptable", "proxy_auth_required",
  "client_timeout", "conflict", "resource_gone", "length_required", "precondition_failed", "entity_too_large",
  "uri_too_long", "unsupported_media_type", "range_not_satisfiable", "expectation_failed", "teapot", "bad_data",
  "locked", "precondition_required", "too_many_requests", "illegal", "bad_implementation", "internal",
  "not_implemented", "bad_gateway", "server_unavailable", "gateway_timeout", "unauthorized", "method_not_allowed",
}

local M = {}

-- { NAME, ARGUMENT… }; http.null stands for null and nil
local SPECIAL = {
  { "method_not_allowed", "told", null, "GET" },
  { "method_not_allowed", "told", null, { "GET", "POST" } },
  { "method_not_allowed", null, null, { "GET" } },
  { "unauthorized", "told", "Basic" },
  { "unauthorized", null, "Basic" },
  { "unauthorized", "told", { "Basic", "Digest" } },
  { "unauthorized", null, { "Basic realm=\"x\"", "Digest" } },
  { "unauthorized", null, "Negotiate", "VGhpcyBpcyBhIHRlc3QgdG9rZW4=" },
  { "unauthorized", "told", "sample", { ttl = 0 } },
  { "unauthorized", null, "sample", { ttl = 0 } },
  { "unauthorized", "told", "sample", { cache = null } },
  { "unauthorized", "told", "sample", { foo = "bar \"quoted\" \\ back" } },
  { "unauthorized", "say \"told\"", "sample" },
  { "unauthorized", null, "sample", { flag = true } },
  { "unauthorized", null, "sample", { share = 0.5 } },
  { "bad_request", "gr\195\188\195\159" },
  { "not_found", "a/b <c>" },
}
-- Rows by method.
M.methods = {}
for _, name in ipairs(PLAIN) do
  M.methods[name] = { { name }, { name, "told" }, { name, null }, { name, "" } }
  if name ~= "unauthorized" then -- whose second argument is a scheme
    table.insert(M.methods[name], { name, "told", { secret = 1 } })
  end
end
for _, row in ipairs(SPECIAL) do
  table.insert(M.methods[row[1]], row)
end

local function arguments(row)
  local list = {}
  for i = 2, #row do
    list[i - 1] = row[i]
  end
  return #list > 0 and cjson.encode(list) or "[]"
end

function M.title(row)
  return ("%s%s"):format(row[1], arguments(row))
end

-- What compare.ask sends for it.
function M.request(row)
  local query = arguments(row):gsub("[^%w]", function(c) return ("%%%02X"):format(c:byte()) end)
  local name = row[1]:gsub("_(%l)", string.upper)
  return { "GET", ("/boom?method=%s&args=%s"):format(name, query) }
end

-- What we make of it: as boom.js gives it.
function M.ours(row)
  local err = http.boom[row[1]](unpack(row, 2, #row))
  return {
    statusCode = err.output.status_code,
    payload = cjson.decode(http.boom.payload_json(err)),
    headers = err.output.headers,
  }
end

-- What Boom 10 makes of it, given as the JSON of boom.js, less what the seed's pages, which are of an older
-- Boom, have otherwise: without a message there is none, instead of the phrase once more; and a teapot with a
-- capital.
function M.expected(row, json)
  local theirs = cjson.decode(json)
  local payload = theirs.payload
  theirs.message = nil
  if payload.message == payload.error then
    local told = row[2] ~= nil and row[2] ~= null and row[2] ~= ""
    assert(not told)
    payload.message = nil
  end
  if row[1] == "teapot" then
    assert(payload.error == "I'm a teapot")
    payload.error = "I'm a Teapot"
  end
  return theirs
end

return M
