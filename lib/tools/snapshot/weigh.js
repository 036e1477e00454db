'use strict';
// Gives nodes of a heap snapshot the bytes of the native memory behind them.

const { EDGES, NEWLINE, NODES, STRINGS, Reader, Writer, readHead } = require('./heap-file');
const { UnsupportedError } = require('../../support/errors');

const WEAK = 'weak';

function layoutOf({ meta }) {
  const of = (fields, name) => fields.indexOf(name);
  return {
    width: meta.node_fields.length,
    node: new Array(meta.node_fields.length).fill(0),
    edge: new Array(meta.edge_fields.length).fill(0),
    selfSize: of(meta.node_fields, 'self_size'),
    id: of(meta.node_fields, 'id'),
    edgeCount: of(meta.node_fields, 'edge_count'),
    edgeName: of(meta.edge_fields, 'name_or_index'),
    to: of(meta.edge_fields, 'to_node'),
    element: meta.edge_types[0].indexOf('element'),
    internal: meta.edge_types[0].indexOf('internal'),
    weak: meta.edge_types[0].indexOf(WEAK),
    native: meta.node_types[0].indexOf('native'),
  };
}

/**
 * Which nodes are those that the elements of an array lead to: of one whose first `marks` elements are one and the same, and
 * whose others `count` are. Returns { nodes, ranges, strings, highest }: the nodes in order; the edges, as [first, end], of the
 * array and of where V8 keeps its elements; how many strings there are; the highest id.
 */
function findElements(file, marks, count) {
  const reader = new Reader(file);
  try {
    const head = readHead(reader);
    const layout = layoutOf(head);
    const large = []; // [first edge, end]
    let edge = 0;
    let highest = 0;
    reader.rows(head.node_count, layout.node, (row) => {
      const edges = row[layout.edgeCount];
      const id = row[layout.id];
      if (id > highest) highest = id;
      if (edges >= marks + count) large.push([edge, edge + edges]);
      edge += edges;
    });
    reader.passTo(EDGES);
    const found = []; // { first, end, elements, mark }
    let at = 0;
    for (const [first, end] of large) {
      reader.pass(first - at);
      at = end;
      const elements = new Float64Array(marks + count).fill(-1);
      const times = new Map();
      let more = 0;
      reader.rows(end - first, layout.edge, (row) => {
        const to = row[layout.to] / layout.width;
        // That of our array comes among the first.
        if (times.size < 8 || times.has(to)) times.set(to, (times.get(to) ?? 0) + 1);
        if (row[0] !== layout.element) return;
        const index = row[layout.edgeName];
        if (index < elements.length) elements[index] = to;
        else more++;
      });
      const [mark] = [...times].find(([, many]) => many >= marks) ?? [];
      if (mark === undefined) continue;
      const isArray = more === 0 && elements.every((to, i) => (i < marks ? to === mark : to >= 0));
      found.push({ first, end, mark, elements: isArray ? elements : undefined });
    }
    const array = found.find(({ elements }) => elements !== undefined);
    if (array === undefined)
      throw new UnsupportedError('V8 writes heap snapshots in another way than is known here');
    const nodes = array.elements.subarray(marks);
    const ranges = found.filter(({ mark }) => mark === array.mark).map(({ first, end }) => [first, end]);
    reader.pass(head.edge_count - at);
    let strings = 1;
    reader.passTo(STRINGS);
    for (let piece = reader.rest(); piece.length > 0; piece = reader.rest()) {
      for (let i = 0; i < piece.length; i++) if (piece[i] === NEWLINE) strings++;
      reader.at += piece.length;
    }
    return { nodes, ranges, strings, highest };
  } finally {
    reader.close();
  }
}

/**
 * Writes the snapshot in `from` to `to`, with the self sizes in `weights` by node, -1 for those that stay, without the edges of
 * `ranges` but weak ones, and with a node more, called `name`, of `rest` bytes.
 */
function writeWeighed(from, to, { weights, ranges, strings, highest, rest, name }) {
  const reader = new Reader(from);
  const writer = new Writer(to);
  try {
    const head = readHead(reader);
    const layout = layoutOf(head);
    const more = rest > 0 ? 1 : 0;
    const counted = {
      ...head,
      node_count: head.node_count + more,
      edge_count: head.edge_count + more,
    };
    writer.text(`{"snapshot":${JSON.stringify(counted)},\n${NODES}`);
    const places = [];
    const weigh = (row, piece, begin, end, node) => {
      if (node === 0) {
        row[layout.edgeCount] += more;
        writer.text(`${row.join(',')}\n`);
      } else if (weights[node] >= 0) {
        const [at, next] = [places[layout.selfSize], places[layout.selfSize + 1] - 1];
        writer.replaced(piece, begin, end, at, next, weights[node]);
      } else {
        writer.bytes(piece, begin, end);
      }
    };
    reader.rows(head.node_count, layout.node, weigh, places);
    if (more === 1) {
      const node = layout.node.fill(0);
      node[0] = layout.native;
      node[1] = strings;
      node[layout.id] = highest + 2;
      node[layout.selfSize] = rest;
      writer.row(node);
    }
    reader.passTo(EDGES, writer);
    if (more === 1) {
      writer.text(`${layout.internal},${strings},${head.node_count * layout.width}\n`);
      if (head.edge_count > 0) writer.text(',');
    }
    let at = 0;
    for (const [first, end] of ranges) {
      reader.pass(first - at, writer);
      reader.passAs(layout.weak, end - first, writer);
      at = end;
    }
    let held = null; // the last two bytes, which end the strings and the file
    for (let piece = reader.rest(); piece.length > 0; piece = reader.rest()) {
      if (held !== null) writer.bytes(held, 0, held.length);
      const kept = Math.min(2, piece.length);
      writer.bytes(piece, 0, piece.length - kept);
      held = Buffer.from(piece.subarray(piece.length - kept));
      reader.at += piece.length;
    }
    if (more === 1) writer.text(`,\n${JSON.stringify(name)}`);
    writer.bytes(held, 0, held.length);
  } finally {
    reader.close();
    writer.close();
  }
}

module.exports = { findElements, writeWeighed };
