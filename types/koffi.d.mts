import type * as Koffi from 'koffi';
import type { WithOwnership } from './koffi.js';

export * from './koffi.js';
declare const koffi: WithOwnership<typeof Koffi>;
export default koffi;
