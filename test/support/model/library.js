'use strict';
// Copies of the library in one thread, as reloads of its modules make them, and what the model uses of each.

const path = require('node:path');
const { counting } = require('../counting.js');
const things = require('../things.js');

const LIB = path.join(__dirname, '../../../lib', path.sep);
const isOurs = (file) => file.startsWith(LIB);

let loaded = 0;

/** Loads the library, anew if it is there already. */
function load() {
  for (const file of Object.keys(require.cache).filter(isOurs)) delete require.cache[file];
  const tally = require('../../../lib');
  const library = {
    ...tally,
    binding: require('../../../lib/binding'),
    access: require('../../../lib/pointers/tracked-pointer').access,
    drain: require('../../../lib/reclaim/destroy').drain,
    ...declare(tally.withOwnership(things.koffi), `Model${loaded++}`),
  };
  library.destructors = destructorsOf(library);
  // What is loaded keeps what it has loaded.
  module.children = module.children.filter(({ id }) => !isOurs(id));
  return library;
}

function declare(koffi, prefix) {
  koffi.opaque(`${prefix}Thing`);
  koffi.owned(`Owned${prefix}Thing`, `${prefix}Thing *`, { free: 'thing_free', size: 1 });
  koffi.proto(`int ${prefix}Callback(${prefix}Thing *thing, int value)`);
  const lib = koffi.load(counting);
  const call = `int thing_call(${prefix}Thing *thing, ${prefix}Callback *callback, int value)`;
  return {
    call: lib.func(call),
    callReentering: lib.func(call, { reenters: true }),
    sumSlow: lib.func(`int thing_sum_slow(${prefix}Thing *thing, int ms)`),
  };
}

const { FREE, FREE_SIZED } = things;
const SIZED = 3;
const IN_JAVASCRIPT = [1, 2];

const destructorsOf = ({ POINTER, SIZE, binding }) => [
  () => FREE,
  () => (address) => things.free(address),
  () => things.free,
  ...(binding.canBind ? [() => ({ address: FREE_SIZED, args: [POINTER, SIZE] })] : []),
];

const first = load();

module.exports = { IN_JAVASCRIPT, SIZED, first, isNative: first.binding.backend === 'native', load };
