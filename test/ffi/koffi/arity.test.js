'use strict';
// Functions of one to seven arguments: the usual numbers have a form each, more share one.

const { expectBalance } = require('../../support/balance.js');
const { counting, koffi, ownedThing, things, unique } = require('./setup.js');

const library = koffi.load(counting);
const { T, Owned } = ownedThing();

beforeEach(things.reset);
afterEach(expectBalance);

describe.each([1, 2, 3, 4, 5, 6, 7])('of %d', (count) => {
  // C ignores the further ones.
  const more = count - 1;
  const sevens = new Array(more).fill(7);
  const ints = ', int'.repeat(more);
  const make = library.func(`${Owned} thing_new(size_t bytes${ints})`);

  test('the size function hears the address and all of them', () => {
    const heard = [];
    const Heard = unique('Heard');
    const size = (...args) => {
      heard.push(args);
      return 100;
    };
    koffi.owned(Heard, `${T} *`, { free: 'thing_free', size });
    const thing = library.func(`${Heard} thing_new(size_t bytes${ints})`)(100, ...sevens);
    expect(heard).toEqual([[thing.address, 100, ...sevens]]);
    thing.dispose();
    expect(things.counters().freed).toBe(1);
  });

  test('an argument that the FFI refuses ends the call', () => {
    const id = library.func(`int64_t thing_id(const ${T} *thing${ints})`);
    const thing = make(100, ...sevens);
    expect(Number(id(thing, ...sevens))).toBe(Number(things.id(thing.address)));
    const refused = more === 0 ? ['no thing'] : [thing, ...sevens.slice(1), 'seven'];
    expect(() => id(...refused)).toThrow(/Unexpected|Expected|expected/);
    // A call that were still under way would delay it.
    thing.dispose();
    expect(things.counters().freed).toBe(1);
  });
});
