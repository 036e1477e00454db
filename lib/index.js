'use strict';

const { assertNoLeaks } = require('./assert-no-leaks');
const { collect } = require('./collect');
const { configure } = require('./configure');
const { POINTER, SIZE } = require('./destructors');
const { gauge } = require('./gauge');
const { handOver } = require('./hand-over');
const { withOwnership } = require('./koffi/with-ownership');
const { memoryUsage } = require('./memory-usage');
const { meteredAllocator } = require('./metered-allocator');
const { monitor } = require('./monitor/monitor');
const { reportExternal } = require('./report-external');
const { stats } = require('./stats');
const { takeOver } = require('./take-over');
const { track } = require('./track');
const { TrackedPointer } = require('./tracked-pointer');
const { trim } = require('./trim');

module.exports = {
  POINTER,
  SIZE,
  TrackedPointer,
  assertNoLeaks,
  collect,
  configure,
  gauge,
  handOver,
  memoryUsage,
  meteredAllocator,
  monitor,
  reportExternal,
  stats,
  takeOver,
  track,
  trim,
  withOwnership,
};
