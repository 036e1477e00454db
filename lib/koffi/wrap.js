'use strict';
// A declared function with ownership around it. Borrowing is the hot case and has a form for each usual
// number of arguments, without rest arguments, which cost an array on every call; consuming, out parameters and variadic functions share a general one.

const calls = require('../calls');
const { settleDeferred } = require('../reclaim');
const { internals } = require('../tracked-pointer');
const { borrowing, consuming } = require('./arguments');
const { callAsync } = require('./async');
const { Transfer } = require('./transfer');

const NO_ARGUMENTS = [];

function leave() {
  if (--calls.depth === 0 && calls.deferred) settleDeferred();
}

// Koffi itself complains of a wrong number of arguments.
function borrow1(raw, a, producer) {
  return function (x) {
    if (arguments.length !== 1) return raw.apply(undefined, arguments);
    const p = a === null ? x : a(x);
    let result;
    calls.depth++;
    try {
      result = raw(p);
    } finally {
      leave();
    }
    if (producer === null) return result;
    return producer.produce(result, producer.wantsArguments ? [x] : NO_ARGUMENTS);
  };
}

function borrow2(raw, a, b, producer) {
  return function (x, y) {
    if (arguments.length !== 2) return raw.apply(undefined, arguments);
    const p = a === null ? x : a(x);
    const q = b === null ? y : b(y);
    let result;
    calls.depth++;
    try {
      result = raw(p, q);
    } finally {
      leave();
    }
    if (producer === null) return result;
    return producer.produce(result, producer.wantsArguments ? [x, y] : NO_ARGUMENTS);
  };
}

function borrow3(raw, a, b, c, producer) {
  return function (x, y, z) {
    if (arguments.length !== 3) return raw.apply(undefined, arguments);
    const p = a === null ? x : a(x);
    const q = b === null ? y : b(y);
    const r = c === null ? z : c(z);
    let result;
    calls.depth++;
    try {
      result = raw(p, q, r);
    } finally {
      leave();
    }
    if (producer === null) return result;
    return producer.produce(result, producer.wantsArguments ? [x, y, z] : NO_ARGUMENTS);
  };
}

function borrow4(raw, a, b, c, d, producer) {
  return function (x, y, z, w) {
    if (arguments.length !== 4) return raw.apply(undefined, arguments);
    const p = a === null ? x : a(x);
    const q = b === null ? y : b(y);
    const r = c === null ? z : c(z);
    const s = d === null ? w : d(w);
    let result;
    calls.depth++;
    try {
      result = raw(p, q, r, s);
    } finally {
      leave();
    }
    if (producer === null) return result;
    return producer.produce(result, producer.wantsArguments ? [x, y, z, w] : NO_ARGUMENTS);
  };
}

// The destructor called by hand, and any function of one argument that takes ownership.
function consume1(raw, convert, destroys) {
  return function (value) {
    if (arguments.length !== 1) return raw.apply(undefined, arguments);
    const address = convert(value);
    if (!internals.isTracked(value)) return raw(address);
    // Others need it still: it is ended now, and freed after them.
    if (destroys && internals.isHeld(value)) return value.dispose();
    internals.giveAway(value);
    const { callbacks } = calls;
    let result;
    calls.depth++;
    try {
      result = raw(address);
    } catch (error) {
      // Koffi refuses arguments before it calls; an error from a callback comes after C had the pointer.
      if (calls.callbacks === callbacks) internals.takeBack(value, address);
      else internals.givenAway(value, destroys);
      throw error;
    } finally {
      leave();
    }
    internals.givenAway(value, destroys);
    return result;
  };
}

function general(raw, plan, converts) {
  const count = converts.length;
  const { params, producer, variadic } = plan;
  const remeasure = (args) => {
    const pointer = args[plan.resized];
    const { type } = internals.isTracked(pointer) ? internals.kindOf(pointer) : {};
    if (type) plan.remeasure(type).remeasure(pointer);
  };
  return function (...args) {
    if (variadic ? args.length < count : args.length !== count) return raw(...args);
    const transfer = new Transfer(params, converts, args);
    let result;
    calls.depth++;
    try {
      result = raw(...transfer.values);
    } catch (error) {
      transfer.failed();
      throw error;
    } finally {
      leave();
    }
    transfer.done(args);
    if (plan.resized !== undefined) remeasure(args);
    return producer === null ? result : producer.produce(result, args);
  };
}

function convertersOf({ name, params }) {
  return params.map((param, i) => {
    if (param === null) return null;
    const where = `argument ${i} of ${name}()`;
    if (param.role === 'consume') return consuming(where, param.owned);
    return param.role === 'borrow' ? borrowing(where, param.base, param.callback === true) : null;
  });
}

/** The function that users call in place of `raw`. */
function wrap(raw, plan) {
  const converts = convertersOf(plan);
  const { params, producer } = plan;
  const [a, b, c, d] = converts;
  const plain =
    !plan.variadic && plan.resized === undefined && params.every((p) => p === null || p.role === 'borrow');
  let wrapped;
  if (params.length === 1 && producer === null && (params[0]?.destroys || params[0]?.role === 'consume')) {
    wrapped = consume1(raw, a, params[0].destroys === true);
  } else if (plain && params.length === 1) {
    wrapped = borrow1(raw, a, producer);
  } else if (plain && params.length === 2) {
    wrapped = borrow2(raw, a, b, producer);
  } else if (plain && params.length === 3) {
    wrapped = borrow3(raw, a, b, c, producer);
  } else if (plain && params.length === 4) {
    wrapped = borrow4(raw, a, b, c, d, producer);
  } else {
    wrapped = general(raw, plan, converts);
  }
  Object.defineProperty(wrapped, 'name', { value: raw.name, configurable: true });
  Object.defineProperty(wrapped, 'length', { value: raw.length, configurable: true });
  wrapped.info = raw.info;
  wrapped.async = (...args) => callAsync(raw, plan, converts, args);
  return wrapped;
}

module.exports = { wrap };
