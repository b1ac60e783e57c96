-- engines.lua: the engines of this build and what each can do; the table of docs/engines.md.

local words = {
  { "stream_upload", "a body is sent while it is made, in chunks if nobody knows its length" },
  { "upgrade", "another protocol behind 101, a tunnel behind CONNECT" },
  { "stream_request", "a server's handler runs before the request's body is in" },
  { "interim", "102, 103 and their like are told, and sent" },
  { "be_strict", "every message whose framing is malformed is refused" },
  { "any_method", "methods beyond the registered ones" },
  { "drain", "a server that stops finishes what it has begun" },
  { "trailers", "fields behind a body in chunks" },
  { "connect_anyhow", "to a socket's file, or from a chosen address" },
  { "proxy", "through a proxy: http, https, SOCKS 5" },
  { "agent", "connections of an agent, apart from all others, within its limits" },
}

local before = http.engine
local head, rule = "| `http.can` |", "|---|"
for _, name in ipairs(http.engines) do
  http.configure { engine = name } -- as long as nothing is under way
  head, rule = head .. (" %s |"):format(name), rule .. "---|"
  local can = http.can()
  for _, row in ipairs(words) do
    row[#row + 1] = can[row[1]] and "yes" or "no"
    can[row[1]] = nil
  end
  assert(not next(can), "a capability is missing above")
end
http.configure { engine = before }

print(head .. " |")
print(rule .. "---|")
for _, row in ipairs(words) do
  print(("| `%s` | %s | %s |"):format(row[1], table.concat(row, " | ", 3), row[2]))
end
