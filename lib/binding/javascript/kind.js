'use strict';
// What pointers of one account and one destructor have in common.

const c = require('./c');
const protocol = require('./protocol');

const { BOUND, DIRECT, JAVASCRIPT } = protocol.form;

/** What frees a pointer: a function (address, size), as c.destructor() makes it. */
function destructor(form, address, args) {
  if (form === DIRECT) return c.destructor(address, ['pointer']);
  if (form === BOUND) return c.destructor(address, args);
  return () => {};
}

class Kind {
  live = 0; // pointers that have a slot
  collected = 0; // pointers ever
  isDropped = false; // nobody makes pointers of this kind
  #address;
  #unpin = null;

  constructor(id, account, form, address, args) {
    this.id = id;
    this.account = account;
    this.ok = args?.find((argument) => typeof argument === 'number');
    this.retries = args?.includes(true);
    this.isFreedHere = form !== JAVASCRIPT && this.ok === undefined;
    this.run = destructor(form, address, args);
    this.#address = form === DIRECT || form === BOUND ? address : null;
  }

  /** Keeps the library of the destructor loaded. */
  pin() {
    if (this.#address !== null) this.#unpin ??= c.pin(this.#address);
  }

  unpin() {
    this.#unpin?.();
    this.#unpin = null;
  }
}

module.exports = { Kind };
