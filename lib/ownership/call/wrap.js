'use strict';
// A declared function with ownership around it: one that only borrows, one that takes its only argument,
// or the general case.

const calls = require('../../books/c-calls');
const { Keeping, checkKept } = require('../../pointers/kept');
const { access, transfer: transfers } = require('../../pointers/tracked-pointer');
const { UnsupportedError } = require('../../support/errors');
const { watch } = require('../size/allocation-delta');
const { FREED, borrowing, consuming } = require('./arguments');
const { makeAsync } = require('./async');
const { borrow, canBorrow } = require('./borrow');
const { freed } = require('./freed');
const { lend } = require('./lend');
const { complete, deltasOf } = require('./outcome');
const { Transfer } = require('./transfer');

const NOTHING = Object.freeze([]);

// A function of one argument that takes ownership, or that is probably a destructor: `borrows` is for what it does not free.
function consume1(raw, convert, { exact, frees }, refuses, borrows) {
  return function (value) {
    if (arguments.length < 1 || (exact && arguments.length > 1)) return raw.apply(undefined, arguments);
    const destroys = access.isTracked(value) && frees(access.kindOf(value).destructor, 0);
    if (borrows !== null && !destroys) return borrows(value);
    const address = convert(value);
    if (!access.isTracked(value)) return raw(address);
    // Others need it still, or C uses it: it is ended now, and freed after them.
    if (destroys && (!calls.isIdle || access.isHeld(value))) return value.dispose();
    transfers.begin(value);
    calls.enter();
    let result;
    try {
      result = raw(address);
    } catch (error) {
      calls.leave();
      if (refuses([address], error)) transfers.rollBack(value, address);
      else transfers.commit(value, destroys);
      throw error;
    }
    calls.leave();
    transfers.conclude(value, address, destroys, result);
    return result;
  };
}

function watched(deltas, raw, values) {
  const end = watch(deltas);
  try {
    return raw(...values);
  } finally {
    end();
  }
}

function general(raw, plan, converts, refuses) {
  const count = converts.length;
  const most = plan.exact ? count : Infinity;
  const watches = plan.watched.length > 0 || plan.resized !== undefined;
  const { reenters } = plan;
  return function (...args) {
    if (args.length < count || args.length > most) return raw(...args); // which complains
    if (!plan.variadic) args.length = count;
    const pointer = freed(plan, converts, args);
    if (pointer !== undefined && (!calls.isIdle || access.isHeld(pointer))) return pointer.dispose();
    const deltas = watches ? deltasOf(plan, args) : NOTHING;
    const letGo = plan.depends || reenters ? lend(plan, args) : null;
    try {
      let transfer;
      let keeping = null;
      let result;
      if (!reenters) calls.enter();
      try {
        if (plan.keeping !== null) keeping = new Keeping(plan.keeping, args);
        transfer = new Transfer(plan, converts, args);
        result = deltas.length === 0 ? raw(...transfer.values) : watched(deltas, raw, transfer.values);
        keeping?.done();
      } catch (error) {
        const asks = keeping !== null || transfer?.moves;
        const isRefused = transfer === undefined || (asks && refuses(transfer.values, error));
        if (isRefused) keeping?.undo();
        if (isRefused) transfer?.refused();
        else transfer.taken();
        throw error;
      } finally {
        if (!reenters) calls.exit();
      }
      return complete(plan, transfer, result, args);
    } finally {
      for (const delta of deltas) delta.take();
      if (letGo !== null) letGo();
      calls.catchUp();
    }
  };
}

// C would free what is in an array of one, and nobody would know.
function refuseFreedInside({ frees }, value, i, where) {
  const [inside] = Array.isArray(value) ? value : [];
  if (!access.isTracked(inside)) return;
  const { label, destructor } = access.kindOf(inside);
  if (!frees(destructor, i, destructor.placeAt)) return;
  throw new UnsupportedError(`Declare ${where} as '_Inout_ ${label} *': C frees what is there`);
}

// `frees` as in borrowing(), with the number of the argument.
function convertersOf(plan, frees) {
  const { name, params, kept } = plan;
  return params.map((param, i) => {
    const where = `argument ${i} of ${name}()`;
    const convert = converterOf(plan, i, where, frees && ((destructor) => frees(destructor, i)));
    if (!kept.has(i)) return convert;
    return (value) => {
      checkKept(value, where);
      return convert === null ? value : convert(value);
    };
  });
}

function converterOf(plan, i, where, frees) {
  const param = plan.params[i];
  if (param?.role !== 'borrow' && param?.role !== 'consume') return null;
  if (param.shape !== undefined) {
    return (value) => {
      refuseFreedInside(plan, value, i, where);
      return param.shape.convert(value);
    };
  }
  return param.owned === undefined ? borrowing(where, param, frees) : consuming(where, param.owned);
}

// Whether a function frees a pointer is seen when it is called with one: then the call is another.
function borrowsOrFrees(raw, plan, converts, refuses) {
  let frees;
  const recover = (error, args) => {
    calls.leave();
    if (error !== FREED) throw error;
    frees ??= general(raw, plan, converts, refuses);
    return frees(...args);
  };
  return borrow(raw, convertersOf(plan, plan.frees), plan.producer, plan.exact, recover);
}

/**
 * The function that users call in place of `raw`. `refuses(values, error)` says whether `error` was the FFI's
 * refusal of these arguments, so that C never had them.
 */
function wrap(raw, plan, refuses) {
  const converts = convertersOf(plan);
  const { params, producer } = plan;
  const [convert] = converts;
  const special =
    plan.gives !== undefined ||
    plan.takes !== undefined ||
    plan.depends ||
    plan.reenters ||
    plan.variadic ||
    plan.keeping !== null ||
    plan.resized !== undefined ||
    plan.watched.length > 0;
  const borrows = !special && params.every((param) => param === null || param.role === 'borrow');
  let wrapped;
  if (borrows && canBorrow(params.length)) wrapped = borrowsOrFrees(raw, plan, converts, refuses);
  const takes = params[0]?.role === 'consume' || plan.isDestructor;
  if (!special && params.length === 1 && producer === null && takes) {
    wrapped = consume1(raw, convert, plan, refuses, wrapped ?? null);
  }
  wrapped ??= general(raw, plan, converts, refuses);
  Object.defineProperty(wrapped, 'name', { value: raw.name, configurable: true });
  Object.defineProperty(wrapped, 'length', { value: raw.length, configurable: true });
  if (typeof raw.async === 'function') wrapped.async = makeAsync(raw, plan, converts);
  return wrapped;
}

module.exports = { wrap };
