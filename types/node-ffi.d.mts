import * as ffi from './node-ffi.js';

export * from './node-ffi.js';
export default ffi;
