'use strict';
// A declared function with ownership around it. Borrowing is the hot case and has a form for each usual
// number of arguments, without rest arguments, which cost an array on every call; consuming, out parameters and variadic functions share a general one.

const calls = require('../calls');
const { settleDeferred } = require('../reclaim');
const { internals } = require('../tracked-pointer');
const { borrowing, consuming } = require('./arguments');
const { lend } = require('./lend');
const { makeAsync } = require('./async');
const { complete } = require('./outcome');
const { makeRefusal } = require('./refusal');
const { Transfer } = require('./transfer');

function leave() {
  if (--calls.depth === 0 && calls.deferred) settleDeferred();
}

// Koffi itself complains of too few arguments, and ignores what is too much.
function borrow1(raw, a, producer) {
  return function (x) {
    if (arguments.length < 1) return raw.apply(undefined, arguments);
    const p = a === null ? x : a(x);
    let result;
    calls.depth++;
    try {
      result = raw(p);
    } catch (error) {
      leave();
      throw error;
    }
    calls.depth--;
    if (producer !== null) {
      result = producer.alone ? producer.produceAlone(result, 1, x) : producer.produce(result, [x]);
    }
    if (calls.deferred && calls.depth === 0) settleDeferred();
    return result;
  };
}

function borrow2(raw, a, b, producer) {
  return function (x, y) {
    if (arguments.length < 2) return raw.apply(undefined, arguments);
    const p = a === null ? x : a(x);
    const q = b === null ? y : b(y);
    let result;
    calls.depth++;
    try {
      result = raw(p, q);
    } catch (error) {
      leave();
      throw error;
    }
    calls.depth--;
    if (producer !== null) {
      result = producer.alone ? producer.produceAlone(result, 2, x, y) : producer.produce(result, [x, y]);
    }
    if (calls.deferred && calls.depth === 0) settleDeferred();
    return result;
  };
}

function borrow3(raw, a, b, c, producer) {
  return function (x, y, z) {
    if (arguments.length < 3) return raw.apply(undefined, arguments);
    const p = a === null ? x : a(x);
    const q = b === null ? y : b(y);
    const r = c === null ? z : c(z);
    let result;
    calls.depth++;
    try {
      result = raw(p, q, r);
    } catch (error) {
      leave();
      throw error;
    }
    calls.depth--;
    if (producer !== null) {
      result = producer.alone
        ? producer.produceAlone(result, 3, x, y, z)
        : producer.produce(result, [x, y, z]);
    }
    if (calls.deferred && calls.depth === 0) settleDeferred();
    return result;
  };
}

function borrow4(raw, a, b, c, d, producer) {
  return function (x, y, z, w) {
    if (arguments.length < 4) return raw.apply(undefined, arguments);
    const p = a === null ? x : a(x);
    const q = b === null ? y : b(y);
    const r = c === null ? z : c(z);
    const s = d === null ? w : d(w);
    let result;
    calls.depth++;
    try {
      result = raw(p, q, r, s);
    } catch (error) {
      leave();
      throw error;
    }
    calls.depth--;
    if (producer !== null) {
      result = producer.alone
        ? producer.produceAlone(result, 4, x, y, z, w)
        : producer.produce(result, [x, y, z, w]);
    }
    if (calls.deferred && calls.depth === 0) settleDeferred();
    return result;
  };
}

function borrow5(raw, a, b, c, d, e, producer) {
  return function (x, y, z, w, u) {
    if (arguments.length < 5) return raw.apply(undefined, arguments);
    const p = a === null ? x : a(x);
    const q = b === null ? y : b(y);
    const r = c === null ? z : c(z);
    const s = d === null ? w : d(w);
    const t = e === null ? u : e(u);
    let result;
    calls.depth++;
    try {
      result = raw(p, q, r, s, t);
    } catch (error) {
      leave();
      throw error;
    }
    calls.depth--;
    if (producer !== null) {
      result = producer.alone
        ? producer.produceAlone(result, 5, x, y, z, w, u)
        : producer.produce(result, [x, y, z, w, u]);
    }
    if (calls.deferred && calls.depth === 0) settleDeferred();
    return result;
  };
}

function borrow6(raw, a, b, c, d, e, f, producer) {
  return function (x, y, z, w, u, v) {
    if (arguments.length < 6) return raw.apply(undefined, arguments);
    const p = a === null ? x : a(x);
    const q = b === null ? y : b(y);
    const r = c === null ? z : c(z);
    const s = d === null ? w : d(w);
    const t = e === null ? u : e(u);
    const o = f === null ? v : f(v);
    let result;
    calls.depth++;
    try {
      result = raw(p, q, r, s, t, o);
    } catch (error) {
      leave();
      throw error;
    }
    calls.depth--;
    if (producer !== null) {
      result = producer.alone
        ? producer.produceAlone(result, 6, x, y, z, w, u, v)
        : producer.produce(result, [x, y, z, w, u, v]);
    }
    if (calls.deferred && calls.depth === 0) settleDeferred();
    return result;
  };
}

// The destructor called by hand, and any function of one argument that takes ownership.
function consume1(raw, convert, destroys, refuses) {
  return function (value) {
    if (arguments.length < 1) return raw.apply(undefined, arguments);
    const address = convert(value);
    if (!internals.isTracked(value)) return raw(address);
    // Others need it still, or C uses it: it is ended now, and freed after them.
    if (destroys && (calls.depth !== 0 || internals.isHeld(value))) return value.dispose();
    internals.giveAway(value);
    calls.depth++;
    try {
      const result = raw(address);
      internals.givenAway(value, destroys);
      return result;
    } catch (error) {
      if (refuses([address], error)) internals.takeBack(value, address);
      else internals.givenAway(value, destroys);
      throw error;
    } finally {
      leave();
    }
  };
}

function general(raw, plan, converts, refuses) {
  const count = converts.length;
  return function (...args) {
    if (args.length < count) return raw(...args);
    if (!plan.variadic) args.length = count;
    const letGo = plan.depends ? lend(plan.params, args) : null;
    try {
      let transfer;
      let result;
      calls.depth++;
      try {
        transfer = new Transfer(plan.params, converts, args);
        result = raw(...transfer.values);
      } catch (error) {
        if (transfer?.moves && refuses(transfer.values, error)) transfer.refused();
        else transfer?.taken();
        throw error;
      } finally {
        calls.depth--;
      }
      return complete(plan, transfer, result, args);
    } finally {
      if (letGo !== null) letGo();
      if (calls.deferred && calls.depth === 0) settleDeferred();
    }
  };
}

function convertersOf({ name, params }) {
  return params.map((param, i) => {
    if (param === null) return null;
    const where = `argument ${i} of ${name}()`;
    if (param.role !== 'borrow' && param.role !== 'consume') return null;
    return param.owned === undefined
      ? borrowing(where, param.base, param.callback === true)
      : consuming(where, param.owned);
  });
}

/** The function that users call in place of `raw`. */
function wrap(koffi, raw, plan) {
  const converts = convertersOf(plan);
  const { params, producer } = plan;
  const [a, b, c, d, e, f] = converts;
  const refuses = makeRefusal(koffi, raw, params);
  const special = plan.variadic || plan.resized !== undefined;
  const borrows = !special && params.every((param) => param === null || param.role === 'borrow');
  let wrapped;
  if (!special && params.length === 1 && producer === null && params[0]?.role === 'consume') {
    wrapped = consume1(raw, a, params[0].destroys, refuses);
  } else if (borrows && params.length === 1) {
    wrapped = borrow1(raw, a, producer);
  } else if (borrows && params.length === 2) {
    wrapped = borrow2(raw, a, b, producer);
  } else if (borrows && params.length === 3) {
    wrapped = borrow3(raw, a, b, c, producer);
  } else if (borrows && params.length === 4) {
    wrapped = borrow4(raw, a, b, c, d, producer);
  } else if (borrows && params.length === 5) {
    wrapped = borrow5(raw, a, b, c, d, e, producer);
  } else if (borrows && params.length === 6) {
    wrapped = borrow6(raw, a, b, c, d, e, f, producer);
  } else {
    wrapped = general(raw, plan, converts, refuses);
  }
  Object.defineProperty(wrapped, 'name', { value: raw.name, configurable: true });
  Object.defineProperty(wrapped, 'length', { value: raw.length, configurable: true });
  wrapped.info = raw.info;
  if (typeof raw.async === 'function') wrapped.async = makeAsync(raw, plan, converts);
  return wrapped;
}

module.exports = { wrap };
