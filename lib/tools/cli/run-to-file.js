'use strict';
// Runs a program that is to leave a file: a heap snapshot, or a profile.

const fs = require('node:fs');
const { spawn } = require('node:child_process');
const { setTimeout: sleep } = require('node:timers/promises');
const { attach } = require('./attach');
const { findInProgram } = require('./run');

const TURN = 10; // milliseconds

/**
 * Runs the program until it ends, or for `timeout` seconds, or until somebody wants it to stop, and has it write to
 * `file`, which is empty and goes when the program begins. `what` is snapshot or profile, and `env` tells its at-end.js so.
 * Returns why it has not, undefined if it has.
 */
async function runToFile(what, env, { program, timeout }, file) {
  fs.rmSync(`${file}.tmp`, { force: true }); // of one that was killed
  const preload = findInProgram(program, `${what}/at-end.js`);
  // Its inspector, if that must be opened, shall not meet another, nor say so.
  const inspector = ['--inspect-port=0', '--inspect-publish-uid=http'];
  const child = spawn(process.execPath, [...inspector, '--require', preload, ...program], {
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  const sizeOfFile = () => fs.statSync(file, { throwIfNoEntry: false })?.size;
  const isUnfinished = () => fs.existsSync(`${file}.tmp`); // it ends by itself, and is writing
  let problem;
  let isStopping = false;
  const stop = async () => {
    if (isStopping) return;
    isStopping = true;
    // What it has not preloaded yet cannot be asked.
    while (sizeOfFile() === 0 && child.exitCode === null && child.signalCode === null) await sleep(TURN);
    if (isUnfinished()) return void (isStopping = false);
    try {
      await attach(child.pid, what, file);
    } catch (error) {
      problem = error.message;
    }
    if (!isUnfinished()) child.kill('SIGKILL');
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  const timer = timeout && setTimeout(stop, timeout * 1000);
  const [code, signal] = await new Promise((resolve, reject) => {
    child.on('error', reject).on('exit', (...ended) => resolve(ended));
  });
  clearTimeout(timer);
  process.removeListener('SIGINT', stop).removeListener('SIGTERM', stop);
  if (sizeOfFile() > 0 && !isUnfinished()) return undefined;
  fs.rmSync(`${file}.tmp`, { force: true });
  return problem ?? `The program has ended, by ${signal ?? `code ${code}`}, and left no ${what}`;
}

module.exports = { runToFile };
