-- SPDX-License-Identifier: MIT
-- A server of two middlewares and a small JSON body. Prints its port.

local app = http.app()
local count = 0

app:use(function(ctx, next)
  local start = http.now()
  next()
  ctx:set("X-Response-Time", ("%gms"):format((http.now() - start) * 1000))
end)
app:use(function(_, next)
  count = count + 1
  next()
end)
app:use(function(ctx)
  ctx.body = { path = ctx.path, count = count, ok = true }
end)

io.stdout:setvbuf("no") -- a script reads it
print(assert(app:listen(0)).port)
