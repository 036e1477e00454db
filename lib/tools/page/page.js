'use strict';
// A recorded run as one HTML page that needs nothing else: no network, and no script but to read off values.

const fs = require('node:fs');
const path = require('node:path');
const { formatBytes } = require('../../support/bytes');
const { chart } = require('./chart');
const { accountSeries, memorySeries } = require('./data');
const { escapeHtml, escapeJson } = require('./escape');

const beside = (name) => fs.readFileSync(path.join(__dirname, name), 'utf8');

function legend(series) {
  const items = series.map(
    ({ name, className, values }) =>
      `<li><span class="swatch ${className}"></span>${escapeHtml(name)} <b>${formatBytes(values.at(-1) ?? 0)}</b></li>`,
  );
  return `<ul class="legend">${items.join('')}</ul>`;
}

/** A figure; its data lies beside it for the script that follows the pointer. */
async function figure(caption, title, data, more = {}) {
  if (data.times.length < 2) return '';
  const { svg, geometry } = await chart({ title, ...data, ...more });
  const over = data.over === undefined ? [] : [data.over];
  const entries = [...over, ...[...data.series].reverse()];
  return `<figure>
<figcaption>${escapeHtml(caption)}</figcaption>
${legend(entries)}
<div class="plot">${svg}<output class="readout" hidden></output></div>
<script type="application/json">${escapeJson({ geometry, times: data.times, entries })}</script>
</figure>`;
}

const cells = (values, tag = 'td') => values.map((value) => `<${tag}>${escapeHtml(value)}</${tag}>`).join('');

/** Text in which names are between backticks. */
const withCode = (text) => escapeHtml(text).replace(/`([^`]+)`/g, '<code>$1</code>');

function auditSection(audit) {
  if (audit === undefined) return '';
  const rows = audit.functions.slice(0, 50).map((figures) => {
    const by = figures.freedBy.map(({ name, pointers }) => `${name}() ${pointers}×`).join(', ');
    return `<tr>${cells([
      `${figures.name}()`,
      figures.calls,
      formatBytes(Math.round(figures.perCall)),
      formatBytes(figures.outstanding),
      (figures.tracked ?? figures.adopted)?.label ?? '',
      by,
      figures.uncertain.join('; '),
    ])}</tr>`;
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
${findings.length > 0 ? `<ol class="findings">${findings.join('')}</ol>` : '<p>No function keeps more and more memory that nothing tracks.</p>'}
<div class="wide"><table><thead><tr>${cells(head, 'th')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>
</section>`;
}

/** The page. `verdict` is what judge() said. */
async function renderPage(run, verdict) {
  const command = (run.command ?? []).join(' ');
  const marks = run.collections.map(({ seconds }) => seconds);
  const memory = memorySeries(run);
  const accounts = accountSeries(run);
  const gcs = marks.length > 0 ? `; ${marks.length} major collections marked at the bottom` : '';
  const limit = run.cap === undefined ? undefined : run.limits.rss;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Memory of ${escapeHtml(command)}</title>
<style>${beside('page.css')}</style>
</head>
<body>
<main>
<h1>Memory of <code>${escapeHtml(command)}</code></h1>
<p class="facts">Node ${escapeHtml(run.node ?? '?')}, ${run.seconds.toFixed(1)} s, heap limit ${formatBytes(run.limits.heap ?? 0)}</p>
<p class="verdict ${verdict.trap ? 'trap' : 'fine'}">${escapeHtml(verdict.text)}</p>
${await figure(`Resident memory and what it consists of${gcs}`, 'Resident memory over time', memory, { marks, limit })}
${accounts === null ? '' : await figure('Tracked memory by account', 'Tracked memory over time', accounts)}
${auditSection(run.audit)}
</main>
<script>${beside('page.browser.js')}</script>
</body>
</html>
`;
}

module.exports = { renderPage };
