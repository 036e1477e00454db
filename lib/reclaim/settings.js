'use strict';
// What configure() was told last.

const { isMainThread } = require('../binding');
const checked = require('../books/checked');
const { stress } = require('./stress');

const settings = {
  budget: 64 * 1024 * 1024,
  growth: 1,
  limit: Infinity,
  scope: 'environment',
  onPressure: null,
  atExit: isMainThread ? 'skip' : 'free',
  checked: checked.on,
  stress: stress.on,
  trace: 0,
  blackBox: null,
};

module.exports = { settings };
