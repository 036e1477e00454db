'use strict';

const v8 = require('node:v8');
const vm = require('node:vm');
const { koffi, leaks, report } = require('./setup.js');
const platform = require('../../../support/platform.js');

v8.setFlagsFromString('--expose-gc');
const gc = vm.runInNewContext('gc');

const lib = koffi.load(platform.libc);
const strdup = lib.func(`${leaks ? 'char *' : 'char *!'} strdup(const char *text)`);
const text = 'x'.repeat(100_000);
for (let i = 0; i < 400; i++) {
  strdup(text);
  // V8 has memory of its own for each large string that nobody has collected.
  if (!leaks && i % 20 === 0) gc();
}
report(leaks ? 400 * 100_001 : 0);
