'use strict';
// The next turn of the event loop, in which what could not be freed at once is.

const { setImmediate } = require('node:timers');
const calls = require('../books/c-calls');
const { isOutermost } = require('../support/stack');

class Turn {
  #isScheduled = false;
  #work = null;
  #cutOff = null;

  /** Sets what a turn does, and what is done when a C call or a destructor was cut off. */
  onTurn(work, cutOff) {
    this.#work = work;
    this.#cutOff = cutOff;
  }

  schedule() {
    if (this.#isScheduled) return;
    // Not unref'd: an idle loop would never come back for the next slice.
    setImmediate(this.#run);
    this.#isScheduled = true; // now, because a full stack may have refused
  }

  #run = () => {
    this.#isScheduled = false;
    if (!calls.isIdle) {
      if (!isOutermost(this.#run)) return; // C runs the event loop: when it returns, it catches up
      // A timeout of node:vm, or Ctrl+C there, takes JavaScript off the stack without letting it clean up.
      calls.cutOff();
      this.#cutOff();
    }
    this.#work();
  };
}

module.exports = new Turn();
