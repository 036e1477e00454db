'use strict';

/**
 * Where the audit listens while it is on: `observer` is null, or { declared(func, facts) -> func,
 * call(name, func, args) -> result, owns(func, label), adopted(address, label) }.
 */
module.exports = { observer: null };
