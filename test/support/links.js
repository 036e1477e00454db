'use strict';

const withoutBlocks = (text) => text.replace(/^```.*?^```$/gms, '');

/** Where the links of a page in Markdown lead, those into the web left out: files, relative to it, and anchors. */
function linksOf(text) {
  const links = [...withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link);
  return links.filter((link) => !/^\w+:/.test(link));
}

module.exports = { linksOf, withoutBlocks };
