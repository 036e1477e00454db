'use strict';
// A gc() for the cases that need one, without starting Node with --expose-gc, which would also help the peers.

const v8 = require('node:v8');
const vm = require('node:vm');

v8.setFlagsFromString('--expose-gc');
const gc = vm.runInNewContext('gc');
v8.setFlagsFromString('--no-expose-gc');

module.exports = {
  major: () => gc(),
  minor: () => gc({ type: 'minor' }),
};
