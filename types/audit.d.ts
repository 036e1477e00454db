import koffi from './audit.mjs';

export * from './audit.mjs';
export default koffi;
