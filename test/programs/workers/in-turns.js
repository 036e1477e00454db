'use strict';

/** Starts workers, three at a time, terminates those that say that they are ready, and tells how much the process grew. */
module.exports = async function inTurns(start, count) {
  let next = 0;
  let settled = 0;
  let grown = 0;
  const lane = async () => {
    while (next < count) {
      const worker = start(next++);
      worker.on('message', () => worker.terminate());
      await worker.ended;
      // The first ones bring caches and heaps that the process keeps.
      const rss = process.memoryUsage.rss();
      if (++settled <= 9) grown = -rss;
    }
  };
  await Promise.all([lane(), lane(), lane()]);
  grown += process.memoryUsage.rss();
  return { settled, grown };
};
