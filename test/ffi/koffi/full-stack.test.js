'use strict';
// Results that are not in hand until they are tracked, see in-hand.test.js: there is room for that, or C is not called.

const { collect } = require('../../../lib');
const { expectBalance } = require('../../support/balance.js');
const { counting, koffi, things, unique } = require('./setup.js');

// The pointers of Koffi 2 must be asked for their addresses first.
const testKoffi3 =
  koffi.type === undefined || process.env.FFI_TALLY_BACKEND === 'javascript' ? test.skip : test;

describe('in the last frames of a full stack', () => {
  const library = koffi.load(counting);
  beforeEach(things.reset);
  afterEach(expectBalance);

  testKoffi3.each([
    [
      'a struct',
      () => {
        const [Holder, Owned] = ['Holder', 'OwnedHolder'].map(unique);
        koffi.struct(Holder, { length: 'uint64_t', text: 'void *', thing: 'void *', part: 'float' });
        koffi.owned(Owned, Holder, { free: 'holder_clear', size: 1 });
        return library.func(`${Owned} holder_new(size_t bytes)`);
      },
    ],
    [
      'what JavaScript frees',
      () => {
        const free = library.func('void thing_free(void *thing)');
        return library.func('void *thing_new(size_t bytes)', { free: (thing) => free(thing), size: 1 });
      },
    ],
    [
      'what may be invalid',
      () => library.func('void *thing_new(size_t bytes)', { free: 'thing_free', size: 1, invalid: -1n }),
    ],
    [
      'what is given by the outcome',
      () => library.func('void *thing_new(size_t bytes)', { free: 'thing_free', size: 1, gives: () => true }),
    ],
  ])('%s has an owner, or was not made', (_, declare) => {
    const make = declare();
    const all = [];
    const deeper = () => {
      all.push(make(10));
      deeper();
    };
    for (let i = 0; i < 3; i++) expect(deeper).toThrow();
    collect();
    expect(things.counters().live).toBe(all.length);
    for (const each of all) each.dispose();
  });
});
