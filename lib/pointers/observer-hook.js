'use strict';

/**
 * Where the audit listens while it is on: `observer` is null, or { declared(func, facts) -> func,
 * call(name, func, args) -> result, owns(func, label), adopted(address) }. So does the profile in `profiler`, which knows
 * the first two, and told(name): a call of that function has samples.
 */
module.exports = { observer: null, profiler: null };
