/** @jest-environment ./test/support/once.js */
'use strict';
// What a metered library frees although JavaScript owns it: told in the checked mode, and not freed again. In the stress mode
// what libraries free stays for a while.

const { runChild } = require('../../support/child.js');
const { canCount, prelude } = require('../../support/exact.js');

const beginning = `${prelude}
  const { subscribe } = require('node:diagnostics_channel');
  const things = require('./test/support/things.js');
  koffi.owned('Owned', 'Thing *', { free: 'thing_free' });
  const lib = koffi.load(counting);
  const make = lib.func('Owned thing_new(size_t bytes)');
  const take = lib.func('int thing_take(Thing *thing, int outcome)'); // which does not say that it takes
  const told = [];
  process.on('warning', ({ code, message }) => told.push([code, message]));
  const losses = [];
  subscribe('ffi-tally:foreign-free', (loss) => losses.push(loss));
  const expectNothingLeft = () => {
    collect();
    const { live, double_frees, foreign_frees } = things.counters();
    assert.deepStrictEqual({ live, double_frees, foreign_frees }, { live: 0, double_frees: 0, foreign_frees: 0 });
    assert.deepStrictEqual([stats().bytes, stats().pointers], [0, 0]);
  };
`;

async function run(steps, env) {
  const { stderr, ...rest } = await runChild(beginning + steps, { env: { FFI_TALLY_CHECKED: '1', ...env } });
  expect({ ...rest, failed: rest.code === 0 ? '' : stderr }).toEqual({
    code: 0,
    signal: null,
    stdout: '',
    failed: '',
  });
  return stderr;
}

(canCount ? describe : describe.skip)('in the checked mode', () => {
  test('what a call has freed is told with both names, and ended', async () => {
    const stderr = await run(`
      for (let i = 0; i < 3; i++) {
        const thing = make(1000);
        const { address } = thing;
        assert.strictEqual(take(thing, 0), 0);
        assert(thing.disposed);
        assert.deepStrictEqual(losses.pop(), { address, freedBy: 'thing_take', allocatedBy: 'Owned', again: false });
        thing.dispose();
        expectNothingLeft();
      }
      setImmediate(() => assert.deepStrictEqual(told.map(([code]) => code), ['FFI_TALLY_FREED_BY_C']));
    `);
    expect(stderr).toMatch(/'thing_take' has freed 0x[0-9a-f]+, a 'Owned' that JavaScript owns/);
  });

  test.each([
    ['disposed of', '(thing) => thing.dispose()'],
    ['dropped', '() => {}'],
    [
      'held by what needs it',
      '(thing) => track(4096n, { size: 1, free: () => {}, parent: thing }).dispose()',
    ],
  ])('what nobody has seen freed, because C got the address, is told when it is %s', async (_, end) => {
    const stderr = await run(`
      const free = lib.func('int thing_take(uint64_t thing, int outcome)');
      (() => {
        const thing = make(1000);
        free(thing.address, 0);
        (${end})(thing);
      })();
      expectNothingLeft();
      assert.strictEqual(losses.length, 1);
    `);
    expect(stderr).toMatch(/'libcounting\.(so|dll[.\d]*)' has freed 0x[0-9a-f]+, a 'Owned'/);
  });

  test('destructors in JavaScript, and those with arguments, do not run either', () =>
    run(
      `
      let runs = 0;
      koffi.owned('Scripted', 'Thing *', { free: () => runs++, size: 'exact' });
      koffi.owned('Bound', 'Thing *', { free: { symbol: 'thing_close', args: [koffi.POINTER], ok: 0 }, size: 'exact' });
      for (const type of ['Scripted', 'Bound']) {
        const thing = lib.func(type + ' thing_new(size_t bytes)')(1000);
        take(thing, 0);
        assert(thing.disposed);
      }
      assert.strictEqual(runs, 0);
      expectNothingLeft();
    `.replace('koffi.POINTER', "require('./lib').POINTER"),
    ));

  test('in a callback of the call that has freed it', () =>
    run(`
      const thing = make(1000);
      koffi.proto('int Visit(void *thing, int value)');
      const call = lib.func('int thing_call(Thing *thing, Visit *visit, int value)');
      const other = make(10);
      call(other, () => take(thing, 0) + 1, 7);
      assert(thing.disposed && !other.disposed);
      assert.strictEqual(losses.length, 1);
      other.dispose();
      expectNothingLeft();
    `));

  test('whoever may free a pointer is not accused', async () => {
    const stderr = await run(`
      make(10).dispose();
      make(1000);
      collect();
      lib.func('void thing_free(Thing *thing)')(make(100)); // its destructor
      lib.func('int thing_take(Owned thing, int outcome)')(make(100), 0); // as it is declared
      const kept = make(10);
      lib.func('int thing_take(Owned thing, int outcome)', { takes: (result) => result === 0 })(kept, 1); // which has not taken it
      const given = make(10).release();
      take(given, 0);
      koffi.owned('Scripted', 'Thing *', { free: (address) => things.free(address), size: 'exact' });
      lib.func('Scripted thing_new(size_t bytes)')(10).dispose();
      const parent = make(10);
      track(4096n, { size: 1, free: () => {}, parent }).dispose();
      for (const each of [kept, parent]) each.dispose();
      for (let i = 1; i < 1000; i++) make(i).dispose();
      expectNothingLeft();
      assert.strictEqual(losses.length, 0);
    `);
    expect(stderr).toBe('');
  });

  test('off, nothing is told', async () => {
    const stderr = await run(
      `const thing = make(10);
      take(thing, 0);
      assert(!thing.disposed);
      thing.release();`,
      { FFI_TALLY_CHECKED: '0' },
    );
    expect(stderr).toBe('');
  });
});

(canCount ? describe : describe.skip)('in the stress mode', () => {
  test('what a library has freed is overwritten, and its address is given to nobody, for a while', () =>
    run(
      `
      const text = lib.func('void *thing_new(size_t bytes)');
      const bytesAt = (address) => Buffer.from(koffi.decode(pointer(address), 'uint8_t', 16));
      const pointer = (address) => require('./lib/ffi/koffi/dialect').toKoffiPointer(koffi, address);
      const block = make(100);
      const { address } = block;
      block.dispose();
      assert.deepStrictEqual(bytesAt(address), Buffer.alloc(16, 0xdb));
      for (let i = 0; i < 30; i++) {
        const other = make(100);
        assert.notStrictEqual(other.address, address);
        other.dispose();
      }
      assert.strictEqual(stats().bytes, 0);
      configure({ stress: false });
      const addresses = new Set();
      for (let i = 0; i < 1000; i++) {
        const other = make(100);
        addresses.add(other.address);
        other.dispose();
      }
      assert(addresses.size < 900);
    `,
      { FFI_TALLY_STRESS: '1', FFI_TALLY_CHECKED: '0' },
    ));
});
