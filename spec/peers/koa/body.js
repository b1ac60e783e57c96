// Every kind of body with everything that may be set beside it: /body/KIND/CASE. Twin: body.lua.
// SPDX-License-Identifier: MIT
'use strict';

const { Readable } = require('node:stream');

const kinds = {
  'string': () => 'text',
  'html': () => '  <p>text</p>',
  'wide': () => 'gr\u00fc\u00df \u20ac',
  'empty': () => '',
  'bytes': () => Buffer.from([0, 1, 254, 255]),
  'no-bytes': () => Buffer.alloc(0),
  'object': () => ({ a: 1 }),
  'array': () => [1, 'two', false],
  'nested': () => ({ a: [{ b: null }, 0.5, 'a/b'] }),
  'null': () => null,
  'nil': () => null, // Lua has one word for null and undefined, and this is what it means here
  'number': () => 5,
  'zero': () => 0,
  'true': () => true,
  'false': () => false,
  'stream': () => Readable.from(['one', 'two']),
  'empty-stream': () => Readable.from([]),
};

function status(before, after) {
  return (ctx, body) => {
    if (before) ctx.status = before;
    ctx.body = body;
    if (after) ctx.status = after;
  };
}

const cases = {
  'plain': status(),
  '201-before': status(201),
  '201-after': status(undefined, 201),
  '204-before': status(204),
  '204-after': status(undefined, 204),
  '205-before': status(205),
  '205-after': status(undefined, 205),
  '304-before': status(304),
  '304-after': status(undefined, 304),
  '404-before': status(404),
  '404-after': status(undefined, 404),
  '418-after': status(undefined, 418),
  '204-then-200': status(204, 200),
  'type-before': (ctx, body) => {
    ctx.type = 'css';
    ctx.body = body;
  },
  'type-after': (ctx, body) => {
    ctx.body = body;
    ctx.type = 'application/xml';
  },
  'json-before': (ctx, body) => {
    ctx.type = 'application/vnd.api+json';
    ctx.body = body;
  },
  'type-json': (ctx, body) => {
    ctx.type = 'json';
    ctx.body = body;
  },
  'type-removed': (ctx, body) => {
    ctx.body = body;
    ctx.remove('Content-Type');
  },
  'message': (ctx, body) => {
    ctx.status = 200;
    ctx.message = 'Fine By Me';
    ctx.body = body;
  },
  'after-string': (ctx, body) => {
    ctx.body = 'something longer';
    ctx.body = body;
  },
  'after-object': (ctx, body) => {
    ctx.body = { something: 'else' };
    ctx.body = body;
  },
  'after-stream': (ctx, body) => {
    ctx.body = Readable.from(['never sent']);
    ctx.body = body;
  },
  'after-null': (ctx, body) => {
    ctx.body = null;
    ctx.body = body;
  },
  'before-null': (ctx, body) => {
    ctx.body = body;
    ctx.body = null;
  },
};

module.exports = {};
for (const [kind, make] of Object.entries(kinds)) {
  for (const [name, fill] of Object.entries(cases)) {
    module.exports[`/body/${kind}/${name}`] = (ctx) => fill(ctx, make());
  }
}
