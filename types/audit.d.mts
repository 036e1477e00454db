/**
 * `ffi-tally/koffi` with the audit on: `require('ffi-tally/audit')` in place of `require('koffi')` measures what each
 * call of a C function keeps, and prints which functions lose memory when the program ends. Nothing needs to be
 * declared for that.
 *
 * A call costs some microseconds more (`node benchmark/watching.js`). What is measured are bytes in use in the C
 * allocator before and after the call: memory from `mmap()` is not seen, nor are calls through function pointers
 * (`koffi.call()`); blocks are counted with what the allocator adds to them, 8 to 24 bytes. Whatever other threads
 * allocate during a call is counted too. `FFI_TALLY_AUDIT=quiet` in the environment keeps it from printing.
 *
 * @packageDocumentation
 */

import type drop from './koffi.mjs';

export * from './koffi.mjs';

/** How pointers that one function returned were freed by another. */
export interface FreedBy {
  readonly name: string;
  readonly pointers: number;
  readonly bytes: number;
}

/** What the audit knows of one C function. Bytes are those of the C allocator. */
export interface AuditedFunction {
  readonly name: string;
  /** As `koffi.load()` was given it; `null` for the program itself. */
  readonly library: string | null;
  /** The prototype as it was declared, or one like it. */
  readonly signature: string;
  readonly calls: number;
  /** By how much more was in use after its calls than before, all together; negative for what frees. */
  readonly kept: number;
  /** The same for one call, on average. */
  readonly perCall: number;
  /** What it kept and no call was seen to give back, without what is tracked. */
  readonly outstanding: number;
  /** The pointers that it returned and that no call was seen to free; for tracked results, those that are alive. */
  readonly pointers: number;
  /** The account of its results, where they are owned: live bytes and pointers, and what one is charged with. */
  readonly tracked:
    | { readonly label: string; readonly bytes: number; readonly pointers: number; readonly each: number }
    | undefined;
  /** Those of its pointers that became tracked by `track()`, and their label; `undefined` where none did. */
  readonly adopted: { readonly label: string; readonly pointers: number } | undefined;
  /** The functions that freed what it returned: an address that it returned was passed, and bytes were missing after. */
  readonly freedBy: readonly FreedBy[];
  /** Why its figures are less certain than others, in words. */
  readonly uncertain: readonly string[];
}

/** Memory that is being lost, and what to write. */
export interface AuditFinding {
  /** `'leak'`: kept, tracked by nothing, and growing. `'size'`: owned, but charged with much less than it keeps. */
  readonly kind: 'leak' | 'size';
  readonly function: string;
  readonly library: string | null;
  /** How much, all calls together. */
  readonly bytes: number;
  readonly text: string;
  /** A declaration to start from, where there is one. */
  readonly code: string | undefined;
}

/** What {@link audit} returns. Plain data. */
export interface AuditResult {
  /** Whether the allocator tells the bytes in use: glibc 2.33 or later, jemalloc, macOS. Otherwise there are only calls. */
  readonly measures: boolean;
  readonly seconds: number;
  readonly calls: number;
  /** By how much more the whole process has in use since the audit was turned on. */
  readonly grown: number | undefined;
  /** Those that were called; what holds most memory that nothing tracks comes first. */
  readonly functions: readonly AuditedFunction[];
  /** The largest first. Empty for a program that loses nothing. */
  readonly findings: readonly AuditFinding[];
}

/**
 * What the C functions of this thread, declared since the audit was turned on, have kept so far.
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
