-- reverse_proxy.lua [PORT UPSTREAM]: passes every request on to another server, and its answer back as it
-- arrives, in constant memory. Without arguments it has an upstream of its own, and ends.
local upstream = arg[2]
local origin
if not upstream then
  origin = http.app()
  origin:use(function(ctx)
    local left = 64
    ctx.type = "text/plain"
    ctx.body = function() -- 4 MiB, piece by piece
      left = left - 1
      return left >= 0 and ("0123456789abcdef"):rep(4096) or nil
    end
  end)
  upstream = assert(origin:listen(0)).url
end

local proxy = http.app()
proxy:use(function(ctx)
  local method, url = ctx.method, upstream .. ctx.url
  local headers = { ["Accept"] = ctx:get("Accept"), ["X-Forwarded-For"] = ctx.ip }
  local content = ctx.request.length and ctx.request.body:read_all() or nil
  ctx.body = http.request({ method = method, url = url, headers = headers, max_body_size = false }, content)
end)

local server = assert(proxy:listen(tonumber(arg[1]) or 0))
print("listening on " .. server.url .. ", for " .. upstream)

if not arg[1] then
  local size = 0
  local response = http.get(server.url .. "/anything")
  for chunk in response:chunks() do
    size = size + #chunk
  end
  print(response.status_code, response.headers["Content-Type"], size .. " bytes")
  proxy:close()
  origin:close()
end
