'use strict';
// Whether the links in our Markdown lead somewhere: files that are in the repository, headings that are in their page.
// What is on the web is not asked for.

const fs = require('node:fs');
const path = require('node:path');
const { root, filesIn } = require('./tools.js');

const withoutCode = (text) =>
  text.replace(/^```.*?^```$/gms, '').replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()]/g, ' '));

/** The anchors that GitHub gives to the headings of a page. */
function anchorsOf(page) {
  const seen = new Map();
  const text = fs.readFileSync(page, 'utf8').replace(/^```.*?^```$/gms, '');
  return [...text.matchAll(/^#+ +(.+)$/gm)].map(([, heading]) => {
    const slug = heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  });
}

function broken(page) {
  const text = withoutCode(fs.readFileSync(path.join(root, page), 'utf8'));
  const links = [...text.matchAll(/\]\(<?([^)\s>]+)>?[^)]*\)|^\[[^\]]+\]: +<?([^\s>]+)/gm)];
  return links
    .map(([, inline, reference]) => inline ?? reference)
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => {
      const [name, anchor] = link.split('#');
      const target =
        name === '' ? path.join(root, page) : path.join(root, path.dirname(page), decodeURI(name));
      if (!fs.existsSync(target)) return true;
      return anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).includes(anchor);
    })
    .map((link) => `${page}: ${link} leads nowhere`);
}

const pages = filesIn('.', ['.md']).filter((page) => !page.startsWith('coverage'));
const complaints = pages.flatMap(broken);
for (const complaint of complaints) console.error(complaint);
process.exitCode = complaints.length > 0 || pages.length === 0 ? 1 : 0;
