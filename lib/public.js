'use strict';

require('./ffi/koffi/find-ffi');
const { reportExternal } = require('./figures/report-external');
const { ADDRESS_OF, PARENT, POINTER, SIZE } = require('./pointers/destructors');
const { track } = require('./pointers/track');
const { TrackedPointer } = require('./pointers/tracked-pointer');
const { collect } = require('./reclaim/collect');
require('./reclaim/from-environment');
const { lazily } = require('./support/lazily');

// Loaded when it is first called: what most programs do without takes half of the time otherwise.
module.exports = {
  ADDRESS_OF,
  PARENT,
  POINTER,
  SIZE,
  TrackedPointer,
  assertNoLeaks: lazily('assertNoLeaks', () => require('./figures/assert-no-leaks')),
  collect,
  configure: lazily('configure', () => require('./reclaim/configure')),
  gauge: lazily('gauge', () => require('./figures/gauge')),
  handOver: lazily('handOver', () => require('./pointers/hand-over')),
  limitLeaks: lazily('limitLeaks', () => require('./figures/limit-leaks')),
  limitMemory: lazily('limitMemory', () => require('./figures/limit-memory')),
  memoryUsage: lazily('memoryUsage', () => require('./figures/memory-usage')),
  meteredAllocator: lazily('meteredAllocator', () => require('./figures/metered-allocator')),
  monitor: lazily('monitor', () => require('./tools/monitor/monitor')),
  reportExternal,
  scope: lazily('scope', () => require('./pointers/scope')),
  startProfile: lazily('startProfile', () => require('./tools/profile/profile')),
  stats: lazily('stats', () => require('./figures/stats')),
  takeOver: lazily('takeOver', () => require('./pointers/take-over')),
  track,
  trim: lazily('trim', () => require('./reclaim/trim')),
  withOwnership: lazily('withOwnership', () => require('./ffi/koffi/with-ownership')),
  writeHeapSnapshot: lazily('writeHeapSnapshot', () => require('./tools/snapshot/write-heap-snapshot')),
};
