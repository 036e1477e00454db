'use strict';
// 90 % are made by one function, 10 % by another; then all is freed.

const path = require('node:path');
const { begin, load, say, sum } = require('./setup.js');

const profile = begin();
const lib = load();
const make = lib.func('Thing *thing_new(int64_t bytes)');
const free = lib.func('void thing_free(Thing *thing)');
const kept = [];

function much() {
  for (let i = 0; i < 1800; i++) kept.push(make(50_000));
}
function little() {
  for (let i = 0; i < 200; i++) kept.push(make(50_000));
}
much();
little();
const directory = process.argv[2];
const files = ['x.heapprofile', 'x.speedscope.json', 'x.pb.gz'].map((name) =>
  profile.write(path.join(directory, name)),
);
profile.write(path.join(directory, 'allocated.heapprofile'), { view: 'allocated' });
const before = profile.read();
kept.forEach((thing) => free(thing));
profile.stop();
const after = profile.read();
make(50_000_000);
const site = before.sites.find(({ frames }) => frames.some(({ name }) => name === 'much'));
say({
  files,
  sites: before.sites.length,
  all: before.inUse.bytes,
  much: sum(before, 'inUse', 'much', 'thing_new'),
  little: sum(before, 'inUse', 'little', 'thing_new'),
  blocks: site.inUse.blocks,
  caller: site.frames.find(({ name }) => name === 'much'),
  innermost: site.frames.at(-1),
  left: after.inUse,
  allocated: [before.allocated, after.allocated],
  peak: after.atPeak.bytes,
  notCounted: after.notCounted,
  later: profile.read().allocated.bytes - after.allocated.bytes,
});
