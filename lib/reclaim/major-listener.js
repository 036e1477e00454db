'use strict';
// Hears of major GCs on the event loop, where nobody may be tracking anything that would notice the dead: of a
// FinalizationRegistry, which hears of no others. Native code keeps it alive while there is anything to free, because a
// registry that can be collected never fires: under Jest the whole module may be dropped.

const binding = require('../binding');
const { kinds } = require('../books/kinds');
const { nursery } = require('../books/nursery');
const { Unusual, unusual } = require('../books/unusual');
const { isWatching } = require('../books/unowned');
const { scripts } = require('./destroy');
const gc = require('./gc');
const turn = require('./turn');

const { FinalizationRegistry } = globalThis;
class MajorListener {
  #registry = new FinalizationRegistry(() => this.#hear());

  constructor() {
    binding.root(this.#registry);
  }

  listen() {
    if (!unusual.has(Unusual.UNHEARD)) return;
    binding.startWatch(gc.heapSize().pages);
    this.#registry.register({}, undefined);
    unusual.note(Unusual.UNHEARD, false); // now, because a full stack may have refused
  }

  #hear() {
    nursery.flush();
    binding.noteMajor();
    scripts.retry();
    turn.schedule();
    kinds.unpinIdle();
    const goesOn = binding.pointers() > 0 || isWatching();
    unusual.note(Unusual.UNHEARD, !goesOn);
    if (goesOn) this.#registry.register({}, undefined);
  }
}

module.exports = new MajorListener();
