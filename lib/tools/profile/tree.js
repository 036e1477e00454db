'use strict';
// The sites of a profile as a tree: each frame below its caller.

const { VIEWS } = require('./views');

const NOTHING = Object.fromEntries(Object.keys(VIEWS).map((view) => [view, 0]));

const keyOf = ({ name, file, line, column }) => `${name}|${file}|${line}|${column}`;

const nodeOf = (frame) => ({ frame, own: { ...NOTHING }, total: { ...NOTHING }, children: new Map() });

function add(values, site) {
  for (const view of Object.keys(VIEWS)) values[view] += site[view].bytes;
}

function listed({ children, ...node }) {
  const list = [...children.values()].map(listed);
  return { ...node, children: list.sort((a, b) => b.total.allocated - a.total.allocated) };
}

/** { frame, own, total, children }; the last two with bytes for each view, `own` without those of the children. */
function treeOf(sites) {
  const root = nodeOf({ name: '(root)', file: '', line: 0, column: 0 });
  for (const site of sites) {
    let node = root;
    add(node.total, site);
    for (const frame of site.frames) {
      const key = keyOf(frame);
      if (!node.children.has(key)) node.children.set(key, nodeOf(frame));
      node = node.children.get(key);
      add(node.total, site);
    }
    add(node.own, site);
  }
  return listed(root);
}

module.exports = { treeOf };
