'use strict';
// Where traced pointers were last used. While pointers are traced, the functions that use and end pointers have others in
// their place. So a program that traces none pays nothing for this.

const { noteCollected, placeOfUse, tracing } = require('../books/trace');
const { TrackedPointer, access, transfer } = require('./tracked-pointer');

const { FinalizationRegistry } = globalThis;
const dispose = Symbol.dispose ?? Symbol.for('Symbol.dispose');

let lives = null; // pointer -> { place, use, isOver }; null while none is watched
let collected = null;

// What it refers to must not reach the pointer: so the place of a use is text, and no call site.
const told = ({ place, use, isOver }) => isOver || use === null || noteCollected(place, use);

function used(pointer, func) {
  const life = lives?.get(pointer);
  if (life !== undefined) life.use = placeOfUse(func) ?? life.use;
}

function ended(pointer) {
  const life = lives?.get(pointer);
  if (life !== undefined && access.addressOf(pointer) === null) life.isOver = true;
}

/** What stands in the place of `func`: of a function, its first argument is the pointer; of a method, `this` is. */
const using = (func, isMethod) =>
  function noted(...args) {
    const result = func.apply(this, args);
    used(isMethod ? this : args[0], noted);
    return result;
  };
const ending = (func, isMethod) =>
  function noted(...args) {
    try {
      return func.apply(this, args);
    } finally {
      ended(isMethod ? this : args[0]);
    }
  };

const REPLACED = [
  [access, { lend: using, lendUndeclared: using }],
  [transfer, { commit: ending, send: ending }],
  [
    TrackedPointer.prototype,
    { address: using, view: using, copy: using, dispose: ending, [dispose]: ending },
  ],
].flatMap(([object, each]) =>
  Reflect.ownKeys(each).map((name) => {
    const before = Object.getOwnPropertyDescriptor(object, name);
    const part = before.get === undefined ? 'value' : 'get';
    const after = { ...before, [part]: each[name](before[part], object === TrackedPointer.prototype) };
    return { object, name, before, after };
  }),
);

function watch() {
  lives = new WeakMap();
  collected = new FinalizationRegistry(told);
  tracing.onOff = unwatch;
  for (const { object, name, after } of REPLACED) Object.defineProperty(object, name, after);
}

function unwatch() {
  lives = collected = tracing.onOff = null;
  for (const { object, name, before } of REPLACED) Object.defineProperty(object, name, before);
}

/** A pointer was made at `place`. */
function begin(pointer, place) {
  if (lives === null) watch();
  const life = { place, use: null, isOver: false };
  lives.set(pointer, life);
  collected.register(pointer, life);
}

module.exports = { begin };
