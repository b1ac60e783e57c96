// What routes have in common. Twin: parts.lua.
// SPDX-License-Identifier: MIT
'use strict';

// What a route is told to use, as often as it is told: ?of=a&of=b
function values(ctx) {
  return [].concat(ctx.query.of === undefined ? [] : ctx.query.of);
}

// What a getter gives, as JSON.
function tell(ctx, value) {
  ctx.body = { value: value === undefined ? null : value };
}

module.exports = { values, tell };
