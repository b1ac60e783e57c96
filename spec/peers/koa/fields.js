// Status, message, type, length, and the header fields. Twin: fields.lua.
// SPDX-License-Identifier: MIT
'use strict';

const { Readable } = require('node:stream');

// What a route is told to use, as often as it is told: ?of=a&of=b
function values(ctx) {
  return [].concat(ctx.query.of === undefined ? [] : ctx.query.of);
}

// What a getter gives, as JSON.
function tell(ctx, value) {
  ctx.body = { value: value === undefined ? null : value };
}

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

  '/set': (ctx) => {
    ctx.set('X-One', '1');
    ctx.set('x-one', '2');
    ctx.body = 'text';
  },
  '/set/number': (ctx) => {
    ctx.set('X-One', 1);
    ctx.body = 'text';
  },
  '/set/list': (ctx) => {
    ctx.set('X-List', ['a', 'b']);
    ctx.body = 'text';
  },
  '/set/fields': (ctx) => {
    ctx.set({ 'X-One': '1', 'X-Two': ['a', 'b'] });
    ctx.body = 'text';
  },
  '/set/empty': (ctx) => {
    ctx.set('X-Empty', '');
    ctx.body = 'text';
  },
  '/set/spaces': (ctx) => {
    ctx.set('X-Spaces', ' a b ');
    ctx.body = 'text';
  },
  '/set/type': (ctx) => {
    ctx.set('Content-Type', 'text/x-own');
    ctx.body = 'text';
  },
  '/set/boolean': (ctx) => {
    ctx.set('X-One', true);
    ctx.body = 'text';
  },
  '/set/no-name': (ctx) => {
    ctx.set('', '1');
    ctx.body = 'text';
  },
  '/set/no-value': (ctx) => {
    ctx.set('X-One', undefined);
    ctx.body = 'text';
  },
  '/set/empty-list': (ctx) => {
    ctx.set('X-List', []);
    ctx.body = 'text';
  },
  '/set/type-list': (ctx) => {
    ctx.set('Content-Type', ['text/x-own']);
    ctx.body = 'text';
  },
  '/set/type-list-of-two': (ctx) => {
    ctx.set('Content-Type', ['text/x-own', 'text/x-other']);
    ctx.body = 'text';
  },
  '/set/cookies': (ctx) => {
    ctx.set('Set-Cookie', ['a=1', 'b=2']);
    ctx.append('Set-Cookie', ['c=3', 'd=4']);
    ctx.body = 'text';
  },
  '/set/tab': (ctx) => {
    ctx.set('X-Tab', 'a\tb');
    ctx.body = 'text';
  },
  '/set/nul': (ctx) => {
    ctx.set('X-Bad', 'a\0b');
    ctx.body = 'text';
  },
  '/set/last-line-break': (ctx) => {
    ctx.set('X-Bad', 'a\n');
    ctx.body = 'text';
  },
  '/set/length': (ctx) => {
    ctx.set('Content-Length', '4');
    ctx.body = Readable.from(['te', 'xt']);
  },
  '/set/length-of-nothing': (ctx) => {
    ctx.status = 204;
    ctx.set('Content-Length', '4');
    ctx.set('Content-Type', 'text/plain');
  },
  '/set/body-then-length': (ctx) => {
    ctx.body = { a: 1 };
    ctx.set('X-Length', String(ctx.length));
  },
  '/set/line-break': (ctx) => {
    ctx.set('X-Bad', 'a\r\nX-Injected: 1');
    ctx.body = 'text';
  },
  '/set/bad-name': (ctx) => {
    ctx.set('X Bad', 'a');
    ctx.body = 'text';
  },
  '/append': (ctx) => {
    for (const value of values(ctx)) ctx.append('X-List', value);
    ctx.body = 'text';
  },
  '/append/list': (ctx) => {
    ctx.append('Link', ['<http://one/>', '<http://two/>']);
    ctx.append('Link', '<http://three/>');
    ctx.body = 'text';
  },
  '/append/cookies': (ctx) => {
    ctx.append('Set-Cookie', 'a=1; Path=/');
    ctx.append('Set-Cookie', 'b=2; HttpOnly');
    ctx.body = 'text';
  },
  '/append/after-set': (ctx) => {
    ctx.set('X-One', '1');
    ctx.append('x-one', '2');
    ctx.set('X-Two', '1');
    ctx.append('X-Two', '2');
    ctx.set('X-Two', '3');
    ctx.body = 'text';
  },
  '/remove': (ctx) => {
    ctx.set('X-One', '1');
    ctx.set('X-Two', '2');
    ctx.remove('x-one');
    ctx.remove('X-Unknown');
    ctx.body = 'text';
  },
  '/get': (ctx) => {
    ctx.set('X-One', '1');
    tell(ctx, ctx.response.get('x-one'));
  },
  '/get/list': (ctx) => {
    ctx.append('X-One', '1');
    ctx.append('X-One', '2');
    tell(ctx, ctx.response.get('X-One'));
  },
  '/get/none': (ctx) => tell(ctx, ctx.response.get('X-One')),
  '/has': (ctx) => {
    ctx.set('X-One', '');
    ctx.body = { one: ctx.response.has('x-one'), two: ctx.response.has('X-Two') };
  },

  '/header-sent': (ctx) => tell(ctx, ctx.headerSent),
  '/flush': (ctx) => {
    ctx.status = 200;
    ctx.type = 'text';
    ctx.flushHeaders();
    ctx.status = 500;
    ctx.set('X-Late', '1');
    ctx.remove('Content-Type');
    ctx.vary('X-Late');
    ctx.body = String(ctx.headerSent);
  },
  '/flush/stream': (ctx) => {
    ctx.set('X-Early', '1');
    ctx.status = 202;
    ctx.flushHeaders();
    ctx.body = Readable.from(['one', 'two']);
  },
  '/flush/nothing': (ctx) => {
    ctx.status = 200;
    ctx.flushHeaders();
  },
};
