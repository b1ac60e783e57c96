-- hello_server.lua [PORT]: a server in a few lines. Without a port it asks itself once, and ends.
local app = http.app()

-- A middleware: next() runs those that follow, and returns when they have.
app:use(function(ctx, next)
  local start = http.now()
  next()
  ctx:set("X-Response-Time", ("%.1fms"):format((http.now() - start) * 1000))
end)

app:use(function(ctx)
  if ctx.path == "/" then
    ctx.body = "Hello, " .. (ctx.query.name or "world") .. "!\n"
  end -- what nobody answers is 404
end)

local server = assert(app:listen(tonumber(arg[1]) or 0))
print("listening on " .. server.url)

if not arg[1] then
  for _, path in ipairs { "/?name=moon", "/elsewhere" } do
    local response = http.get(server.url .. path):await()
    print(response.status_code, (response:read_all():gsub("\n$", "")))
  end
  app:close()
end
