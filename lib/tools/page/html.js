'use strict';
// What the pages have in common: one file that needs nothing else, and their tables.

const fs = require('node:fs');
const path = require('node:path');
const { formatBytes } = require('../../support/bytes');
const { escapeHtml } = require('./escape');

const beside = (name) => fs.readFileSync(path.join(__dirname, name), 'utf8');

const cells = (values) => values.map((value) => `<td>${escapeHtml(value)}</td>`).join('');

/** A number as it is shown, and as it is sorted by. */
const cell = (value, shown = formatBytes(Math.round(value))) =>
  `<td data-value="${Number(value)}">${escapeHtml(shown)}</td>`;

/** The first column names what the rows are of; `numbers` columns after it are numbers. */
function table(head, numbers, rows, className = '') {
  const heads = head.map(
    (name, at) => `<th${at > 0 && at <= numbers ? ' class="number"' : ''}>${escapeHtml(name)}</th>`,
  );
  return (
    `<div class="wide"><table class="${className}"><thead><tr>${heads.join('')}</tr></thead>` +
    `<tbody>${rows.join('')}</tbody></table></div>`
  );
}

/** The page about `what` of a command. `facts` are texts, or undefined; `parts` HTML; `script` the name of a file. */
function documentOf({ what, command, facts, parts, script }) {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${what} of ${escapeHtml(command)}</title>
<style>${beside('page.css')}</style>
</head>
<body>
<main>
<h1>${what} of <code>${escapeHtml(command)}</code></h1>
<p class="facts">${escapeHtml(facts.filter((fact) => fact !== undefined).join(', '))}</p>
${parts.join('\n')}
</main>
${['page.browser.js', script].map((name) => (name === undefined ? '' : `<script>${beside(name)}</script>`)).join('')}
</body>
</html>
`;
}

module.exports = { cell, cells, documentOf, table };
