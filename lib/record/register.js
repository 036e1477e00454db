'use strict';
// Preloaded (`node --require`) into a program that `ffi-tally check` or `ffi-tally audit` runs, and into its workers:
// records what its memory does, and puts the audit in place of Koffi.

const { getEnvironmentData, isMainThread, setEnvironmentData } = require('node:worker_threads');

const KEY = 'ffi-tally:record';

function takeOptions() {
  const text = process.env.FFI_TALLY_RECORD;
  // Its children are not the program.
  delete process.env.FFI_TALLY_RECORD;
  return text === undefined ? getEnvironmentData(KEY) : JSON.parse(text);
}

const options = takeOptions();
if (options !== undefined) {
  if (isMainThread) setEnvironmentData(KEY, options);
  if (options.audit) require('./replace-koffi').replaceKoffi();
  require('./recorder').start(options);
}
