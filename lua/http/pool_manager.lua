-- http.PoolManager: requests as urllib3 makes them: request() waits, and returns a response with its body.
--
--   local pool = http.PoolManager()
--   local response = pool:request("GET", "http://example.com/robots.txt")
--   print(response.data, response.status)
-- SPDX-License-Identifier: MIT

local check_self = require "http.check_self"
local core = require "http.core"
local pool_request = require "http.pool_request"
local pool_retries = require "http.pool_retries"
local pool_response = require "http.pool_response"
local stream = require "http.stream"

local PoolManager = {}
local mt = { __name = "http.PoolManager", __index = PoolManager }

-- The results of a pcall, or what it caught, thrown at that level of the caller's.
local function thrown_at(level, ok, ...)
  if not ok then
    error((...), level + 1)
  end
  return ...
end

-- ---- requests ---------------------------------------------------------------------------------

--- Makes a request and waits for the response: in a task, which lets others run, or by running the loop.
--- Returns the response, whatever its status; or nil, message and code (an error number of http.Response)
--- if there is none, or not all of it.
---
--- Options, all of which may be missing:
---   fields              names and values, or a list of pairs { name, value }. In the URL for GET, HEAD,
---                       DELETE and OPTIONS; else the body, as multipart/form-data, where a value may be a
---                       file: { filename, data [, content_type] }, or the same by these names
---   encode_multipart    false: fields that are the body go as application/x-www-form-urlencoded
---   multipart_boundary  instead of a random one
---   body                a string, a table of bytes or an http.Payload
---   json                any value that cjson encodes, as the body
---   headers             instead of the manager's, not beside them. A Content-Type stands; without one that
---                       of fields and json is sent
---   timeout             seconds for all of it, or { connect =, read =, total = }, where `read` is the
---                       longest silence; false: never. The manager's, if missing
---   preload_content     false: return as soon as the head is in; the body is then read by the response's
---                       methods, of which it is to be told by close() if it is not wanted to the end
---   retries             how often it is sent again after a failure to connect or to read, or a 413, 429 or 503
---                       with Retry-After, redirects included: a number (3); false: never, and a redirect is a
---                       response; or a table as urllib3's Retry with total (10), connect, read, redirect,
---                       status, other, backoff_factor, backoff_max, status_forcelist, allowed_methods,
---                       respect_retry_after_header, raise_on_redirect, raise_on_status,
---                       remove_headers_on_redirect
---   redirect            false: a redirect is a response
---   verify, ca_file, ca_path, ca_data, cert_file, key_file, pins, cookies, auth, netrc, proxy, no_proxy,
---   resolve, max_head_size, max_body_size, read_buffer_size
---                       as of http.request; the manager's, if missing
---@param method string
---@param url string
---@param options? table
function PoolManager:request(method, url, options)
  check_self(self, mt, 2)
  if options == nil then
    options = {}
  end
  local request, data, plan = thrown_at(2, pcall(pool_request.build, self._options, self.headers, method, url,
    options))
  local preload = options.preload_content ~= false
  request.agent = core.can "agent" and self._agent or self._limited
  local response = thrown_at(2, pcall(core.request, request, data))
  local wait = preload and stream.wait_finished or stream.wait_head
  local ok, message = pcall(wait, response, 3)
  if not ok then -- it cannot wait there, and nobody else has the exchange
    response:abort()
    error(message, 0)
  end
  local words, code = pool_retries.refuse(plan, response, request.method)
  if words then
    response:close()
    return nil, words, code
  elseif preload or response.status_code == 0 then
    return pool_response.preloaded(response)
  end
  return pool_response.new(response)
end

--- Closes the manager's connections that are kept for reuse.
function PoolManager:clear()
  check_self(self, mt, 2)
  if core.can "agent" then
    self._agent:close_idle()
  else
    core.drop_idle() -- everybody's
  end
end

function mt.__tostring(self)
  local most = self._options.block and (self._options.maxsize or 1)
  return most and ("http.PoolManager (at most %d at once to a host)"):format(most) or "http.PoolManager"
end

-- ---- the manager ------------------------------------------------------------------------------

-- The option that limits its connections, if one does.
local function limited(options)
  return options.block and "block" or options.maxsize and "maxsize" or options.num_pools and "num_pools"
end

local function most(number)
  return number and math.min(number, 1e6) -- more than there will ever be
end

-- What has the manager's connections.
local function own_connections(options)
  local limit = limited(options)
  if limit and not core.can "agent" then
    error(("the %s engine shares connections among all, and cannot limit a manager's (option '%s')"):format(
      core.engine(), limit), 3)
  end
  return core.Agent {
    max_connections_per_origin = options.block and most(options.maxsize or 1) or nil,
    max_idle_per_origin = most(options.maxsize),
    max_idle_origins = most(options.num_pools or 10),
  }
end

--- A manager of requests that have options in common. `headers`, `timeout`, `retries`, `redirect` and those
--- of http.request that request() takes are those of its requests that have none of their own; the field
--- `headers` can be changed later.
---
--- Its connections serve its requests alone, and are closed with it. Idle ones are kept for 30 seconds: to
--- each origin `maxsize` of them, and to `num_pools` (10) origins, those used last. An origin is a scheme, a
--- host and a port, with the same options of TLS, proxy and addresses: who differs shares no connection.
--- Without `maxsize` all are kept, so that tasks side by side find them again; urllib3 would keep one. With
--- `block` there are no more than `maxsize` (1) connections to an origin, idle or not, and the requests
--- above that wait their turn, for which the total timeout alone counts. A response that is streamed holds
--- its connection until its body has come or it is closed.
---
--- An engine without the capability "agent" shares connections among all: there these three throw.
local function new(options)
  if options == nil then
    options = {}
  end
  thrown_at(2, pcall(pool_request.check_manager, options))
  local kept = {}
  for name, value in pairs(options) do
    kept[name] = value
  end
  local agent = own_connections(options)
  return setmetatable({
    headers = options.headers or {},
    _options = kept,
    _agent = agent,
    _limited = limited(options) and agent or nil, -- its requests fail where the limits do not hold
  }, mt)
end

return new
