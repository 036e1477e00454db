'use strict';
// What C keeps of what it is given: it stays alive, and where it is, until the pointer by which C reaches it has been
// freed, until it is replaced, or for ever. A keeper is the slot of such a pointer, or FOREVER.

const { types } = require('node:util');
const binding = require('../binding');
const calls = require('../books/c-calls');
const { NO_SLOT } = require('../books/nursery');
const { defer } = require('../reclaim/destroy');
const { ArgumentTypeError, DisposedError, OutOfMemoryError, UnsupportedError } = require('../support/errors');
const { adopt, freeOnError } = require('./adopt');
const { toAddress } = require('./destructors');
const { access } = require('./tracked-pointer');
const views = require('./views');

const FOREVER = -1;
// Memory of which C gets a copy when it takes what is there, and what else is to be there as long.
const passing = new WeakMap();
const EXPECTED =
  'memory that stays where it is: a TrackedPointer, a Buffer, another typed array, an ArrayBuffer';

// What is an address, or nothing, belongs to somebody else.
const isAddress = (value) =>
  value === null ||
  value === undefined ||
  typeof value === 'bigint' ||
  typeof value === 'number' ||
  binding.externalAddress(value) !== undefined;

/** Whether `value` is memory that stays where it is while something keeps it. */
const isMemory = (value) =>
  access.isTracked(value) || ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value);

/** Throws if C could not keep `value`, the argument `where`: such as a string, of which C gets a passing copy. */
function checkKept(value, where) {
  if (!isMemory(value) && !isAddress(value)) throw new ArgumentTypeError(value, where, EXPECTED);
}

/** Throws if `value`, the argument `where`, has no address to tell a destructor: that of a Buffer is C's for the call. */
function checkParent(value, where) {
  if (access.isTracked(value) || isAddress(value)) return;
  throw new ArgumentTypeError(
    value,
    where,
    'a TrackedPointer, an address or null, of which the destructor is told',
  );
}

/** The address of `value`, which checkParent() lets pass, and whose memory is there though it may have been ended. */
function addressOfKept(value) {
  checkParent(value, 'PARENT');
  if (access.isTracked(value)) return binding.addressOf(access.lentSlotOf(value));
  const isInteger = typeof value === 'bigint' || Number.isSafeInteger(value);
  return isInteger ? BigInt.asUintN(64, BigInt(value)) : toAddress(value ?? 0n);
}

/** Adds to `into` what is to be kept so that the memory of `value` stays. */
function collect(value, into) {
  if (access.isTracked(value)) {
    into.add(value);
  } else if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) {
    into.add(ArrayBuffer.isView(value) ? value.buffer : value); // which takes a small one out of V8's heap, that moves
    const viewed = views.pointerOf(value);
    if (viewed?.disposed === false) into.add(viewed);
  }
}

function need(keeper, value) {
  if (!access.isTracked(value)) return;
  const slot = access.lentSlotOf(value);
  if (keeper === FOREVER) binding.hold(slot);
  else if (!binding.addParent(keeper, slot)) throw new OutOfMemoryError();
}

function needNoMore(keeper, value) {
  if (!access.isTracked(value)) return;
  const slot = access.lentSlotOf(value);
  if (keeper === FOREVER) binding.unhold(slot);
  else binding.removeParent(keeper, slot);
}

/** All that one keeper keeps beside its first parent. */
class Kept {
  ended; // the keeper's pointer, weakly, where that has been disposed of and is held
  #keeper;
  #always = new Set();
  #replaced = new Map(); // by what identifies the calls that replace it, a list of { values, done }
  #begun = new Map(); // lists of values, of calls that will replace others if they do not throw -> when they began
  #clock = 0; // beginnings of such calls

  constructor(keeper) {
    this.#keeper = keeper;
  }

  static #forever = new Kept(FOREVER);

  static of(keeper) {
    if (keeper === FOREVER) {
      Kept.#root(Kept.#forever);
      return Kept.#forever;
    }
    let kept = binding.kept(keeper);
    if (kept === undefined) {
      kept = new Kept(keeper);
      if (!binding.keep(keeper, kept)) throw new OutOfMemoryError();
    }
    return kept;
  }

  /** Keeps `values`, a Set, from now on. Returns those that it has not kept before. Changes nothing where it throws. */
  add(values) {
    const added = this.hold([...values].filter((value) => !this.#always.has(value)));
    for (const value of added) this.#always.add(value);
    return added;
  }

  /** Takes back what add() returned. */
  remove(values) {
    for (const value of values) this.#always.delete(value);
    this.letGo(values);
  }

  /**
   * `values`, which begin() has returned, replace those of the same key, of calls that were done when theirs began. Of calls at
   * the same time nobody knows which C has done last.
   */
  replace(key, values) {
    const began = this.#begun.get(values);
    this.#begun.delete(values);
    const all = this.#replaced.get(key) ?? [];
    const left = all.filter(({ done }) => done >= began);
    if (values.length > 0) left.push({ values, done: this.#clock });
    if (left.length > 0) this.#replaced.set(key, left);
    else this.#replaced.delete(key);
    for (const each of all) if (!left.includes(each)) this.letGo(each.values);
  }

  hold(values) {
    let count = 0;
    try {
      for (; count < values.length; count++) need(this.#keeper, values[count]);
    } catch (error) {
      this.letGo(values.slice(0, count));
      throw error;
    }
    return values;
  }

  /** Keeps `values`, a list, beside what they may replace(). */
  begin(values) {
    this.hold(values);
    this.#begun.set(values, ++this.#clock);
    return values;
  }

  /** The keeper is C's now, who goes on using all of it: it stays for ever. */
  stay() {
    for (const value of this.#always) if (passing.has(value)) this.#always.delete(value);
    const replaced = [...this.#replaced.values()].flat().map(({ values }) => values);
    const all = [this.#always, ...replaced, ...this.#begun.keys()].flatMap((values) => [...values]);
    if (all.length === 0) return;
    for (const value of all) need(FOREVER, value);
    Kept.#root(this);
  }

  // It outlives this copy of the library.
  static #root(kept) {
    (binding.shared.keptForever ??= new Set()).add(kept);
  }

  letGo(values) {
    this.#begun.delete(values);
    for (const value of values) needNoMore(this.#keeper, value);
    if (values.length > 0) defer();
  }
}

/** What arguments of one call keep of others. Kept from here on; then done() or undo(). */
class Keeping {
  #begun = []; // [kept, values, key]

  /** Of the function `name`: `id`, `rules`, `replaces`, see ../ownership/declare/keeps.js. Throws before anything changes. */
  constructor({ id, name, rules, replaces }, args) {
    const key =
      replaces === undefined
        ? undefined
        : `${id} ${JSON.stringify(replaces.map((i) => `${access.lendUndeclared(args[i])}`))}`;
    try {
      for (const rule of rules) this.#begin(rule, args, key, name);
    } catch (error) {
      this.undo();
      throw error;
    }
  }

  #begin({ keeper, values }, args, key, name) {
    for (const i of [keeper, ...values]) refuseEnded(args[i], `argument ${i} of ${name}()`);
    const all = new Set();
    const by = keeper === FOREVER ? undefined : args[keeper];
    // A view of its own memory it needs not keep, and would never go with it.
    for (const i of values) if (by === undefined || views.pointerOf(args[i]) !== by) collect(args[i], all);
    if (by !== undefined && !access.isTracked(by)) {
      if (all.size === 0) return;
      throw new ArgumentTypeError(
        by,
        `argument ${keeper} of ${name}()`,
        'a TrackedPointer, which keeps others',
      );
    }
    const slot = by === undefined ? FOREVER : access.slotOf(by);
    all.delete(by);
    if (slot !== FOREVER) for (const value of all) checkOrder(slot, by, value, name);
    const kept = Kept.of(slot);
    this.#begun.push([
      kept,
      key === undefined ? kept.add(all) : kept.begin([...all]),
      key && `${keeper} ${key}`,
    ]);
  }

  /** C has what it keeps. */
  done() {
    for (const [kept, values, key] of this.#begun) if (key !== undefined) kept.replace(key, values);
  }

  /** C never had it. */
  undo() {
    for (const [kept, values, key] of this.#begun) {
      if (key === undefined) kept.remove(values);
      else kept.letGo(values);
    }
  }
}

// As the call itself would, which comes later.
function refuseEnded(value, where) {
  if (access.isTracked(value) && value.disposed) throw new DisposedError(value.label, 'pass', where);
}

// Each of two would have to be freed after the other.
function checkOrder(slot, keeper, value, name) {
  if (!access.isTracked(value) || !binding.dependsOn(access.slotOf(value), slot)) return;
  throw new UnsupportedError(
    `${name}() cannot have a pointer (${keeper.label}) keep another (${value.label}) that needs it: neither could be freed. ` +
      `Where that lies in memory of the first, pass its 'address'`,
  );
}

/** What adopt() does, for a pointer that needs `needed`, a Set that collect() has filled. */
function adoptWith(address, size, kind, needed, run) {
  if (needed.size === 0) return adopt(address, size, kind, NO_SLOT, run);
  const pointers = [...needed].filter((value) => access.isTracked(value));
  let slots;
  try {
    slots = pointers.map(access.lentSlotOf); // what was lent to the call is there even if it has been ended meanwhile
  } catch (error) {
    throw freeOnError(address, size, kind, run ?? kind.run, error);
  }
  for (const slot of slots) binding.hold(slot);
  try {
    const pointer = adopt(address, size, kind, slots[0] ?? NO_SLOT, run);
    needed.delete(pointers[0]);
    if (needed.size > 0) keepFor(pointer, needed);
    return pointer;
  } finally {
    for (const slot of slots) binding.unhold(slot);
    calls.defer(); // what was needed may be free to go
  }
}

/** `pointer`, just made, keeps `values`. Frees it where it throws. */
function keepFor(pointer, values) {
  try {
    Kept.of(access.slotOf(pointer)).add(values);
  } catch (error) {
    pointer.dispose();
    throw error;
  }
}

module.exports = {
  FOREVER,
  Keeping,
  addressOfKept,
  adoptWith,
  checkKept,
  checkParent,
  collect,
  isMemory,
  passing,
};
