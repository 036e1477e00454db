'use strict';
// A C function that is audited, in this thread. What it makes stands under numbers of the native part: one for each place in
// the program that calls it and keeps something, and one for what was made at places that nobody has looked up.

const { threadId } = require('node:worker_threads');
const binding = require('../../binding');
const { callSites, othersAmong, writtenSite } = require('../../books/trace');
const { textOfPicked, textOfUnknown } = require('./places');

const FRAMES = 3; // that tell one place from another, each of which costs some time
const MOST = 14; // frames, ours included, where these are not of the program
const MOST_PLACES = 2000; // of one function: code that is generated has no end of them
// Of the calls that keep bytes of one order of magnitude, so many are looked up; of later ones this share, picked at random.
const ALL = 1000;
const SHARE = 1 / 32;

const TOLD = ['name', 'library', 'signature', 'gives', 'base', 'disposable', 'guess', 'label', 'problem'];

/** Not of Node, as util.promisify() is, nor of V8, as Array.map() is. */
function isOfProgram(site) {
  const file = site.getScriptNameOrSourceURL();
  return Boolean(file) && !file.startsWith('node:');
}

class Maker {
  calls = 0; // since they were told
  keeping = 0;
  kept = 0;
  label = undefined; // of the tracked pointers that the drop-in makes of its results
  givesBack = false; // whether a call that made something has returned what it was given, as g_list_append() does
  entry = undefined; // the function that the program, or the drop-in, calls for it
  isLarge = false; // whether a call has made or moved more than can be given a place afterwards
  #places = new Map();
  #lookedUp = new Uint16Array(33); // calls, by the leading zeros of what they have kept

  /** `facts` are what ../../ffi/koffi/observe.js tells. */
  constructor(facts) {
    this.facts = facts;
    this.unplaced = 0;
    this.#name();
  }

  /** What the native part knows it by: the same in all threads. */
  get key() {
    const { facts, label, problem } = this;
    return JSON.stringify({ ...facts, label, problem }, TOLD);
  }

  #name() {
    this.unplaced = binding.auditMaker(`${this.key}\n${textOfUnknown(threadId)}`);
  }

  own(label) {
    this.label = label;
    this.#name();
  }

  /** It cannot be counted. */
  refuse(problem) {
    this.problem = problem;
    this.#name();
  }

  /** The number for what the call that runs makes, unless `isLeft()` says that nothing of it is: then nobody will ask. */
  place(kept = 0, isLeft = () => true) {
    const order = Math.clz32(kept);
    const isPicked = this.#lookedUp[order] === ALL;
    if ((isPicked && Math.random() >= SHARE) || !isLeft()) return this.unplaced;
    if (!isPicked) this.#lookedUp[order]++;
    return this.#lookUp(isPicked);
  }

  #lookUp(isPicked) {
    try {
      let { others, key } = othersAmong(callSites(FRAMES, this.entry));
      if (others.length === 0 || !isOfProgram(others[0])) {
        const sites = callSites(MOST);
        const first = sites.findIndex((site) => isOfProgram(site) && othersAmong([site]).others.length > 0);
        ({ others, key } = othersAmong(sites.slice(Math.max(0, first)), FRAMES));
      }
      if (isPicked) key = textOfPicked(key);
      return this.#places.get(key) ?? this.#addPlace(others, key, isPicked);
    } catch {
      return this.unplaced; // the stack is full, and C may have returned something already
    }
  }

  #addPlace(sites, key, isPicked) {
    if (this.#places.size >= MOST_PLACES) return this.unplaced;
    const stack = sites.map(writtenSite).join('\n');
    const number = binding.auditMaker(`${this.key}\n${isPicked ? textOfPicked(stack) : stack}`);
    this.#places.set(key, number);
    return number;
  }

  /** A call has made so much for the first time, under the number of calls whose place nobody knows. */
  becomeLarge() {
    this.isLarge = true;
    const number = this.#lookUp(false);
    if (number === this.unplaced) return number;
    binding.auditRename(this.unplaced, number);
    // Later calls of other threads may have the old one.
    this.unplaced = binding.auditMaker(`${this.key}\n${textOfUnknown(threadId)}.`);
    return number;
  }

  /** Tells the native part how often it was called. */
  tell() {
    if (this.calls === 0) return;
    binding.auditCalled(this.unplaced, this.calls, this.keeping, this.kept);
    this.calls = 0;
    this.keeping = 0;
    this.kept = 0;
  }
}

module.exports = { Maker };
