import tally from './index.js';

export const {
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
} = tally;
export default tally;
