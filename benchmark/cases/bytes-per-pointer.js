'use strict';

const { setImmediate: nextTurn } = require('node:timers/promises');
const gc = require('../gc');
const { custom } = require('../bars');

class Bare {
  constructor(address) {
    this.address = address;
  }
}

module.exports = {
  title: 'What a live pointer of 16 bytes takes, beyond those bytes and a bare object with the address',
  peers: ['raw', 'addon-fixed', 'registry-adjust', 'tally-gc'],
  reference: 'raw',
  rounds: 3,
  sizes: { full: { count: 1e6, bytes: 16 }, quick: { count: 3e5, bytes: 16 } },
  cap: 4e9,
  columns: [
    { head: 'RSS each', cell: (result) => result.bytesEach.toFixed(0) },
    { head: 'beyond bare', cell: (result, { raw }) => (result.bytesEach - raw.bytesEach).toFixed(0) },
  ],

  async run({ peer, sizes, meter }) {
    const bare = peer.bare ?? ((value) => (typeof value === 'object' ? value : new Bare(value)));
    const live = new Array(sizes.count).fill(null);
    for (let i = 0; i < 3; i++) gc.major();
    const before = process.memoryUsage.rss();
    meter.start();
    for (let i = 0; i < sizes.count; i++) live[i] = bare(peer.make(sizes.bytes));
    meter.stop();
    for (let i = 0; i < 5; i++) {
      gc.major();
      await nextTurn();
    }
    const bytesEach = (process.memoryUsage.rss() - before) / sizes.count;
    return { bytesEach, live: live.length };
  },

  bars: [
    custom('RSS of an ffi-tally pointer beyond a bare object', 'bytes', '<= 160 B', (results) => {
      const beyond = results['tally-gc'].bytesEach - results.raw.bytesEach;
      return { value: `${beyond.toFixed(0)} B`, pass: beyond <= 160 };
    }),
  ],
};
