'use strict';

// Turns without a change after which there is another collection: what compiles a loop beside it keeps for a while what the
// loop has used.
const IDLE = 100;

/**
 * A major collection, and turns of the event loop until `condition` holds. Resolves to what `each` has returned at each of
 * them.
 */
async function turns(condition, each) {
  const seen = [];
  let idle = 0;
  await new Promise(setImmediate); // the frame of the program may keep what it no longer names
  gc();
  for (let i = 0; !condition(); i++) {
    if (i === 100_000) throw new Error('too many turns');
    await new Promise(setImmediate);
    seen.push(each());
    idle = String(seen.at(-1)) === String(seen.at(-2)) ? idle + 1 : 0;
    if (idle % IDLE === IDLE - 1) gc();
  }
  return seen;
}

module.exports = { turns };
