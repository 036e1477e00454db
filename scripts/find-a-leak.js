'use strict';
// Makes what docs/find-a-leak.md shows: runs examples/leaky.js with its leak and without, writes the pictures into
// docs/images and prints the results for the page.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { readRecord } = require('../lib/tools/cli/record.js');
const { chart } = require('../lib/tools/page/chart.js');
const { memorySeries } = require('../lib/tools/page/data.js');
const { escapeHtml } = require('../lib/tools/page/escape.js');
const { root } = require('./tools.js');

const LEGEND = 56;
const LEAST = 1e6; // what is smaller cannot be seen
const CARD =
  'svg { --card: var(--panel) } .card { fill: var(--card) } text { font-family: system-ui, sans-serif }';

function legend(entries) {
  let x = 20;
  const seen = entries.filter(({ values }) => Math.max(...values) >= LEAST);
  return seen.map(({ name, className }) => {
    const item =
      `<rect class="band ${className}" x="${x}" y="16" width="11" height="11" rx="2"/>` +
      `<text class="tick" x="${x + 17}" y="26">${escapeHtml(name)}</text>`;
    x += 34 + name.length * 7;
    return item;
  });
}

/** A picture for a document: the page's chart with its legend in it. */
async function picture(run, title) {
  const data = memorySeries(run);
  // All pictures have the same height, so that they can be compared.
  const { svg } = await chart({
    title,
    ...data,
    marks: run.collections.map(({ seconds }) => seconds),
    top: 300e6,
  });
  const css = fs.readFileSync(path.join(root, 'lib/tools/page/page.css'), 'utf8');
  const inner = svg
    .replace(/^<svg[^>]*>/, `<g transform="translate(0 ${LEGEND - 20})">`)
    .replace(/<\/svg>$/, '</g>');
  const height = 300 + LEGEND - 20;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 ${height}" role="img" aria-label="${escapeHtml(title)}">
<style>${css}${CARD}</style>
<rect class="card" width="960" height="${height}" rx="8"/>
${legend([...data.series].reverse()).join('\n')}
${inner}
</svg>
`;
}

async function main() {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-leak-'));
  const titles = {
    leak: 'Resident memory of the program with the leak: untracked native memory grows without end',
    fixed: 'Resident memory of the repaired program: it stays where it is',
  };
  for (const [name, title] of Object.entries(titles)) {
    const record = path.join(directory, `${name}.jsonl`);
    const args = [
      'check',
      '--audit',
      '--record',
      record,
      '--',
      'examples/leaky.js',
      ...(name === 'fixed' ? ['fixed'] : []),
    ];
    console.log(`\n$ npx ffi-tally ${args.join(' ').replace(` --record ${record}`, '')}`);
    spawnSync(process.execPath, ['bin/ffi-tally.js', ...args], { cwd: root, stdio: 'inherit' });
    fs.writeFileSync(path.join(root, `docs/images/${name}.svg`), await picture(readRecord(record), title));
  }
  fs.rmSync(directory, { recursive: true });
}

main();
