// What a handler sees of the request. Twin: request.lua.
// SPDX-License-Identifier: MIT
'use strict';

const { tell, values } = require('./parts.js');

const properties = [
  'method', 'url', 'originalUrl', 'path', 'querystring', 'search', 'query', 'host', 'hostname',
  'origin', 'href', 'protocol', 'secure', 'ip', 'ips', 'subdomains', 'idempotent', 'stale', 'fresh',
];
const ofRequest = ['length', 'type', 'charset'];

module.exports = {
  '/request/get': (ctx) => tell(ctx, ctx.get(ctx.query.of)),
  '/request/is': (ctx) => tell(ctx, ctx.is(...values(ctx))),
  '/request/is/list': (ctx) => tell(ctx, ctx.is(values(ctx))),
  '/request/accepts': (ctx) => tell(ctx, ctx.accepts(...values(ctx))),
  '/request/accepts/list': (ctx) => tell(ctx, ctx.accepts(values(ctx))),
  '/request/encodings': (ctx) => tell(ctx, ctx.acceptsEncodings(...values(ctx))),
  '/request/charsets': (ctx) => tell(ctx, ctx.acceptsCharsets(...values(ctx))),
  '/request/languages': (ctx) => tell(ctx, ctx.acceptsLanguages(...values(ctx))),
  '/request/header': (ctx) => tell(ctx, ctx.header['x-field']),
  '/request/set-path': (ctx) => {
    ctx.path = '/elsewhere';
    ctx.body = { path: ctx.path, url: ctx.url, original: ctx.originalUrl };
  },
  '/request/set-querystring': (ctx) => {
    ctx.querystring = 'c=3&d=4';
    ctx.body = { url: ctx.url, search: ctx.search, query: ctx.query };
  },
  '/request/set-query': (ctx) => {
    ctx.query = { page: 2 };
    ctx.body = { url: ctx.url, querystring: ctx.querystring };
  },
  '/request/set-method': (ctx) => {
    ctx.method = 'DELETE';
    tell(ctx, ctx.method);
  },
  '/request/set-url': (ctx) => {
    ctx.url = '/a/b?c=d';
    ctx.body = { path: ctx.path, querystring: ctx.querystring, original: ctx.originalUrl };
  },
  '/fresh': (ctx) => {
    ctx.status = 200;
    ctx.etag = 'abc';
    ctx.lastModified = new Date(1500000000 * 1000);
    if (ctx.fresh) {
      ctx.status = 304;
      return;
    }
    ctx.body = 'text';
  },
  '/fresh/weak': (ctx) => {
    ctx.status = 200;
    ctx.etag = 'W/"abc"';
    tell(ctx, ctx.fresh);
  },
  '/fresh/404': (ctx) => {
    ctx.etag = 'abc';
    tell(ctx, ctx.fresh);
  },
};

for (const name of properties) {
  module.exports[`/request/${name}`] = (ctx) => tell(ctx, ctx[name]);
}
for (const name of ofRequest) {
  module.exports[`/request/${name}`] = (ctx) => tell(ctx, ctx.request[name]);
}
