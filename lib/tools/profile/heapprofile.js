'use strict';
// A profile as V8 writes those of its own heap: for the Memory tab of DevTools, where it is loaded as .heapprofile.

function nodeOf(frame, id) {
  return {
    callFrame: {
      functionName: frame.name,
      scriptId: '0',
      url: frame.file,
      lineNumber: frame.line - 1,
      columnNumber: frame.column - 1,
    },
    selfSize: 0,
    id,
    children: [],
  };
}

/** { head, samples } of what the sites have in that view. */
function heapProfile({ sites }, view) {
  let nodes = 0;
  const head = nodeOf({ name: '(root)', file: '', line: 0, column: 0 }, ++nodes);
  const children = new Map(); // by the node's number and the frame
  const samples = [];
  for (const site of sites) {
    if (site[view].bytes === 0) continue;
    let node = head;
    for (const frame of site.frames) {
      const key = `${node.id}|${frame.name}|${frame.file}|${frame.line}|${frame.column}`;
      let child = children.get(key);
      if (child === undefined) {
        child = nodeOf(frame, ++nodes);
        children.set(key, child);
        node.children.push(child);
      }
      node = child;
    }
    node.selfSize += site[view].bytes;
    samples.push({ size: site[view].bytes, nodeId: node.id, ordinal: samples.length + 1 });
  }
  return { head, samples };
}

module.exports = { heapProfile };
