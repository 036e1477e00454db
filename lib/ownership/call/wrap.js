'use strict';
// A declared function with ownership around it: one that only borrows, one that takes its only argument,
// or the general case.

const calls = require('../../books/c-calls');
const { Form } = require('../../books/kinds');
const { reserveRoom } = require('../../books/stack-room');
const { Keeping } = require('../../pointers/kept');
const { access, transfer: transfers } = require('../../pointers/tracked-pointer');
const { watch } = require('../size/allocation-delta');
const { noting, unmarked } = require('../size/counted');
const { decide, forgetArguments, forgetMade, open, takeMoving } = require('../size/counting');
const { FREED, borrowing, consuming } = require('./arguments');
const { makeAsync } = require('./async');
const { copied } = require('./change');
const { endIfLost, findFreed, refuseFreedInside } = require('./freed');
const { lend } = require('./lend');
const { bounded } = require('./lengths');
const { limited } = require('./limited');
const { complete, deltasOf } = require('./outcome');
const { Registering } = require('./registered');
const { Transfer } = require('./transfer');
const { named, writeBorrow, writeCall } = require('./written');

const NOTHING = Object.freeze([]);

// Whether a destructor that was called by hand is to be called so. Otherwise others need `value` still, or C uses it, and it is
// ended now, and freed after them; or what frees it is another function, which counts.
function mayCall(value, frees) {
  return calls.isIdle && !access.isHeld(value) && !frees.isUncounted(access.kindOf(value).destructor);
}

// A function of one argument that takes ownership, or that is probably a destructor: `borrows` is for what it does not free.
function consume1(raw, convert, { exact, frees }, refuses, borrows) {
  return function (value) {
    if (arguments.length < 1 || (exact && arguments.length > 1)) return raw.apply(undefined, arguments);
    const destructor = access.isTracked(value) ? access.kindOf(value).destructor : null;
    const destroys = destructor !== null && frees(destructor, 0);
    if (borrows !== null && !destroys) return borrows(value);
    const address = convert(value);
    if (destructor === null) return raw(address);
    if (destroys && !mayCall(value, frees)) return value.dispose();
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

function general(plain, plan, how, converts, refuses) {
  const held = writeCall(plain, plan, how);
  // What it returns is not in hand where something else is freed before that is tracked.
  const raw = how.held === null ? held : writeCall(plain, plan, { ...how, held: null });
  const count = converts.length;
  const most = plan.exact ? count : Infinity;
  const watches = plan.watched.length > 0 || plan.resized !== undefined;
  const { reenters } = plan;
  const changes = plan.params.some((param) => param?.changes);
  const copies = changes || ((plan.depends || reenters) && plan.params.some((param) => param?.shape));
  const stores =
    plan.inside.length > 0 || changes || plan.params.some((param) => param?.producer !== undefined);
  return function (...args) {
    if (args.length < count || args.length > most) return raw(...args); // which complains
    if (!plan.variadic) args.length = count;
    if (stores) reserveRoom(); // to track all that C stores
    const freedAt = findFreed(plan, converts, args);
    const frees = freedAt >= 0;
    if (frees && !mayCall(args[freedAt], plan.frees)) return args[freedAt].dispose();
    const call = frees ? raw : held;
    const deltas = watches ? deltasOf(plan, args) : NOTHING;
    const given = copies ? copied(plan, args) : args;
    const letGo = plan.depends || reenters ? lend(plan, given, freedAt, false) : null;
    try {
      let transfer;
      let keeping = null;
      let result;
      if (!reenters) calls.enter();
      try {
        if (plan.keeping !== null) keeping = new Keeping(plan.keeping, args);
        transfer = new Transfer(plan, converts, given, freedAt);
        result = deltas.length === 0 ? call(...transfer.values) : watched(deltas, call, transfer.values);
        keeping?.done();
      } catch (error) {
        forgetArguments();
        const moving = takeMoving(); // before destructors run
        const asks = keeping !== null || transfer?.moves;
        const isRefused = transfer === undefined || (asks && refuses(transfer.values, error));
        if (isRefused) keeping?.undo();
        if (isRefused) transfer?.refused();
        else transfer.taken();
        if (moving !== null) decide(moving, !isRefused);
        throw error;
      } finally {
        if (!reenters) calls.exit();
      }
      return complete(plan, transfer, result, args, takeMoving());
    } finally {
      if (plan.makes) forgetMade(); // what was not given is nobody's
      for (const delta of deltas) delta.take();
      if (reenters) args.forEach(endIfLost);
      if (letGo !== null) letGo();
      calls.catchUp();
    }
  };
}

// `frees` as in borrowing(), with the number of the argument.
function convertersOf(plan, frees) {
  const { about, name, params, kept, makes, notes } = plan;
  const firstNoted = notes.indexOf(true);
  const moves = params.length > 1 || makes || plan.takes !== undefined; // otherwise there is nobody to move to
  return params.map((param, i) => {
    const where = `argument ${i} of ${name}()`;
    let convert = converterOf(plan, i, where, frees && ((destructor) => frees(destructor, i)));
    if (notes[i] && convert !== null)
      convert = noting(convert, i === firstNoted, moves && param.role === 'consume');
    else if (about !== null) convert = convert === null ? unmarked : unmarking(convert);
    const check = kept.get(i);
    if (check === undefined) return convert;
    return (value) => {
      check(value, where);
      return convert === null ? value : convert(value);
    };
  });
}

const unmarking = (convert) => (value) => unmarked(convert(value));

function converterOf(plan, i, where, frees) {
  const param = plan.params[i];
  if (param?.role === 'fill') return param.convert;
  if (param?.role === 'change') return param.changes.borrow;
  if (param?.role !== 'borrow' && param?.role !== 'consume') return null;
  if (param.shape !== undefined) {
    return (value) => {
      if (frees !== undefined && access.isTracked(value) && frees(access.kindOf(value).destructor))
        throw FREED;
      const given = Array.isArray(value) ? value.slice() : value; // which may say something else when it is asked again
      refuseFreedInside(plan, given, i, where);
      return param.shape.convert(given);
    };
  }
  if (param.owned !== undefined) return consuming(where, param.owned);
  const borrow = borrowing(where, param, frees);
  const { owning } = param;
  if (owning === undefined) return borrow;
  return (value) => (typeof value === 'function' ? owning(value) : borrow(value));
}

// Whether a function frees a pointer is seen when it is called with one: then the call is another.
function borrowsOrFrees(plain, plan, how, converters, refuses) {
  let frees;
  const recover = (error, args) => {
    calls.leave();
    forgetArguments();
    if (error !== FREED) throw error;
    frees ??= general(plain, plan, { ...how, held: null }, converters(), refuses);
    return frees(...args);
  };
  return writeBorrow(plain, convertersOf(plan, plan.frees), how, plan, recover);
}

// Whether all that C returns is the caller's, and is tracked before anything of the user's runs, such as a destructor.
function isHeld({ gives, params, producer, reenters, takes }) {
  if (producer === null || producer.kind === null || producer.kind.form === Form.JAVASCRIPT) return false;
  const { integer, invalid, struct } = producer.owned;
  if (integer !== undefined || invalid !== undefined || struct !== undefined) return false;
  if (gives !== undefined || takes !== undefined || reenters) return false;
  return params.every((param) => param === null || param.role === 'borrow');
}

// What comes before and after a call of C: see written.js.
function howToCall(plan) {
  const { about, producer } = plan;
  const holds = isHeld(plan);
  const { form } = producer?.kind ?? {};
  const isFreedByC = form === Form.DIRECT || form === Form.BOUND;
  return { held: holds && isFreedByC ? producer.kind : null, needsRoom: producer !== null && !holds, about };
}

/**
 * The function that users call in place of `func`. `refuses(values, error)` says whether `error` was the FFI's
 * refusal of these arguments, so that C never had them.
 */
function wrap(func, plan, refuses) {
  const registering = plan.registered.length === 0 ? null : new Registering(plan, refuses);
  const plain = registering === null ? func : registering.reaching(func);
  let converts;
  const converters = () => (converts ??= convertersOf(plan));
  const { about, params, producer } = plan;
  if (about !== null) open();
  const how = howToCall(plan);
  const special =
    plan.gives !== undefined ||
    plan.takes !== undefined ||
    plan.depends ||
    plan.inside.length > 0 ||
    plan.reenters ||
    plan.variadic ||
    plan.keeping !== null ||
    plan.resized !== undefined ||
    plan.watched.length > 0;
  const borrows = !special && params.every((param) => param === null || param.role === 'borrow');
  let wrapped;
  if (borrows) wrapped = borrowsOrFrees(plain, plan, how, converters, refuses);
  const takes = params[0]?.role === 'consume' || (plan.isDestructor && borrows);
  if (!special && params.length === 1 && producer === null && takes) {
    wrapped = consume1(writeCall(plain, plan, how), converters()[0], plan, refuses, wrapped ?? null);
  }
  wrapped ??= general(plain, plan, how, converters(), refuses);
  if (typeof plain.async === 'function') wrapped.async = makeAsync(plain, plan, converters);
  wrapped = bounded(limited(wrapped, plan), plan);
  if (registering !== null) wrapped = registering.around(wrapped);
  return named(wrapped, plain);
}

module.exports = { wrap };
