// Middleware around each other. Twin: middleware.lua. These come before every route.
// SPDX-License-Identifier: MIT
'use strict';

const { setTimeout: sleep } = require('node:timers/promises');

function mark(ctx, name) {
  ctx.append('X-Mark', name);
}

// -> a middleware for one path
function only(path, fn) {
  return (ctx, next) => ctx.path === path ? fn(ctx, next) : next();
}

module.exports = {
  before: [
    only('/onion', async (ctx, next) => {
      mark(ctx, 'a in');
      await next();
      mark(ctx, 'a out');
    }),
    only('/onion', async (ctx, next) => {
      mark(ctx, 'b in');
      await sleep(1);
      await next();
      mark(ctx, 'b out');
      ctx.body += ' and more';
    }),
    only('/onion/cut', async (ctx, next) => {
      mark(ctx, 'in');
      await next();
      mark(ctx, 'out');
    }),
    only('/onion/cut', (ctx) => { mark(ctx, 'last'); }),
    only('/onion/twice', async (ctx, next) => {
      await next();
      await next();
    }),
    only('/onion/caught', async (ctx, next) => {
      try {
        await next();
      } catch (error) {
        ctx.status = error.status || 500;
        ctx.body = { caught: error.message };
      }
    }),
    only('/onion/rethrown', async (ctx, next) => {
      try {
        await next();
      } catch (error) {
        ctx.throw(502, 'told', { expose: true });
      }
    }),
    only('/onion/state', async (ctx, next) => {
      ctx.state.user = 'somebody';
      await next();
      ctx.body = `${ctx.body} was here`;
    }),
    only('/onion/after', async (ctx, next) => {
      await next();
      ctx.status = 202;
      ctx.set('X-After', String(ctx.length));
    }),
    only('/onion/void', async (ctx, next) => { await next(); }),
  ],
  routes: {
    '/onion': (ctx) => {
      mark(ctx, 'c');
      ctx.body = 'text';
    },
    '/onion/cut': (ctx) => { ctx.body = 'never'; },
    '/onion/twice': (ctx) => { ctx.body = 'text'; },
    '/onion/caught': (ctx) => ctx.throw(418, 'short and stout'),
    '/onion/rethrown': () => { throw new Error('secret'); },
    '/onion/state': (ctx) => { ctx.body = ctx.state.user; },
    '/onion/after': (ctx) => { ctx.body = 'text'; },
  },
};
