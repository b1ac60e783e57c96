// Status, message, type, length, and the fields that have properties. Twin: fields.lua.
// SPDX-License-Identifier: MIT
'use strict';

const { Readable } = require('node:stream');

const { tell, values } = require('./parts.js');

module.exports = {
  '/nothing': () => {},
  '/status': (ctx) => { ctx.status = Number(ctx.query.of); },
  '/status/with-body': (ctx) => {
    ctx.status = Number(ctx.query.of);
    ctx.body = 'text';
  },
  '/status/get': (ctx) => tell(ctx, ctx.status),
  '/message': (ctx) => {
    ctx.status = 200;
    ctx.message = 'Quite Right';
  },
  '/message/before-status': (ctx) => {
    ctx.message = 'Quite Right';
    ctx.status = 200;
  },
  '/message/get': (ctx) => {
    ctx.status = 201;
    tell(ctx, ctx.message);
  },

  '/type': (ctx) => {
    ctx.type = ctx.query.of;
    ctx.body = Buffer.from('text');
  },
  '/type/get': (ctx) => {
    ctx.type = ctx.query.of;
    tell(ctx, ctx.type);
  },
  '/type/none': (ctx) => tell(ctx, ctx.type),
  '/type/null': (ctx) => {
    ctx.type = 'html';
    ctx.type = null;
    ctx.body = 'text';
  },
  '/type/again': (ctx) => {
    ctx.body = 'text';
    ctx.type = '';
  },
  '/type/only': (ctx) => {
    ctx.status = 200;
    ctx.type = 'html';
  },
  '/is': (ctx) => {
    ctx.type = ctx.query.type;
    tell(ctx, ctx.response.is(...values(ctx)));
  },
  '/is/list': (ctx) => {
    ctx.type = ctx.query.type;
    tell(ctx, ctx.response.is(values(ctx)));
  },
  '/is/untyped': (ctx) => tell(ctx, ctx.response.is('html')),

  '/length': (ctx) => {
    ctx.length = 4;
    ctx.body = 'text';
  },
  '/length/overridden': (ctx) => {
    ctx.length = 99;
    ctx.body = 'text';
  },
  '/length/of-stream': (ctx) => {
    ctx.body = Readable.from(['te', 'xt']);
    ctx.length = 4;
  },
  '/length/before-stream': (ctx) => {
    ctx.length = 4;
    ctx.body = Readable.from(['te', 'xt']);
  },
  '/length/without-body': (ctx) => {
    ctx.status = 200;
    ctx.length = 10;
  },
  '/length/get-string': (ctx) => {
    ctx.body = 'gr\u00fc\u00df';
    tell(ctx, ctx.length);
  },
  '/length/get-object': (ctx) => {
    ctx.body = { a: 1 };
    tell(ctx, ctx.length);
  },
  '/length/get-none': (ctx) => tell(ctx, ctx.length),
  '/length/get-stream': (ctx) => {
    ctx.body = Readable.from(['text']);
    tell(ctx, ctx.length);
  },

  '/etag': (ctx) => {
    ctx.etag = ctx.query.of;
    ctx.body = 'text';
  },
  '/etag/get': (ctx) => {
    ctx.etag = 'abc';
    tell(ctx, ctx.etag);
  },
  '/etag/none': (ctx) => tell(ctx, ctx.etag),
  '/last-modified': (ctx) => {
    ctx.lastModified = new Date(1500000000 * 1000);
    ctx.body = 'text';
  },
  '/last-modified/string': (ctx) => {
    ctx.lastModified = 'Fri, 14 Jul 2017 02:40:00 GMT';
    ctx.body = 'text';
  },
  '/last-modified/iso': (ctx) => {
    ctx.lastModified = '2013-09-13';
    ctx.body = 'text';
  },
  '/last-modified/get': (ctx) => {
    ctx.lastModified = new Date(1500000000 * 1000);
    tell(ctx, ctx.lastModified.getTime() / 1000);
  },
  '/last-modified/none': (ctx) => tell(ctx, ctx.lastModified),

  '/vary': (ctx) => {
    for (const field of values(ctx)) ctx.vary(field);
    ctx.body = 'text';
  },
  '/vary/list': (ctx) => {
    ctx.vary(values(ctx));
    ctx.body = 'text';
  },
  '/vary/set-before': (ctx) => {
    ctx.set('Vary', 'Origin, accept');
    ctx.vary('Accept');
    ctx.vary('Cookie');
    ctx.body = 'text';
  },
};
