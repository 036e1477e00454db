'use strict';

const path = require('node:path');
const readline = require('node:readline');
const { spawn } = require('node:child_process');

/** Runs one way in a process of its own. Resolves with what it measured, or with { decoded, error }. */
module.exports = function measure(way, { images, cap }, onProgress) {
  const script = path.join(__dirname, 'run-way.js');
  const child = spawn(process.execPath, [script, way.module, images, cap], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let decoded = 0;
  let result;
  let complaint = '';

  readline.createInterface({ input: child.stdout }).on('line', (line) => {
    const message = JSON.parse(line);
    ({ decoded } = message.progress ?? message.result);
    if (message.progress) onProgress(message.progress);
    result = message.result;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => (complaint += text));

  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const error = `${signal ?? `exit code ${code}`}\n${complaint}`.trim();
      resolve({ ...way, ...(code === 0 ? result : { decoded, error }) });
    });
  });
};
