'use strict';
// Koffi, freed by hand in batches: the allocator sees what it sees under a garbage collector that runs whenever
// that many bytes are dead, and nothing is spent on finding out which are.

const inBatches = require('./in-batches');

module.exports = {
  title: 'raw Koffi, freed by hand, 48 MiB at a time',
  create: inBatches(() => {}),
};
