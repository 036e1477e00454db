'use strict';
// Preloaded (`node --require`) into a program that `ffi-tally check` or `ffi-tally audit` runs, into its workers and into
// what it starts: records what its memory does, and puts the audit in place of Koffi.

const { getEnvironmentData, setEnvironmentData, threadId } = require('node:worker_threads');
const { STATE_BYTES } = require('./state');
const { THREAD_TABLE_BYTES } = require('./thread-table');

const KEY = 'ffi-tally:record';

function takeOptions() {
  const text = process.env.FFI_TALLY_RECORD;
  // The program shall not see it: follow.js gives it to its children.
  delete process.env.FFI_TALLY_RECORD;
  if (text === undefined) return getEnvironmentData(KEY);
  const { nodeOptions, ...options } = JSON.parse(text);
  if (nodeOptions === undefined) delete process.env.NODE_OPTIONS;
  else process.env.NODE_OPTIONS = nodeOptions;
  return {
    ...options,
    state: new SharedArrayBuffer(STATE_BYTES),
    threadTable: new SharedArrayBuffer(THREAD_TABLE_BYTES),
  };
}

const options = takeOptions();
if (options !== undefined) {
  setEnvironmentData(KEY, undefined); // not for the thread that Node starts for hooks
  if (options.audit) {
    require('../audit/listener').turnOn();
    require('./replace-koffi').replaceKoffi();
  }
  setEnvironmentData(KEY, { ...options, parent: threadId });
  require('./recorder').start(options);
}
