'use strict';
// Threads that come and go while others read.

const { meteredAllocator, stats } = require('../../../lib');
const { assert, free, start } = require('./meter.js');

const seen = () => stats().meters.find(({ label }) => label === 'it');

async function main() {
  const meter = meteredAllocator({ label: 'it' });
  for (let round = 0; round < 3; round++) {
    let done = false;
    const all = Promise.all([1, 2, 3].map(() => start([], 300))).then((answers) => {
      done = true;
      return answers;
    });
    while (!done) {
      const { blocks, bytes, foreign } = seen();
      assert(blocks >= 0 && bytes >= 0);
      assert.strictEqual(foreign, 0);
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const { blocks } of await all) for (const block of blocks) free(meter.free, block);
    const { bytes, blocks } = seen();
    assert.deepStrictEqual({ bytes, blocks }, { bytes: 0, blocks: 0 });
  }
}

main();
