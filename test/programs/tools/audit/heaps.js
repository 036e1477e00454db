'use strict';
// The audit, to the byte, where there is no Jest; scripts/cross.js runs it.

const assert = require('node:assert/strict');
const { audit, koffi } = require('./setup.js');
const { heaps } = require('../../../support/build.js')();

const library = koffi.load(heaps);
const duplicate = library.func('void *duplicate(const char *text)');
const release = library.func('void release(void *text)');
for (let i = 0; i < 400; i++) {
  const text = duplicate('x'.repeat(9999));
  if (i % 4 === 0) release(text);
}
const { findings, measures } = audit();
assert.equal(measures, true);
assert.deepEqual(
  findings.map(({ function: name, bytes }) => [name, bytes]),
  [['duplicate', 300 * 10_000]],
);
assert.match(findings[0].code, /\{ free: 'release' \}/);
