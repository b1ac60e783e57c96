-- Where we differ from Koa on purpose: the rows by a pattern of their titles, why, and what becomes of Koa's
-- reply to make it ours.
-- SPDX-License-Identifier: MIT

return {
}
