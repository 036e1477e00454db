'use strict';

const { packed } = require('../../support/packed');

packed('public'); // which has most of what it requires
module.exports = packed('ffi/koffi/drop-in') ?? require('./drop-in');
module.exports.default = module.exports;
