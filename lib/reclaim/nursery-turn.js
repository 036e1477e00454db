'use strict';
// What the nursery holds cannot be collected, so it holds nothing for longer than a turn of the event loop.

const { setImmediate, setTimeout } = require('node:timers');
const binding = require('../binding');
const { nursery } = require('../books/nursery');
const { Unusual, unusual } = require('../books/unusual');
const { needRoomForTimer } = require('../support/stack');
const { heapSize } = require('./gc');
const { follow, relieve } = require('./reclaim');

// An idle thread that has tracked pointers looks that often whether the process waits for it. Milliseconds.
const IDLE = 100;

class NurseryTurn {
  #timer = null;

  /** The nursery is flushed at the end of this turn. */
  arm() {
    needRoomForTimer();
    setImmediate(this.#flush).unref();
    unusual.note(Unusual.UNARMED, false); // now, because a full stack may have refused
  }

  #flush = () => {
    unusual.note(Unusual.UNARMED, true);
    if (!binding.isCalm()) binding.reconsider(heapSize().pages);
    if (nursery.nextIndex > 0) {
      nursery.flush();
      if (nursery.advice !== 0) relieve(nursery.advice);
    }
    if (this.#timer === null) this.#timer = setTimeout(this.#look, IDLE).unref();
  };

  #look = () => {
    this.#timer = null;
    if (binding.isWanted()) follow();
    if (binding.holdsGarbage()) this.#timer = setTimeout(this.#look, IDLE).unref();
  };
}

module.exports = new NurseryTurn();
