-- http: what require "http" returns. The C core is handed in; the rest is put on top of it here.
-- SPDX-License-Identifier: MIT
local _, core = ...

package.loaded["http.core"] = core

local calls = core.with_defaults -- of http.client, if it is set

local M = {
  version = core.version,

  -- requests
  request = calls.request,
  get = calls.get,
  head = calls.head,
  put = calls.put,
  post = calls.post,
  patch = calls.patch,
  delete = calls.delete,
  options = calls.options,

  -- classes
  Response = core.Response,
  Payload = require "http.payload",
  CookieJar = core.CookieJar,
  Agent = core.Agent,

  -- timers and the loop
  after = core.after,
  every = core.every,
  now = core.now,
  run = core.run,
  poll = core.poll,
  configure = core.configure,
  can = core.can,
  policy = core.policy,
  engines = core.engines(),

  null = core.null, -- cjson's null as well

  -- for tests
  _live = core.live,
  _drop_idle = core.drop_idle,
  _engine_uses = core.engine_uses,
}

core.define("headers", require "http.headers")
core.define("payload", getmetatable(M.Payload.new()))
core.define("query", require "http.query")
core.define("upload", function(response, source, turn)
  require("http.upload")(response, source, turn)
end)
core.define("content", function(...)
  return require("http.content")(...)
end)
core.define("auth", function(response, fn, challenged)
  require("http.auth")(response, fn, challenged)
end)

local task = require "http.task"
M.spawn = task.spawn
M.sleep = task.sleep
M.all = task.all
M._main = task.main

require "http.stream" -- adds the waiting methods to Response

function core.Response.to_curl(response, options)
  return require("http.curl")(response, options)
end

-- What a script may never need is loaded when it is first asked for: name = { module, field of it };
-- without a field it is the module itself.
local later = {
  HTTPStatus = { "http.status", "HTTPStatus" },
  Failure = { "http.failure", "Failure" },
  redirect = { "http.failure", "redirect" },
  empty_array = { "http.json", "empty_array" }, -- "[]" in JSON, where {} is "{}"
  Client = { "http.client", "new" },
  serve = { "http.serve" },
  mock = { "http.mock" },
  record = { "http.record" },
  PoolManager = { "http.pool_manager" },
  boom = { "http.boom" },
  app = { "http.app" },
  download = { "http.download" },
  bytes = { "http.app.body", "bytes" },
  url = { "http.url" },
  trace = { "http.trace" },
  har = { "http.har" },
}

local function load_later(module, field)
  local loaded = require(module)
  if field then
    return loaded[field]
  end
  return loaded
end

local client -- http.client

return setmetatable(M, {
  __index = function(_, name)
    local value
    if name == "engine" then
      return core.engine() -- configure may choose another
    elseif name == "client" then
      client = client or M.Client() -- one without defaults, until a script sets another
      return client
    elseif later[name] then
      value = load_later(unpack(later[name]))
    elseif type(name) == "string" and name:find("^[A-Z][A-Z_]+$") then -- http.OK, http.NOT_FOUND
      value = require("http.status").constants[name]
    end
    if value ~= nil then
      rawset(M, name, value)
    end
    return value
  end,
  __newindex = function(_, name, value)
    if name == "client" then
      client = require("http.client").use(value)
    else
      rawset(M, name, value)
    end
  end,
})
