'use strict';
// Brings a fresh clone to the point where everything runs: dependencies installed, their bundles made, the addon built.
// Does nothing that is already done, so that every script can begin with it.

const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { newest, root } = require('./tools.js');

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
  check(
    'Installing dependencies (npm ci: about a minute with a cold cache; nothing outside of this folder changes)',
    () => spawnSync('npm', args, options),
  );
}

function bundleTools() {
  if (newest('prebuilds/source') > newest('package-lock.json', 'scripts/bundle.js', 'binding.gyp')) return;
  const args = [path.join(__dirname, 'bundle.js')];
  const options = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] };
  check('Bundling the libraries of the command line', () => spawnSync(process.execPath, args, options));
}

function buildAddon() {
  if (newest('build/Release/ffi_tally.node') > newest('native', 'binding.gyp')) return;
  const { compile } = require('./build.js');
  check('Building the addon (C++, about half a minute)', () =>
    compile({ encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }),
  );
}

installDependencies();
bundleTools();
buildAddon();
