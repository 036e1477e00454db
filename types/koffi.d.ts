import koffi from './koffi.mjs';

export * from './koffi.mjs';
export default koffi;
