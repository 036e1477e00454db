/** @jest-environment ./test/support/once.js */
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { runChild } = require('../../support/child.js');

const testNative = process.env.FFI_TALLY_BACKEND === 'javascript' ? test.skip : test;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-snapshot-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** A snapshot as DevTools reads it: nodes and edges by the names of their fields, and what a node retains. */
function read(file) {
  const { snapshot, nodes, edges, strings } = JSON.parse(fs.readFileSync(file, 'utf8'));
  const {
    node_fields: nodeFields,
    node_types: nodeTypes,
    edge_fields: edgeFields,
    edge_types: edgeTypes,
  } = snapshot.meta;
  const count = nodes.length / nodeFields.length;
  expect([count, edges.length / edgeFields.length]).toEqual([snapshot.node_count, snapshot.edge_count]);
  const at = (node, field) => nodes[node * nodeFields.length + nodeFields.indexOf(field)];
  const first = [0];
  for (let node = 0; node < count; node++) first.push(first[node] + at(node, 'edge_count'));
  expect(first[count]).toBe(snapshot.edge_count);
  expect(new Set(Array.from({ length: count }, (_, node) => at(node, 'id'))).size).toBe(count);
  const weak = edgeTypes[0].indexOf('weak');
  const [typeAt, toAt] = ['type', 'to_node'].map((field) => edgeFields.indexOf(field));

  function reachable(without) {
    const seen = new Uint8Array(count);
    const stack = [0];
    let bytes = 0;
    for (seen[0] = 1; stack.length > 0;) {
      const node = stack.pop();
      bytes += at(node, 'self_size');
      for (let edge = first[node]; edge < first[node + 1]; edge++) {
        const start = edge * edgeFields.length;
        const target = edges[start + toAt] / nodeFields.length;
        if (edges[start + typeAt] === weak || target === without || seen[target] === 1) continue;
        seen[target] = 1;
        stack.push(target);
      }
    }
    return bytes;
  }

  const named = (name, type) =>
    Array.from({ length: count }, (_, node) => node).filter(
      (node) => strings[at(node, 'name')] === name && nodeTypes[0][at(node, 'type')] === type,
    );
  const all = reachable(-1);
  return {
    sizes: (name, type = 'object') => named(name, type).map((node) => at(node, 'self_size')),
    retained: (name) => named(name, 'object').map((node) => all - reachable(node)),
  };
}

const GONE = 'native memory of pointers whose objects are gone';

// From Node 24 on nothing is on a line of its own.
const inOneLine = (file) => `
  const fs = require('node:fs');
  const v8 = require('node:v8');
  const { writeHeapSnapshot } = v8;
  v8.writeHeapSnapshot = (file) => {
    writeHeapSnapshot(file);
    fs.writeFileSync(file, fs.readFileSync(file, 'latin1').replace(/\\n,/g, ',').replace(/",\\n/g, '",'), 'latin1');
  };
  process.argv[2] = ${JSON.stringify(file)};
  require('./test/programs/tools/snapshot/sessions.js');`;

testNative.each([
  ['each pointer weighs its bytes, which are all that stats() knows of', undefined],
  ['the same where V8 writes no lines', inOneLine],
])('%s', async (_, code) => {
  const file = path.join(folder, 'sessions.heapsnapshot');
  const program = code?.(file) ?? 'test/programs/tools/snapshot/sessions.js';
  const child = await runChild(program, { args: code === undefined ? [file] : [] });
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
  const told = JSON.parse(child.stdout);
  expect(told.file).toBe(file);
  expect(fs.readdirSync(folder)).toEqual(['sessions.heapsnapshot']);
  const { sizes, retained } = read(file);
  const weights = sizes('TrackedPointer');
  const gone = sizes(GONE, 'native');
  // The one that has been disposed of has its size as an object, as has the prototype.
  const all = weights.reduce((sum, size) => sum + size, 0) + gone.reduce((sum, size) => sum + size, 0);
  const ended = all - told.bytes;
  expect(ended).toBeGreaterThanOrEqual(0);
  expect(ended).toBeLessThan(500);
  expect(weights.filter((size) => size === 100_000)).toHaveLength(100);
  expect(weights.filter((size) => size === 200_000)).toHaveLength(100);
  // V8 lists objects by where they are, and a collection may have moved one of them.
  const [small, large] = retained('Session').sort((a, b) => a - b);
  expect(small).toBeGreaterThanOrEqual(10e6);
  expect(small).toBeLessThan(10.1e6);
  expect(large).toBeGreaterThanOrEqual(20e6);
  expect(large).toBeLessThan(20.1e6);
});

testNative('pointers are watched after a snapshot as before, also after one that failed', async () => {
  const file = path.join(folder, 'after.heapsnapshot');
  const child = await runChild(
    `const { collect, stats, track, writeHeapSnapshot } = require('./lib');
    let kept = Array.from({ length: 1000 }, () => track(1n, { size: 100, free: () => {}, label: 'thing' }));
    writeHeapSnapshot(${JSON.stringify(file)});
    kept.splice(0, 300).forEach((pointer) => pointer.dispose());
    collect();
    console.log(stats().pointers);
    try { writeHeapSnapshot(${JSON.stringify(path.join(folder, 'no/such/place'))}); } catch {}
    kept.length = 100;
    collect();
    console.log(stats().pointers);
    writeHeapSnapshot(${JSON.stringify(file)});
    kept = null;
    collect();
    const { bytes, pointers, totals } = stats();
    console.log(bytes, pointers, totals.disposed, totals.collected);`,
  );
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '', stdout: '700\n100\n0 0 300 700\n' });
});

testNative('without pointers, and where it cannot be written', async () => {
  const file = path.join(folder, 'empty.heapsnapshot');
  const child = await runChild(
    `const { writeHeapSnapshot } = require('./lib');
    writeHeapSnapshot(${JSON.stringify(file)});
    for (const wrong of [7, '', ${JSON.stringify(path.join(folder, 'no/such/place'))}]) {
      try { writeHeapSnapshot(wrong); } catch (error) { console.log(error.code); }
    }`,
  );
  expect(child).toMatchObject({
    code: 0,
    stdout: 'ERR_TALLY_INVALID_ARG_TYPE\nERR_TALLY_INVALID_ARG_TYPE\nENOENT\n',
  });
  expect(read(file).sizes(GONE, 'native')).toEqual([]);
});
