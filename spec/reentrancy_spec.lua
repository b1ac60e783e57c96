-- Whatever a handler does, from inside every kind of handler: the loop goes on, every exchange ends
-- once, and nothing is left.
-- SPDX-License-Identifier: MIT

local helper = require("helper")
local http = require("http")

-- What happens in one test: a server, another request in flight, a timer, and the Response itself.
local scene

local function setup_scene()
  scene = { ended = 0, started = 0 }
  scene.server = http.serve({ handler = function(request, response)
    if request.path == "/slow" then
      http.sleep(0.01)
    elseif request.path == "/missing" then
      response.status = 404
    elseif request.path == "/act" and scene.in_server then
      scene.in_server()
    end
    if not response.finished then
      response:write("hello\n")
      http.sleep(0)
      response:finish("world\n")
    end
  end })
  scene.url = scene.server.url
end

local function count_end()
  scene.ended = scene.ended + 1
end

-- A request whose end is counted.
local function launch(path, ...)
  scene.started = scene.started + 1
  local response = ... and http.post(scene.url .. path, (...)) or http.get(scene.url .. path)
  response.finished_handler = count_end
  return response
end

-- What a handler may do; each gets the Response that calls it, or nil.
local ACTIONS = {
  ["starts requests"] = function()
    launch("/")
    launch("/slow")
  end,
  ["aborts its own request"] = function(response)
    if response then
      response:abort()
      response:abort()
    end
  end,
  ["closes its own Response"] = function(response)
    if response then
      response:close()
      response:close()
    end
  end,
  ["aborts another request"] = function()
    scene.other:abort()
  end,
  ["closes another Response"] = function()
    scene.other:close()
  end,
  ["closes the server"] = function()
    scene.server:close()
  end,
  ["closes the server and starts a request to it"] = function()
    scene.server:close()
    launch("/")
  end,
  ["starts and cancels timers"] = function()
    http.after(0, function() end)
    http.after(3600, function() end):cancel()
    http.every(0.001, function(timer) timer:cancel() end)
    scene.timer:cancel()
  end,
  ["collects garbage"] = function()
    scene.other = nil
    scene.timer = nil
    collectgarbage()
    collectgarbage()
  end,
  ["reads, and assigns other handlers"] = function(response)
    if response then
      response:read_string()
      response.ready_read_handler = nil
      response.download_progress_handler = function() end
      response.read_buffer_size = 1
      response.read_buffer_size = 0
    end
  end,
  ["waits for reads"] = function(response)
    if response then
      response:read_line_string_async(function() end)
      response:read_all_string_async(function(self) self:close() end)
    end
  end,
  ["spawns tasks that wait for it"] = function(response)
    http.spawn(function()
      http.sleep(0)
      launch("/"):await()
      if response then
        response:await()
      end
    end)
  end,
  ["starts a server of its own"] = function()
    local server = assert(http.serve({ handler = function() end }))
    http.get(server.url, function() server:close() end)
  end,
  ["drops idle connections"] = function()
    http._drop_idle()
  end,
  ["closes all that there is"] = function(response)
    scene.server:close()
    scene.other:close()
    scene.timer:cancel()
    if response then
      response:close()
    end
    collectgarbage()
  end,
}

-- How to get into a handler of each kind: calls act(response) once from there.
local HANDLERS = {}

for _, name in ipairs({ "finished", "ready_read", "download_progress" }) do
  HANDLERS[name .. "_handler"] = function(act)
    local response = launch("/")
    response[name .. "_handler"] = function(self)
      if name == "finished" then
        count_end()
      end
      act(self)
    end
  end
end

HANDLERS["error_handler"] = function(act)
  launch("/missing").error_handler = act
end

HANDLERS["upload_progress_handler"] = function(act)
  launch("/", ("x"):rep(1000000)).upload_progress_handler = act
end

HANDLERS["about_to_close_handler"] = function(act)
  local response = launch("/")
  response.about_to_close_handler = act
  http.after(0.001, function() response:close() end)
end

HANDLERS["the callback of a request"] = function(act)
  scene.started = scene.started + 1
  http.get(scene.url, act).finished_handler = count_end
end

HANDLERS["the callback of read_line_string_async"] = function(act)
  launch("/"):read_line_string_async(act)
end

HANDLERS["the callback of read_all_string_async"] = function(act)
  launch("/"):read_all_string_async(act)
end

HANDLERS["a timer that fires once"] = function(act)
  http.after(0, function() act() end)
end

HANDLERS["a timer that repeats"] = function(act)
  http.every(0.001, function(timer)
    act()
    timer:cancel()
  end)
end

HANDLERS["a server's handler"] = function(act)
  scene.in_server = function() act() end
  launch("/act")
end

HANDLERS["a task after an await"] = function(act)
  http.spawn(function()
    local response = launch("/")
    response:await()
    act(response)
  end)
end

HANDLERS["a task between chunks"] = function(act)
  http.spawn(function()
    local response = launch("/")
    for _ in response:chunks() do
      act(response)
    end
  end)
end

for handler, enter in pairs(HANDLERS) do
  describe(handler, function()
    helper.setup()

    for action, act in pairs(ACTIONS) do
      it(action, function()
        setup_scene()
        scene.other = launch("/slow")
        scene.timer = http.after(0.01, function() end)
        local acted = 0
        enter(helper.expect(function(response)
          acted = acted + 1
          if acted == 1 then
            act(response)
          end
        end, "some"))
        helper.wait(function() return acted > 0 and scene.ended == scene.started end, nil, "all to end")
        scene.server:close()
        helper.wait(function()
          local live = http._live()
          return live.timers + live.servers + live.requests == 0
        end, nil, "the rest to go")
        assert.equal(scene.started, scene.ended) -- each exactly once
        scene = nil
      end)
    end
  end)
end
