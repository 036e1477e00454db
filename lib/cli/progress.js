'use strict';
// One line on a terminal that says how the program is doing, out of the way of what the program itself writes.

const fs = require('node:fs');
const { formatBytes } = require('../bytes');
const { readLines } = require('./record');

const EVERY = 250;
const BARS = '▁▂▃▄▅▆▇█';
const WIDTH = 24;

function sparkline(values) {
  const last = values.slice(-WIDTH);
  const most = Math.max(...last, 1);
  return last
    .map((value) => BARS[Math.min(BARS.length - 1, Math.floor((value / most) * BARS.length))])
    .join('');
}

function lineOf(samples, start) {
  const { at, rss, heap, untracked, tracked } = samples.at(-1);
  const parts = [
    `${((at - start) / 1000).toFixed(0)} s`,
    `${formatBytes(rss)} resident ${sparkline(samples.map((sample) => sample.rss))}`,
    `heap ${formatBytes(heap)}`,
    ...(tracked > 0 ? [`tracked ${formatBytes(tracked)}`] : []),
    ...(untracked === undefined ? [] : [`untracked ${formatBytes(untracked)}`]),
  ];
  return parts.join('  ');
}

class Progress {
  #file;
  #timer;
  #samples = [];
  #position = 0;
  #start = Date.now();
  #shown = false;

  constructor(file) {
    this.#file = file;
    if (process.stderr.isTTY) this.#timer = setInterval(() => this.#show(), EVERY);
  }

  /** The lines that are complete now; the record of a long run is large, and what was read of it stays read. */
  #newLines() {
    const file = fs.openSync(this.#file, 'r');
    try {
      const bytes = Buffer.alloc(fs.fstatSync(file).size - this.#position);
      const length = fs.readSync(file, bytes, 0, bytes.length, this.#position);
      const end = bytes.subarray(0, length).lastIndexOf('\n') + 1;
      this.#position += end;
      return readLines(bytes.toString('utf8', 0, end));
    } finally {
      fs.closeSync(file);
    }
  }

  #readNew() {
    const lines = this.#newLines();
    this.#samples.push(...lines.filter(({ type }) => type === 'sample'));
    this.#samples.splice(0, this.#samples.length - WIDTH);
  }

  #show() {
    this.#readNew();
    if (this.#samples.length === 0) return;
    const columns = process.stderr.columns ?? 80;
    this.#clear();
    process.stderr.write(lineOf(this.#samples, this.#start).slice(0, columns - 1));
    this.#shown = true;
  }

  #clear() {
    if (this.#shown) process.stderr.write('\r\x1b[K');
    this.#shown = false;
  }

  /** What the program wrote to its stderr. */
  write(data) {
    this.#clear();
    process.stderr.write(data);
  }

  end() {
    clearInterval(this.#timer);
    this.#clear();
  }
}

module.exports = { Progress };
