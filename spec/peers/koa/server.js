// Koa, serving what http.app() serves in the specs. Prints its port on 127.0.0.1; ends on SIGTERM.
// SPDX-License-Identifier: MIT
'use strict';

const Koa = require('koa');
const middleware = require('./middleware.js');

const routes = Object.assign(Object.create(null), middleware.routes, require('./body.js'),
  require('./fields.js'), require('./header.js'), require('./redirect.js'),
  require('./request.js'), require('./errors.js'), require('./boom.js'));

function dispatch(ctx, next) {
  const route = routes[ctx.path];
  return route ? route(ctx) : next();
}

const app = new Koa();
app.silent = true;
for (const fn of middleware.before) app.use(fn);
app.use(dispatch);

const proxied = new Koa({ proxy: true });
proxied.silent = true;
proxied.use(dispatch);

const server = app.listen(0, '127.0.0.1', () => {
  const second = proxied.listen(0, '127.0.0.1', () => {
    console.log(`${server.address().port} ${second.address().port}`);
  });
});
process.on('SIGTERM', () => process.exit(0));
