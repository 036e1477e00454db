'use strict';
// A table for a terminal.

/** Rows of strings in columns; `right` says which columns are figures. Long last columns are not broken. */
function formatTable(head, rows, right) {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  const line = (row) =>
    row
      .map((cell, column) => (right[column] ? cell.padStart(widths[column]) : cell.padEnd(widths[column])))
      .join('  ')
      .trimEnd();
  return [line(head), '─'.repeat(widths.reduce((sum, width) => sum + width + 2, -2)), ...rows.map(line)].join(
    '\n',
  );
}

module.exports = { formatTable };
