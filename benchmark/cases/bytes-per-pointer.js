'use strict';

const v8 = require('node:v8');
const { setImmediate: nextTurn } = require('node:timers/promises');
const { custom } = require('../bars');
const gc = require('../gc');

class Bare {
  constructor(address) {
    this.address = address;
  }
}

async function calmRss() {
  for (let i = 0; i < 5; i++) {
    gc.major();
    await nextTurn();
  }
  // V8's young generation grows with the pace of allocation and belongs to nobody.
  const young = v8.getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space');
  return process.memoryUsage.rss() - young.physical_space_size;
}

module.exports = {
  title: 'What a live pointer of 16 bytes takes, beyond those bytes and a bare object with the address',
  peers: ['raw', 'addon-fixed', 'registry-adjust', 'tally-gc'],
  reference: 'raw',
  rounds: 3,
  sizes: { full: { count: 1e6, bytes: 16 }, quick: { count: 1e6, bytes: 16 } },
  cap: 4e9,
  columns: [
    { head: 'RSS each', cell: (result) => result.bytesEach.toFixed(0) },
    {
      head: 'beyond bare',
      cell: (result, { raw }) => (raw === undefined ? '' : (result.bytesEach - raw.bytesEach).toFixed(0)),
    },
  ],

  async run({ peer, sizes, meter }) {
    const bare = (value) => (typeof value === 'object' ? value : new Bare(value));
    const live = new Array(sizes.count).fill(null);
    const before = await calmRss();
    meter.start();
    for (let i = 0; i < live.length; i++) live[i] = bare(peer.make(sizes.bytes));
    meter.stop();
    const bytesEach = ((await calmRss()) - before) / sizes.count;
    return { bytesEach, live: live.length };
  },

  bars: [
    custom('RSS of an ffi-tally pointer beyond a bare object', 'bytes', '<= 176 B', (results) => {
      const beyond = results['tally-gc'].bytesEach - results.raw.bytesEach;
      return { value: `${beyond.toFixed(0)} B`, pass: beyond <= 176 };
    }),
  ],
};
