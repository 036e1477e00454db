'use strict';
// The C calls of ours that are on the stack. While there is one, nothing is freed: C may be using whatever JavaScript,
// called back, believes to be done with. Only what is disposed of explicitly is, unless one of the calls was lent it: of
// that each pointer has a mark, the serial number of the outermost such call.

const clock = require('../support/clock');
const { callersOfUs } = require('../support/stack');

// How long a call may hold up what is to be freed until that is worth a warning.
const LONG = 1000; // milliseconds
const MOST = 2 ** 30 - 1; // calls, after which the serial numbers begin again

class CCalls {
  #depth = 0;
  // Serial numbers: of the outermost call made last, positive; and of those within it that are on the stack, negative.
  #outermost = 1;
  #nested = [];
  #nestedLast = 0;
  #deferredAt = 0; // when something was first to be freed during the outermost call; 0 for nothing
  #isDeferred = false; // whether something is to be done when it has returned
  #looks = false; // whether that is to look at what was lent
  #isDraining = false; // whether one of them is no call of C, but a drain, in which JavaScript frees
  #isDestroying = false; // whether the innermost is a destructor, which has no caller who could catch what it throws
  #whenIdle = null;
  #whenCutOff = null;
  #whenReturned = null;

  /** Sets what is done when the last call has returned and something was deferred. */
  onIdle(callback) {
    this.#whenIdle = callback;
  }

  /** Sets what is done when the last call has returned, and first of all, where lookLater() was called. */
  onReturned(callback) {
    this.#whenReturned = callback;
  }

  /** Sets what is done when the calls were cut off. */
  onCutOff(callback) {
    this.#whenCutOff = callback;
  }

  /** Whether no C call is on the stack, so that memory may be freed. */
  get isIdle() {
    return this.#depth === 0;
  }

  /** Whether the C that runs now is a destructor. */
  get isDestroying() {
    return this.#isDestroying;
  }

  /** Whether C is in the middle of something, and may hold locks that a destructor would wait for. */
  get isInC() {
    return this.#isDestroying || this.#depth > (this.#isDraining ? 1 : 0);
  }

  /** C is about to be called: from now on what it is lent gets its mark. */
  enter() {
    if (this.#depth++ === 0) this.#outermost = (this.#outermost & MOST) + 1;
    else this.#nest();
  }

  /** The mark of a pointer that the innermost call is lent. REQUIRES: there is one. */
  get mark() {
    return this.#depth === 1 ? this.#outermost : this.#nested[this.#depth - 2];
  }

  /** Whether a call that is on the stack was lent the pointer with that mark. REQUIRES: there is one. */
  isOnStack(mark) {
    return mark === this.#outermost || (this.#depth > 1 && this.#isNested(mark));
  }

  #nest() {
    this.#nestedLast = -((-this.#nestedLast & MOST) + 1);
    this.#nested[this.#depth - 2] = this.#nestedLast;
  }

  #isNested(mark) {
    for (let i = 0; i < this.#depth - 1; i++) if (this.#nested[i] === mark) return true;
    return false;
  }

  /** Whether a pointer that no call was lent may be freed: JavaScript was called back, and not by a destructor. */
  get mayFreeUnlent() {
    return !this.#isDestroying && !this.#isDraining;
  }

  /** C has returned, and what it gave is not tracked yet: catchUp() follows. */
  exit() {
    this.#depth--;
  }

  /** C has returned, and left nothing to track. */
  leave() {
    if (--this.#depth === 0 && this.#isDeferred) this.catchUp();
  }

  /** Something is to be freed when the last call has returned. Warns if that takes long. */
  defer() {
    const now = clock.now();
    if (this.#deferredAt === 0) this.#deferredAt = now;
    this.#isDeferred = true;
    if (this.#depth > 0 && now - this.#deferredAt > LONG) warnOfLongCall();
  }

  /** When the last call has returned, C may have freed what it was lent. REQUIRES: there is one. */
  lookLater() {
    this.#looks = true;
    this.#isDeferred = true;
  }

  /** Does what was deferred, if no call is left. */
  catchUp() {
    if (this.#isDeferred && this.#depth === 0) this.#catchUpNow();
  }

  // Apart, because V8 puts what calls it into many functions.
  #catchUpNow() {
    this.#isDeferred = false;
    if (this.#looks) {
      this.#looks = false;
      this.#whenReturned();
    }
    if (this.#deferredAt === 0) return;
    this.#deferredAt = 0;
    this.#whenIdle();
  }

  /** A destructor is about to be called. Returns what endDestructor() wants: one may be called back from another. */
  beginDestructor() {
    const outer = this.#isDestroying;
    this.enter();
    this.#isDestroying = true;
    return outer;
  }

  endDestructor(outer) {
    this.#isDestroying = outer;
    this.#depth--;
  }

  /** Runs `run(argument)`, which calls destructors. */
  runDestructor(run, argument) {
    const outer = this.beginDestructor();
    try {
      return run(argument);
    } finally {
      this.endDestructor(outer);
    }
  }

  /** Runs `run(first, second)`, in which JavaScript frees. */
  runDrain(run, first, second) {
    const outer = this.#isDraining;
    this.enter();
    this.#isDraining = true;
    try {
      return run(first, second);
    } finally {
      this.#isDraining = outer;
      this.#depth--;
    }
  }

  /** The calls were taken off the stack without returning, as a timeout of node:vm does. */
  cutOff() {
    this.#depth = 0;
    this.#isDeferred = this.#looks; // at what was lent: the next call lets go of it
    this.#deferredAt = 0;
    this.#isDraining = false;
    this.#isDestroying = false;
    this.#whenCutOff?.();
  }
}

let hasWarned = false;

function warnOfLongCall() {
  if (hasWarned) return;
  hasWarned = true;
  process.emitWarning(
    `A call of C that has not returned for ${LONG / 1000} s holds up the freeing of all that JavaScript is done with`,
    {
      type: 'FfiTallyWarning',
      code: 'FFI_TALLY_LONG_CALL',
      detail: `Declare the function with { reenters: true }. It was called here, by way of its callback:\n${callersOfUs()}`,
    },
  );
}

module.exports = new CCalls();
