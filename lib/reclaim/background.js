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

  /** Calls `settle()` while some run. The process does not end before them, nor does what they use. */
  watch(settle) {
    if (binding.inBackground() === 0) return;
    if (process._exiting) return void close(); // a listener that is added now is not called
    if (this.isWatching) return;
    needRoomForTimer();
    setTimeout(() => {
      process.off('exit', close); // which would keep a copy of the library that nobody uses
      this.isWatching = false;
      settle();
    }, PAUSE).unref();
    this.isWatching = true; // now, because a full stack may have refused
    process.on('exit', close);
  },
};

module.exports = { background };
