'use strict';
// What the nursery holds cannot be collected, so it holds nothing for longer than a turn of the event loop.

const { setImmediate } = require('node:timers');
const { nursery } = require('../books/nursery');
const { relieve } = require('./reclaim');

class NurseryTurn {
  isArmed = false;

  /** The nursery is flushed at the end of this turn. */
  arm() {
    setImmediate(this.#flush).unref();
    this.isArmed = true; // now, because a full stack may have refused
  }

  #flush = () => {
    this.isArmed = false;
    if (nursery.nextIndex === 0) return;
    nursery.flush();
    if (nursery.advice !== 0) relieve(nursery.advice);
  };
}

module.exports = new NurseryTurn();
