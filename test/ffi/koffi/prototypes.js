'use strict';
// Random prototypes, with owned types in all places, against Koffi itself and a model. A declaration that Koffi refuses is
// refused in its words; one that would be accepted and then mean nothing is refused in ours; what is accepted is called, with
// right and wrong arguments, and does to their owners what it says. Plain Node, no Jest: prototypes.test.js runs it, and anyone
// can run more of it:
//   node test/ffi/koffi/prototypes.js [runs] [seed]

const assert = require('node:assert');
const fc = require('fast-check');
const { POINTER, SIZE, TrackedPointer, collect, stats } = require('../../../lib');
const binding = require('../../../lib/binding');
const { gcUntil } = require('../../support/gc-until.js');
const { counting, isKoffi2, koffi, raw, things, unique } = require('./setup.js');

const { counters, faultless } = things;
const ours = koffi.load(counting);
const theirs = raw.load(counting);
const FIRST = 1; // the first argument of thing_act() is its script

// ---- Types ----

const [A, B] = ['A', 'B'].map((name) => unique(name));
for (const name of [A, B]) koffi.opaque(name);

const types = new Map(); // owned type -> { base, size }

function declareOwned(name, base, free, size) {
  const full = unique(name);
  koffi.owned(full, `${base} *`, { free, size });
  types.set(full, { base, size: typeof size === 'function' ? size() : size });
  return full;
}
const OA = declareOwned('OwnedA', A, 'thing_free', 'thing_size');
const OtherA = declareOwned('OtherA', A, (address) => things.free(address), 3);
const OB = declareOwned('OwnedB', B, 'thing_free', () => 4);
const Any = declareOwned('Any', 'void', 'thing_free', 1);

const Text = unique('Text');
koffi.owned(Text, 'char *', { free: 'thing_free' });
const Inside = unique('Inside');
koffi.struct(Inside, { number: 'int', thing: OA });
const [Plain, Takes, Gives] = ['Plain', 'Takes', 'Gives'].map((name) => unique(name));
koffi.proto(`int ${Plain}(int value)`);
koffi.proto(`int ${Takes}(${OA} thing)`);
koffi.proto(`${OA} ${Gives}(int value)`);

// Koffi 2 does not tell what callbacks take and give.
const OWNED_CALLBACKS = isKoffi2 ? [] : [`${Takes} *`, `${Gives} *`];
// It frees twice, at exit, what it has told of a type where one with '!' was derived from that since.
const MARKED = isKoffi2 ? [] : [`${OA}!`, `${Text}!`];

// ---- What may stand in a prototype ----

const all = (role, texts, more) => texts.map((text) => ({ text, role, ...more }));
const each = (role, names, write) => names.map((of) => ({ text: write(of), role, of }));

const PARAMETERS = [
  ...all('number', ['int', 'size_t']),
  ...all('string', ['const char *']),
  ...all('callback', [`${Plain} *`]),
  ...all('borrow', [`${A} *`, `const ${A} *`], { base: A }),
  ...all('borrow', [`${B} *`], { base: B }),
  ...all('borrow', ['void *', 'const void *'], { base: 'void' }),
  ...each('consume', [OA, OtherA, OB, Any], (of) => of),
  ...each('consume', [OA], (of) => `const ${of}`),
  ...each('out', [OA, OB, Any], (of) => `_Out_ ${of} *`),
  ...each('inout', [OA, OtherA, Any], (of) => `_Inout_ ${of} *`),
  ...all('plain out', [`_Out_ ${A} **`, '_Out_ void **']),
  ...all('text out', [`_Out_ ${Text} *`]),
  ...all('refused', [`${OA} *`, `${OA} **`, `_Out_ ${OA} **`, `_Out_ ${OA}`, `_Inout_ ${OB}`]),
  ...all('refused', [Inside, `${Inside} *`]),
  ...all('refused', [Text, `${Text} *`, ...MARKED]),
  ...all('koffi', [`${OA}[2]`, 'NoSuchType', 'void']),
];

const RESULTS = [
  ...all('nothing', ['void', 'double']),
  ...all('plain', [`${A} *`, `const ${A} *`], { base: A }),
  ...all('plain', ['void *'], { base: 'void' }),
  ...each('owned', [OA, OtherA, OB, Any], (of) => of),
  ...each('owned', [OA], (of) => `const ${of}`),
  ...all('text', [Text]),
  ...all('refused', [`${OA} *`, `${OA} **`, ...MARKED, `${Text} *`]),
  ...all('refused', [`${Inside} *`, ...OWNED_CALLBACKS]),
  ...all('koffi', ['NoSuchType']),
];

const sizedFree = { symbol: 'thing_free_sized', args: [POINTER, SIZE] };
const GOOD = {
  free: ['thing_free', (address) => things.free(address), sizedFree, null],
  size: [16, 'thing_size', () => 16],
  parent: [0, 1, 2, 3, 4, 5, () => null],
  keeps: [0, 1, 2, 3, 4, 5],
  resizes: [0, 1, 2, 3, 4, 5],
  shared: [true, false],
};
const BAD = {
  free: ['', 'no_such_function', 7],
  size: ['', 'no_such_function', -1, {}],
  parent: [-1, 1.5],
  keeps: [-1, '1'],
  resizes: [-1, null],
  shared: [1],
  nothing: [1],
};

const weighted = (list) => {
  const usual = list.filter(({ role }) => role !== 'refused' && role !== 'koffi');
  return fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(...usual) },
    { weight: 1, arbitrary: fc.constantFrom(...list) },
  );
};
const option = (name, weight) =>
  fc.oneof(
    { weight: 1000 - weight, arbitrary: fc.constant(undefined) },
    { weight, arbitrary: fc.constantFrom(...(GOOD[name] ?? BAD[name])) },
    { weight: 5, arbitrary: fc.constantFrom(...BAD[name]) },
  );
const unknown = fc.constantFrom(...Array(200).fill({}), { nothing: 1 });

// Where a size may be left out, the model would have to know what C allocates.
const sized = (options) =>
  binding.canPatch && options.free !== undefined && options.size === undefined
    ? { ...options, size: 16 }
    : options;

const declaration = fc
  .record({
    form: fc.constantFrom('prototype', 'prototype', 'classic', 'with convention'),
    result: weighted(RESULTS),
    params: fc.array(weighted(PARAMETERS), { maxLength: 4 }),
    variadic: fc.constantFrom(false, false, false, false, false, false, false, true),
    options: fc.option(
      fc.record({
        free: option('free', 500),
        size: option('size', 400),
        parent: option('parent', 150),
        keeps: option('keeps', 150),
        resizes: option('resizes', 150),
        shared: option('shared', 50),
      }),
      { nil: undefined, freq: 3 },
    ),
    more: unknown,
  })
  .map(({ options, more, ...rest }) => ({
    ...rest,
    options: options === undefined ? undefined : sized({ ...options, ...more }),
  }));

const number = fc.nat(1 << 20);
const call = fc.record({
  args: fc.array(number, { minLength: 4, maxLength: 4 }),
  letters: fc.array(number, { minLength: 5, maxLength: 5 }),
  how: fc.constantFrom('as declared', 'as declared', 'async', 'too few', 'too many'),
  then: fc.constantFrom('keep', 'keep', 'keep', 'dispose', 'drop', 'collect', 'free by hand'),
  which: number,
});
const step = fc.record({ declaration, calls: fc.array(call, { minLength: 1, maxLength: 6, size: 'max' }) });

// ---- What a declaration means ----

/** Whether an option means nothing, or contradicts what else is declared. */
function isRefused({ result, params, options = {} }) {
  const { free, size, parent, keeps, resizes, shared } = options;
  const isOwned = result.role === 'owned';
  const roleAt = (i) => params[i - FIRST]?.role;
  return (
    [result, ...params].some(({ role }) => role === 'refused') ||
    Object.entries(options).some(([name, value]) => BAD[name].includes(value)) ||
    (shared !== undefined && free === undefined) ||
    (shared === true && free === null) ||
    (free !== undefined && isOwned) ||
    (!isOwned && free === undefined && (size !== undefined || parent !== undefined)) ||
    (parent !== undefined && keeps !== undefined) ||
    ((free !== undefined || keeps !== undefined) && !isOwned && result.role !== 'plain') ||
    (free !== undefined && size === undefined) ||
    [parent, keeps].some((i) => typeof i === 'number' && !['borrow', 'callback'].includes(roleAt(i))) ||
    (resizes !== undefined && roleAt(resizes) !== 'borrow')
  );
}

/** The owner of what C returns, { label, base, size, ... }; undefined where nobody owns it. */
function ownerOfResult({ result, options = {} }) {
  const { free, size, keeps } = options;
  const told = typeof size === 'function' ? size() : size;
  const tells = size === 'thing_size';
  if (result.role === 'owned')
    return { ...ownerOf(result.of), ...(size === undefined ? {} : { size: told, tells }) };
  if (free === undefined && keeps === undefined) return undefined;
  const label = 'thing_act()';
  if (free === undefined) return { label, base: result.base, size: 0, tells: false, isInside: true };
  return {
    label,
    base: result.base,
    size: told,
    tells,
    isSized: free === sizedFree,
    isUnowned: free === null,
    isFreedByName: free === 'thing_free',
  };
}

function ownerOf(label) {
  const { base, size } = types.get(label);
  return { label, base, size, tells: size === 'thing_size', isFreedByName: label !== OtherA };
}

const isNative = (func) => func.toString().includes('[native code]');
const meansNothing = ({ result, params, variadic, options = {} }) =>
  !variadic &&
  result.role !== 'owned' &&
  Object.values(options).every((value) => value === undefined) &&
  params.every(({ role }) => ['number', 'string'].includes(role));

// ---- One program ----

const same = (actual, expected) => assert.deepStrictEqual({ ...actual }, { ...actual, ...expected });
const pick = (list, n) => list[n % list.length];
const totals = { declared: 0, refused: 0, calls: 0, refusedCalls: 0 };

function errorOf(attempt) {
  try {
    attempt();
    return undefined;
  } catch (error) {
    return error;
  }
}

const isOurs = (error) => typeof error?.code === 'string' && error.code.startsWith('ERR_TALLY_');

/** Declares a function in one of the two libraries. */
function declare(library, { form, result, params, variadic, options }) {
  const texts = ['const char *', ...params.map(({ text }) => text), ...(variadic ? ['...'] : [])];
  const more = options === undefined || library === theirs ? [] : [options];
  if (form === 'prototype') return library.func(`${result.text} thing_act(${texts.join(', ')})`, ...more);
  const convention = form === 'classic' ? [] : ['__cdecl'];
  return library.func(...convention, 'thing_act', result.text, texts, ...more);
}

class Program {
  handles = []; // { pointer, label, base, size, tells, isSized, isFreedByName, isUnowned, isInside, cSize, parent, children }
  ended = []; // pointers that are over
  loose = new Set(); // addresses of what only C knows
  unsure = false; // whether something was dropped and is not collected yet

  async run(steps) {
    things.reset();
    for (const { declaration: declared, calls } of steps) {
      this.doing = [declared];
      const func = this.declare(declared);
      // Koffi remembers the last variadic call by the address of its function, whatever it was declared as.
      for (const each of func === undefined || declared.variadic ? [] : calls) {
        this.doing[1] = each;
        await this.call(func, declared, each);
        this.then(each);
        this.check();
      }
    }
    this.letGo();
    await this.end();
  }

  declare(declared) {
    let oursIs;
    const refusal = errorOf(() => declare(theirs, declared));
    const error = errorOf(() => (oursIs = declare(ours, declared)));
    if (refusal !== undefined) {
      assert.strictEqual(error?.message, refusal.message);
      return undefined;
    }
    if (isRefused(declared)) {
      assert.ok(isOurs(error), `${error ?? 'accepted'}`);
      totals.refused++;
      return undefined;
    }
    assert.strictEqual(error, undefined);
    assert.strictEqual(isNative(oursIs), meansNothing(declared));
    totals.declared++;
    return oursIs;
  }

  // Whether C or another pointer needs its memory; undefined where that depends on what was collected.
  isHeld(handle) {
    const known = handle.children.map((child) =>
      child.isDropped ? undefined : !child.isEnded || this.isHeld(child),
    );
    return known.includes(true) ? true : known.includes(undefined) ? undefined : false;
  }

  add(pointer, owner, cSize, parent) {
    assert.ok(pointer instanceof TrackedPointer);
    const handle = { ...owner, pointer, cSize, parent, children: [], address: pointer.address };
    if (owner.tells) handle.size = cSize;
    if (owner.isUnowned) this.loose.add(pointer.address);
    parent?.children.push(handle);
    this.handles.push(handle);
    return handle;
  }

  remove(handle) {
    handle.isEnded = true;
    this.handles.splice(this.handles.indexOf(handle), 1);
    this.ended.push(handle.pointer);
    handle.pointer = null;
  }

  newLoose() {
    const address = things.make(16);
    this.loose.add(address);
    return address;
  }

  /** An argument: { value, letter, isBad, and who it is about }. */
  argument(param, n, letter, taken) {
    const free = (test) => this.handles.filter((handle) => !taken.has(handle) && test(handle));
    const choice = n % 32;
    const which = n >> 5;
    const take = (list) => {
      const handle = pick(list, which);
      if (handle !== undefined) taken.add(handle);
      return handle;
    };
    const garbage = { value: true, letter: '.', isBad: true };
    const over =
      this.ended.length > 0 ? { value: pick(this.ended, which), letter: '.', isBad: true } : garbage;
    switch (param.role) {
      case 'number':
        return choice === 0 ? { value: 'x', letter: '.', isBad: true } : { value: 5, letter: '.' };
      case 'string':
        return choice === 0 ? garbage : { value: pick(['text', null], which), letter: '.' };
      case 'callback':
        return { value: null, letter: '.' };
      case 'borrow': {
        const fits = ({ base }) => base === param.base || base === 'void' || param.base === 'void';
        if (choice === 0) return garbage;
        if (choice === 1) return over;
        if (choice === 2) {
          const wrong = take(free((handle) => !fits(handle)));
          if (wrong !== undefined) return { value: wrong.pointer, letter: '.', isBad: true };
        }
        if (choice < 8) return { value: pick([null, this.newLoose()], which), letter: 'b' };
        const handle = take(free(fits));
        return handle === undefined
          ? { value: null, letter: 'b' }
          : { value: handle.pointer, letter: 'b', handle };
      }
      case 'consume':
      case 'inout': {
        const wrap = (value) => (param.role === 'inout' ? [value] : value);
        const letters = param.role === 'inout' ? ['r', 'z', 'g', '.'] : ['t'];
        if (choice === 0) return garbage;
        if (choice === 1) return { ...over, value: over === garbage ? true : wrap(over.value) };
        if (choice === 2) {
          const wrong = take(free(({ label }) => label !== param.of));
          if (wrong !== undefined) return { value: wrap(wrong.pointer), letter: '.', isBad: true };
        }
        if (choice === 3) {
          const held = take(free((handle) => handle.label === param.of && this.isHeld(handle) === true));
          if (held !== undefined) return { value: wrap(held.pointer), letter: '.', isBad: true };
        }
        if (choice < 6)
          return {
            value: pick([null, wrap(null)], which),
            letter: pick(letters, letter),
            isBox: which % 2 === 1,
          };
        if (choice < 10) {
          const address = this.newLoose();
          return { value: wrap(address), letter: pick(letters, letter), loose: address, isBox: true };
        }
        const handle = take(free((other) => other.label === param.of && this.isHeld(other) === false));
        if (handle === undefined) return { value: wrap(null), letter: pick(letters, letter), isBox: true };
        // What it needs C would not know of the pointer in its place.
        const able = handle.parent === undefined ? letters : letters.slice(0, 2);
        return { value: wrap(handle.pointer), letter: pick(able, letter), handle, isBox: true };
      }
      case 'out':
      case 'plain out':
        if (choice === 0 && param.role === 'out') return { value: 7, letter: '.', isBad: true };
        if (choice === 1) return { value: null, letter: 'o' };
        return { value: [null], letter: pick(['o', 'o', 'n'], letter), isBox: true };
      default:
        return { value: [null], letter: pick(['s', 'n'], letter), isBox: true };
    }
  }

  async call(func, declared, { args: numbers, letters, how }) {
    const { result, params, options = {} } = declared;
    const { parent, keeps, resizes } = options;
    const taken = new Set();
    const args = params.map((param, i) => this.argument(param, numbers[i], letters[i], taken));
    const resized = args[resizes - FIRST];
    if (resized?.handle !== undefined && (!resized.handle.isSized || resized.handle.tells))
      resized.letter = 'e';

    const owner = ownerOfResult(declared);
    const needs = args[(typeof parent === 'number' ? parent : keeps) - FIRST];
    let given = '0';
    if (letters[4] % 4 > 0) {
      if (result.role === 'text') given = 's';
      if (result.role === 'plain' && owner === undefined) given = 'o';
      // What nobody frees shall not be in the way of what it depends on.
      const isChild = needs?.handle !== undefined && !owner?.isUnowned;
      if (owner !== undefined && !owner.isInside) given = isChild ? `c${args.indexOf(needs)}` : 'o';
      if (owner?.isInside && needs?.handle !== undefined) given = `i${args.indexOf(needs)}`;
    }
    const values = [
      `${args.map(({ letter }) => letter).join('')}>${given}`,
      ...args.map(({ value }) => value),
    ];
    if (how === 'too few') values.pop();
    if (how === 'too many') values.push(pick(this.ended, numbers[0]) ?? 1);

    const before = counters();
    const looseBefore = this.loose.size;
    totals.calls++;
    let returned;
    let error;
    try {
      returned = how === 'async' ? await asynchronously(func, values) : func(...values);
    } catch (thrown) {
      error = thrown;
    }
    if (how === 'too few' || args.some(({ isBad }) => isBad)) {
      assert.ok(error !== undefined, 'accepted');
      same(counters(), { made: before.made, freed: before.freed });
      assert.strictEqual(this.loose.size, looseBefore);
      totals.refusedCalls++;
      return;
    }
    if (error !== undefined) throw error;

    params.forEach((param, i) => this.settle(param, args[i]));
    if (resized?.letter === 'e') {
      resized.handle.cSize += 8;
      if (resized.handle.tells) resized.handle.size = resized.handle.cSize;
    }
    this.settleResult(result, owner, given, needs?.handle, returned);
  }

  settle({ role, of }, { value, letter, handle, loose, isBox }) {
    if (role === 'consume') {
      if (handle !== undefined) this.remove(handle);
      if (loose !== undefined) this.loose.delete(loose);
      return;
    }
    if (!isBox || !Array.isArray(value)) return;
    const [left] = value;
    if (role === 'text out') return assert.strictEqual(left, letter === 's' ? 'xxx' : null);
    if (role === 'plain out') {
      if (letter === 'o') this.loose.add(things.addressOf(left));
      return;
    }
    const was = handle ?? (loose === undefined ? undefined : { cSize: 16 });
    if (handle !== undefined) this.remove(handle);
    if (loose !== undefined) this.loose.delete(loose);
    const isThere = letter === 'o' || letter === 'r' || (was !== undefined && 'g.'.includes(letter));
    if (!isThere) return assert.strictEqual(left, null);
    // To 4096 bytes, from 16, unless it was; what it has grown by beside that moves with it.
    const grown = letter === 'g' && was.cSize < 4096 ? 4096 + was.cSize - 16 : was?.cSize;
    this.add(left, ownerOf(of), 'or'.includes(letter) ? 16 : grown, undefined);
  }

  settleResult({ role }, owner, given, parent, returned) {
    if (role === 'text') return assert.strictEqual(returned, given === 's' ? 'xxx' : null);
    if (role === 'nothing') return;
    if (given === '0') return assert.strictEqual(returned, null);
    if (owner === undefined) return void this.loose.add(things.addressOf(returned));
    this.add(returned, owner, owner.isInside ? 0 : 16, parent);
  }

  then({ then, which }) {
    if (then === 'collect') collect();
    const handle = pick(this.handles, which);
    if (handle === undefined) return;
    if (then === 'dispose') {
      const { pointer } = handle;
      this.remove(handle);
      pointer.dispose();
    }
    if (then === 'drop') {
      handle.isDropped = true;
      this.remove(handle);
      this.ended.pop();
    }
    if (then === 'free by hand' && handle.isFreedByName) {
      const { pointer } = handle;
      this.remove(handle);
      pick(byHand, which >> 4)[handle.base](pointer);
      assert.ok(pointer.disposed);
    }
  }

  check() {
    for (const { pointer, label, size } of this.handles)
      same(
        { ...pointer, label: pointer.label, size: pointer.size, disposed: pointer.disposed },
        { label, size, disposed: false },
      );
    for (const pointer of this.ended) assert.ok(pointer.disposed);
    same(counters(), faultless);
  }

  letGo() {
    for (let i = 0; this.handles.length > 0; i++) {
      const { pointer } = this.handles[0];
      this.remove(this.handles[0]);
      if (i % 2 === 0) pointer.dispose();
    }
    this.ended.length = 0;
  }

  async end() {
    collect();
    // A frame may still have had the last of them.
    if (stats().pointers > 0) await gcUntil('nothing is left', () => stats().pointers === 0);
    for (const address of this.loose) things.free(address);
    same(stats(), { bytes: 0, pointers: 0, reported: 0 });
    same(counters(), { live: 0, live_bytes: 0, ...faultless });
  }
}

function asynchronously(func, values) {
  return new Promise((resolve, reject) => {
    func.async(...values, (error, result) => (error ? reject(error) : resolve(result)));
  });
}

// The destructor, called by hand: a pointer is disposed.
const freeing = (text) => ours.func(`void thing_free(${text})`);
const byHand = [
  { [A]: freeing(`${A} *`), [B]: freeing(`${B} *`), void: freeing('void *') },
  { [A]: freeing('void *'), [B]: freeing('const void *'), void: freeing(`${A} *`) },
];

let program;

async function main([runs = '500', seed]) {
  const steps = fc.array(step, { minLength: 1, maxLength: 12, size: 'max' });
  const found = await fc.check(
    fc.asyncProperty(steps, (all) => (program = new Program()).run(all)),
    {
      numRuns: Number(runs),
      ...(seed === undefined ? {} : { seed: Number(seed) }),
      // A failed run leaves the books in disorder: its successors would fail for that.
      endOnFailure: true,
    },
  );
  console.log(JSON.stringify({ runs: Number(runs), ...totals }));
  if (!found.failed) return;
  const [{ form, result, params, variadic, options }, call] = program.doing;
  console.error(`Seed ${found.seed}, run ${found.numRuns}, ${form}`);
  console.error([result, ...params].map(({ text }) => text).join(', '), { variadic, options, call });
  console.error(found.errorInstance);
  process.exitCode = 1;
}

main(process.argv.slice(2));
