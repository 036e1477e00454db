'use strict';
// The audit as text.

const { formatBytes } = require('../../support/bytes');
const { formatTable } = require('../../support/table');
const { isCounted } = require('./uncertain');

const ROWS = 15;
const HEAD = ['function', 'calls', 'keeps per call', 'not given back', 'tracked', 'given back by'];
const right = [false, true, true, true, false, false];

const plural = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`;

function trackedText({ tracked, adopted, outstanding }) {
  if (tracked !== undefined) return `as ${tracked.label}`;
  if (adopted !== undefined) return `${adopted.pointers}×`;
  return outstanding > 0 ? 'no' : '';
}

function rowOf(figures, measures) {
  const { name, calls, perCall, outstanding, freedBy, uncertain } = figures;
  const bytes = (value) => (measures ? formatBytes(value) : '?');
  return [
    `${name}()${uncertain.length > 0 ? ' *' : ''}`,
    String(calls),
    bytes(Math.round(perCall)),
    bytes(outstanding),
    trackedText(figures),
    freedBy.map((by) => `${by.name}() ${by.pointers}×`).join(', '),
  ];
}

function verdictOf({ measures, findings, functions }) {
  if (!measures) {
    return `What libraries allocate cannot be counted on this platform: only calls could be.`;
  }
  if (functions.length === 0) return 'No C function was called through Koffi.';
  if (findings.length === 0) {
    if (!functions.some(isCounted)) return 'What these functions allocate cannot be counted.';
    const which = functions.every(isCounted) ? 'function' : 'function that can be counted';
    return `No ${which} keeps more and more memory that nothing tracks.`;
  }
  return `${plural(findings.length, 'finding')}:`;
}

const indent = (text, by) => text.replace(/^/gm, ' '.repeat(by));

/** What audit() returned, as a table and proposals. */
function formatAudit(result) {
  const { measures, calls, seconds, functions, findings } = result;
  const parts = [
    `ffi-tally audit: ${plural(calls, 'call')} of ${plural(functions.length, 'C function')} in ${seconds.toFixed(1)} s`,
  ];
  const shown = functions.slice(0, ROWS);
  if (shown.length > 0) {
    let table = formatTable(
      HEAD,
      shown.map((figures) => rowOf(figures, measures)),
      { right },
    );
    if (functions.length > ROWS)
      table += `\n... and ${plural(functions.length - ROWS, 'function')} that keep less`;
    const notes = shown
      .filter(({ uncertain }) => uncertain.length > 0)
      .map(({ name, uncertain }) => `* ${name}(): ${uncertain.join('; ')}`);
    parts.push([table, ...notes].join('\n'));
  }
  const texts = findings.map(({ text, code }, at) => {
    const proposal = code === undefined ? '' : `\n\n${indent(code, 5)}`;
    return `  ${at + 1}. ${text}${proposal}`;
  });
  parts.push(verdictOf(result), ...texts);
  return parts.join('\n\n');
}

module.exports = { formatAudit, verdictOf };
