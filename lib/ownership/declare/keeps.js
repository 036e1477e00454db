'use strict';
// The options `keeps` and `replaces`: which arguments the result keeps, and which other arguments do, or nobody but the
// library, which is for ever.

const { FOREVER } = require('../../pointers/kept');
const {
  ArgumentTypeError,
  ArgumentValueError,
  UnknownOptionError,
  UnsupportedError,
} = require('../../support/errors');

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

function checkIndex(value, name) {
  if (!Number.isSafeInteger(value)) throw new ArgumentTypeError(value, name, 'the number of an argument');
  if (value < 0) throw new ArgumentValueError(value, name, 'the number of an argument, from 0');
  return value;
}

/** Whether `keeps`, which has not been checked, says something of the result. */
const isOfResult = (keeps) => keeps !== undefined && !(isObject(keeps) && keeps.result === undefined);

/** The number of an argument, below `count`; undefined stays what it is. */
function checkArgument(value, name, count = Infinity) {
  if (value === undefined) return undefined;
  if (checkIndex(value, name) < count) return value;
  throw new ArgumentValueError(value, name, `the number of an argument, below ${count}`);
}

/** The numbers of arguments, given as one or several. */
function checkArguments(value, name, count) {
  if (!Array.isArray(value)) return [checkArgument(checkIndex(value, name), name, count)];
  if (value.length === 0) throw new ArgumentValueError(value, name, 'the number of an argument, or several');
  return [...new Set(value.map((each) => checkArgument(checkIndex(each, name), name, count)))];
}

function keeperOf(key, count) {
  if (key === 'forever') return FOREVER;
  const keeper = /^(0|[1-9]\d*)$/.test(key) ? Number(key) : NaN;
  if (keeper < count) return keeper;
  throw new UnknownOptionError(`keeps.${key}`, [
    'result',
    'forever',
    `the numbers of arguments, below ${count}`,
  ]);
}

/**
 * What `keeps` and `replaces` say of the function `name` with `count` parameters: { name, result, rules, replaces }, where
 * `result` are the numbers of the arguments that the result keeps, each of `rules` is { keeper, values }, and `replaces`
 * are the numbers of the arguments that tell calls apart which replace nothing of each other, or undefined.
 */
function checkKeeps({ keeps, replaces }, name, count) {
  const said = isObject(keeps) ? keeps : keeps === undefined ? {} : { result: keeps };
  if (keeps !== undefined && Object.keys(said).length === 0) {
    throw new ArgumentValueError(keeps, 'keeps', 'what keeps which arguments');
  }
  const result = [];
  const rules = [];
  for (const [key, value] of Object.entries(said)) {
    const keeper = key === 'result' ? undefined : keeperOf(key, count);
    const values = checkArguments(value, isObject(keeps) ? `keeps.${key}` : 'keeps', count);
    if (keeper === undefined) {
      result.push(...values);
      continue;
    }
    if (values.includes(keeper)) throw new ArgumentValueError(value, `keeps.${key}`, 'other arguments');
    rules.push({ keeper, values });
  }
  return { name, result, rules, replaces: checkReplaces(replaces, { name, rules, count }) };
}

function checkReplaces(replaces, { name, rules, count }) {
  if (replaces === undefined) return undefined;
  if (rules.length === 0) {
    throw new UnsupportedError(
      `'replaces' has no effect on ${name}(): no argument of it keeps another, nor does 'forever'`,
    );
  }
  return replaces === true ? [] : checkArguments(replaces, 'replaces', count);
}

module.exports = { checkArgument, checkIndex, checkArguments, checkKeeps, isOfResult };
