'use strict';

const { POINTER, SIZE, collect, handOver, memoryUsage, stats, takeOver, track } = require('../../lib');
const binding = require('../../lib/binding');
const { declareThings, koffi, unique } = require('../ffi/koffi/setup.js');
const { errorOf, expectBalance, expectRefusal } = require('../support/balance.js');
const { runChild } = require('../support/child.js');
const { canTell } = require('../support/loaded.js');
const things = require('../support/things.js');

const { FREE, FREE_SIZED, counters } = things;
const inTransit = () => stats({ scope: 'process' }).inTransit;
const nothing = { bytes: 0, pointers: 0 };

beforeEach(things.reset);
afterEach(() => {
  expect(inTransit()).toEqual(nothing);
  return expectBalance();
});

const make = (bytes = 100, options = {}) =>
  track(things.make(bytes), { size: bytes, free: FREE, label: 'thing', ...options });

test.each([100, 2 ** 20])('ends the pointer here; its bytes are in transit: %i', (bytes) => {
  const pointer = make(bytes);
  const { released } = stats().totals;
  const everywhere = memoryUsage().terms.tracked;
  const token = handOver(pointer);
  expect(pointer.disposed).toBe(true);
  expect(errorOf(() => pointer.address).code).toBe('ERR_TALLY_DISPOSED');
  pointer.dispose();
  collect();
  expect(counters()).toMatchObject({ live: 1, freed: 0 });
  expect(stats()).toMatchObject({ ...nothing, reported: 0 });
  expect(inTransit()).toEqual({ bytes, pointers: 1 });
  expect(stats().totals.released - released).toBe(1);
  expect(memoryUsage().terms.tracked).toBe(everywhere);
  takeOver(token).dispose();
});

test('the token is plain data that says what it stands for', () => {
  const token = handOver(make(100));
  expect(token).toEqual({ handedOver: expect.any(String), label: 'thing', size: 100 });
  expect(structuredClone(token)).toEqual(token);
  expect(JSON.parse(JSON.stringify(token))).toEqual(token);
  expect(Object.isFrozen(token)).toBe(true);
  const other = handOver(make(100));
  expect(other.handedOver).not.toBe(token.handedOver);
  takeOver(token).dispose();
  takeOver(other).dispose();
});

const { handOver: native } = binding;
test.each([
  ['there is no memory', () => false],
  ['the worker is being terminated, and goes on for a moment', () => undefined],
])('no token is given for what is not in transit, because %s', (_, answer) => {
  const pointer = make(100);
  binding.handOver = answer;
  expectRefusal(() => handOver(pointer), Error, 'ERR_TALLY_OUT_OF_MEMORY');
  binding.handOver = native;
  expect(pointer.disposed).toBe(false);
  takeOver(handOver(pointer)).dispose();
});

test('a view is emptied', () => {
  const pointer = make(100);
  const view = pointer.view();
  const token = handOver(pointer);
  expect(view.byteLength).toBe(0);
  takeOver(token).dispose();
});

test.each([
  ['by a C function', () => FREE],
  ['by a C function with bound arguments', () => (binding.canBind ? { address: FREE_SIZED, args: [POINTER, SIZE, -1] } : FREE)], // prettier-ignore
  [
    'by a function that the drop-in declared',
    () => declareThings().library.func('void thing_free(void *thing)'),
  ],
])('a pointer that is freed %s', (_, free) => {
  takeOver(handOver(make(100, { free: free() }))).dispose();
  expect(counters()).toMatchObject({ freed: 1, ...things.faultless });
});

test('a pointer that nobody frees', () => {
  const pointer = takeOver(handOver(track(4096n, { size: 100, free: null })));
  expect(pointer.address).toBe(4096n);
  pointer.dispose();
});

test('memory of koffi.alloc(), and a result of the drop-in, which has its label and no type', () => {
  const block = takeOver(handOver(koffi.alloc('int', 10, { owned: true })));
  expect(block.size).toBe(40);
  block.dispose();

  const { make: create, id, Owned } = declareThings();
  const { id: otherId } = declareThings();
  const thing = create(10);
  const before = id(thing);
  const pointer = takeOver(handOver(thing));
  expect(pointer.label).toBe(Owned);
  expect([id(pointer), otherId(pointer)]).toEqual([before, before]);
  pointer.dispose();
});

describe('is refused, and nothing has changed,', () => {
  const refused = (pointer, Class, code) => {
    const view = pointer.view();
    const error = expectRefusal(() => handOver(pointer), Class, code);
    expect(pointer.disposed).toBe(false);
    expect(view.byteLength).toBe(pointer.size);
    return error;
  };

  test('for what is no tracked pointer', () => {
    for (const value of [null, undefined, 1n, {}, things.make]) {
      expectRefusal(() => handOver(value), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
    }
  });

  test('for one that has ended', () => {
    const pointer = make();
    pointer.dispose();
    const error = expectRefusal(() => handOver(pointer), ReferenceError, 'ERR_TALLY_DISPOSED');
    expect(error.message).toContain('hand over');
  });

  test('for one that JavaScript frees', () => {
    const pointer = make(100, { free: (address) => things.free(address) });
    expect(refused(pointer, TypeError, 'ERR_TALLY_UNSUPPORTED').message).toContain('thing');
    pointer.dispose();
  });

  test('for a child, and for a parent', () => {
    const parent = make();
    const child = track(things.makeChild(parent.address, 10), { size: 10, free: FREE, parent });
    refused(child, TypeError, 'ERR_TALLY_UNSUPPORTED');
    refused(parent, Error, 'ERR_TALLY_IN_USE');
    child.dispose();
    collect(); // its view is garbage, and until then needs the memory
    takeOver(handOver(parent)).dispose();
  });

  test('during an asynchronous call', async () => {
    const { make: create, library, T } = declareThings();
    const sum = library.func(`int thing_sum_slow(${T} *thing, int ms)`);
    const thing = create(10);
    const done = new Promise((resolve) => sum.async(thing, 20, (error, result) => resolve(error ?? result)));
    refused(thing, Error, 'ERR_TALLY_IN_USE');
    await done;
    takeOver(handOver(thing)).dispose();
  });

  test('while a C call is on the stack', () => {
    const { make: create, library, T } = declareThings();
    const name = unique('Callback');
    koffi.proto(`int ${name}(${T} *thing, int value)`);
    const call = library.func(`int thing_call(${T} *thing, ${name} *callback, int value)`);
    const thing = create(10);
    const again = () => (refused(thing, Error, 'ERR_TALLY_IN_USE'), 7);
    expect(call(thing, again, 1)).toBe(7);
    takeOver(handOver(thing)).dispose();
  });
});

(canTell ? test : test.skip)('its library stays mapped in transit', async () => {
  const child = await runChild('test/programs/pointers/mapped-in-transit.js');
  expect(child).toEqual({ code: 0, signal: null, stdout: 'true false\n', stderr: '' });
});
