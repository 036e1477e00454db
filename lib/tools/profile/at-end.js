'use strict';
// Preloaded (`node --require`) into a program that `ffi-tally profile` runs, and into its workers: profiles what is declared
// through any Koffi, and writes the profile when the program ends.

const fs = require('node:fs');
const { getEnvironmentData, isMainThread, setEnvironmentData } = require('node:worker_threads');
const { formatBytes } = require('../../support/bytes');
const { replaceKoffi } = require('../record/replace-koffi');
const { turnOn } = require('./listener');
const { startProfile } = require('./profile');

const KEY = 'ffi-tally:profile';

const say = (text) => process.stderr.write(`ffi-tally: ${text}\n`);

/** What the profile cannot show, and what it shows in all. */
function summarize({ allocated, atPeak, inUse, notCounted }) {
  for (const { library, reason } of notCounted) say(`What '${library}' allocates is not counted: ${reason}`);
  const [all, most, left] = [allocated, atPeak, inUse].map(({ bytes }) => formatBytes(bytes));
  say(`${all} were allocated, ${most} were in use at the peak, ${left} are in use`);
}

function profileMain() {
  const { FFI_TALLY_PROFILE: text } = process.env;
  delete process.env.FFI_TALLY_PROFILE; // not for what the program starts
  if (text === undefined) return;
  const { file, every } = JSON.parse(text);
  let profile;
  try {
    profile = startProfile({ every });
  } catch (error) {
    say(error.message);
    process.exit(1); // the command sees that the file is still there
  }
  process.on('SIGINT', () => {}); // Ctrl-C is for the command, which ends the program
  setEnvironmentData(KEY, true);
  replaceKoffi();
  fs.rmSync(file); // which tells the command that the program has begun
  process.on('exit', () => {
    if (fs.existsSync(file)) return; // it has asked for it before
    try {
      profile.stop();
      profile.write(file);
      summarize(profile.read());
    } catch (error) {
      say(`No profile was written: ${error.message}`); // the program goes on to end
    }
  });
}

if (isMainThread) {
  profileMain();
} else if (getEnvironmentData(KEY)) {
  turnOn();
  replaceKoffi();
}
