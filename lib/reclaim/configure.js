'use strict';

const { isMainThread } = require('node:worker_threads');
const binding = require('../binding');
const checked = require('../books/checked');
const { setRate } = require('../books/trace');
const { checkBoolean, checkOptions, checkSize } = require('../support/check');
const { ArgumentTypeError, ArgumentValueError } = require('../support/errors');
const { pressure } = require('./pressure');
const { freeAtProcessExit } = require('./process-exit');
const { stress } = require('./stress');
const turn = require('./turn');

const current = {
  budget: 64 * 1024 * 1024,
  growth: 1,
  limit: Infinity,
  onPressure: null,
  atExit: isMainThread ? 'skip' : 'free',
  checked: checked.on,
  stress: stress.on,
  trace: 0,
};

// The other half of a container belongs to V8, which takes about as much for its heap.
const AUTO_FRACTION = 0.5;

function containerLimit() {
  const constrained = process.constrainedMemory?.();
  // Without a container: undefined, 0, or a figure beyond any machine.
  if (!(constrained > 0) || constrained > Number.MAX_SAFE_INTEGER) return Infinity;
  return Math.floor(constrained * AUTO_FRACTION);
}

function checkLimit(limit) {
  if (limit === 'auto') return containerLimit();
  if (limit === Infinity) return limit;
  const expected = `a positive number of bytes, 'auto', or Infinity for none`;
  if (typeof limit === 'string') throw new ArgumentTypeError(limit, 'limit', expected);
  const bytes = checkSize(limit, 'limit');
  if (bytes === 0) throw new ArgumentValueError(0, 'limit', expected);
  return bytes;
}

function checkGrowth(growth) {
  if (typeof growth !== 'number') throw new ArgumentTypeError(growth, 'growth', 'a number');
  if (!(growth > 0 && growth <= 100)) {
    throw new ArgumentValueError(growth, 'growth', 'more than 0 and at most 100');
  }
  return growth;
}

function checkBudget(budget) {
  const bytes = checkSize(budget, 'budget');
  if (bytes === 0) throw new ArgumentValueError(0, 'budget', 'at least one byte');
  return bytes;
}

function checkOnPressure(handler) {
  if (handler !== null && typeof handler !== 'function') {
    throw new ArgumentTypeError(handler, 'onPressure', 'a function or null');
  }
  return handler;
}

function checkAtExit(atExit) {
  if (atExit !== 'free' && atExit !== 'skip') {
    throw new ArgumentValueError(atExit, 'atExit', `'free' or 'skip'`);
  }
  if (!isMainThread && atExit === 'skip') {
    throw new ArgumentValueError(atExit, 'atExit', `'free' in a worker, whose process goes on`);
  }
  return atExit;
}

function checkTrace(rate, name = 'trace') {
  if (typeof rate !== 'number') throw new ArgumentTypeError(rate, name, 'a number');
  if (!(rate >= 0 && rate <= 1))
    throw new ArgumentValueError(rate, name, 'from 0 (off) to 1 (every pointer)');
  return rate;
}

/** Changes how memory is paced, limited and given back; returns the settings in force. */
function configure(options = {}) {
  checkOptions(options, Object.keys(current));
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const wanted = { ...current, ...Object.fromEntries(given) };
  const next = {
    budget: checkBudget(wanted.budget),
    growth: checkGrowth(wanted.growth),
    limit: checkLimit(wanted.limit),
    onPressure: checkOnPressure(wanted.onPressure),
    atExit: checkAtExit(wanted.atExit),
    checked: checkBoolean(wanted.checked, 'checked'),
    stress: checkBoolean(wanted.stress, 'stress'),
    trace: checkTrace(wanted.trace),
  };
  Object.assign(current, next);
  pressure.handler = next.onPressure;
  if (next.checked !== checked.on) checked.enable(next.checked);
  stress.on = next.stress;
  setRate(next.trace);
  const limit = Math.min(next.limit, Number.MAX_SAFE_INTEGER);
  binding.configure(next.budget, next.growth, limit, next.atExit === 'free');
  turn.keepsAlive = next.atExit === 'free';
  if (isMainThread) freeAtProcessExit(next.atExit === 'free');
  return { ...current };
}

const { FFI_TALLY_TRACE } = process.env;
if (FFI_TALLY_TRACE) {
  current.trace = checkTrace(Number(FFI_TALLY_TRACE), 'FFI_TALLY_TRACE');
  setRate(current.trace);
}

module.exports = { configure };
