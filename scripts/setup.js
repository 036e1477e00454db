'use strict';
// Brings a fresh clone to the point where everything runs: dependencies installed, the addon built.
// Does nothing that is already done, so that every script can begin with it.

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

const root = path.join(__dirname, '..');

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

function check(title, step) {
  console.log(`${title} ...`);
  const { status, stdout, error } = step();
  if (status === 0) return;
  process.stderr.write(stdout ?? '');
  console.error(`${title} failed: ${error?.message ?? `ended with ${status}`}`);
  process.exit(1);
}

function installDependencies() {
  const installed = newest('node_modules/.package-lock.json');
  if (installed >= newest('package-lock.json')) return;
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  const shell = process.platform === 'win32';
  const options = { cwd: root, encoding: 'utf8', shell, stdio: ['ignore', 'pipe', 'inherit'] };
  check('Installing dependencies', () => spawnSync('npm', args, options));
}

function buildAddon() {
  if (newest('build/Release/ffi_tally.node') > newest('native', 'binding.gyp')) return;
  const { compile } = require('./install.js');
  check('Building the addon', () => compile({ encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }));
}

installDependencies();
buildAddon();
