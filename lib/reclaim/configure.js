'use strict';

const path = require('node:path');
const { getSystemErrorName } = require('node:util');
const binding = require('../binding');
const checked = require('../books/checked');
const { nursery } = require('../books/nursery');
const { setRate } = require('../books/trace');
const { checkBoolean, checkBytes, checkNumber, checkOptions } = require('../support/check');
const { ArgumentTypeError, ArgumentValueError, UnsupportedError } = require('../support/errors');
const { pressure } = require('./pressure');
const { freeAtProcessExit } = require('./process-exit');
const { settings: current } = require('./settings');
const { setStress } = require('./stress');
const turn = require('./turn');

// What is live here: a limit on the process leaves it as it is.
let environmentLimit = Number.MAX_SAFE_INTEGER;
let bound = Number.MAX_SAFE_INTEGER; // see setBound()

// The other half of a container belongs to V8, which takes about as much for its heap.
const AUTO_FRACTION = 0.5;

function containerLimit() {
  const constrained = process.constrainedMemory?.();
  // Without a container: undefined, 0, or a figure beyond any machine.
  if (!(constrained > 0) || constrained > Number.MAX_SAFE_INTEGER) return Infinity;
  return Math.floor(constrained * AUTO_FRACTION);
}

function checkScope(scope, isGiven, hasLimit) {
  if (scope !== 'environment' && scope !== 'process') {
    throw new ArgumentValueError(scope, 'scope', `'environment' or 'process'`);
  }
  if (isGiven && !hasLimit) throw new ArgumentValueError(scope, 'scope', `a 'limit' beside it`);
  return scope;
}

function kernelLimit() {
  const { kernelLimit: limit } = binding.processMemory();
  return limit === Number.MAX_SAFE_INTEGER ? Infinity : limit;
}

function checkLimit(limit, scope) {
  if (limit === 'auto') return scope === 'process' ? kernelLimit() : containerLimit();
  if (limit === Infinity) return limit;
  const expected = `a positive number of bytes, 'auto', or Infinity for none`;
  if (typeof limit === 'string') throw new ArgumentTypeError(limit, 'limit', expected);
  return checkBytes(limit, 'limit', expected);
}

const checkGrowth = (growth) =>
  checkNumber(growth, 'growth', (number) => number > 0 && number <= 100, 'more than 0 and at most 100');

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
  if (!binding.isMainThread && atExit === 'skip') {
    throw new ArgumentValueError(atExit, 'atExit', `'free' in a worker, whose process goes on`);
  }
  return atExit;
}

const checkTrace = (rate, name = 'trace') =>
  checkNumber(rate, name, (number) => number >= 0 && number <= 1, 'from 0 (off) to 1 (every pointer)');

function checkBlackBox(file, name = 'blackBox') {
  if (file === null) return null;
  if (typeof file !== 'string' || file === '') throw new ArgumentTypeError(file, name, 'a path, or null');
  if (!binding.hasBlackBox) {
    throw new UnsupportedError('A black box needs the native part of ffi-tally, and not Windows');
  }
  return path.resolve(file);
}

const endBlackBox = () => binding.endBlackBox();

function setBlackBox(file) {
  const error = binding.setBlackBox(file ?? '');
  if (error !== 0) {
    const reason = getSystemErrorName(-error);
    throw new ArgumentValueError(file, 'blackBox', `a file that can be written (${reason})`);
  }
  if (!binding.isMainThread) return;
  process.off('exit', endBlackBox);
  if (file !== null) process.on('exit', endBlackBox);
}

function apply() {
  const { budget, growth, atExit } = current;
  binding.configure(budget, growth, Math.min(environmentLimit, bound), atExit === 'free');
  nursery.keepNone(current.checked || bound < Number.MAX_SAFE_INTEGER);
}

/** Sets a limit beside what anybody configures, which holds to the byte; undefined for none. */
function setBound(bytes = Number.MAX_SAFE_INTEGER) {
  bound = bytes;
  apply();
}

/** Changes how memory is paced, limited and given back; returns the settings in force. */
function configure(options = {}) {
  checkOptions(options, Object.keys(current));
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const wanted = { ...current, ...Object.fromEntries(given) };
  const [isLimited, isScoped] = ['limit', 'scope'].map((name) => given.some(([key]) => key === name));
  if (isLimited && !isScoped) wanted.scope = 'environment';
  const scope = checkScope(wanted.scope, isScoped, isLimited);
  const next = {
    budget: checkBytes(wanted.budget, 'budget'),
    growth: checkGrowth(wanted.growth),
    limit: checkLimit(wanted.limit, scope),
    scope,
    onPressure: checkOnPressure(wanted.onPressure),
    atExit: checkAtExit(wanted.atExit),
    checked: checkBoolean(wanted.checked, 'checked'),
    stress: checkBoolean(wanted.stress, 'stress'),
    trace: checkTrace(wanted.trace),
    blackBox: checkBlackBox(wanted.blackBox),
  };
  if (next.blackBox !== current.blackBox) setBlackBox(next.blackBox);
  Object.assign(current, next);
  pressure.handler = next.onPressure;
  if (next.checked !== checked.on) checked.enable(next.checked);
  setStress(next.stress);
  setRate(next.trace);
  const limit = Math.min(next.limit, Number.MAX_SAFE_INTEGER);
  if (isLimited && scope === 'process') binding.setProcessLimit(limit, wanted.limit === 'auto');
  if (isLimited && scope === 'environment') environmentLimit = limit;
  apply();
  turn.keepsAlive = next.atExit === 'free';
  if (binding.isMainThread) freeAtProcessExit(next.atExit === 'free');
  return { ...current };
}

const { FFI_TALLY_BLACK_BOX, FFI_TALLY_TRACE } = process.env;
if (FFI_TALLY_BLACK_BOX) {
  delete process.env.FFI_TALLY_BLACK_BOX; // a child process would write into the same
  try {
    const file = checkBlackBox(FFI_TALLY_BLACK_BOX, 'FFI_TALLY_BLACK_BOX');
    setBlackBox(file);
    current.blackBox = file;
  } catch (error) {
    // Nobody who could catch it has asked for it.
    process.emitWarning(`There is no black box: ${error.message}`, {
      type: 'FfiTallyWarning',
      code: 'FFI_TALLY_BLACK_BOX',
    });
  }
}
if (FFI_TALLY_TRACE) {
  current.trace = checkTrace(Number(FFI_TALLY_TRACE), 'FFI_TALLY_TRACE');
  setRate(current.trace);
}

module.exports = { configure, setBound };
