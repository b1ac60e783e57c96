-- mock.lua: a script is tested without the server that it talks to; in a spec of busted it looks the same.

-- the script under test
local function names_of(ids)
  local names = {}
  for i, id in ipairs(ids) do
    local response = http.get("https://api.example/users/" .. id):await()
    names[i] = response.ok and response:json().name or "? (" .. response.error_string .. ")"
  end
  return names
end

-- the test
local mock = http.mock() -- from here on nothing reaches the network
mock:get("https://api.example/users/:id", function(request)
  return { json = { name = "user " .. request.params.id } }
end, { times = 2 })
mock:get("https://api.example/users/3", { status = 404, json = { title = "no such user" } })
mock:get("https://api.example/users/4", { error = "CONNECTION_REFUSED_ERROR" })

for i, name in ipairs(names_of { 1, 2, 3, 4 }) do
  print(i, name)
end
print("asked for", mock:calls()[1].url, "and so on,", #mock:calls(), "times")
mock:assert_done() -- throws if one of them was not asked
mock:close()
