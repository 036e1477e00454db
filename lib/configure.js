'use strict';

const { isMainThread } = require('node:worker_threads');
const binding = require('./binding');
const { checkOptions, checkSize } = require('./check');
const { ArgumentTypeError, ArgumentValueError } = require('./errors');

const current = { budget: 64 * 1024 * 1024, growth: 1, atExit: isMainThread ? 'skip' : 'free' };

/** Changes how memory is paced; returns the settings in force. */
function configure(options = {}) {
  checkOptions(options, Object.keys(current));
  const wanted = { ...current, ...options };
  wanted.budget = checkSize(wanted.budget, 'budget');
  if (wanted.budget === 0) throw new ArgumentValueError(0, 'budget', 'at least one byte');
  if (typeof wanted.growth !== 'number') throw new ArgumentTypeError(wanted.growth, 'growth', 'a number');
  if (!(wanted.growth > 0 && wanted.growth <= 100)) {
    throw new ArgumentValueError(wanted.growth, 'growth', 'more than 0 and at most 100');
  }
  if (wanted.atExit !== 'free' && wanted.atExit !== 'skip') {
    throw new ArgumentValueError(wanted.atExit, 'atExit', `'free' or 'skip'`);
  }
  if (!isMainThread && wanted.atExit === 'skip') {
    throw new ArgumentValueError(wanted.atExit, 'atExit', `'free' in a worker, whose process goes on`);
  }
  Object.assign(current, wanted);
  binding.configure(current.budget, current.growth, current.atExit === 'free');
  return { ...current };
}

module.exports = { configure };
