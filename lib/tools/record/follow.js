'use strict';
// Has whatever a recorded program starts record itself, too: Node's processes, by way of shells and npm as well, and
// workers that are given options of their own.

const childProcess = require('node:child_process');
const Module = require('node:module');
const path = require('node:path');
const workerThreads = require('node:worker_threads');

const RECORDER = path.join(__dirname, 'register.js');
const KEY = 'FFI_TALLY_RECORD';

/** `env` of a child, so that it records itself into the same record. One that has a record of its own keeps it. */
function environment(env, { file, audit, interval, cap, heap }) {
  if (env[KEY] !== undefined) return env;
  const options = env.NODE_OPTIONS ?? '';
  const limit = heap === undefined ? '' : ` --max-old-space-size=${heap}`;
  const recording = { file, audit, interval, cap, heap, nodeOptions: env.NODE_OPTIONS };
  return {
    ...env,
    // In quotes and escaped, which is how Node reads a path with blanks in there.
    NODE_OPTIONS: `${options}${limit} --require ${JSON.stringify(RECORDER)}`.trim(),
    [KEY]: JSON.stringify(recording),
  };
}

const fromPairs = (pairs) =>
  Object.fromEntries(
    pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  );
const toPairs = (env) => Object.entries(env).map(([name, value]) => `${name}=${value}`);

const isOptions = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);

/** The arguments of spawnSync() and its like with `change` done to the environment in their options. */
function withEnvironment(args, change) {
  const all = [...args];
  while (all.length > 1 && all.at(-1) === undefined) all.pop();
  const at = all.findIndex((value, index) => index > 0 && isOptions(value));
  const options = at < 0 ? {} : all[at];
  const changed = { ...options, env: change(options.env ?? process.env) };
  if (at < 0) return [...all, changed];
  all[at] = changed;
  return all;
}

const isNode = (file) => /^node(js)?(\.exe)?$/i.test(path.basename(String(file ?? '')));

function followProcesses(options, note) {
  const change = (env) => environment(env, options);
  const { prototype } = childProcess.ChildProcess;
  const { spawn } = prototype;
  prototype.spawn = function (given) {
    const envPairs = toPairs(change(fromPairs(given.envPairs ?? toPairs(process.env))));
    const result = spawn.call(this, { ...given, envPairs });
    const { pid } = this;
    if (pid !== undefined && isNode(given.file)) {
      note({ type: 'child', child: pid });
      this.once('exit', (code, signal) => note({ type: 'child exit', child: pid, code, signal }));
    }
    return result;
  };
  for (const name of ['spawnSync', 'execFileSync', 'execSync']) {
    const original = childProcess[name];
    childProcess[name] = function (...args) {
      return original.apply(this, withEnvironment(args, change));
    };
    Object.defineProperty(childProcess[name], 'name', { value: name });
  }
}

/** `execArgv` of a worker that would not preload what this thread did. */
function withRecorder(options) {
  if (!Array.isArray(options?.execArgv) || options.execArgv.includes(RECORDER)) return options;
  return { ...options, execArgv: [...options.execArgv, '--require', RECORDER] };
}

function followWorkers() {
  const Original = workerThreads.Worker;
  workerThreads.Worker = class Worker extends Original {
    constructor(filename, options) {
      super(filename, withRecorder(options));
    }
  };
}

/** From now on; `note(line)` writes into the record. */
function follow(options, note) {
  followProcesses(options, note);
  followWorkers();
  Module.syncBuiltinESMExports();
}

module.exports = { follow };
