'use strict';
// The next turn of the event loop, in which what could not be freed at once is.

const { clearImmediate, clearTimeout, setImmediate, setTimeout } = require('node:timers');
const { isMainThread } = require('../binding');
const calls = require('../books/c-calls');
const { isOutermost, needRoomForTimer } = require('../support/stack');

// An event loop that has nothing else to do, but stays alive, would sleep. Woken by this, it comes to the immediates.
function wake() {}

class Turn {
  #isScheduled = false;
  #immediate;
  #timer;
  #work = null;
  #cutOff = null;

  /** Whether the thread stays alive for it. What is only garbage is freed by the end of the process as well. */
  keepsAlive = !isMainThread;

  /** Sets what a turn does, and what is done when a C call or a destructor was cut off. */
  onTurn(work, cutOff) {
    this.#work = work;
    this.#cutOff = cutOff;
  }

  schedule() {
    if (this.#isScheduled) return;
    needRoomForTimer();
    this.#immediate = setImmediate(this.#run);
    if (!this.keepsAlive) {
      this.#immediate.unref();
      this.#timer = setTimeout(wake, 1).unref();
    }
    this.#isScheduled = true; // now, because a full stack may have refused
  }

  /** Kept here: native code holds it weakly, or no copy of the library that nobody uses could be collected. */
  onDead = () => this.schedule();

  #run = () => {
    this.#isScheduled = false;
    clearImmediate(this.#immediate);
    clearTimeout(this.#timer);
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
