'use strict';
// Types of which C has few, whatever they weigh: a collection before there are as many as it has, and another where a call
// gives none nevertheless.

const binding = require('../../binding');
const calls = require('../../books/c-calls');
const { nursery } = require('../../books/nursery');
const { collect } = require('../../reclaim/collect');

// By which part of those alive there may be more until the next collection in advance, where there are too many.
const PART = 1 / 8;

class Limit {
  #label;
  #most;
  #due; // calls until it is counted again
  #made = 0; // calls since it was counted

  constructor(label, most) {
    this.#label = label;
    this.#due = this.#most = most;
  }

  get #live() {
    nursery.flush();
    const { label, pointers } = binding.accounts();
    return pointers[label.indexOf(this.#label)] ?? 0;
  }

  /** Whether there may be none because there are many. */
  get isNearlyFull() {
    return this.#live * 2 >= this.#most;
  }

  /** A call begins that may give one. */
  makeRoom() {
    if (++this.#made < this.#due || !calls.isIdle) return;
    let live = this.#live;
    const isFull = live >= this.#most;
    for (const type of ['minor', 'major']) {
      if (live < this.#most) break;
      collectFor({ type });
      live = this.#live;
    }
    this.#made = 0;
    this.#due = isFull ? Math.max(this.#most - live, live * PART) : this.#most - live;
  }
}

const STORED = ['out', 'inout'];

/** Whether a call of `plan` has given nothing of which there is a limit. */
function givesNone({ producer, params, gives }, result, args) {
  if (producer?.owned.limit !== undefined) return result === null;
  if (producer === null && gives !== undefined) return !gives(result, args);
  const isEmpty = (param, i) => param?.owned?.limit !== undefined && args[i]?.every((each) => each === null);
  return params.some((param, i) => STORED.includes(param?.role) && isEmpty(param, i));
}

/** What calls of `plan` give of which there is a limit: their limits. */
function limitsOf({ producers }) {
  return [...new Set(producers.map(({ owned }) => owned.limit))].filter((limit) => limit !== undefined);
}

let freed = 0; // the collections for a limit that have freed something

function collectFor(options) {
  const { pointers } = collect(options);
  if (pointers > 0) freed++;
  return pointers > 0;
}

// A call that takes what it is given cannot be made again.
const mayRepeat = ({ params }) =>
  !params.some((param) => ['consume', 'inout', 'change'].includes(param?.role));

/** `func`, which calls C as `plan` says, with room made before and once more where it gives none. */
function limited(func, plan) {
  const limits = limitsOf(plan);
  if (limits.length === 0) return func;
  // Others may have made room since `before`, for this call too.
  const again = (result, args, before) =>
    mayRepeat(plan) &&
    givesNone(plan, result, args) &&
    calls.isIdle &&
    (freed !== before || (limits.some((limit) => limit.isNearlyFull) && collectFor()));
  const wrapped = function (...args) {
    for (const limit of limits) limit.makeRoom();
    const before = freed;
    const result = func(...args);
    return again(result, args, before) ? func(...args) : result;
  };
  if (func.async === undefined) return wrapped;
  wrapped.async = function (...args) {
    if (typeof args.at(-1) !== 'function') return func.async(...args); // which complains
    const callback = args.pop();
    for (const limit of limits) limit.makeRoom();
    const before = freed;
    return func.async(...args, (error, result) => {
      if (!error && again(result, args, before)) func.async(...args, callback);
      else callback(error, result);
    });
  };
  return wrapped;
}

module.exports = { Limit, limited };
