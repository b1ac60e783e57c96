-- rest_api.lua [PORT]: a small API of notes in JSON, with errors that say what was wrong. Without a port
-- it tries itself out, and ends.
local notes, last = {}, 0

local function note_of(ctx, id)
  return notes[tonumber(id)] or ctx:not_found("there is no note " .. id)
end

local function text_of(ctx)
  local note = ctx.request:json() -- 400 if it is no JSON, 413 if it is too large
  if type(note) ~= "table" or type(note.text) ~= "string" then
    ctx:bad_request("a note is an object with a text")
  end
  return note.text
end

-- By method and path; what a pattern captures is handed on.
local routes = {
  { "GET", "^/notes$", function(ctx)
    local all = {}
    for _, note in pairs(notes) do
      all[#all + 1] = note
    end
    ctx.body = { notes = #all, list = #all > 0 and all or nil }
  end },
  { "POST", "^/notes$", function(ctx)
    last = last + 1
    notes[last] = { id = last, text = text_of(ctx) }
    ctx.status = 201
    ctx:set("Location", "/notes/" .. last)
    ctx.body = notes[last]
  end },
  { "GET", "^/notes/(%d+)$", function(ctx, id)
    ctx.body = note_of(ctx, id)
  end },
  { "DELETE", "^/notes/(%d+)$", function(ctx, id)
    notes[note_of(ctx, id).id] = nil
    ctx.body = nil -- 204
  end },
}

local app = http.app()
app:use(function(ctx)
  local allowed = {}
  for _, route in ipairs(routes) do
    local captures = { ctx.path:match(route[2]) }
    if captures[1] and route[1] == ctx.method then
      return route[3](ctx, unpack(captures))
    elseif captures[1] then
      allowed[#allowed + 1] = route[1]
    end
  end
  if allowed[1] then
    ctx:method_not_allowed(nil, nil, allowed)
  end
end)

local server = assert(app:listen(tonumber(arg[1]) or 0))
print("listening on " .. server.url)

if not arg[1] then
  local function try(method, path, body)
    local response = http.request({ method = method, url = server.url .. path }, body):await()
    print(("%-6s %-9s -> %d %s"):format(method, path, response.status_code, response:read_all()))
  end
  try("POST", "/notes", '{"text":"buy milk"}')
  try("POST", "/notes", "milk")
  try("GET", "/notes/1")
  try("PUT", "/notes/1", "{}")
  try("DELETE", "/notes/1")
  try("GET", "/notes/1")
  app:close()
end
