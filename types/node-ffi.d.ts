import ffi from './node-ffi.mjs';

export * from './node-ffi.mjs';
export default ffi;
