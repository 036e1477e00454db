'use strict';
// The blocks of counted libraries that pointers have whose destructors are JavaScript. Which C functions those call nobody knows:
// only this tells whether C has freed such a pointer meanwhile.

const binding = require('../binding');

const { LOST } = binding.protocol.threadBlock;

class WatchedBlocks {
  #block = null; // the doubles of this thread; null while nothing is counted
  #seen = 0; // LOST, when somebody asked last

  /** What a library allocates is counted from now on. */
  begin() {
    this.#block ??= new Float64Array(binding.threadBlock());
  }

  /** Watches the block that this address is in. Returns the block; 0 for none that is known. */
  watch(address) {
    return this.#block === null ? 0 : binding.watchBlock(address);
  }

  /** Whether `block`, which watch() has returned, is freed. */
  isGone(block) {
    return block !== 0 && !binding.isWatchedBlock(block);
  }

  /** Whether this thread may have freed one since this was asked last. */
  hasLost() {
    const block = this.#block;
    if (block[LOST] === this.#seen) return false;
    this.#seen = block[LOST];
    return true;
  }
}

module.exports = new WatchedBlocks();
