// SPDX-License-Identifier: MIT
// What bench/hello.lua does, with Koa 3. Prints its port.
'use strict';

const Koa = require('koa');

const app = new Koa();

app.use(async (ctx) => {
  ctx.body = 'Hello, World!'; // as text/plain
});

const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
