'use strict';
// Hears of major GCs on the event loop, where nobody may be tracking anything that would notice the dead: of a
// FinalizationRegistry, which hears of no others. Native code keeps it alive while there is anything to free, because a
// registry that can be collected never fires: under Jest the whole module may be dropped.

const binding = require('../binding');
const { kinds } = require('../books/kinds');
const { nursery } = require('../books/nursery');
const { isWatching } = require('../books/unowned');
const { scripts } = require('./destroy');
const gc = require('./gc');
const turn = require('./turn');

const { FinalizationRegistry } = globalThis;
class MajorListener {
  isListening = false;
  #registry = new FinalizationRegistry(() => this.#hear());

  constructor() {
    binding.root(this.#registry);
  }

  listen() {
    if (this.isListening) return;
    binding.startWatch(gc.heapSize().pages);
    this.#registry.register({}, undefined);
    this.isListening = true; // now, because a full stack may have refused
  }

  #hear() {
    nursery.flush();
    binding.noteMajor();
    scripts.retry();
    turn.schedule();
    kinds.unpinIdle();
    this.isListening = binding.pointers() > 0 || isWatching();
    if (this.isListening) this.#registry.register({}, undefined);
  }
}

module.exports = new MajorListener();
