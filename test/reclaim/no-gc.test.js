/** @jest-environment ./test/support/once.js */
'use strict';
// A runtime that cannot be asked for a collection: V8 is told everything at once and decides by itself.

const { runChild } = require('../support/child.js');

const program = `
  require('node:v8').setFlagsFromString = () => { throw new Error('not here'); };
  require('node:vm').runInNewContext = () => undefined;
  const assert = require('node:assert');
  const { collect, configure, stats, track } = require('./lib');
  const things = require('./test/support/things.js');
  const MIB = 2 ** 20;

  // A few real bytes stand for many: it is the charge that V8 must feel.
  const make = () => { track(things.make(64), { size: 8 * MIB, free: things.FREE }); };
  let peak = 0;
  let steps = 0;
  const step = () => {
    make();
    peak = Math.max(peak, stats().bytes);
    if (++steps < 1000) setImmediate(step);
    else end();
  };
  const end = () => {
    const { bytes, reported, collections, totals } = stats();
    console.log(JSON.stringify({ peak, bytes, reported, collections, totals, freed: collect() }));
  };
  step();
`;

test('memory is held down on the event loop, and V8 is told the whole truth', async () => {
  const { code, signal, stdout, stderr } = await runChild(program);
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  const found = JSON.parse(stdout);
  expect(found.collections).toMatchObject({ minor: 0, major: 0 });
  expect(found.peak).toBeLessThan(2 * 2 ** 30);
  expect(found.totals.collected).toBeGreaterThan(700);
  expect(found.reported).toBe(found.bytes);
});
