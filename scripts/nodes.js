'use strict';
// Other versions of Node, each from its npm package, kept out of the way of everything that is rebuilt or packed.

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

const cache = path.join(__dirname, '../node_modules/.cache/ffi-tally-nodes');
const windows = process.platform === 'win32';
const packageName = `node-${windows ? 'win' : process.platform}-${process.arch}`;

const inPrefix = path.join('node_modules', packageName);
const directoryOf = (major) => path.join(cache, String(major), inPrefix);
const executableIn = (directory) => path.join(directory, 'bin', windows ? 'node.exe' : 'node');
const executableOf = (major) => executableIn(directoryOf(major));

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
  fs.mkdirSync(cache, { recursive: true });
  // Renamed when complete: other processes may be looking for a Node, or installing the same one.
  const prefix = fs.mkdtempSync(path.join(cache, '.unfinished-'));
  const args = ['install', '--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--prefix', prefix];
  const { status, error, stdout, stderr } = spawnSync('npm', [...args, `${packageName}@${major}`], {
    cwd: prefix,
    encoding: 'utf8',
    shell: windows,
  });
  const complete = status === 0 && fs.existsSync(executableIn(path.join(prefix, inPrefix)));
  if (complete && !fs.existsSync(executable)) fs.renameSync(prefix, path.join(cache, String(major)));
  fs.rmSync(prefix, { recursive: true, force: true });
  if (complete) return executable;
  throw new Error(`Cannot install ${packageName}@${major}: ${error?.message ?? stdout + stderr}`);
}

module.exports = { installNode, installedNodes };
