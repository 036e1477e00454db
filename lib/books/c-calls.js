'use strict';
// The C calls of ours that are on the stack. While there is one, nothing is freed: C may be using whatever JavaScript,
// called back, believes to be done with. Nobody else knows, so nobody else decides.

class CCalls {
  #depth = 0;
  #isDeferred = false; // whether something was to be freed meanwhile
  #isDraining = false; // whether the outermost is no call of C, but a drain, in which JavaScript frees
  #isDestroying = false; // whether the innermost is a destructor, which has no caller who could catch what it throws
  #whenIdle = null;

  /** Sets what is done when the last call has returned and something was deferred. */
  onIdle(callback) {
    this.#whenIdle = callback;
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

  /** C is about to be called. */
  enter() {
    this.#depth++;
  }

  /** C has returned, and what it gave is not tracked yet: catchUp() follows. */
  exit() {
    this.#depth--;
  }

  /** C has returned, and left nothing to track. */
  leave() {
    if (--this.#depth === 0 && this.#isDeferred) this.catchUp();
  }

  /** Something is to be freed when the last call has returned. */
  defer() {
    this.#isDeferred = true;
  }

  /** Frees what was deferred, if no call is left. */
  catchUp() {
    if (!this.#isDeferred || this.#depth !== 0) return;
    this.#isDeferred = false;
    this.#whenIdle();
  }

  /** Runs `run(argument)`, which calls destructors. One may be called back from another. */
  runDestructor(run, argument) {
    const outer = this.#isDestroying;
    this.#depth++;
    this.#isDestroying = true;
    try {
      return run(argument);
    } finally {
      this.#isDestroying = outer;
      this.#depth--;
    }
  }

  /** Runs `run(milliseconds, atBottom)`, in which JavaScript frees. REQUIRES: isIdle. */
  runDrain(run, milliseconds, atBottom) {
    this.#depth = 1;
    this.#isDraining = true;
    try {
      return run(milliseconds, atBottom);
    } finally {
      this.#depth = 0;
      this.#isDraining = false;
    }
  }

  /** The calls were taken off the stack without returning, as a timeout of node:vm does. */
  cutOff() {
    this.#depth = 0;
    this.#isDeferred = false;
    this.#isDraining = false;
    this.#isDestroying = false;
  }
}

module.exports = new CCalls();
