'use strict';

const { packed } = require('./support/packed');

module.exports = packed('public') ?? require('./public');
