'use strict';
// Runs a program with the recorder in it, until it ends, is stopped or reaches its cap.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const tty = require('node:tty');
const { spawn } = require('node:child_process');
const { createRequire } = require('node:module');
const { UsageError } = require('./options');

const INTERVAL = 100; // milliseconds between two samples
// Before a program that was asked to stop is made to: turns of so many milliseconds. Not a time, because where the
// machine stands still, so does the program.
const PATIENCE = 20;
const TURN = 100;
const LINGER = 500; // for what is still in the pipe when the program has ended
const HEAP_IS_FULL = /JavaScript heap out of memory/;

/** Whether V8 has ended the program. The words alone may be those of a process that it has started. */
function endedByV8(code, signal, tail) {
  return (['SIGABRT', 'SIGTRAP', 'SIGILL'].includes(signal) || code === 134) && HEAP_IS_FULL.test(tail);
}

/** A file of the program's own ffi-tally, where it has one: its accounts are in that. */
function findInProgram(program, name) {
  const file = program.find((word) => !word.startsWith('-'));
  try {
    const near = createRequire(path.resolve(file ?? '.', '..', 'x.js'));
    const found = path.join(path.dirname(near.resolve('ffi-tally/package.json')), 'lib/tools', name);
    if (fs.existsSync(found)) return found;
  } catch {
    // It has none.
  }
  return path.join(__dirname, '..', name);
}

/** Whether Ctrl-C in a terminal is for this process and its children: the terminal tells all of them itself. */
function isInForeground() {
  try {
    // The name, in parentheses, may contain anything; after it: state, parent, group, session, terminal, its group.
    const [, , group, , , foreground] = fs
      .readFileSync('/proc/self/stat', 'latin1')
      .split(') ')
      .at(-1)
      .split(' ');
    return group === foreground;
  } catch {
    return [0, 1, 2].some((stream) => tty.isatty(stream));
  }
}

/** Asks a child to stop, unless somebody else has, and makes it after a while. */
function makeStop(child, state) {
  return (signal, by = signal) => {
    if (state.stopped) return;
    state.stopped = by;
    // A program may take a second Ctrl-C for impatience, and leave without tidying up.
    if (signal !== 'SIGINT' || !isInForeground()) child.kill(signal);
    let turns = 0;
    const timer = setInterval(() => {
      if (++turns < PATIENCE) return;
      clearInterval(timer);
      child.kill('SIGKILL');
    }, TURN).unref();
  };
}

function start({ program, audit, heap, rss, json }, file) {
  const { env } = process;
  const nodeOptions = env.NODE_OPTIONS;
  const recording = { file, audit, interval: INTERVAL, cap: rss, heap, isMain: true, nodeOptions };
  // Not an argument: a program that gives its own arguments to workers could start none, whose heaps have no such limit.
  const own =
    heap === undefined ? {} : { NODE_OPTIONS: `${env.NODE_OPTIONS ?? ''} --max-old-space-size=${heap}` };
  return spawn(process.execPath, ['--require', findInProgram(program, 'record/register.js'), ...program], {
    stdio: ['inherit', json ? 2 : 'inherit', 'pipe'],
    env: { ...env, ...own, FFI_TALLY_RECORD: JSON.stringify(recording) },
  });
}

/** Runs the program and writes a record to `file`. `onTick(file)` is called now and then. */
function run(options, file, progress) {
  const append = (line) => fs.appendFileSync(file, `${JSON.stringify({ at: Date.now(), ...line })}\n`);
  append({ type: 'command', command: options.program, rss: options.rss, heap: options.heap });
  const child = start(options, file);
  append({ type: 'main', main: child.pid });
  const state = { stopped: false };
  const stop = makeStop(child, state);
  const onSignal = (signal) => stop(signal);
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  const timer = options.timeout && setTimeout(stop, options.timeout * 1000, 'SIGTERM', '--timeout');
  let tail = '';
  child.stderr.on('data', (data) => {
    progress.write(data);
    tail = (tail + data).slice(-8192);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', () => {
      clearTimeout(timer);
      // What it has started and left behind may hold its stderr open for ever.
      setTimeout(() => child.stderr.destroy(), LINGER).unref();
    });
    child.on('close', (code, signal) => {
      process.removeListener('SIGINT', onSignal).removeListener('SIGTERM', onSignal);
      append({ type: 'exit', code, signal, stopped: state.stopped, heapFull: endedByV8(code, signal, tail) });
      resolve();
    });
  });
}

/** A file for a record that nobody has asked for. */
function temporaryRecord() {
  try {
    return path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-')), 'record.jsonl');
  } catch (error) {
    const wanted = 'Set TMPDIR to a directory that can be written, or name a file with --record';
    throw new UsageError(`Cannot write to ${os.tmpdir()}: ${error.message}. ${wanted}`);
  }
}

module.exports = { findInProgram, run, temporaryRecord };
