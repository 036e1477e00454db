'use strict';
// Loads the library again and again, as reloaders of code do. Prints what is left of the copies.
//   node test/programs/binding/reload.js COPIES ENTRY [addon]     ENTRY: its entry point; the addon is loaded anew as well

const path = require('node:path');
const { gcUntil } = require('../../support/gc-until.js');
const things = require('../../support/things.js');

const root = path.join(__dirname, '../../..');
const [copies, entry, addon] = process.argv.slice(2);
const BYTES = 2 ** 20;
const isOurs = (file) =>
  file.startsWith(path.join(root, 'lib')) || (addon && file.endsWith('ffi_tally.node'));

function load() {
  for (const file of Object.keys(require.cache)) if (isOurs(file)) delete require.cache[file];
  return { entry: require(path.join(root, entry)), tally: require('../../../lib') };
}

const make = ({ tally }, size = 10) => tally.track(things.make(size), { size, free: things.FREE });

/** A copy that nobody uses any more. */
function leave(i) {
  const { entry, tally } = load();
  entry.load?.(null).close?.();
  make({ tally }).dispose();
  make({ tally, size: 100_000 }); // garbage
  tally.reportExternal(BYTES);
  if (i % 2 === 0) tally.gauge('reloaded', () => BYTES);
  if (i % 10 === 0) tally.track(things.make(1), { size: 1, free: (address) => things.free(address) });
}

/** One that has what is in use: a pointer, a view whose pointer nobody has, and the memory that a stream has moved. */
function use() {
  const copy = load();
  const view = make(copy).view();
  new Uint8Array(view).fill(7);
  const moved = make(copy).view().transfer?.() ?? make(copy).view();
  new Uint8Array(moved).fill(7);
  return { pointer: make(copy), view, moved };
}

const ofProcess = ({ tally }) => {
  const { environments, bytes, pointers, manual, outside } = tally.stats({ scope: 'process' });
  return { environments, bytes, pointers, manual, outside };
};

(async () => {
  let used = use();
  for (let i = 0; i < Number(copies); i++) leave(i);
  const last = load();
  // The last copy, the one that is the addon's parent, and one more that V8 may still look at.
  const [most, inUse] = [3, 1];
  const before = await gcUntil('none but what is in use', () => {
    const found = ofProcess(last);
    return found.environments <= most + inUse && found.pointers === 3 && found;
  });
  const isIntact = [used.view, used.moved].every((buffer) =>
    new Uint8Array(buffer).every((byte) => byte === 7),
  );
  used.pointer.dispose();
  used = undefined;
  const after = await gcUntil('all', () => {
    const found = ofProcess(last);
    return found.environments <= most && found.pointers === 0 && found;
  });
  // All but what the copies have that are left; the last one has charged nothing.
  const left = (after.environments - 1) * BYTES;
  const isTakenBack =
    after.manual <= left && after.outside <= left && last.tally.memoryUsage().counter < left + 2 * BYTES;
  console.log(JSON.stringify({ before, isIntact, after, isTakenBack, ...things.counters() }));
})();
