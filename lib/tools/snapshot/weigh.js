'use strict';
// Gives nodes of a heap snapshot the bytes of the native memory behind them.

const binding = require('../../binding');
const { EDGES, NODES, Reader, Writer, readHead } = require('./heap-file');
const { UnsupportedError } = require('../../support/errors');

const ARRAY = binding.protocol.nursery.LARGEST_BATCH; // objects that the native half gathers in each array
const OTHERS = 32; // edges of an array that are not to its elements, at most

function layoutOf({ meta }) {
  const of = (fields, name) => fields.indexOf(name);
  return {
    node: new Array(meta.node_fields.length).fill(0),
    edge: new Array(meta.edge_fields.length).fill(0),
    name: of(meta.node_fields, 'name'),
    selfSize: of(meta.node_fields, 'self_size'),
    id: of(meta.node_fields, 'id'),
    edgeCount: of(meta.node_fields, 'edge_count'),
    edgeName: of(meta.edge_fields, 'name_or_index'),
    to: of(meta.edge_fields, 'to_node'),
    element: of(meta.edge_types[0], 'element'),
    internal: of(meta.edge_types[0], 'internal'),
    array: of(meta.node_types[0], 'array'),
    object: of(meta.node_types[0], 'object'),
    native: of(meta.node_types[0], 'native'),
  };
}

/** { elements, others }: the nodes that the elements of an array are, and what else it leads to. */
function readArray(reader, layout, edges) {
  const elements = [];
  const others = [];
  reader.rows(edges, layout.edge, (row) => {
    const to = row[layout.to] / layout.node.length;
    const isNext = row[0] === layout.element && row[layout.edgeName] === elements.length;
    (isNext ? elements : others).push(to);
  });
  return { elements, others };
}

/**
 * Which nodes the objects are that were gathered in arrays of ARRAY: those that follow in one whose first `marks` elements are
 * the same. Returns { nodes, ranges, mark, highest }: the nodes in order; where the edges are of the arrays and of what V8 keeps
 * their elements in, as { node, edges, from, to }; the node of the mark; the highest id.
 */
function findGathered(file, marks, count) {
  const reader = new Reader(file);
  try {
    const head = readHead(reader);
    const layout = layoutOf(head);
    const length = marks + Math.ceil(count / ARRAY);
    const most = Math.max(length, ARRAY) + OTHERS;
    const large = new Map();
    let edge = 0;
    let highest = 0;
    reader.rows(head.node_count, layout.node, (row, piece, from, to, node) => {
      const edges = row[layout.edgeCount];
      if (row[layout.id] > highest) highest = row[layout.id];
      const [type] = row;
      const isArray = edges >= ARRAY && edges <= most && (type === layout.object || type === layout.array);
      if (isArray)
        large.set(node, { node, type, first: edge, edges, from: 0, to: 0, elements: [], others: [] });
      edge += edges;
    });
    reader.passTo(EDGES);
    const width = layout.edge.length;
    let outer;
    let at = 0;
    for (const each of large.values()) {
      const { type, first, edges } = each;
      reader.skip((first - at) * width);
      at = first + edges;
      each.from = reader.position;
      if (type === layout.object) {
        const { elements, others } = readArray(reader, layout, edges);
        if (elements.length === ARRAY || elements.length === length)
          Object.assign(each, { elements, others });
        const isMarked = elements.every((to, index) => index >= marks || to === elements[0]);
        if (elements.length === length && isMarked) outer = each;
      } else {
        reader.skip(edges * width);
      }
      each.to = reader.position;
    }
    const arrays = outer?.elements.slice(marks).map((node) => large.get(node)) ?? [undefined];
    if (arrays.some((each) => each?.elements.length !== ARRAY))
      throw new UnsupportedError('V8 writes heap snapshots in another way than is known here');
    const ours = new Set([outer, ...arrays]);
    for (const { others } of [...ours]) {
      for (const node of others) if (large.get(node)?.type === layout.array) ours.add(large.get(node));
    }
    const ranges = [...large.values()].filter((each) => ours.has(each));
    const nodes = arrays.flatMap(({ elements }) => elements).slice(0, count);
    return { nodes, ranges, mark: outer.elements[0], highest };
  } finally {
    reader.close();
  }
}

/**
 * Writes the snapshot in `from` to `to`, with the self sizes in `weights` by node, -1 or undefined for those that stay, without
 * the edges of `ranges`, and with a node more, of `rest` bytes, which has the name of the node `mark`.
 */
function writeWeighed(from, to, { weights, ranges, mark, highest, rest }) {
  const reader = new Reader(from);
  const writer = new Writer(to);
  try {
    const head = readHead(reader);
    const layout = layoutOf(head);
    const more = rest > 0 ? 1 : 0;
    const changes = new Map([[0, more], ...ranges.map(({ node, edges }) => [node, -edges])]);
    const counted = {
      ...head,
      node_count: head.node_count + more,
      edge_count: [...changes.values()].reduce((sum, change) => sum + change, head.edge_count),
    };
    writer.text(`{"snapshot":${JSON.stringify(counted)},\n${NODES}`);
    let name = 0;
    const places = [];
    const weigh = (row, piece, begin, end, node) => {
      let field = layout.selfSize;
      let value = weights[node];
      if (!(value >= 0)) {
        if (node === mark) name = row[layout.name];
        field = layout.edgeCount;
        value = row[field] + (changes.get(node) ?? 0);
        if (value === row[field]) return writer.bytes(piece, begin, end);
      }
      writer.replaced(piece, begin, end, places[field], places[field + 1] - 1, value);
    };
    reader.rows(head.node_count, layout.node, weigh, places);
    if (more === 1) {
      const node = layout.node.fill(0);
      node[0] = layout.native;
      node[layout.name] = name;
      node[layout.id] = highest + 2;
      node[layout.selfSize] = rest;
      writer.text(`\n,${node.join(',')}`);
    }
    reader.passTo(EDGES, writer);
    if (more === 1) writer.text(`${layout.internal},${name},${head.node_count * layout.node.length}\n,`);
    for (const range of ranges) {
      reader.passToPosition(range.from, writer);
      reader.passToPosition(range.to);
    }
    reader.passToPosition(Infinity, writer);
  } finally {
    reader.close();
    writer.close();
  }
}

module.exports = { findGathered, writeWeighed };
