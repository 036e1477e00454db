'use strict';

const { withOwnership } = require('./ffi/koffi/with-ownership');
const { assertNoLeaks } = require('./figures/assert-no-leaks');
const { gauge } = require('./figures/gauge');
const { memoryUsage } = require('./figures/memory-usage');
const { meteredAllocator } = require('./figures/metered-allocator');
const { reportExternal } = require('./figures/report-external');
const { stats } = require('./figures/stats');
const { ADDRESS_OF, POINTER, SIZE } = require('./pointers/destructors');
const { handOver } = require('./pointers/hand-over');
const { takeOver } = require('./pointers/take-over');
const { track } = require('./pointers/track');
const { TrackedPointer } = require('./pointers/tracked-pointer');
const { collect } = require('./reclaim/collect');
const { configure } = require('./reclaim/configure');
const { trim } = require('./reclaim/trim');
const { monitor } = require('./tools/monitor/monitor');

module.exports = {
  ADDRESS_OF,
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
