'use strict';
// What the nursery holds cannot be collected, so it holds nothing for longer than a turn of the event loop.

const { setImmediate, setTimeout } = require('node:timers');
const binding = require('../binding');
const { nursery } = require('../books/nursery');
const { Unusual, unusual } = require('../books/unusual');
const { needRoomForTimer } = require('../support/stack');
const { heapSize } = require('./gc');
const { follow, relieve } = require('./reclaim');
const turn = require('./turn');

// An idle thread that has tracked pointers looks that often whether the process waits for it. Milliseconds.
const IDLE = 100;
const { MINOR, MAJOR } = binding.protocol.advice;

class NurseryTurn {
  #timer = null;
  #hasWaited = false;

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
      if (nursery.advice !== 0 && !this.#sweepsFirst(MAJOR)) relieve(nursery.advice);
    }
    if (this.#timer === null) this.#timer = setTimeout(this.#look, IDLE).unref();
  };

  // What a GC of V8's own has left dead is found before another is asked for, which would find no more: in turns, a slice
  // each. `least` is of which GC that is said: some turns go by until a major one is known to be one.
  #sweepsFirst(least) {
    if (binding.unswept() < least || binding.isNearLimit()) return false;
    turn.schedule();
    return true;
  }

  #look = () => {
    this.#timer = null;
    this.#hasWaited = binding.isWanted() && this.#sweepsFirst(this.#hasWaited ? MAJOR : MINOR);
    if (binding.isWanted() && !this.#hasWaited) follow();
    if (binding.holdsGarbage()) this.#timer = setTimeout(this.#look, IDLE).unref();
  };
}

module.exports = new NurseryTurn();
