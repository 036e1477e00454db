import tally from './index.js';

export const {
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
} = tally;
export default tally;
