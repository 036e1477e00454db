'use strict';
// Preloaded (`node --require`) into a program that `ffi-tally snapshot` runs: writes the snapshot when it ends. Where it
// does not, the command attaches to it.

const fs = require('node:fs');
const { isMainThread } = require('node:worker_threads');
const { writeHeapSnapshot } = require('./write-heap-snapshot');

const { FFI_TALLY_SNAPSHOT: file } = process.env;
delete process.env.FFI_TALLY_SNAPSHOT; // not for what the program starts

if (file !== undefined && isMainThread) {
  fs.rmSync(file); // which tells the command that the program has begun
  process.on('exit', () => {
    if (fs.existsSync(file)) return; // a program that was asked to end may do so
    try {
      writeHeapSnapshot(file);
    } catch (error) {
      process.stderr.write(`No snapshot was written: ${error.message}\n`); // the program goes on to end
    }
  });
  process.on('SIGINT', () => {}); // Ctrl-C is for the command, which ends the program
}
