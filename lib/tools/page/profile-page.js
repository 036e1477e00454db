'use strict';
// A profile as a page: its tree as an icicle, the callers above what they call. The browser's layout of nested lists draws
// it: each frame has its share of its parent, for each view.

const { formatBytes } = require('../../support/bytes');
const { escapeHtml } = require('./escape');
const { cell, cells, documentOf, table } = require('./html');

const SMALLEST = 1 / 1000; // part of all, below which a frame is left out
const MOST_ROWS = 1000;
const ALL = { name: 'all', file: '', line: 0 };

const placeOf = ({ file, line }) => (line > 0 ? `${file}:${line}` : file);
const isJavaScript = ({ line }) => line > 0;

function colourOf({ file, line }) {
  if (file === '' || file.startsWith('node:')) return 'other';
  return line > 0 ? 'javascript' : 'native';
}

function frameHtml({ frame, total, children }, parent, root, views) {
  const shares = Object.keys(views).map(
    (view) => `--${view}:${+(total[view] / (parent[view] || 1)).toFixed(5)}`,
  );
  const figures = Object.entries(views).map(([view, name]) => `${name} ${formatBytes(total[view])}`);
  const told = [frame.name, placeOf(frame), figures.join(', ')].filter((line) => line !== '').join('\n');
  const shown = children.filter((child) =>
    Object.keys(views).some((view) => child.total[view] > root[view] * SMALLEST),
  );
  const inside = shown.map((child) => frameHtml(child, total, root, views)).join('');
  return (
    `<li style="${shares.join(';')}"><button type="button" class="${colourOf(frame)}" title="${escapeHtml(told)}">` +
    `${escapeHtml(frame.name)}</button>${inside === '' ? '' : `<ul>${inside}</ul>`}</li>`
  );
}

function flame(tree, views) {
  const { total } = tree;
  const first = Object.keys(views).find((view) => total[view] > 0);
  const choices = Object.entries(views).map(
    ([view, name]) =>
      `<label><input type="radio" name="view" value="${view}"${view === first ? ' checked' : ''}> ${name} ` +
      `<b>${formatBytes(total[view])}</b></label>`,
  );
  return `<figure class="flame">
<figcaption>What was allocated, by the calls that led there</figcaption>
<div class="views" role="radiogroup" aria-label="Memory that is">${choices.join('')}</div>
<ul class="legend"><li><span class="swatch javascript"></span>JavaScript</li><li><span class="swatch native"></span>C</li></ul>
<ul class="frames">${frameHtml({ ...tree, frame: ALL }, total, total, views)}</ul>
<output>A click or Enter enlarges a frame, Escape shows all, arrows go from one to the next.</output>
</figure>`;
}

/** The functions of C by the lines that call them. */
function calls(sites, views) {
  const rows = new Map();
  for (const site of sites) {
    const at = site.frames.findLastIndex(isJavaScript);
    const names = [site.frames[at + 1]?.name ?? '', at < 0 ? '' : placeOf(site.frames[at])];
    const key = names.join('\n');
    if (!rows.has(key))
      rows.set(key, { names, ...Object.fromEntries(Object.keys(views).map((view) => [view, 0])) });
    for (const view of Object.keys(views)) rows.get(key)[view] += site[view].bytes;
  }
  const largest = [...rows.values()].sort((a, b) => b.allocated - a.allocated).slice(0, MOST_ROWS);
  const html = largest.map((row) => {
    const figures = Object.keys(views).map((view) => cell(row[view]));
    return `<tr>${cells(row.names.slice(0, 1))}${figures.join('')}${cells(row.names.slice(1))}</tr>`;
  });
  const heads = Object.values(views).map((name) => name[0].toUpperCase() + name.slice(1));
  return `<section>\n<h2>C functions</h2>\n${table(['Function', ...heads, 'Called at'], heads.length, html, 'sortable')}\n</section>`;
}

/** The page. `tree` is that of the profile's sites; `views` are the names of its views. */
function renderProfile({ sites, every, startedAt, seconds, notCounted, version }, tree, views) {
  const uncounted = notCounted.map(
    ({ library, reason }) =>
      `<p class="verdict trap">What ${escapeHtml(library)} allocates is not counted: ${escapeHtml(reason)}</p>`,
  );
  return documentOf({
    what: 'Native memory',
    command: process.argv.slice(1).join(' '),
    facts: [
      `Node ${process.version}`,
      `ffi-tally ${version}`,
      `${new Date(startedAt).toISOString().slice(0, 16).replace('T', ' ')} UTC`,
      `${seconds.toFixed(1)} s`,
      `one sample in ${formatBytes(every)}`,
    ],
    parts: [...uncounted, flame(tree, views), calls(sites, views)],
    script: 'flame.browser.js',
  });
}

module.exports = { renderProfile };
