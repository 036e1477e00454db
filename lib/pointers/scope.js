'use strict';
// What synchronous code makes between two places ends together.

const { Unusual, unusual } = require('../books/unusual');
const { ArgumentTypeError } = require('../support/errors');
const { opened } = require('./opened-scope');
const { access } = require('./tracked-pointer');

const dispose = Symbol.dispose ?? Symbol.for('Symbol.dispose');
const FEW = 64; // pointers, of which nobody asks who has ended

class Scope {
  #pointers = new Set();
  #outer = opened.innermost; // null for none
  #isOpen = true;
  #prunesAt = FEW;

  constructor() {
    opened.innermost = this;
    unusual.note(Unusual.SCOPED, true);
    // Other code runs when this turn of the microtasks is over: what that makes is its own.
    queueMicrotask(() => this.#close());
  }

  #add(pointer) {
    this.#pointers.add(pointer);
    if (this.#pointers.size < this.#prunesAt) return;
    for (const each of this.#pointers) if (each.disposed) this.#pointers.delete(each);
    this.#prunesAt = Math.max(2 * this.#pointers.size, FEW);
  }

  #close() {
    this.#isOpen = false;
    while (opened.innermost !== null && !opened.innermost.#isOpen) opened.innermost = opened.innermost.#outer;
    unusual.note(Unusual.SCOPED, opened.innermost !== null);
  }

  keep(pointer) {
    if (!access.isTracked(pointer)) throw new ArgumentTypeError(pointer, 'pointer', 'a TrackedPointer');
    this.#pointers.delete(pointer);
    return pointer;
  }

  dispose() {
    this.#close();
    const all = [...this.#pointers].reverse(); // what was made last may need what was made first
    this.#pointers.clear();
    const errors = [];
    for (const each of all) {
      try {
        each.dispose();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }

  static {
    opened.add = (pointer) => opened.innermost.#add(pointer);
  }
}

Object.defineProperty(Scope.prototype, dispose, {
  value: Scope.prototype.dispose,
  writable: true,
  configurable: true,
});

/** Opens a scope. */
const scope = () => new Scope();

module.exports = { scope };
