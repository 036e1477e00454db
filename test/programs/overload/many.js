'use strict';
// Many pointers at a time, of which one part after the other goes.
//   node test/programs/overload/many.js COUNT

const { collect, stats, track } = require('../../../lib');
const { FREE, counters, make } = require('../../support/things.js');

const COUNT = Number(process.argv[2]);
const steps = [];
const note = () => steps.push([stats().pointers, stats().bytes, Number(counters().live)]);

let kept = new Array(COUNT);
for (let i = 0; i < COUNT; i++) kept[i] = track(make(16), { size: 16, free: FREE });
note();
const rss = process.memoryUsage.rss();
for (let i = 0; i < COUNT; i += 2) kept[i] = null;
collect();
note();
for (let i = 1; i < COUNT; i += 4) kept[i].dispose();
note();
kept = null;
collect();
note();
console.log(JSON.stringify({ steps, rss, ...counters() }));
