-- post_json.lua [URL]: sends a table as JSON and gets one back.
local cjson = require "cjson"

local server
if not arg[1] then -- a server of our own, which adds up an order
  server = assert(http.serve {
    handler = function(request, reply)
      local total = 0
      for _, item in ipairs(cjson.decode(request.body).items) do
        total = total + item.price * item.count
      end
      reply.status = 201
      reply.headers["Content-Type"] = "application/json"
      reply.body = cjson.encode { total = total }
    end,
  })
end

local order = {
  customer = "Ada",
  items = { { name = "tea", price = 4, count = 2 }, { name = "cup", price = 9, count = 1 } },
}

local response = http.post({
  url = arg[1] or server.url .. "/orders",
  headers = { ["Content-Type"] = "application/json" },
}, cjson.encode(order))

local answer, wrong = response:json() -- waits; decodes the body of an error status as well
if not response.ok or wrong then
  io.stderr:write("post_json.lua: ", response.ok and wrong or response.error_string, "\n")
  os.exit(1, true)
end

print("status  " .. response.status_code .. " " .. response.status_message)
print("answer  " .. cjson.encode(answer)) -- a table: answer.total is a number

if server then
  server:close()
end
