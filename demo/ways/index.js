'use strict';

module.exports = [
  { name: 'plain Koffi', module: '1-plain-koffi', usesTally: false },
  { name: 'the usual recipe', module: '2-usual-recipe', usesTally: false },
  { name: 'ffi-tally, by GC', module: '3-ffi-tally-gc', usesTally: true },
  { name: 'ffi-tally, dispose', module: '4-ffi-tally-dispose', usesTally: true },
];
