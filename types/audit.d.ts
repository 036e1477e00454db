/**
 * `ffi-tally/koffi` with the audit on: `require('ffi-tally/audit')` in place of `require('koffi')` counts what each
 * call of a C function keeps, and prints which functions lose memory when the program ends. Nothing needs to be
 * declared for that.
 *
 * Each block that a library allocates is known at its import slots: its bytes, the call that made it, and the call that
 * freed it. A call that makes something costs some microseconds more (`node benchmark/watching.js`). Memory from `mmap()` is
 * not seen, nor are calls through function pointers (`koffi.call()`). `FFI_TALLY_AUDIT=quiet` in the environment keeps it
 * from printing.
 *
 * @packageDocumentation
 */

import type drop from './koffi.js';

export * from './koffi.js';

/** How pointers that one function returned were freed: as an argument of another. */
export interface FreedBy {
  readonly name: string;
  readonly pointers: number;
}

/** A place in the program that calls a function. */
export interface AuditedPlace {
  /** The call and its callers, a line each, as V8 writes them; through source maps. */
  readonly stack: string;
  /** Made there and not freed. */
  readonly bytes: number;
}

/** What the audit knows of one C function, in all threads together. Bytes are those that the library has asked for. */
export interface AuditedFunction {
  readonly name: string;
  /** As `koffi.load()` was given it; `null` for the program itself. */
  readonly library: string | null;
  /** The prototype as it was declared, or one like it. */
  readonly signature: string;
  readonly calls: number;
  /** What its calls have made less what they have freed, of those that made something. */
  readonly kept: number;
  /** The same for one call, on average. */
  readonly perCall: number;
  /** What it made and nobody has freed, without what is tracked. */
  readonly outstanding: number;
  /** The pointers that it returned and that nobody has freed. */
  readonly pointers: number;
  /** The account of its results, where they are owned: live bytes and pointers, and what one is charged with. */
  readonly tracked:
    | { readonly label: string; readonly bytes: number; readonly pointers: number; readonly each: number }
    | undefined;
  /** Those of its pointers that `track()` has taken; `undefined` where there are none. */
  readonly adopted: { readonly pointers: number } | undefined;
  /** The functions that freed what it returned. */
  readonly freedBy: readonly FreedBy[];
  /** The places whose calls have made what nobody has freed, the fastest growing first; of very many calls these bytes are scaled up from some. */
  readonly places: readonly AuditedPlace[];
  /** Why its figures are less certain than others, in words. */
  readonly uncertain: readonly string[];
}

/** Memory that is being lost, and what to write. */
export interface AuditFinding {
  /**
   * `'leak'`: made, freed by nobody, tracked by nothing, and growing. `'size'`: owned, but charged with much less than it
   * keeps.
   */
  readonly kind: 'leak' | 'size';
  readonly function: string;
  readonly library: string | null;
  /** How much, all calls together. */
  readonly bytes: number;
  readonly places: readonly AuditedPlace[];
  /** A destructor in it is what all freed pointers were freed by, or else is called a guess. */
  readonly text: string;
  /** A declaration to paste, where there is one. */
  readonly code: string | undefined;
}

/** What {@link audit} returns. Plain data. */
export interface AuditResult {
  /** Whether blocks can be counted, which they can on Linux, with the binary. Otherwise there are only calls. */
  readonly measures: boolean;
  readonly seconds: number;
  readonly calls: number;
  /** Those that were called; what holds most memory that nothing tracks comes first. */
  readonly functions: readonly AuditedFunction[];
  /** The largest first. Empty for a program that loses nothing. */
  readonly findings: readonly AuditFinding[];
}

/**
 * What the C functions of all threads, declared since the audit was turned on, have kept so far. It collects garbage first,
 * like `collect()`: what belongs to pointers that are dead is no leak.
 *
 * @example
 * ```js
 * const { findings } = audit();
 * if (findings.length > 0) throw new Error(findings[0].text);
 * ```
 */
export function audit(): AuditResult;

/** The same as text: a table, and what to write. */
export function formatAudit(result: AuditResult): string;

declare const koffi: typeof drop & {
  readonly audit: typeof audit;
  readonly formatAudit: typeof formatAudit;
};
export default koffi;
