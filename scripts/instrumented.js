'use strict';
// A copy of the repository in which the addon is compiled with other flags, so that what is installed stays as it is.

const fs = require('node:fs');
const path = require('node:path');
const { compile } = require('./build.js');
const { root, run } = require('./tools.js');

const SKIPPED = ['.git', 'build', 'node_modules', 'prebuilds'];

/** Copies into `copy` and builds there, with a compiler of GNU's. Returns whether that succeeded. */
function buildCopy(copy, cxxflags, ldflags) {
  for (const name of fs.readdirSync(root).filter((entry) => !SKIPPED.includes(entry))) {
    fs.cpSync(path.join(root, name), path.join(copy, name), {
      recursive: true,
      preserveTimestamps: true,
      filter: (file) => path.basename(file) !== 'build',
    });
  }
  const modules = path.join(copy, 'node_modules');
  if (!fs.existsSync(modules)) fs.symlinkSync(path.join(root, 'node_modules'), modules);
  const env = { ...process.env, CXX: 'g++', CXXFLAGS: cxxflags, LDFLAGS: ldflags };
  if (compile({ directory: copy, env, stdio: ['ignore', 'ignore', 'inherit'] }).status !== 0) return false;
  return run(process.execPath, ['-e', `require('./test/support/build.js')()`], { cwd: copy });
}

module.exports = { buildCopy };
