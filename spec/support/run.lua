-- Runs busted under the LuaJIT that runs this file: the installed `busted` starts another Lua.
-- SPDX-License-Identifier: MIT
require("busted.runner")({ standalone = false })
