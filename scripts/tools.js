'use strict';
// What the scripts share: the repository's files, tools that may be missing, and steps that are all tried.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

const root = path.join(__dirname, '..');

/** The files below `directory` (relative to the repository) whose names end like one of `extensions`, sorted. */
function filesIn(directory, extensions) {
  const found = [];
  const start = path.join(root, directory);
  for (const entry of fs.existsSync(start) ? fs.readdirSync(start, { withFileTypes: true }) : []) {
    if (entry.name === 'build' || entry.name === 'node_modules') continue;
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) found.push(...filesIn(file, extensions));
    else if (extensions.includes(path.extname(entry.name))) found.push(file);
  }
  return found.sort();
}

/** When the newest of these files was written, or of all below these directories, in ms; 0 for what is not there. */
function newest(...names) {
  let time = 0;
  for (const name of names) {
    const file = path.join(root, name);
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    if (stat === undefined) continue;
    if (stat.isDirectory()) {
      for (const entry of fs.readdirSync(file)) time = Math.max(time, newest(path.join(name, entry)));
    } else {
      time = Math.max(time, stat.mtimeMs);
    }
  }
  return time;
}

const hasTool = (name) => spawnSync(name, ['--version']).error === undefined;

/** Says loudly that `what` was not done. On CI nothing may be left undone: returns whether that is all right. */
function skip(what, reason) {
  const onCi = process.env.CI === 'true';
  console.error(`\n!!! ${onCi ? 'FAILED' : 'SKIPPED'}: ${what}: ${reason}\n`);
  return !onCi;
}

/** Runs a command in the repository; returns whether it succeeded. */
function run(command, args, options) {
  const { status, signal, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (error) console.error(error.message);
  if (signal) console.error(`${command} was ended by ${signal}`);
  return status === 0;
}

/** What `work(item)` resolved to for each of them; at most one per processor at a time. */
async function inParallel(items, work) {
  const results = [];
  const waiting = items.entries();
  const worker = async () => {
    for (const [i, item] of waiting) results[i] = await work(item);
  };
  await Promise.all(os.cpus().map(worker));
  return results;
}

/** The versions of TypeScript that the typings are for: { name, version, major, minor, file }, the oldest first. */
function compilers() {
  const { devDependencies } = require('../package.json');
  const names = Object.keys(devDependencies).filter((name) => /^typescript(-|$)/.test(name));
  const found = names.map((name) => {
    const { version } = require(path.join(root, 'node_modules', name, 'package.json'));
    const [major, minor] = version.split('.').map(Number);
    return { name, version, major, minor, file: path.join(root, 'node_modules', name, 'bin/tsc') };
  });
  return found.sort((a, b) => a.major - b.major || a.minor - b.minor);
}

module.exports = { root, compilers, filesIn, hasTool, inParallel, newest, run, skip };
