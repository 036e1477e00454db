import tally from './index.js';

export const {
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
} = tally;
export default tally;
