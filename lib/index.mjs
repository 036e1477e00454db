import tally from './index.js';

export const {
  ADDRESS_OF,
  PARENT,
  POINTER,
  SIZE,
  TrackedPointer,
  assertNoLeaks,
  collect,
  configure,
  gauge,
  handOver,
  limitLeaks,
  limitMemory,
  memoryUsage,
  meteredAllocator,
  monitor,
  reportExternal,
  scope,
  startProfile,
  stats,
  takeOver,
  track,
  trim,
  withOwnership,
  writeHeapSnapshot,
} = tally;
export default tally;
