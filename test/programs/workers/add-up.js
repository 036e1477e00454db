'use strict';

const { once } = require('node:events');
const { stats, track } = require('../../../lib');
const things = require('../../support/things.js');

const ofProcess = () => stats({ scope: 'process' });

/** What the books of the process say while `count` workers are there, and as they end; `terminated` of each `kinds` do not. */
module.exports = async function addUp(start, { count, kinds, terminated }) {
  const mine = track(things.make(5), { size: 5, free: things.FREE });
  const alone = ofProcess();
  const workers = Array.from({ length: count }, (_, i) => start(i));
  const filled = (await Promise.all(workers.map((worker) => once(worker, 'message')))).flat();
  const full = { ...ofProcess(), referee: things.counters() };
  let least = Infinity; // of what ever was
  await Promise.all(
    workers.map(async (worker, i) => {
      worker.postMessage('end');
      if (i % kinds >= kinds - terminated) setTimeout(() => worker.terminate(), 10 * i);
      await worker.ended;
      least = Math.min(least, ofProcess().totals.tracked);
    }),
  );
  const after = ofProcess();
  mine.dispose();
  return { alone, filled, full, least, after, end: ofProcess() };
};
