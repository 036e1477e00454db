'use strict';
// What asks more of a new pointer than an entry in the nursery, in one number: whoever makes one looks only once.

const Unusual = {
  TRACED: 1,
  CHECKED: 2,
  GAUGED: 4, // gauges may have to be read
  UNHEARD: 8, // nobody hears of major GCs
  UNARMED: 16, // nobody flushes the nursery at the end of this turn
  SCOPED: 32,
  STRESSED: 64,
};

const unusual = {
  reasons: Unusual.UNHEARD | Unusual.UNARMED,

  has(reason) {
    return (this.reasons & reason) !== 0;
  },

  note(reason, on) {
    this.reasons = on ? this.reasons | reason : this.reasons & ~reason;
  },
};

module.exports = { Unusual, unusual };
