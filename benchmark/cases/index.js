'use strict';

const names = [
  'sync-loop',
  'event-loop',
  'beside-a-heap',
  'above-two-gigabytes',
  'many-small',
  'dispose-at-once',
  'one-argument',
  'safe-access',
  'views',
  'metered',
  'exact',
  'cost-against-size',
  'bytes-per-pointer',
  'dying-at-once',
  'service',
];

module.exports = { names, load: (name) => require(`./${name}`) };
