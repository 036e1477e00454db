'use strict';
// A recorded run as one HTML page that needs nothing else: no network, and no script but to read off values.

const { version } = require('../../../package.json');
const { formatBytes } = require('../../support/bytes');
const { verdictOf } = require('../audit/format');
const { chart } = require('./chart');
const { accountSeries, memorySeries, peakOf } = require('./data');
const { escapeHtml, escapeJson } = require('./escape');
const { cell, cells, documentOf, table } = require('./html');

function legend(series) {
  const items = series.map(
    ({ name, className, values }) =>
      `<li><span class="swatch ${className}"></span>${escapeHtml(name)} <b>${formatBytes(values.at(-1) ?? 0)}</b></li>`,
  );
  return `<ul class="legend">${items.join('')}</ul>`;
}

/** A figure; its data lies beside it for the script that follows the pointer. */
function figure(caption, title, data, more = {}) {
  if (data.times.length < 2) return '';
  const { svg, geometry } = chart({ title, ...data, ...more });
  const over = data.over === undefined ? [] : [data.over];
  const entries = [...over, ...[...data.series].reverse()];
  return `<figure>
<figcaption>${escapeHtml(caption)}</figcaption>
${legend(entries)}
<div class="plot">${svg}<output class="readout" hidden></output></div>
<script type="application/json">${escapeJson({ geometry, times: data.times, entries })}</script>
</figure>`;
}

const MOST_FUNCTIONS = 1000;

function peakSection(run) {
  const peak = peakOf(run);
  if (peak === undefined) return '';
  const rows = peak.parts.map(({ name, bytes, className }) => {
    const swatch = className === undefined ? '' : `<span class="swatch ${className}"></span>`;
    const part = className === undefined ? ' class="part"' : '';
    const share = bytes / peak.rss;
    return `<tr><td${part}>${swatch}${escapeHtml(name)}</td>${cell(bytes)}${cell(share, `${Math.round(share * 100)} %`)}</tr>`;
  });
  return `<section>
<h2>At the peak: ${formatBytes(peak.rss)} after ${peak.seconds.toFixed(1)} s</h2>
${table(['Memory', 'Bytes', 'Share'], 2, rows)}
</section>`;
}

/** When, with what and under which settings it ran. */
function facts({ node, seconds, startedAt, limits }) {
  return [
    `Node ${node ?? '?'}`,
    `ffi-tally ${version}`,
    startedAt === undefined ? undefined : `${startedAt.slice(0, 16).replace('T', ' ')} UTC`,
    `${seconds.toFixed(1)} s`,
    `heap limit ${formatBytes(limits.heap ?? 0)}`,
    limits.rss === undefined ? undefined : `resident memory limit ${formatBytes(limits.rss)}`,
  ];
}

/** Text in which names are between backticks. */
const withCode = (text) => escapeHtml(text).replace(/`([^`]+)`/g, '<code>$1</code>');

function auditSection(audit) {
  if (audit === undefined) return '';
  const rows = audit.functions.slice(0, MOST_FUNCTIONS).map((figures) => {
    const { name, calls, perCall, outstanding, tracked, adopted, freedBy, uncertain } = figures;
    const by = freedBy.map((each) => `${each.name}() ${each.pointers}×`).join(', ');
    const as = tracked?.label ?? (adopted === undefined ? '' : `${adopted.pointers}×`);
    const numbers = `${cell(calls, calls)}${cell(perCall)}${cell(outstanding)}`;
    return `<tr>${cells([`${name}()`])}${numbers}${cells([as, by, uncertain.join('; ')])}</tr>`;
  });
  const findings = audit.findings.map(({ text, code }) => {
    const block = code === undefined ? '' : `<pre><code>${escapeHtml(code)}</code></pre>`;
    return `<li><p>${withCode(text)}</p>${block}</li>`;
  });
  const head = [
    'Function',
    'Calls',
    'Keeps per call',
    'Not given back',
    'Tracked as',
    'Given back by',
    'Uncertain',
  ];
  return `<section>
<h2>C functions</h2>
${findings.length > 0 ? `<ol class="findings">${findings.join('')}</ol>` : `<p>${escapeHtml(verdictOf(audit))}</p>`}
${table(head, 3, rows, 'sortable')}
</section>`;
}

/** The page. `verdict` is what judge() said. */
function renderPage(run, verdict) {
  const command = (run.command ?? []).join(' ');
  const marks = run.collections.map(({ seconds }) => seconds);
  const memory = memorySeries(run);
  const accounts = accountSeries(run);
  const gcs = marks.length > 0 ? `; ${marks.length} major collections marked at the bottom` : '';
  const limit = run.cap === undefined ? undefined : run.limits.rss;
  return documentOf({
    what: 'Memory',
    command,
    facts: facts(run),
    parts: [
      `<p class="verdict ${verdict.trap ? 'trap' : 'fine'}">${escapeHtml(verdict.text)}</p>`,
      figure(`Resident memory and what it consists of${gcs}`, 'Resident memory over time', memory, {
        marks,
        limit,
      }),
      accounts === null ? '' : figure('Tracked memory by account', 'Tracked memory over time', accounts),
      peakSection(run),
      auditSection(run.audit),
    ],
  });
}

module.exports = { renderPage };
