-- Where we differ from Koa on purpose: the rows, by a pattern of their titles; why; and what becomes of Koa's
-- reply to make it ours. A rule that `may` apply is about a Node.js that not everybody has.
-- SPDX-License-Identifier: MIT

local http = require("http")

local strict = http.can("be_strict")
local STATUS_500 = "Internal Server Error"

-- Makes a reply a text of this status.
local function text(reply, status, reason, body, method)
  reply.status, reply.reason, reply.complete = status, reason, true
  reply.fields = { ["content-type"] = { "text/plain; charset=utf-8" }, ["content-length"] = { tostring(#body) } }
  reply.body = method == "HEAD" and "" or body
end

-- -> a change that sets fields of the header
local function fields(list)
  return function(reply)
    for name, value in pairs(list) do
      reply.fields[name] = value and { value } or nil
    end
  end
end

-- -> a change to a redirect as a browser sees it
local function redirect(to)
  return function(reply, row)
    local body = ("Redirecting to %s."):format(to)
    text(reply, 302, "Found", body, row[1])
    reply.fields.location = { to }
    reply.fields["content-type"] = { "text/html; charset=utf-8" }
  end
end

local function internal_error(reply, row)
  text(reply, 500, STATUS_500, STATUS_500, row[1])
end

local function refused(words)
  return function(reply, row)
    text(reply, 400, "Bad Request", words .. "\n", row[1])
  end
end

local refused_target = refused("the target has a byte that is not allowed there")

local rules = {
  {
    row = "^%u+ /body/[^/]+/205%-",
    why = "a 205 tells that it is empty (RFC 9110, 15.3.6), lest the client waits for the connection to end",
    change = fields({ ["content-length"] = "0" }),
  },
  {
    row = "^%u+ /status%S*[?]of=205$",
    why = "as above",
    change = fields({ ["content-length"] = "0" }),
  },
  {
    row = "^GET /body/[^/]+/before%-null$",
    only = { "array", "false", "nested", "number", "object", "true", "zero" },
    why = "the JSON null that is left has a length, which we send; Koa has removed it and sends chunks",
    change = fields({ ["content-length"] = "4", ["transfer-encoding"] = false }),
  },
  {
    row = "^GET /body/[^/]+/after%-object$",
    only = { "null", "nil" },
    why = "as above",
    change = fields({ ["content-length"] = "4", ["transfer-encoding"] = false }),
  },
  {
    row = "^GET /body/empty%-stream/after%-",
    except = "after%-null",
    why = "a stream that ends at once has the length 0, whatever was the body before; Koa sends chunks then",
    change = fields({ ["content-length"] = "0", ["transfer-encoding"] = false }),
  },
  {
    row = "^GET /body/empty%-stream/plain version=1.0$",
    why = "as above, to a client that knows no chunks",
    change = fields({ ["content-length"] = "0" }),
  },
  {
    row = "^HEAD /body/false/",
    except = "null$|20[45]%-%l+$|304",
    why = "HEAD has the fields that GET has; Koa takes a false body for none",
    change = fields({ ["content-length"] = "5" }),
  },
  {
    row = "^HEAD /body/zero/",
    except = "null$|20[45]%-%l+$|304",
    why = "as above, for 0",
    change = fields({ ["content-length"] = "1" }),
  },
  {
    row = "^%u+ /status/with%-body[?]of=[57]99$",
    why = "a status that nobody has registered is a mistake, and throws",
    change = internal_error,
  },
  {
    row = "^%u+ /set/no%-name$",
    why = "a field without a name is a mistake, and throws; Koa sets nothing",
    change = internal_error,
  },
  {
    row = "^%u+ /throw/both[?]of=[23]",
    why = "what is thrown is an error: a status of success becomes 500. http-errors calls it deprecated",
    change = internal_error,
  },
  {
    row = "^%u+ /throw/status[?]of=[23]",
    why = "as above",
    change = internal_error,
  },
  {
    row = "^%u+ /throw/empty%-status$",
    why = "as above",
    change = internal_error,
  },
  {
    row = "^%u+ /type/none$",
    why = "what is not there is nil, not an empty string, which is true in Lua",
    json = true,
  },
  { row = "^%u+ /type/get[?]of=unknown$", why = "as above", json = true },
  { row = "^%u+ /request/get[?]of=X%-Unknown$", why = "as above", json = true },
  { row = "^%u+ /request/type$", why = "as above", json = true },
  { row = "^%u+ /request/charset$", why = "as above", json = true },
  { row = "^POST /request/charset ", except = "charset=", why = "as above", json = true },
  {
    row = "^%u+ /assert[?]of=$",
    why = "an empty string is true in Lua; nothing sets a body then",
    change = function(reply, row)
      text(reply, 404, "Not Found", "Not Found", row[1])
      if row[1] == "HEAD" then
        reply.fields = {}
      end
    end,
  },
  {
    row = "^%u+ /error/object$",
    why = "Lua has no class of errors: a table with a status is one",
    change = function(reply, row) text(reply, 400, "Bad Request", "Bad Request", row[1]) end,
  },
  {
    row = "^GET /stream/fails%-at%-once$",
    why = "nothing has been sent yet, so that the client can still be told; Koa cuts the connection without a word",
    change = internal_error,
  },
  {
    row = "^%u+ /redirect[?]of=back$",
    why = "\"back\" is Koa 2's way to say what is ctx.back() in Koa 3",
    change = redirect("/"),
  },
  {
    row = "^%u+ /redirect[?]of=http://ex%%C3%%A4mple.com/$",
    why = "a host beyond ASCII is escaped, as the rest of a URL is; Koa writes it in punycode",
    change = redirect("http://ex%C3%A4mple.com/"),
  },
  {
    row = "^GET /back %(Referer: http://HOST%.example%.com/%)$",
    why = "a Referrer that is no URL is none, and no reason for a 500",
    change = redirect("/"),
  },
  { row = "^GET /back/alt %(Referer: http://HOST%.example%.com/%)$", why = "as above", change = redirect("/alt") },
  { row = "^GET /back %(Referer: http://%[/%)$", why = "as above", change = redirect("/") },
  { row = "^GET /back/alt %(Referer: http://%[/%)$", why = "as above", change = redirect("/alt") },
  {
    row = "host=user@",
    why = "such a Host field is malformed: 400 (RFC 9112, 3.2)",
    change = refused(strict and "Host is not a host with perhaps a port" or "the Host field is not a host"),
  },
  {
    row = "^GET /request/ips %(X%-Forwarded%-For: a,,b%)",
    why = "nothing between two commas is no address (RFC 9110, 5.6.1)",
    change = function(reply)
      reply.body = '{"value":["a","b"]}'
      reply.fields["content-length"] = { "19" }
    end,
  },
  {
    row = "^GET /request/url[?]gr\195",
    why = "bytes beyond ASCII in a target are taken as they are, where the engine is lenient; Node.js refuses them",
    change = strict and refused_target or function(reply)
      reply.status, reply.reason, reply.body = 200, "OK", '{"value":"/request/url?gr\195\188\195\159"}'
      reply.fields = { ["content-type"] = { "application/json; charset=utf-8" }, ["content-length"] = { "31" } }
    end,
  },
  {
    row = "^GET /attachment/named[?]of=%%C2%%A0nbsp.txt$",
    may = true,
    why = "Node.js 20 garbles Latin-1 in this field if the length is known",
    change = fields({ ["content-disposition"] = "attachment; filename=\"\160nbsp.txt\"" }),
  },
  {
    row = "^GET /attachment/named[?]of=gr%%C3%%BC%%C3%%9F.txt$",
    may = true,
    why = "as above",
    change = fields({ ["content-disposition"] = "attachment; filename=\"gr\252\223.txt\"" }),
  },
  {
    row = "^GET /attachment/named[?]of=%%C3%%BC%%20",
    may = true,
    why = "as above",
    change = fields({
      ["content-disposition"] = "attachment; filename=\"\252 ? \\\"x\\\".html\"; " ..
        "filename*=UTF-8''%C3%BC%20%E2%82%AC%20%22x%22.html",
    }),
  },
}

if strict then
  for _, row in ipairs({ "/request/url[?]a=b[?]c#part$", "/request/path#part$", "/request/querystring[?]a=<>" }) do
    rules[#rules + 1] = {
      row = "^GET " .. row,
      why = "no such byte may be in a target (RFC 9112, 3.2)",
      change = refused_target,
    }
  end
end

return rules
