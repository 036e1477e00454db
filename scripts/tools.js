'use strict';
// What the scripts share: the repository's files, tools that may be missing, and steps that are all tried.

const fs = require('node:fs');
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

module.exports = { root, compilers, filesIn, hasTool, run, skip };
