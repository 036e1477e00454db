'use strict';
// The result of a run as text.

const { TERMS } = require('../../figures/rss-breakdown');
const { formatBytes } = require('../../support/bytes');
const { formatTable } = require('../../support/table');
const { formatAudit } = require('../audit/format');

function memoryTable({ samples }, growths) {
  if (samples.length === 0) return undefined;
  const last = samples.at(-1);
  const row = (name, term) => [
    name,
    formatBytes(samples[0][term]),
    formatBytes(samples.reduce((most, sample) => Math.max(most, sample[term]), 0)),
    formatBytes(last[term]),
    growths[term]?.isSteady ? `+${formatBytes(growths[term].perSecond)}/s` : '',
  ];
  const known = Object.keys(TERMS).filter((term) => last[term] !== undefined);
  return formatTable(
    ['memory', 'at first', 'most', 'at last', 'grows by'],
    [...known.map((term) => row(TERMS[term], term)), row('resident', 'rss')],
  );
}

function accountsTable({ accounts }) {
  const list = accounts.at(-1)?.accounts ?? [];
  if (list.length === 0) return undefined;
  const rows = [...list]
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, 10)
    .map(({ label, bytes, pointers }) => [label, formatBytes(bytes), String(pointers)]);
  return formatTable(['account', 'live', 'pointers'], rows);
}

/** The tables and the verdict, which comes last: there people look first. */
function formatRun(run, verdict) {
  const parts = [
    memoryTable(run, verdict.growths),
    accountsTable(run),
    run.audit === undefined ? undefined : formatAudit(run.audit),
    verdict.text,
  ];
  return `\n${parts.filter((part) => part !== undefined).join('\n\n')}\n`;
}

module.exports = { formatRun };
