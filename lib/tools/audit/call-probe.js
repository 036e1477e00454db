'use strict';
// Measures what each call of a C function keeps: bytes in use in the C allocator before the call and after it.
// It sits between Koffi and the drop-in, so that what the drop-in frees by itself is in nobody's figures.

const { isExternal } = require('node:util').types;
const { performance } = require('node:perf_hooks');
const binding = require('../../binding');
const { Books } = require('./books');

// Where the heap is badly fragmented, a reading takes milliseconds, and only some calls are measured.
const DEAR = 0.02; // milliseconds
const TIMED = 64; // one reading of so many is timed
const LATELY = 8;
// A function that has left so many known pointers as they were is taken to only use them.
const HARMLESS = 8;
const NONE = [];

function addressOf(value) {
  if (typeof value === 'bigint') return value;
  return isExternal(value) ? binding.externalAddress(value) : undefined;
}

function push(found, value) {
  const address = addressOf(value);
  if (address !== undefined && address > 4096n) found.push(address);
}

/** The addresses among arguments. */
function given(args) {
  const found = [];
  for (const value of args) if (typeof value !== 'number') push(found, value);
  return found;
}

/** The addresses that a call gave: its result, members of a struct, what it stored through pointers. */
function results(book, result, args) {
  const found = [];
  if (book.gives === 'pointer') push(found, result);
  else if (book.gives === 'struct') for (const value of Object.values(result ?? {})) push(found, value);
  for (const value of args) if (Array.isArray(value) && value.length === 1) push(found, value[0]);
  return found;
}

class CallProbe {
  books = new Books();
  start = binding.inUse();
  startedAt = performance.now();
  calls = 0;
  onCall = null; // to be called before every call
  rate = 1; // of the calls that are measured
  #readings = 0;
  #costs = []; // milliseconds that readings took lately
  #inner = 0; // what calls made during the current one have changed

  /** Whether the allocator tells anything. */
  get works() {
    return this.start >= 0;
  }

  #read() {
    if (this.#readings++ % TIMED !== 0) return binding.inUse();
    const before = performance.now();
    const bytes = binding.inUse();
    const cost = performance.now() - before;
    this.#costs.push(cost);
    if (this.#costs.length < LATELY) return bytes; // the first are slow for other reasons
    if (this.#costs.length > LATELY) this.#costs.shift();
    // The least, because a thread that was interrupted is not a slow reading.
    this.rate = Math.min(1, DEAR / Math.max(Math.min(...this.#costs), 1e-6));
    return bytes;
  }

  #known(args) {
    if (this.books.pointers.size === 0) return NONE;
    const addresses = given(args);
    return addresses.length === 0 ? NONE : this.books.known(addresses);
  }

  #skips(book, known) {
    if (!this.works) return true;
    if (this.rate === 1) return false;
    if (known.length > 0 && !(book.freed === 0 && book.touched >= HARMLESS)) return false;
    return Math.random() >= this.rate;
  }

  /** Calls `func`, the function of `book`, and enters what it kept. */
  call(book, func, args) {
    if (this.onCall !== null) this.onCall();
    book.calls++;
    this.calls++;
    const known = this.#known(args);
    if (this.#skips(book, known)) {
      const result = func(...args);
      if (this.works) this.books.see(book, known, results(book, result, args));
      return result;
    }

    const outer = this.#inner;
    const { calls } = this;
    this.#inner = 0;
    const before = this.#read();
    let result;
    try {
      result = func(...args);
      return result;
    } finally {
      const change = this.#read() - before;
      const own = change - this.#inner;
      this.#inner = outer + change;
      if (this.calls !== calls) book.calledBack++;
      this.#note(book, own, known, result, args);
    }
  }

  #note(book, change, known, result, args) {
    const found = change > 0 || known.length > 0 ? results(book, result, args) : NONE;
    this.books.note(book, change, known, found);
  }

  /** The same on another thread: only what pointers give evidence of, and only while nothing else happens. */
  callAsync(book, func, args) {
    book.calls++;
    book.asynchronous++;
    const known = this.#known(args);
    this.books.see(book, known, []);
    const callback = args[args.length - 1];
    const calls = ++this.calls;
    const before = this.works ? this.#read() : 0;
    const finished = (error, result) => {
      if (this.works && !error && calls === this.calls) {
        const change = this.#read() - before;
        const found = results(book, result, args.slice(0, -1));
        const frees = known.length > 0 && -change >= known[0].root.total / 2;
        if (frees || (change > 0 && found.length > 0)) this.books.note(book, change, known, found);
      }
      return callback(error, result);
    };
    return func(...args.slice(0, -1), finished);
  }
}

module.exports = { CallProbe };
