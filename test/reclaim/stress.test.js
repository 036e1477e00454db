'use strict';
// configure({ stress }): what C still needs and JavaScript has dropped is gone when C is called.

const { collect, configure } = require('../../lib');
const { runChild } = require('../support/child.js');
const { expectBalance } = require('../support/balance.js');
const { counting, declareThings, koffi, things } = require('../ffi/koffi/setup.js');
const { counters } = things;

beforeEach(things.reset);
afterEach(() => {
  configure({ stress: false });
  collect();
  things.reset();
  return expectBalance();
});

/** Uses the inside of a thing that nobody has any more. Returns how often the referee saw that. */
function useAnOrphan(options) {
  const { T, make } = declareThings();
  const library = koffi.load(counting);
  const interior = library.func(`void *thing_interior(${T} *thing, size_t offset)`, options);
  const ownerOf = library.func('int64_t thing_owner_id(void *interior)');
  const inside = (() => interior(make(100), 8))(); // no register of this function holds the thing
  ownerOf(inside);
  return counters().freed_underfoot;
}

test('a mistake that works without it is seen with it', () => {
  expect(useAnOrphan({})).toBe(0);
  configure({ stress: true });
  expect(useAnOrphan({})).toBeGreaterThan(0);
});

test('what is right stays right', () => {
  configure({ stress: true });
  expect(useAnOrphan({ keeps: 0 })).toBe(0);
});

test('functions look as they are, and are themselves where it is off', () => {
  const plain = (library) => library.func('int64_t thing_id(void *thing)');
  const before = plain(koffi.load(counting));
  configure({ stress: true });
  const during = plain(koffi.load(counting));
  expect([during.name, during.length, during.info.name]).toEqual([
    before.name,
    before.length,
    before.info.name,
  ]);
  expect(typeof during.async).toBe('function');
});

test('is said by the environment, too', async () => {
  const env = { FFI_TALLY_STRESS: '1' };
  expect((await runChild(`console.log(require('./lib').configure().stress)`, { env })).stdout).toBe('true\n');
  expect((await runChild(`console.log(require('./lib').configure().stress)`)).stdout).toBe('false\n');
});
