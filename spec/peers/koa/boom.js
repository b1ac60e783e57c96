// What a method of @hapi/boom makes: /boom?method=NAME&args=JSON-ARRAY
// SPDX-License-Identifier: MIT
'use strict';

const boom = require('@hapi/boom');

module.exports = {
  '/boom': (ctx) => {
    const error = boom[ctx.query.method](...JSON.parse(ctx.query.args));
    const { statusCode, payload, headers } = error.output;
    ctx.body = { message: error.message, statusCode, payload, headers };
  },
};
