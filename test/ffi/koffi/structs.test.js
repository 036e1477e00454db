'use strict';
// Structs that own: by owned members, and as a whole.

const { promisify } = require('node:util');
const binding = require('../../../lib/binding');
const { TrackedPointer, collect, configure, handOver, stats } = require('../../../lib');
const { errorOf, expectBalance, expectRefusal } = require('../../support/balance.js');
const { ended } = require('../../support/workers.js');
const { counting, declareThings, koffi, ownedThing, things, unique } = require('./setup.js');

const library = koffi.load(counting);
const { counters } = things;
const UNSUPPORTED = [TypeError, 'ERR_TALLY_UNSUPPORTED'];

beforeEach(things.reset);
afterEach(expectBalance);

describe('owned members', () => {
  function declare(options) {
    const { Owned, T } = ownedThing(options);
    const Gift = unique('Gift');
    koffi.struct(Gift, { first: Owned, count: 'int', more: koffi.struct({ list: koffi.array(Owned, 2) }) });
    return { Owned, T, Gift };
  }
  const all = (gift) => [gift.first, ...gift.more.list];
  const SIZES = [10, 10, 10];

  test.each([
    ['in a prototype', (Gift) => [`${Gift} gift_new(size_t bytes)`]],
    ['in the classic form', (Gift) => ['gift_new', Gift, ['size_t']]],
  ])('of a struct that C returns, %s', async (_, declaration) => {
    const { Gift, Owned } = declare();
    const make = library.func(...declaration(Gift));
    for (const gift of [make(10), await promisify(make.async)(10)]) {
      expect(gift.count).toBe(3);
      expect(all(gift).map(({ label, size }) => [label, size])).toEqual(SIZES.map((size) => [Owned, size]));
      for (const each of all(gift)) each.dispose();
    }
    const large = make(101);
    expect(large.more.list[1]).toBe(null);
    large.first.dispose();
    large.more.list[0].dispose();
    (() => make(10))();
    collect();
    expect(counters()).toMatchObject({ made: 11, freed: 11, double_frees: 0 });
  });

  test.each([
    ['a prototype', (Gift) => [`int gift_fill(_Out_ ${Gift} *gift, int count, size_t bytes, int outcome)`]],
    [
      'the classic form',
      (Gift) => ['gift_fill', 'int', [koffi.out(koffi.pointer(koffi.resolve(Gift))), 'int', 'size_t', 'int']],
    ],
  ])('of one that C fills, in %s, or of several; if it gives', async (_, declaration) => {
    const { Gift } = declare();
    const fill = library.func(...declaration(Gift), { gives: (code) => code === 0 });
    const [one, first, second, again] = [{}, {}, {}, {}];
    expect(fill(one, 1, 10, 0)).toBe(0);
    const several = [first, second];
    fill(several, 2, 10, 0);
    await promisify(fill.async)(again, 1, 10, 0);
    const gifts = [one, ...several, again];
    for (const gift of gifts) {
      expect(all(gift).map(({ size }) => size)).toEqual(SIZES);
      for (const each of all(gift)) each.dispose();
    }
    const refused = {};
    expect(fill(refused, 1, 10, 1)).toBe(1);
    expect(refused.first).not.toBeInstanceOf(TrackedPointer);
    expect(counters()).toMatchObject({ made: 12, freed: 12 });
    expect(() => fill(null, 0, 10, 0)).not.toThrow();
    for (const wrong of [Buffer.alloc(100), new BigUint64Array(4), 'text', 16n, [null]]) {
      expectRefusal(() => fill(wrong, 1, 10, 0), TypeError, 'ERR_TALLY_INVALID_ARG_TYPE');
    }
  });

  test('a size function is told the struct; what cannot be measured is freed, and the rest has owners', () => {
    const { Gift } = declare({ size: (address, bytes, gift) => (gift.count === 3 ? bytes : -1) });
    for (const each of all(library.func(`${Gift} gift_new(size_t bytes)`)(10))) each.dispose();
    let count = 0;
    const other = declare({ size: () => (++count === 1 ? -1 : 5) });
    const make = library.func(`${other.Gift} gift_new(size_t bytes)`);
    expect(errorOf(() => make(10)).code).toBe('ERR_TALLY_SIZE');
    collect();
    expect(counters()).toMatchObject({ made: 6, freed: 6 });
  });

  test('need an argument', () => {
    const { T, make } = declareThings();
    const { Gift } = declare({ parent: 0 });
    const parent = make(10);
    const gift = library.func(`${Gift} gift_of(${T} *parent, size_t bytes)`)(parent, 10);
    parent.dispose();
    expect(counters().freed).toBe(0);
    for (const each of all(gift)) each.dispose();
    expect(counters()).toMatchObject({ made: 4, freed: 4, orphans: 0 });
  });

  test('where what is to be filled cannot be: they have been collected', () => {
    const { Gift } = declare();
    const fill = library.func(`int gift_fill(_Out_ ${Gift} *gift, int count, size_t bytes, int outcome)`);
    const reading = { get first() { return 16n; }, set first(value) {} }; // prettier-ignore
    const refusing = new Proxy(
      {},
      {
        set() {
          throw new RangeError('not this one');
        },
      },
    );
    fill(reading, 1, 10, 0);
    expect(() => fill(Object.freeze({ first: 16n }), 1, 10, 0)).toThrow(TypeError);
    expect(() => fill(Object.freeze([{}]), 1, 10, 0)).toThrow(TypeError);
    expect(() => fill(refusing, 1, 10, 0)).toThrow('not this one');
    for (const each of reading.more.list) each.dispose();
    collect();
    expect(counters()).toMatchObject({ made: 12, freed: 12 });
  });

  test('in a union, or behind a pointer beside another of the same type: refused', () => {
    const { Gift, Owned } = declare();
    for (const part of [koffi.array(Owned, 2), koffi.struct({ one: Owned })]) {
      const Union = unique('Union');
      koffi.struct(Union, { either: koffi.union({ plain: 'void *', part }) });
      expectRefusal(() => library.func(`${Union} gift_new(size_t bytes)`), ...UNSUPPORTED);
    }
    const Both = unique('Both');
    koffi.struct(Both, { gift: Gift, next: `${Gift} *` });
    expectRefusal(() => library.func(`${Both} gift_new(size_t bytes)`), ...UNSUPPORTED);
  });

  test('where nobody could tell: refused', () => {
    const { Gift } = declare();
    for (const definition of [
      `void gift_new(${Gift} gift)`,
      `void gift_new(${Gift} *gift)`,
      `${Gift} *gift_new()`,
    ]) {
      expectRefusal(() => library.func(definition), ...UNSUPPORTED);
    }
  });
});

describe('a struct that is owned', () => {
  function declare(free, options) {
    const [Holder, Owned] = ['Holder', 'OwnedHolder'].map(unique);
    koffi.struct(Holder, { length: 'uint64_t', text: 'char *', thing: 'void *', part: 'float' });
    const byValue = library.func(`void holder_free(${Holder} holder)`);
    const declared = free === 'by value' ? byValue : 'holder_clear';
    koffi.owned(Owned, Holder, { free: declared, size: 100, ...options });
    return { Holder, Owned, make: library.func(`${Owned} holder_new(size_t bytes)`) };
  }

  describe.each(['by value', 'by address'])('freed %s', (free) => {
    test('is a pointer to a struct', async () => {
      const { Holder, Owned, make } = declare(free);
      const id = library.func(`int64_t holder_id(${Holder} holder)`);
      const idAt = library.func(`int64_t holder_id_at(const ${Holder} *holder)`);
      const holder = make(10);
      expect([holder.label, holder.size]).toEqual([Owned, 100]);
      expect(koffi.decode(holder, Holder)).toMatchObject({ text: 'text', part: 0.5 });
      expect(Number(koffi.decode(holder, 'uint64_t'))).toBe(10);
      expect(holder.view().byteLength).toBe(32);
      expectRefusal(() => koffi.decode(holder, 32, 'int'), RangeError, 'ERR_TALLY_OUT_OF_BOUNDS');
      expect(Number(id(holder))).toBeGreaterThan(0);
      expect(id(holder)).toBe(idAt(holder));
      expect(await promisify(id.async)(holder)).toBe(idAt(holder));
      holder.dispose();
      expectRefusal(() => id(holder), ReferenceError, 'ERR_TALLY_DISPOSED');
      (await promisify(make.async)(10)).dispose();
      (() => make(10))();
      collect();
      expect(counters()).toMatchObject({ made: 3, freed: 3, double_frees: 0, freed_underfoot: 0 });
    });

    test('may be stored, one or several', () => {
      const { Holder, Owned } = declare(free);
      const gives = { gives: (code) => code === 0 };
      const init = library.func(
        `int holder_init(_Out_ ${Owned} *holder, int count, size_t bytes, int outcome)`,
        gives,
      );
      const id = library.func(`int64_t holder_id(${Holder} holder)`);
      const [one, several, none] = [[null], [null, null, null], [null]];
      init(one, 1, 10, 0);
      init(several, 3, 10, 0);
      init(none, 1, 10, 1);
      expect(none[0]).toMatchObject({ part: 0 });
      several.splice(0, 1)[0].dispose(); // the others stay where they are
      collect();
      for (const holder of [...one, ...several]) {
        expect(Number(id(holder))).toBeGreaterThan(0);
        holder.dispose();
      }
      expect(counters()).toMatchObject({ made: 4, freed: 4, freed_underfoot: 0 });
    });

    test('is freed by hand, also by .async', async () => {
      const { Holder, make } = declare(free);
      const byHand =
        free === 'by value'
          ? library.func(`void holder_free(${Holder} holder)`)
          : library.func(`void holder_clear(${Holder} *holder)`);
      for (const call of [byHand, promisify(byHand.async)]) {
        const holder = make(10);
        await call(holder);
        expect(holder.disposed).toBe(true);
        expect(stats().pointers).toBe(0);
      }
      expect(counters()).toMatchObject({ made: 2, freed: 2, double_frees: 0 });
    });

    test('is taken', () => {
      const { Owned, make } = declare(free);
      const take = library.func(`void holder_free(${Owned} holder)`);
      const holder = make(10);
      const kept = binding.shared.keptForever?.size;
      take(holder);
      expect(holder.disposed).toBe(true);
      expect(binding.shared.keptForever?.size).toBe(kept);
      expectRefusal(() => take(holder), ReferenceError, 'ERR_TALLY_DISPOSED');
      expect(counters()).toMatchObject({ made: 1, freed: 1 });
    });
  });

  test('of one function, where Koffi has made no strings of what is in it', () => {
    const options = { free: 'holder_clear', size: (address, bytes) => bytes };
    const Plain = unique('Plain');
    koffi.struct(Plain, { length: 'uint64_t', text: 'void *', thing: 'void *', part: 'float' });
    const holder = library.func(`${Plain} holder_new(size_t bytes)`, options)(10);
    expect([holder.label, holder.size]).toEqual(['holder_new()', 10]);
    holder.dispose();
    const Named = unique('Named');
    koffi.struct(Named, { inside: koffi.struct({ name: koffi.array('char', 8) }), thing: 'void *' });
    for (const type of [declare('by address').Holder, Named]) {
      expectRefusal(() => library.func(`${type} holder_new(size_t bytes)`, options), ...UNSUPPORTED);
    }
  });

  test('with a callback in it is passed by value', () => {
    const [Call, Holder, Owned] = ['Call', 'Holder', 'OwnedHolder'].map(unique);
    koffi.proto(`void ${Call}()`);
    koffi.struct(Holder, { length: 'uint64_t', text: `${Call} *`, thing: 'void *', part: 'float' });
    koffi.owned(Owned, Holder, { free: 'holder_clear', size: 1 });
    const holder = library.func(`${Owned} holder_new(size_t bytes)`)(10);
    expect(Number(library.func(`int64_t holder_id(${Holder} holder)`)(holder))).toBeGreaterThan(0);
    holder.dispose();
  });

  test('of which JavaScript has the memory: it is as large as the struct, stays here, and cannot be released', () => {
    const { make } = declare('by address', { size: 1 });
    const holder = make(10);
    expect(new BigUint64Array(holder.view())[0]).toBe(10n);
    expect(holder.copy().length).toBe(32);
    expectRefusal(() => holder.view(33), RangeError, 'ERR_TALLY_INVALID_ARG_VALUE');
    expectRefusal(() => holder.release(), ...UNSUPPORTED);
    expectRefusal(() => handOver(holder), ...UNSUPPORTED);
    holder.dispose();
  });

  test('is in members of others, and comes from function pointers', () => {
    const { Owned } = declare('by address');
    const make = koffi.call(
      library.symbol('holder_new', 'void *'),
      koffi.proto(`${Owned} ${unique('Make')}(size_t bytes)`),
      10,
    );
    make.dispose();
    const Outer = unique('Outer');
    koffi.struct(Outer, { holder: Owned });
    const { holder } = library.func(`${Outer} holder_new(size_t bytes)`)(10);
    holder.dispose();
    expect(counters()).toMatchObject({ made: 2, freed: 2 });
  });

  test('is declared again with the same meaning, and not with another', () => {
    const { Holder, Owned } = declare('by address');
    const options = { free: 'holder_clear', size: 100 };
    koffi.owned(Owned, Holder, options);
    const invalid = [RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'];
    expectRefusal(() => koffi.owned(Owned, Holder, { ...options, size: 1 }), ...invalid);
    expectRefusal(() => koffi.owned(Owned, `${Holder} *`, options), ...invalid);
    for (const wrong of [{ size: 'malloc' }, { compare: 'malloc' }, { invalid: -1n }]) {
      expectRefusal(() => koffi.owned(unique('Holder'), Holder, { ...options, ...wrong }), ...invalid);
      const give = () => library.func(`${Owned} holder_new(size_t bytes)`, wrong);
      if (wrong.compare === undefined) expectRefusal(give, ...invalid);
    }
    expectRefusal(() => koffi.owned(unique('Holder'), Owned, options), ...UNSUPPORTED);
  });

  test('where nobody could tell, or it could not be kept: refused', () => {
    const { Holder, Owned } = declare('by value');
    for (const definition of [
      `${Owned} *holder_new(size_t bytes)`,
      `void holder_clear(${Owned} *holder)`,
      `void holder_clear(_Inout_ ${Owned} *holder)`,
    ]) {
      expectRefusal(() => library.func(definition), ...UNSUPPORTED);
    }
    const byValue = library.func(`void holder_free(${Holder} holder)`);
    expectRefusal(
      () => koffi.owned(unique('Owned'), `${Holder} *`, { free: byValue, size: 1 }),
      ...UNSUPPORTED,
    );
    const Union = unique('Union');
    koffi.struct(Union, { either: koffi.union({ a: 'int', b: 'float' }) });
    expectRefusal(() => koffi.owned(unique('Owned'), Union, { free: null, size: 1 }), ...UNSUPPORTED);
  });

  test('in the checked mode', () => {
    const { checked } = configure();
    configure({ checked: true });
    const { make } = declare('by address');
    for (const each of [make(10), make(10)]) each.dispose();
    configure({ checked });
    expect(counters()).toMatchObject({ made: 2, freed: 2 });
  });

  test('when a worker ends', async () => {
    await ended(
      `
      const { counting, koffi, unique } = require('./test/ffi/koffi/setup.js');
      const library = koffi.load(counting);
      const [Holder, Owned] = ['Holder', 'OwnedHolder'].map(unique);
      koffi.struct(Holder, { length: 'uint64_t', text: 'char *', thing: 'void *', part: 'float' });
      koffi.owned(Owned, Holder, { free: 'holder_clear', size: 1 });
      const make = library.func(Owned + ' holder_new(size_t bytes)');
      globalThis.kept = Array.from({ length: 100 }, () => make(10));
      `,
      'await start().ended',
      { made: 100, freed: 100, live: 0 },
    );
  });
});
