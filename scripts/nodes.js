'use strict';
// Other versions of Node, each from its npm package, kept out of the way of everything that is rebuilt or packed.

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

const cache = path.join(__dirname, '../node_modules/.cache/ffi-tally-nodes');
const windows = process.platform === 'win32';
const packageName = `node-${windows ? 'win' : process.platform}-${process.arch}`;

const directoryOf = (major) => path.join(cache, String(major), 'node_modules', packageName);
const executableOf = (major) => path.join(directoryOf(major), 'bin', windows ? 'node.exe' : 'node');

function installedNodes() {
  const entries = fs.existsSync(cache) ? fs.readdirSync(cache) : [];
  return entries
    .filter((major) => fs.existsSync(executableOf(major)))
    .sort((a, b) => a - b)
    .map((major) => ({
      version: JSON.parse(
        fs.readFileSync(path.join(directoryOf(major), 'package.json'), 'utf8'),
      ).version.replace('v', ''),
      path: executableOf(major),
    }));
}

/** Returns the path of a Node of this major version; throws if it cannot be had. */
function installNode(major) {
  const executable = executableOf(major);
  if (fs.existsSync(executable)) return executable;
  const prefix = path.join(cache, String(major));
  fs.mkdirSync(prefix, { recursive: true });
  const args = ['install', '--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--prefix', prefix];
  const { status, error, stdout, stderr } = spawnSync('npm', [...args, `${packageName}@${major}`], {
    cwd: prefix,
    encoding: 'utf8',
    shell: windows,
  });
  if (status !== 0 || !fs.existsSync(executable)) {
    throw new Error(`Cannot install ${packageName}@${major}: ${error?.message ?? stdout + stderr}`);
  }
  return executable;
}

module.exports = { installNode, installedNodes };
