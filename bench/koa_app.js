// SPDX-License-Identifier: MIT
// What bench/app.lua does, with Koa 3. Prints its port.
'use strict';

const Koa = require('koa');

const app = new Koa();
let count = 0;

app.use(async (ctx, next) => {
  const start = process.hrtime.bigint();
  await next();
  ctx.set('X-Response-Time', `${Number(process.hrtime.bigint() - start) / 1e6}ms`);
});
app.use(async (ctx, next) => {
  count += 1;
  await next();
});
app.use(async (ctx) => {
  ctx.body = { path: ctx.path, count, ok: true };
});

const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
