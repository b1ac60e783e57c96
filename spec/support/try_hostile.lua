-- What engines do with each hostile message, counted and listed: `./dev hostile [ENGINE...]`. The table of
-- docs/engines.md.
-- SPDX-License-Identifier: MIT

local hostile = require("hostile")
local http = require("http")
local raw = require("raw")

local AT_ONCE = 24
local WIDTH = 116
local SILENCE = 1 -- seconds without a byte after which nothing more is to be expected

-- What becomes of a message: it is "refused"; "taken" (and its connection closed, or it is good); "went on": it
-- is taken although it is malformed, and what is behind it for the next request. "cut off": closed without a
-- word; "waited on": neither answered nor closed; "misread": taken for another one.

---- trials: each is a table with progress() that counts, finished(), and outcome()

-- On a server of its own, so that its log is that of this message.
local function try_request(message)
  local log = {}
  local server = assert(http.serve({ handler = function(request, response)
    log[#log + 1] = { target = request.target, body = request.body }
    response.body = "ok"
  end }))
  local conn = raw.connect({ port = server.port })
  conn:send(message.bytes)
  local trial = {}

  function trial.progress()
    return conn.received_count + conn.unsent_count + #log
  end

  function trial.finished()
    return conn.closed
  end

  function trial.outcome()
    local first, second = log[1], log[2]
    if message.verdict == "accept" then
      local right = first and first.target == message.target and first.body == message.body
      if right and second and second.target == "/next" and not log[3] then
        return "taken"
      end
      return first and not right and "misread" or first and "the next one lost" or "refused"
    end
    for _, entry in ipairs(log) do
      if entry.target == "/smuggled" then
        return "went on"
      end
    end
    local refused = conn.received:match("^HTTP/1%.[01] [45]") and conn.closed
    return first and "taken" or refused and "refused" or conn.closed and "cut off" or "waited on"
  end

  function trial.close()
    conn:reset()
    server:close()
  end
  return trial
end

local function try_response(message)
  local done = false
  local server = assert(raw.listen({ on_connect = function(conn)
    conn.on_data = function()
      conn:send(message.bytes)
      if message.close then
        conn:close()
      end
    end
  end }))
  local response = http.request({ url = ("http://127.0.0.1:%d/"):format(server.port),
    method = message.asked or "GET" }, nil, function() done = true end)
  local trial = {}

  function trial.progress()
    return server.accepted
  end

  function trial.finished()
    return done
  end

  function trial.outcome()
    if not done then
      return "waited on"
    elseif response.error ~= 0 then
      return "refused"
    elseif message.verdict == "refuse" then
      return "taken"
    end
    return response.status_code == message.status and response:read_string() == message.body and "taken" or "misread"
  end

  function trial.close()
    response:abort()
    server:close()
  end
  return trial
end

---- all of them

local function settle(trials)
  local last, since = -1, raw.now()
  while raw.now() - since < SILENCE do
    http.poll(0.02)
    raw.check()
    local progress, open = 0, false
    for _, trial in ipairs(trials) do
      progress = progress + trial.progress() + (trial.finished() and 1 or 0)
      open = open or not trial.finished()
    end
    if not open then
      return
    end
    if progress ~= last then
      last, since = progress, raw.now()
    end
  end
end

-- { [message] = outcome }
local function try_all()
  local outcomes = {}
  for from = 1, #hostile.messages, AT_ONCE do
    local trials = {}
    for i = from, math.min(from + AT_ONCE - 1, #hostile.messages) do
      local message = hostile.messages[i]
      trials[#trials + 1] = (message.kind == "request" and try_request or try_response)(message)
    end
    settle(trials)
    for i, trial in ipairs(trials) do
      outcomes[hostile.messages[from + i - 1]] = trial.outcome()
      trial.close()
    end
    http.poll(0)
  end
  http.poll(0.02)
  http._drop_idle()
  return outcomes
end

---- what is printed

local ORDER = { "refused", "cut off", "waited on", "taken", "went on", "the next one lost", "misread" }
local GROUPS = {
  { "request", "refuse", "requests that are malformed" },
  { "request", "accept", "requests that are odd but good" },
  { "response", "refuse", "replies that are malformed" },
  { "response", "accept", "replies that are odd but good" },
}

local function of_group(group)
  local messages = {}
  for _, message in ipairs(hostile.messages) do
    if message.kind == group[1] and message.verdict == group[2] then
      messages[#messages + 1] = message
    end
  end
  return messages
end

local function counts_of(messages, outcomes)
  local counts, words = {}, {}
  for _, message in ipairs(messages) do
    counts[outcomes[message]] = (counts[outcomes[message]] or 0) + 1
  end
  for _, outcome in ipairs(ORDER) do
    if counts[outcome] then
      words[#words + 1] = ("%d %s"):format(counts[outcome], outcome)
    end
  end
  return table.concat(words, ", ")
end

local function print_table(engines, results)
  print("| messages | " .. table.concat(engines, " | ") .. " |")
  print("|---|" .. ("---|"):rep(#engines))
  for _, group in ipairs(GROUPS) do
    local row = {}
    for i, name in ipairs(engines) do
      row[i] = counts_of(of_group(group), results[name])
    end
    print(("| %d %s | %s |"):format(#of_group(group), group[3], table.concat(row, " | ")))
  end
end

-- Words behind each other, in lines that are not too long.
local function print_wrapped(words, indent)
  local line = indent
  for i, word in ipairs(words) do
    if #line + #word + 1 > WIDTH then
      print((line:gsub(" +$", "")))
      line = indent .. "  "
    end
    line = line .. word .. (i < #words and "; " or "")
  end
  print(line)
end

-- What an engine makes of messages otherwise than it should, under the reason why it should not.
local function print_list(name, outcomes)
  local reasons, names = {}, {}
  for _, message in ipairs(hostile.messages) do
    local outcome = outcomes[message]
    if outcome ~= (message.verdict == "refuse" and "refused" or "taken") then
      local reason = ("%s, %s"):format(message.kind == "request" and "requests" or "replies", message.reason)
      if not names[reason] then
        reasons[#reasons + 1] = reason
        names[reason] = {}
      end
      local list = names[reason][outcome] or { outcome .. ": " }
      names[reason][outcome] = list
      list[#list + 1] = message.name
    end
  end
  for _, reason in ipairs(reasons) do
    print(("\n%s: %s"):format(name, reason))
    for _, outcome in ipairs(ORDER) do
      local list = names[reason][outcome]
      if list then
        list[1] = list[1] .. table.remove(list, 2)
        print_wrapped(list, "  ")
      end
    end
  end
end

local engines = #arg > 0 and { unpack(arg) } or http.engines
local results = {}
for _, name in ipairs(engines) do
  http.configure({ engine = name })
  results[name] = try_all()
end
print_table(engines, results)
for _, name in ipairs(engines) do
  print_list(name, results[name])
end
