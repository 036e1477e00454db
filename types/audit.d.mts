import type { audit, formatAudit } from './audit.js';
import type drop from './koffi.mjs';

export * from './audit.js';
declare const koffi: typeof drop & {
  readonly audit: typeof audit;
  readonly formatAudit: typeof formatAudit;
};
export default koffi;
