// What is thrown, and streams that fail. Twin: errors.lua.
// SPDX-License-Identifier: MIT
'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { Readable } = require('node:stream');

// Streams that fail do so once what they gave before has been sent.
const pause = 20; // ms

async function* failing(...chunks) {
  for (const chunk of chunks) {
    yield chunk;
    await sleep(pause);
  }
  throw new Error('secret');
}

module.exports = {
  '/error': () => { throw new Error('secret'); },
  '/error/async': async () => {
    await sleep(1);
    throw new Error('secret');
  },
  '/error/string': () => { throw 'secret'; }, // eslint-disable-line no-throw-literal
  '/error/number': () => { throw 42; }, // eslint-disable-line no-throw-literal
  '/error/object': () => { throw { status: 400, message: 'told' }; }, // eslint-disable-line no-throw-literal
  '/error/failure': () => { throw Object.assign(new Error('told'), { status: 403, expose: true }); },
  '/error/empty-failure': () => { throw Object.assign(new Error(''), { status: 403, expose: true }); },
  '/error/hidden': () => { throw Object.assign(new Error('secret'), { status: 403 }); },
  '/error/unknown-status': () => { throw Object.assign(new Error('secret'), { status: 999 }); },
  '/error/text-status': () => { throw Object.assign(new Error('secret'), { status: 'teapot' }); },
  '/error/with-body': (ctx) => {
    ctx.body = 'text';
    throw new Error('secret');
  },
  '/error/with-stream': (ctx) => {
    ctx.body = Readable.from(['text']);
    throw new Error('secret');
  },
  '/error/with-fields': (ctx) => {
    ctx.status = 201;
    ctx.set('X-One', '1');
    ctx.type = 'html';
    ctx.etag = 'abc';
    throw new Error('secret');
  },

  '/throw': (ctx) => ctx.throw(),
  '/throw/status': (ctx) => ctx.throw(Number(ctx.query.of)),
  '/throw/message': (ctx) => ctx.throw('secret'),
  '/throw/both': (ctx) => ctx.throw(Number(ctx.query.of), 'told'),
  '/throw/wide': (ctx) => ctx.throw(400, 'gr\u00fc\u00df'),
  '/throw/html': (ctx) => ctx.throw(400, '<b>told</b>'),
  '/throw/expose': (ctx) => ctx.throw(500, 'told', { expose: true }),
  '/throw/hide': (ctx) => ctx.throw(400, 'secret', { expose: false }),
  '/throw/headers': (ctx) => ctx.throw(401, 'told', {
    headers: { 'WWW-Authenticate': 'Basic', 'X-List': ['a', 'b'] },
  }),
  '/throw/generated-headers': (ctx) => ctx.throw(400, 'told', {
    headers: { 'Content-Type': 'text/html', 'content-length': '1', 'X-Own': '1' },
  }),
  '/throw/with-fields': (ctx) => {
    ctx.set('X-One', '1');
    ctx.body = { a: 1 };
    ctx.throw(403, 'told');
  },
  '/throw/props-only': (ctx) => ctx.throw(401, { headers: { 'X-Own': '1' } }),
  '/throw/status-last': (ctx) => ctx.throw('told', 400),
  '/throw/empty-status': (ctx) => ctx.throw(204, 'told'),
  '/assert': (ctx) => ctx.assert(ctx.query.of, 400, 'of is missing'),
  '/assert/passes': (ctx) => {
    ctx.assert(true, 400, 'never');
    ctx.body = 'text';
  },
  '/status/bad': (ctx) => { ctx.status = 99; },
  '/status/text': (ctx) => { ctx.status = '200'; },
  '/status/fraction': (ctx) => { ctx.status = 200.5; },

  '/stream/fails': (ctx) => { ctx.body = Readable.from(failing('first', 'second')); },
  '/stream/fails-at-once': (ctx) => { ctx.body = Readable.from(failing()); },
  '/stream/fails-of-length': (ctx) => {
    ctx.body = Readable.from(failing('first'));
    ctx.length = 100;
  },
  '/stream/waits': (ctx) => {
    ctx.body = Readable.from((async function* () {
      yield 'first';
      await sleep(pause);
      yield 'second';
    })());
  },
  '/stream/big': (ctx) => {
    ctx.body = Readable.from((function* () {
      for (let i = 0; i < 64; i++) yield Buffer.alloc(16384, 97 + i % 26);
    })());
  },
};
