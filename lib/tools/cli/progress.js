'use strict';
// A bar on a terminal that says how the program is doing, out of the way of what the program itself writes.

const fs = require('node:fs');
const os = require('node:os');
const { Format, Presets, SingleBar } = require('../../../prebuilds/tools/cli-progress.js');
const { formatBytes, formatRoundBytes } = require('../../support/bytes');
const { readLines } = require('./record');

const EVERY = 250;
const BAR = 6; // the least that is still a bar
const LONGEST_BAR = 30;
const NEWLINE = 0x0a;

// cli-progress comes back in the end to where it began; by then the program may have scrolled that away.
const PLACES = ['\x1b7', '\x1b8'];

/** stderr, without its last column: what ends there makes some terminals begin a new line. */
const terminal = {
  isTTY: true,
  get columns() {
    return Math.max(1, (process.stderr.columns || 80) - 1);
  },
  write: (text) => PLACES.includes(text) || process.stderr.write(text),
};

/** What the process may have where nobody has set a cap: what its container has, or the machine. */
function memoryAtHand() {
  const constrained = process.constrainedMemory?.() ?? 0;
  return constrained > 0 ? Math.min(constrained, os.totalmem()) : os.totalmem();
}

function partsOf({ rss, heap, tracked, untracked, seconds, total }) {
  return [
    `${formatBytes(rss)} of ${formatRoundBytes(total)}`,
    `${seconds.toFixed(0)} s`,
    ...(untracked === undefined ? [] : [`untracked ${formatBytes(untracked)}`]),
    ...(tracked > 0 ? [`tracked ${formatBytes(tracked)}`] : []),
    `heap ${formatBytes(heap)}`,
  ];
}

/** The bar takes the place that the figures leave; figures for which there is none are left out, not cut off. */
function format(options, { progress, total, maxWidth }, { sample }) {
  let text = '';
  for (const part of partsOf({ ...sample, total })) {
    if (BAR + text.length + 2 + part.length > maxWidth) break;
    text += `  ${part}`;
  }
  const barsize = Math.min(LONGEST_BAR, maxWidth - text.length);
  return Format.BarFormat(progress, { ...options, barsize }) + text;
}

class Progress {
  #file;
  #timer;
  #bar;
  #total;
  #sample;
  #position = 0;
  #start = Date.now();
  #isMidLine = false;

  /** `cap` in bytes is where the bar ends. */
  constructor(file, cap = memoryAtHand()) {
    this.#file = file;
    this.#total = cap;
    if (!process.stderr.isTTY) return;
    this.#bar = new SingleBar(
      {
        stream: terminal,
        format,
        barsize: LONGEST_BAR,
        fps: 1000 / EVERY,
        clearOnComplete: true,
        // Not switched off: the program's own lines shall wrap.
        linewrap: true,
        // Signals are for the program.
        gracefulExit: false,
      },
      Presets.shades_classic,
    );
    this.#timer = setInterval(() => this.#show(), EVERY);
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

  #show() {
    const last = this.#newLines().findLast(({ type }) => type === 'sample');
    if (last !== undefined) this.#sample = { ...last, seconds: (last.at - this.#start) / 1000 };
    if (this.#sample === undefined || this.#isMidLine) return;
    const sample = this.#sample;
    if (this.#bar.isActive) this.#bar.update(sample.rss, { sample });
    else this.#bar.start(this.#total, sample.rss, { sample });
  }

  /** What the program wrote to its stderr. */
  write(data) {
    this.#bar?.stop();
    process.stderr.write(data);
    // The program goes on with its line: the bar would be in it.
    this.#isMidLine = data.at(-1) !== NEWLINE;
  }

  end() {
    clearInterval(this.#timer);
    this.#bar?.stop();
  }
}

module.exports = { Progress };
