// Where to go and what to save it as: redirect, back, attachment. Twin: redirect.lua.
// SPDX-License-Identifier: MIT
'use strict';

module.exports = {
  '/redirect': (ctx) => ctx.redirect(ctx.query.of),
  '/redirect/status-before': (ctx) => {
    ctx.status = Number(ctx.query.status);
    ctx.redirect('/there');
  },
  '/redirect/status-after': (ctx) => {
    ctx.redirect('/there');
    ctx.status = Number(ctx.query.status);
  },
  '/redirect/body-after': (ctx) => {
    ctx.redirect('/there');
    ctx.body = 'over there';
  },
  '/redirect/body-before': (ctx) => {
    ctx.body = { a: 1 };
    ctx.redirect('/there');
  },
  '/redirect/type-before': (ctx) => {
    ctx.type = 'json';
    ctx.redirect('/there');
  },
  '/redirect/raw': (ctx) => ctx.redirect('/gr\u00fc\u00df <b>"a b"</b>\\'),
  '/redirect/percent': (ctx) => ctx.redirect('/%41%zz%'),
  '/back': (ctx) => ctx.back(),
  '/back/alt': (ctx) => ctx.back('/alt'),

  '/attachment': (ctx) => {
    ctx.attachment();
    ctx.body = 'text';
  },
  '/attachment/named': (ctx) => {
    ctx.attachment(ctx.query.of);
    ctx.body = 'text';
  },
  '/attachment/typed': (ctx) => {
    ctx.type = 'html';
    ctx.attachment('page.pdf');
    ctx.body = 'text';
  },
  '/attachment/inline': (ctx) => {
    ctx.attachment('page.html', { type: 'inline' });
    ctx.body = 'text';
  },
  '/attachment/fallback': (ctx) => {
    ctx.attachment('\u20ac.txt', { fallback: 'euro.txt' });
    ctx.body = 'text';
  },
  '/attachment/no-fallback': (ctx) => {
    ctx.attachment('\u20ac.txt', { fallback: false });
    ctx.body = 'text';
  },
};
