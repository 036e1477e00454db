'use strict';
// How the sizes of an account are found, for stats().

const { weakly } = require('../support/weak');

const methods = new Map(); // label -> what tells, a WeakRef
let enough = 256;

/** `measure` is { how, comparison }, of whoever makes pointers with that label. */
function noteSizing(label, measure) {
  methods.set(label, weakly(measure));
  if (methods.size < enough) return;
  for (const [other, known] of methods) if (known.deref() === undefined) methods.delete(other);
  enough = Math.max(256, 2 * methods.size);
}

const GIVEN = Object.freeze({ how: 'given' });

/** How the sizes of the account of that label are found, and beside what they are `compared`, if so. */
function sizingOf(label) {
  const measure = methods.get(label)?.deref();
  if (measure === undefined) return GIVEN;
  return { how: measure.how, compared: measure.comparison?.figures };
}

module.exports = { noteSizing, sizingOf };
