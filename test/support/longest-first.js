'use strict';
// Begins with the files that take longest, so that all workers of Jest have something to do to the end. Jest itself knows
// only when it has run them before.

const path = require('node:path');
const { default: Sequencer } = require('@jest/test-sequencer');

const LONG = [
  'tools/cli/run',
  'model',
  'worker',
  'reclaim/process-exit',
  'readme',
  'reclaim/gc',
  'examples',
  'overload',
  'ffi/koffi/in-hand',
  'tools/audit/truth-table',
  'pointers/views',
  'tools/cli/post-mortem',
  'types/compile',
  'reclaim/process-limit',
  'binding/javascript',
  'binding/reload',
  'hostile',
  'support/stack',
].map((name) => path.join(__dirname, '..', `${name}.test.js`));

module.exports = class LongestFirst extends Sequencer {
  sort(tests) {
    const place = ({ path: file }) => (LONG.includes(file) ? LONG.indexOf(file) : LONG.length);
    return super.sort(tests).sort((a, b) => place(a) - place(b));
  }
};
