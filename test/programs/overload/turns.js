'use strict';

/**
 * A major collection, and turns of the event loop until `condition` holds. Resolves to what `each` has returned at each of
 * them.
 */
async function turns(condition, each) {
  const seen = [];
  await new Promise(setImmediate); // the frame of the program may keep what it no longer names
  gc();
  for (let i = 0; !condition(); i++) {
    if (i === 100_000) throw new Error('too many turns');
    await new Promise(setImmediate);
    seen.push(each());
  }
  return seen;
}

module.exports = { turns };
