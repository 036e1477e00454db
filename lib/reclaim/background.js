'use strict';
// Destructors that run on a thread of their own. What they have freed is noticed here, now and then, and by whoever needs room.

const { setTimeout } = require('node:timers');
const binding = require('../binding');
const { needRoomForTimer } = require('../support/stack');

const PAUSE = 4; // milliseconds

const close = () => binding.closeBackground();

const background = {
  isUsed: false, // whether there are such destructors
  isWatching: false,
  isListening: false,

  /** Calls `settle()` while some run. The process does not end before them, nor does what they use. */
  watch(settle) {
    if (binding.inBackground() === 0) return;
    if (process._exiting) return void close(); // a listener that is added now is not called
    if (this.isWatching) return;
    needRoomForTimer();
    setTimeout(() => {
      this.isWatching = false;
      try {
        settle(); // which may watch on
      } finally {
        if (binding.inBackground() === 0) this.listen(false);
      }
    }, PAUSE).unref();
    this.isWatching = true; // now, because a full stack may have refused
    this.listen(true);
  },

  /** The first listener is kept, so that those that the program adds come later, and find all freed. */
  listen(wanted) {
    if (wanted === this.isListening) return;
    this.isListening = wanted;
    if (wanted) process.on('exit', close);
    else process.off('exit', close); // which would keep a copy of the library that nobody uses
  },
};

module.exports = { background };
