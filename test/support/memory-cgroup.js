'use strict';
// A memory cgroup (v1) for what a test or a script runs, where one may be made.

const fs = require('node:fs');
const path = require('node:path');

const groups = '/sys/fs/cgroup/memory';

/** Whether this process may make one. */
function canGroup() {
  try {
    fs.accessSync(path.join(groups, 'cgroup.procs'), fs.constants.W_OK);
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
}

class MemoryCgroup {
  #directory = fs.mkdtempSync(path.join(groups, 'ffi-tally-'));

  get limitFile() {
    return path.join(this.#directory, 'memory.limit_in_bytes');
  }

  limitTo(bytes) {
    fs.writeFileSync(this.limitFile, String(bytes));
  }

  /** What runs the program `file` in it: that enters before it loads anything. */
  codeFor(file, args) {
    const [procs, name] = [path.join(this.#directory, 'cgroup.procs'), file].map((each) =>
      JSON.stringify(each),
    );
    return `
      require('node:fs').writeFileSync(${procs}, String(process.pid));
      process.argv.splice(1, Infinity, ${name}, ...${JSON.stringify(args)});
      require(${name});
    `;
  }

  /** The most bytes that it has had. */
  get peak() {
    return Number(fs.readFileSync(path.join(this.#directory, 'memory.max_usage_in_bytes'), 'utf8'));
  }

  remove() {
    fs.rmdirSync(this.#directory);
  }
}

module.exports = { MemoryCgroup, canGroup };
