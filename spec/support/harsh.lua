-- Loaded by busted before any spec (.busted): makes the collector run all the time, so that an
-- object which nobody holds dies at once and its next use shows.
-- SPDX-License-Identifier: MIT
collectgarbage("setpause", 0)
collectgarbage("setstepmul", 10000)
