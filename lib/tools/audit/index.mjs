import koffi from './index.js';

export * from '../../ffi/koffi/index.mjs';
export default koffi;
export const { audit, formatAudit } = koffi;
