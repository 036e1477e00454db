'use strict';
// Loaded by name: a child process has nothing of the peers that it does not measure.

const names = [
  'raw',
  'raw-batches',
  'raw-batches-gc',
  'forget',
  'addon-naive',
  'addon-fixed',
  'addon-basic',
  'registry-adjust',
  'buffer-beside',
  'tally-gc',
  'tally-dispose',
];

module.exports = { names, load: (name) => require(`./${name}`) };
