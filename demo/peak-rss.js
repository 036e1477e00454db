'use strict';

const { readFileSync } = require('node:fs');

/** The most resident memory this process ever had, in bytes, as its kernel says. */
module.exports = function peakRss() {
  if (process.platform === 'linux') {
    // Not getrusage(): there Linux also counts the parent's memory, from between fork and exec.
    const [, kilobytes] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'));
    return Number(kilobytes) * 1024;
  }
  const { maxRSS } = process.resourceUsage();
  // https://github.com/nodejs/node/issues/44332: bytes on macOS until libuv 1.45, in Node.js 18.
  const inBytes = process.platform === 'darwin' && process.versions.uv.startsWith('1.44.');
  return inBytes ? maxRSS : maxRSS * 1024;
};
