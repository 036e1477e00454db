'use strict';
// How the sizes of an account are found, for stats().

const accounts = new Map(); // label -> { how, comparison }

function noteSizing(label, how, comparison) {
  accounts.set(label, { how, comparison });
}

/** What stats() adds to the account of that label. */
function sizingOf(label) {
  const { how = 'given', comparison = null } = accounts.get(label) ?? {};
  return comparison === null ? { sizes: how } : { sizes: how, compared: comparison.figures };
}

module.exports = { noteSizing, sizingOf };
