'use strict';
// A table for a terminal: the one place where cli-table3 is configured.

const places = ['top', 'bottom', 'left', 'mid', 'right'];
const joints = places.flatMap((place) => ['left', 'mid', 'right'].map((end) => `${place}-${end}`));
const NOTHING = Object.fromEntries([...places, ...joints].map((name) => [name, '']));

/** Nothing but a rule below the head: borders would take the place of a column. */
const charsWith = (indent) => ({
  ...NOTHING,
  left: ' '.repeat(indent),
  'left-mid': '─'.repeat(indent),
  mid: '─',
  middle: '  ',
  'mid-mid': '──',
});

/**
 * Rows of strings in columns as wide as what is in them, so that nothing is broken or cut off; `right` says which
 * columns are figures.
 */
function formatTable(head, rows, { right = head.map((_, column) => column > 0), indent = 0 } = {}) {
  // The audit prints in the process of a program that should not have had to load this before.
  const Table = require('../../prebuilds/tools/cli-table3.js');
  const table = new Table({
    head,
    chars: charsWith(indent),
    colAligns: right.map((isRight) => (isRight ? 'right' : 'left')),
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 0 },
  });
  table.push(...rows);
  return table.toString().replace(/ +$/gm, '');
}

module.exports = { formatTable };
