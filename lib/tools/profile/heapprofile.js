'use strict';
// A profile as V8 writes those of its own heap: for the Memory tab of DevTools, where it is loaded as .heapprofile.

const { treeOf } = require('./tree');

/** { head, samples } of what the sites have in that view. */
function heapProfile({ sites }, view) {
  let nodes = 0;
  const samples = [];
  const nodeOf = ({ frame, own, children }) => {
    const id = ++nodes;
    if (own[view] > 0) samples.push({ size: own[view], nodeId: id, ordinal: samples.length + 1 });
    return {
      callFrame: {
        functionName: frame.name,
        scriptId: '0',
        url: frame.file,
        lineNumber: frame.line - 1,
        columnNumber: frame.column - 1,
      },
      selfSize: own[view],
      id,
      children: children.filter(({ total }) => total[view] > 0).map(nodeOf),
    };
  };
  return { head: nodeOf(treeOf(sites)), samples };
}

module.exports = { heapProfile };
