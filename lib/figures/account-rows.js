'use strict';

const binding = require('../binding');
const { sizingOf } = require('../books/size-methods');

const bySize = (a, b) => b.bytes - a.bytes || b.peakBytes - a.peakBytes;

/** The accounts as stats() shows them, the largest first. `oldest` is null, or the age of the oldest pointer of each. */
function accountRows(oldest) {
  const columns = binding.accounts();
  const { label, bytes, pointers, peakBytes, chargedBytes, tracked } = columns;
  const { disposed, collected, released, failed } = columns;
  const rows = [];
  for (let i = 0; i < label.length; i++) {
    if (label[i] === undefined) continue; // no account has that number now
    const { how, compared } = sizingOf(label[i]);
    const row = {
      label: label[i],
      bytes: bytes[i],
      pointers: pointers[i],
      peakBytes: peakBytes[i],
      chargedBytes: chargedBytes[i],
      tracked: tracked[i],
      disposed: disposed[i],
      collected: collected[i],
      released: released[i],
      failed: failed[i],
      oldestSeconds: oldest?.[i] >= 0 ? oldest[i] : undefined,
      sizes: how,
    };
    rows.push(compared === undefined ? row : { ...row, compared });
  }
  binding.detach(columns.buffer);
  return rows.sort(bySize);
}

module.exports = { accountRows };
