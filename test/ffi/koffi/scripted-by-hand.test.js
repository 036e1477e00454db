/** @jest-environment ./test/support/once.js */
'use strict';
// A destructor in JavaScript, and the C function that it calls called by hand. What C allocates tells that the pointer is freed.

const { runChild } = require('../../support/child.js');
const { canCount, prelude } = require('../../support/exact.js');
const { canInterrupt, windows } = require('../../support/platform.js');

const beginning = `${prelude}
  const things = require('./test/support/things.js');
  let runs = 0;
  koffi.owned('Owned', 'Thing *', { free: (address) => (runs++, free(address)) });
  const lib = koffi.load(counting);
  const make = lib.func('Owned thing_new(size_t bytes)');
  const free = lib.func('void thing_free(Thing *thing)');
  const valueOf = lib.func('int thing_value(Thing *thing)');
  koffi.proto('int Visit(void *thing, int value)');
  const call = lib.func('int thing_call(Thing *thing, Visit *visit, int value)');
  const expectNothingLeft = (destructors = 0) => {
    collect();
    const { live, double_frees, foreign_frees } = things.counters();
    assert.deepStrictEqual({ live, double_frees, foreign_frees }, { live: 0, double_frees: 0, foreign_frees: 0 });
    assert.deepStrictEqual([stats().bytes, stats().pointers, stats().dead.pointers, runs], [0, 0, 0, destructors]);
  };
`;

const run = (steps, env) =>
  runChild(beginning + steps, { env }).then(({ stderr, ...rest }) =>
    expect({ ...rest, stderr }).toEqual({ code: 0, signal: null, stdout: '', stderr: '' }),
  );

// On Windows calls count only while types are counted that they have to do with.
const testSized = windows ? test.skip : test;

(canCount ? describe : describe.skip)('what a call has freed', () => {
  test('ends, and its destructor does not run', () =>
    run(`
      for (let i = 0; i < 3; i++) {
        const thing = make(1000 + i);
        valueOf(thing);
        assert(!thing.disposed);
        free(thing);
        assert(thing.disposed);
        thing.dispose();
        assert.throws(() => valueOf(thing), { code: 'ERR_TALLY_DISPOSED' });
      }
      expectNothingLeft();
      make(10).dispose();
      expectNothingLeft(1);
    `));

  (canInterrupt ? test : test.skip)('is not kept by a call that was cut off', () =>
    run(`
      const { cutOff, forever } = require('./test/support/disturb.js');
      let thing = make(10);
      cutOff(() => call(thing, forever, 1));
      thing = null;
      make(10).dispose(); // which the call would have held up: a turn finds out
      setImmediate(() => setImmediate(() => {
        make(10).dispose();
        expectNothingLeft(3);
      }));
    `),
  );

  test('and at whose address C has another one since', () =>
    run(`
      const other = make(100);
      const thing = make(1000);
      const { address } = thing;
      let next;
      call(other, () => (free(thing), (next = things.make(1000)), 0), 1);
      assert.strictEqual(next, address);
      assert(thing.disposed);
      things.free(things.koffi.type ? next : require('./lib/ffi/koffi/dialect').toKoffiPointer(koffi, next));
      other.dispose();
      expectNothingLeft(1);
    `));

  test.each([
    ['with others', `lib.func('int thing_take(Thing *thing, int outcome)')(thing, 0)`],
    ['by its address', 'free(thing.address)'],
    [
      'in a callback, by which it is disposed of',
      'call(make(1), () => (free(thing), thing.dispose(), 0), 1), runs--',
    ],
    ['that calls back for long', `lib.func('void thing_free(Thing *thing)', { reenters: true })(thing)`],
    ['while another needs it', 'track(4096n, { size: 1, free: () => {}, parent: thing }), free(thing)'],
    ['and is dropped', 'free(thing.address)'],
  ])('%s', (_, steps) =>
    run(`
      (() => {
        const thing = make(1000);
        ${steps};
        ${_ === 'and is dropped' ? '' : 'thing.dispose();'}
      })();
      collect();
      expectNothingLeft(0);
    `),
  );

  const freedByC = (size) =>
    run(`
      const libc = koffi.load(platform.libc);
      koffi.owned('Block', 'void *', { free: (address) => (runs++, release(address)), size: ${size} });
      const allocate = libc.func('Block malloc(size_t bytes)');
      const release = libc.func('void free(void *block)');
      const block = allocate(1000);
      release(block);
      assert(block.disposed);
      expectNothingLeft();
      allocate(1000).dispose();
      expectNothingLeft(1);
    `);
  test.each(['undefined'])('by free() of C, of a type whose size is %s', freedByC);
  testSized.each(['1000', `'malloc'`])('by free() of C, of a type whose size is %s', freedByC);

  test('in another thread', () =>
    run(`
      const thing = make(1000);
      free.async(thing, (error) => {
        assert.ifError(error);
        assert(thing.disposed);
        expectNothingLeft();
      });
    `));

  testSized('of a type with a size, where the library is metered', () =>
    run(`
      koffi.owned('Sized', 'Thing *', { free: (address) => (runs++, free(address)), size: 1000 });
      const metered = koffi.load(counting, { metered: true });
      const thing = metered.func('Sized thing_new(size_t bytes)')(1000);
      metered.func('void thing_free(Thing *thing)')(thing);
      assert(thing.disposed);
      expectNothingLeft();
    `),
  );
});

(canCount ? describe : describe.skip)('what is still there', () => {
  test('stays, whatever has used it or made it larger', () =>
    run(`
      const enlarge = lib.func('void thing_enlarge(Thing *thing, size_t bytes)');
      const thing = make(1000);
      for (let i = 0; i < 10; i++) {
        enlarge(thing, 1000);
        valueOf(thing);
        call(thing, () => valueOf(thing), 1);
      }
      assert(!thing.disposed);
      thing.dispose();
      expectNothingLeft(1);
    `));

  test('and is a block that realloc() has left where it was', () =>
    run(`
      const libc = koffi.load(platform.libc);
      koffi.owned('Block', 'void *', { free: (address) => (runs++, release(address)) });
      const release = libc.func('void free(void *block)');
      const block = libc.func('Block malloc(size_t bytes)')(1000);
      const realloc = libc.func('void *realloc(void *block, size_t bytes)');
      realloc(block, 900);
      assert(!block.disposed);
      block.dispose();
      assert.strictEqual(runs, 1);
    `));
});
