'use strict';
// A C function that is audited, in this thread. What it makes stands under numbers of the native part: one for each place in
// the program that calls it and keeps something.

const { threadId } = require('node:worker_threads');
const binding = require('../../binding');
const { callersOfUs, writtenSite } = require('../../books/trace');

const FRAMES = 3; // of the program, that tell one place from another
const USUAL = 7; // frames, ours included, each of which costs some time
const MOST = 14;
const MOST_PLACES = 2000; // of one function: code that is generated has no end of them

const TOLD = ['name', 'library', 'signature', 'gives', 'base', 'disposable', 'guess', 'label', 'problem'];

class Maker {
  calls = 0; // since they were told
  keeping = 0;
  kept = 0;
  label = undefined; // of the tracked pointers that the drop-in makes of its results
  isMaking = false; // whether a call of it has ever made anything
  #places = new Map();

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
    this.unplaced = binding.auditMaker(`${this.key}\n#${threadId}`);
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

  /** The number for what is made by the call that runs. */
  place() {
    let sites = callersOfUs(USUAL);
    if (sites.length === 0) sites = callersOfUs(MOST);
    if (sites.length > FRAMES) sites.length = FRAMES;
    let at = '';
    for (const site of sites) at += `${site.getScriptNameOrSourceURL()}:${site.getPosition()}|`;
    const known = this.#places.get(at);
    if (known !== undefined) return known;
    if (this.#places.size >= MOST_PLACES) return this.unplaced;
    const number = binding.auditMaker(`${this.key}\n${sites.map(writtenSite).join('\n')}`);
    this.#places.set(at, number);
    return number;
  }

  /** A call has made something for the first time, under the number of calls whose place nobody knows. */
  begin() {
    this.isMaking = true;
    const number = this.place();
    if (number === this.unplaced) return number;
    binding.auditRename(this.unplaced, number);
    // Later calls of other threads may have the old one.
    this.unplaced = binding.auditMaker(`${this.key}\n#${threadId}.`);
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
