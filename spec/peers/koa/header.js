// Header fields set, added to, removed, read; and the head sent early. Twin: header.lua.
// SPDX-License-Identifier: MIT
'use strict';

const { Readable } = require('node:stream');

const { tell, values } = require('./parts.js');

module.exports = {
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
