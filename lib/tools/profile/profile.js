'use strict';
// A profile of native memory that is cheap enough for production: some of all allocations, by chance, with their stacks.

const fs = require('node:fs');
const { performance } = require('node:perf_hooks');
const binding = require('../../binding');
const { checkOptions, checkSize } = require('../../support/check');
const { ArgumentTypeError, ArgumentValueError, UnsupportedError } = require('../../support/errors');
const { version } = require('../../../package.json');
const { ENDINGS, FORMATS, endingOf } = require('./formats');
const { turnOff, turnOn } = require('./listener');
const { readSites } = require('./sites');
const { VIEWS } = require('./views');

const EVERY = 512 * 1024;

/** What writes a file of that name. */
function formatOf(file, view) {
  if (typeof file !== 'string' || file === '')
    throw new ArgumentTypeError(file, 'file', 'the name of a file');
  const ending = endingOf(file);
  if (ending === undefined) {
    throw new ArgumentValueError(file, 'file', `a name that ends with ${ENDINGS.join(', ')}`);
  }
  if (view === undefined) return FORMATS[ending];
  if (!Object.hasOwn(VIEWS, view)) {
    throw new ArgumentValueError(view, 'view', `one of ${Object.keys(VIEWS).join(', ')}`);
  }
  if (ending !== '.heapprofile')
    throw new ArgumentValueError(view, 'view', `none: a ${ending} has all of them`);
  return FORMATS[ending];
}

function totalOf(sites, view) {
  const total = { bytes: 0, blocks: 0 };
  for (const site of sites) {
    total.bytes += site[view].bytes;
    total.blocks += site[view].blocks;
  }
  return total;
}

class Profile {
  #listener;
  #every;
  #startedAt = Date.now();
  #start = performance.now();
  #last = null; // what it was when it was stopped

  constructor(listener, every) {
    this.#listener = listener;
    this.#every = every;
  }

  /** What is known so far, or was when it was stopped. Plain data. */
  read() {
    if (this.#last !== null) return this.#last;
    const sites = readSites();
    return {
      version,
      every: this.#every,
      startedAt: this.#startedAt,
      seconds: (performance.now() - this.#start) / 1000,
      ...Object.fromEntries(Object.keys(VIEWS).map((view) => [view, totalOf(sites, view)])),
      sites: sites.sort((a, b) => b.inUse.bytes - a.inUse.bytes || b.allocated.bytes - a.allocated.bytes),
      notCounted: [...this.#listener.problems].map(([library, reason]) => ({ library, reason })),
    };
  }

  /** Writes what read() gives, in the format that the name of the file tells. */
  write(file, options = {}) {
    checkOptions(options, ['view']);
    const format = formatOf(file, options.view);
    fs.writeFileSync(`${file}.tmp`, format(this.read(), options.view));
    fs.renameSync(`${file}.tmp`, file); // whoever finds it finds all of it
    return file;
  }

  stop() {
    if (this.#last !== null) return;
    binding.profileOff();
    this.#last = this.read();
    turnOff();
    running = null;
  }
}

let running = null;

function checkEvery(every) {
  if (checkSize(every, 'every') === 0) throw new ArgumentValueError(every, 'every', 'bytes above 0');
  return Number(every);
}

/** Begins a profile of the process. */
function startProfile(options = {}) {
  checkOptions(options, ['every', 'seed']);
  const every = checkEvery(options.every ?? EVERY);
  const seed = options.seed === undefined ? Date.now() : checkSize(options.seed, 'seed');
  if (!binding.canPatch) {
    throw new UnsupportedError(
      'What libraries allocate cannot be sampled here: that takes Linux or Windows, and the binary',
    );
  }
  if (!binding.profileOn(every, seed))
    throw new UnsupportedError('A profile runs in this process: stop it first');
  running = new Profile(turnOn(), every);
  return running;
}

/** Writes what runs in this process, for somebody who attaches to it. */
function writeRunning(file) {
  if (running === null) throw new UnsupportedError('No profile runs in this process');
  return running.write(file);
}

module.exports = { isRunning: () => running !== null, startProfile, writeRunning };
