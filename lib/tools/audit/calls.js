'use strict';
// Marks each call of a C function, so that what it makes and frees is known to be its. It sits between Koffi and the drop-in.

const binding = require('../../binding');
const { unmarked } = require('../../ownership/size/counted');
const { threadBlock } = require('../../ownership/size/counting');
const { toAddress } = require('../../pointers/destructors');
const { allocators } = require('./allocators');
const { Growth } = require('./growth');

const {
  MARK,
  STALE,
  MAKER,
  BALANCE,
  BLOCKS,
  MOVED,
  CALL,
  ARGUMENTS,
  ARGUMENT,
  MOST_ARGUMENTS,
  MOST_REMEMBERED,
} = binding.protocol.threadBlock;
const SOMEBODY = -1; // a mark that is no account
const LOWEST = 4096n;

/** The addresses that a call gave: its result, members of a struct, what it stored through pointers. */
function resultsOf(gives, result, args) {
  const found = [];
  const take = (value) => {
    const address = toAddress(value);
    if (address !== undefined && address > LOWEST) found.push(address);
  };
  if (gives === 'pointer') take(result);
  else if (gives === 'struct') Object.values(result ?? {}).forEach(take);
  for (const value of args) if (Array.isArray(value) && value.length === 1) take(value[0]);
  return found;
}

/**
 * A call of `maker` has given what is known by `number`, and kept so many bytes. What it has `moved` is new, whatever its
 * address. It has `made` so many blocks.
 */
function tellResults(maker, number, kept, result, args, moved = 0, made = 0) {
  const found = resultsOf(maker.facts.gives, result, args);
  const given = maker.facts.gives === 'pointer' ? found[0] : undefined;
  if (given !== undefined && Number(given) !== moved && args.some((value) => toAddress(value) === given)) {
    maker.givesBack = true;
  }
  // Where there are several, nobody knows what else belongs to which.
  const each = found.length === 1 ? kept : 0;
  for (const address of found) binding.auditReturned(address, number, maker.label !== undefined, each);
  if (found.length > 0 || maker.facts.gives !== undefined || made <= 0) return;
  // It has probably worked on an object, as sqlite3_step() does.
  const object = args.map(toAddress).find((address) => address > LOWEST);
  if (object !== undefined) binding.auditAddedTo(object, number, made);
}

class Calls {
  makers = [];
  growth = new Growth();
  onCall = null; // to be called before every call
  #block = threadBlock();
  #inner = 0; // bytes that calls within the current one have kept
  #depth = 0;
  #count = 0; // calls so far
  #inFlight = new Map(); // maker -> asynchronous calls

  /** What is among the arguments, for the native part to compare with what is freed. */
  #noteArguments(args) {
    const block = this.#block;
    let count = 0;
    for (let i = 0; i < args.length; i++) {
      const value = args[i];
      if (typeof value === 'number' || typeof value === 'string') continue;
      if (typeof value === 'function') args[i] = unmarked(value);
      const address = toAddress(value);
      if (address === undefined || count === MOST_ARGUMENTS) continue;
      block[ARGUMENT + count++] = Number(address);
    }
    block[ARGUMENTS] = count;
  }

  /** Calls `func`, the function of `maker`. */
  call(maker, func, args) {
    if (this.onCall !== null) this.onCall();
    maker.calls++;
    this.growth.called();
    const block = this.#block;
    if (block[STALE] !== 0) binding.patchNewSlots();
    // One by one: a pattern with computed keys would make strings of them.
    const mark = block[MARK];
    const by = block[MAKER];
    const outerCall = block[CALL];
    const outerMoved = block[MOVED];
    const outer = this.#depth++ === 0 ? null : block.slice(ARGUMENTS);
    const outerInner = this.#inner;
    this.#inner = 0;
    this.#noteArguments(args);
    block[MAKER] = maker.isLarge ? maker.place() : maker.unplaced;
    if (mark === 0) block[MARK] = SOMEBODY;
    block[MOVED] = 0;
    block[CALL] = ++this.#count;
    const balance = block[BALANCE];
    const blocks = block[BLOCKS];
    const allocator = maker.allocator;
    if (allocator !== undefined) allocator.before?.(...args);
    let result;
    try {
      result = func(...args);
      if (allocator !== undefined) allocator.after?.(result, ...args);
      return result;
    } finally {
      // First: what JavaScript allocates from now on is nobody's.
      block[MARK] = mark;
      const number = block[MAKER];
      block[MAKER] = by;
      const change = block[BALANCE] - balance;
      const kept = change - this.#inner;
      this.#inner = outerInner + change;
      const made = block[BLOCKS] - blocks;
      if (made !== 0 || block[MOVED] !== 0) {
        this.#made(maker, this.#numberOf(maker, number, made, kept), kept, made, result, args);
      }
      block[CALL] = outerCall;
      block[MOVED] = outerMoved;
      block[ARGUMENTS] = 0;
      this.#depth--;
      if (outer !== null) block.set(outer, ARGUMENTS);
    }
  }

  /** What a call stands under that has made so many blocks under `number`. */
  #numberOf(maker, number, made, kept) {
    if (maker.isLarge) return number;
    if (made > MOST_REMEMBERED || this.#block[MOVED] !== 0) return maker.becomeLarge();
    const place = maker.place(kept, () => binding.auditHasLeft(number, made));
    if (place !== number) binding.auditGive(number, place, made);
    return place;
  }

  #made(maker, number, kept, made, result, args) {
    maker.kept += kept;
    if (kept > 0) maker.keeping++;
    tellResults(maker, number, kept, result, args, this.#block[MOVED], made);
    maker.tell(); // now: this may be a worker, which is terminated
    this.growth.called();
  }

  /** The same on a thread of the FFI's, where all that is known is that no other function is being called there. */
  callAsync(maker, func, args) {
    maker.calls++;
    maker.asynchronous = true;
    const number = maker.place();
    this.#inFlight.set(maker, (this.#inFlight.get(maker) ?? 0) + 1);
    this.#elsewhere(number);
    const callback = args[args.length - 1];
    return func(...args.slice(0, -1), (error, result) => {
      const left = this.#inFlight.get(maker) - 1;
      if (left === 0) this.#inFlight.delete(maker);
      else this.#inFlight.set(maker, left);
      if (left === 0) this.#elsewhere(0);
      if (!error) {
        tellResults(maker, number, 0, result, args.slice(0, -1));
        maker.keeping++;
        maker.tell();
      }
      return callback(error, result);
    });
  }

  #elsewhere(number) {
    binding.auditElsewhere(this.#inFlight.size === 1 ? number : 0);
  }

  add(maker) {
    maker.allocator = allocators[maker.facts.name];
    this.makers.push(maker);
    return maker;
  }
}

module.exports = { Calls };
