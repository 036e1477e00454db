'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');

const root = path.join(__dirname, '../..');

/**
 * What a child does not inherit, to start as a user's program does: with the first, Jest's, it would load all of the library at
 * once, and more certificates than Node has take longer to read than all the rest of its start.
 */
const notInherited = { JEST_WORKER_ID: undefined, NODE_EXTRA_CA_CERTS: undefined };

/**
 * Runs a file (absolute, or relative to the repository) or a piece of JavaScript in a Node of its own, whose working
 * directory is the repository: `require('./lib')` in the code finds the library.
 * A child that was stopped after `timeout` ms has the signal SIGKILL and says so in its stderr.
 */
function runChild(
  fileOrCode,
  { args = [], execArgv = [], env = {}, timeout = 300_000, node = process.execPath } = {},
) {
  const file = path.resolve(root, fileOrCode);
  const isFile = !fileOrCode.includes('\n') && fs.existsSync(file);
  const program = isFile ? [file, ...args] : ['-e', fileOrCode, '--', ...args];
  return new Promise((resolve, reject) => {
    const all = { ...process.env, ...notInherited, ...env };
    const child = spawn(node, [...execArgv, ...program], { cwd: root, env: all });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) {
      child[name].setEncoding('utf8').on('data', (text) => (output[name] += text));
    }
    const timer = setTimeout(() => {
      output.stderr += `\nstopped: not ended after ${timeout} ms`;
      child.kill('SIGKILL');
    }, timeout);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, ...output });
    });
    child.stdin.end();
  });
}

module.exports = { notInherited, runChild };
