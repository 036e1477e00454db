'use strict';
// Begins with the files that take longest, so that all workers of Jest have something to do to the end. Jest itself knows
// only when it has run them before.

const path = require('node:path');
const { default: Sequencer } = require('@jest/test-sequencer');

const LONG = [
  'readme',
  'tools/cli/run',
  'worker',
  'ffi/koffi/in-hand',
  'tools/audit/truth-table',
  'reclaim/process-exit',
  'examples',
  'tools/jest',
  'types/compile',
  'model',
  'reclaim/gc',
  'pointers/views',
  'ffi/koffi/parity',
  'binding/javascript',
  'tools/page/profile-page',
  'reclaim/process-limit',
  'pointers/take-over',
  'overload',
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
