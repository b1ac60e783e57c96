-- statuses.lua [CODE...]: what status codes mean; without any, how a handler answers with them.
local HTTPStatus = http.HTTPStatus

local function explain(status)
  print(("%d  %s"):format(status.value, status.phrase))
  print("     " .. status.description .. ".")
  print("     " .. status.spec)
end

if arg[1] then
  for _, code in ipairs(arg) do
    local known, status = pcall(HTTPStatus, tonumber(code))
    if not known then
      io.stderr:write("statuses.lua: ", code, " is no status that I know\n")
      os.exit(1, true)
    end
    explain(status)
  end
  return
end

-- A Failure, thrown anywhere below, is what the client is told; other errors are a 500.
local prices = { tea = 4, cup = 9 }

local function price_of(item)
  return prices[item] or error(http.Failure("no " .. item .. " here", http.NOT_FOUND))
end

local server = assert(http.serve {
  handler = http.serve.catching_failure(function(request, reply)
    local item = request.path:match("^/price/(%l+)$")
    if not item then
      return http.redirect("/price/tea") -- a returned table is the response
    end
    reply.body = "costs " .. price_of(item)
  end),
})

for _, path in ipairs { "/price/cup", "/price/pot", "/elsewhere" } do
  local response = http.get(server.url .. path):await()
  local status = HTTPStatus(response.status_code)
  local class = status.is_success and "went well" or status.is_redirection and "goes on" or "failed"
  local text = response:read_all():gsub("\n$", "")
  print(("%-10s  %-9s  %s  %s"):format(path, class, tostring(status), text))
end
server:close()

local errors = 0
for _, status in ipairs(HTTPStatus.list()) do
  if status >= 400 then -- a status compares with numbers, and with other statuses
    errors = errors + 1
  end
end
print(("%d of %d statuses are errors"):format(errors, #HTTPStatus.list()))

-- An error for a program to read: what a server sends for http.boom.
print(http.boom.not_found("no pot here"):to_json())
