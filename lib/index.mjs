import tally from './index.js';

export const {
  POINTER,
  SIZE,
  TrackedPointer,
  assertNoLeaks,
  collect,
  configure,
  gauge,
  memoryUsage,
  meteredAllocator,
  monitor,
  reportExternal,
  stats,
  track,
  trim,
  withOwnership,
} = tally;
export default tally;
