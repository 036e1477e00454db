'use strict';
// The same, and a minor GC before each batch is freed: what asking for them costs, whoever asks.

const gc = require('../gc');
const inBatches = require('./in-batches');

module.exports = {
  title: 'the same, and a minor GC each time',
  create: inBatches(gc.minor),
};
