'use strict';
// What C takes, as its outcome decides, belongs to who has taken it; what it leaves, to who had it.

const assert = require('node:assert');
const { promisify } = require('node:util');
const binding = require('../../../../lib/binding');
const { stats, withOwnership } = require('../../../../lib');
const { containers } = require('../../../support/build.js')();
const koffi = withOwnership(require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi'));

const lib = koffi.load(containers);
koffi.opaque('List');
koffi.opaque('Strings');
koffi.owned('OwnedList', 'List *', { free: 'free_list' });
koffi.owned('OwnedStrings', 'Strings *', { free: 'free_strings' });
const makeList = lib.func('OwnedList make_list(int room)');
const make = lib.func('OwnedStrings make_strings(int count)');
const grow = lib.func('void add_string(Strings *strings)');
const append = lib.func('void append_string(_Inout_ OwnedStrings *place)');
const take = (makeTakes) =>
  lib.func('int add_strings(List *list, OwnedStrings strings)', { takes: makeTakes });
const add = take((code) => {
  make(10).dispose(); // a call of its own, in which nothing is moved
  return code === 0;
});
const addBadly = take(() => {
  throw new Error('mine');
});

const check = (...objects) => {
  const sizes = objects.reduce((sum, { size }) => sum + size, 0);
  assert.strictEqual(sizes, binding.countedTotals().bytes);
  assert.strictEqual(stats().bytes, sizes);
};

async function run() {
  const list = makeList(100);
  for (let i = 0; i < 98; i++) {
    const strings = make(i);
    if (i % 2 === 1) grow(strings);
    assert.strictEqual(add(list, strings), 0);
  }
  check(list);
  const addLater = promisify(add.async);
  assert.strictEqual(await addLater(list, make(50)), 0);
  check(list);
  assert.throws(() => addBadly(list, make(20)), { message: 'mine' }); // taken, for all that is known
  check(list);
  const refused = make(20);
  assert.strictEqual(add(list, refused), 1);
  assert.strictEqual(await addLater(list, refused), 1);
  grow(refused);
  check(list, refused);

  const place = [refused];
  for (let i = 0; i < 100; i++) append(place);
  assert(refused.disposed);
  check(list, place[0]);
  const other = [null];
  append(other);
  check(list, place[0], other[0]);
  for (const each of [list, place[0], other[0]]) each.dispose();
  check();
}

run();
