'use strict';

const { collect } = require('./collect');
const { configure } = require('./configure');
const { POINTER, SIZE } = require('./destructors');
const { withOwnership } = require('./koffi/with-ownership');
const { memoryUsage } = require('./memory-usage');
const { reportExternal } = require('./report-external');
const { stats } = require('./stats');
const { track } = require('./track');
const { TrackedPointer } = require('./tracked-pointer');
const { trim } = require('./trim');

module.exports = {
  POINTER,
  SIZE,
  TrackedPointer,
  collect,
  configure,
  memoryUsage,
  reportExternal,
  stats,
  track,
  trim,
  withOwnership,
};
