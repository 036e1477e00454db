import * as tally from './index.js';

export * from './index.js';
export default tally;
