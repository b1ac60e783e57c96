std = "luajit"
max_line_length = 120
self = false -- a method need not use its object

files["spec"] = { std = "+busted" }
-- The command sets it.
files["examples"] = { globals = { "http" } }
files["bench"] = { globals = { "http" } }
