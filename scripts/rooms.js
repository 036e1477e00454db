'use strict';
// The rooms of native/, the lower ones first: each includes what is below it, and no two files include each other. Only
// those that talk to Node know its headers.

const fs = require('node:fs');
const path = require('node:path');
const { root, filesIn } = require('./tools.js');

const FLOORS = [['base'], ['books', 'meters'], ['env'], ['napi'], ['']]; // '' is addon.cc
const WITH_NODE = ['env', 'napi', ''];

const roomOf = (file) => (file.includes('/') ? file.split('/')[0] : '');
const floorOf = (room) => FLOORS.findIndex((rooms) => rooms.includes(room));

const files = filesIn('native', ['.cc', '.h']).map((file) =>
  path.relative('native', file).replaceAll(path.sep, '/'),
);
const includes = new Map(
  files.map((file) => {
    const text = fs.readFileSync(path.join(root, 'native', file), 'utf8');
    const ours = [...text.matchAll(/^#include "(.+)"/gm)].map(([, other]) => other);
    return [file, { ours, node: /^#include <(napi|node_api|js_native_api)\.h>/m.test(text) }];
  }),
);

const problems = [];
for (const [file, { ours, node }] of includes) {
  const room = roomOf(file);
  if (floorOf(room) < 0) problems.push(`${file} is in no room that scripts/rooms.js knows`);
  if (node && !WITH_NODE.includes(room)) problems.push(`${file} includes a header of Node`);
  for (const other of ours) {
    if (!includes.has(other)) problems.push(`${file} includes ${other}, which is not there`);
    else if (roomOf(other) !== room && floorOf(roomOf(other)) >= floorOf(room)) {
      problems.push(`${file} includes ${other}, which is not below it`);
    }
  }
}

// Each that includes nothing else that is left, taken out until none is.
const left = new Set(files);
for (let before = -1; before !== left.size;) {
  before = left.size;
  for (const file of left) if (!includes.get(file).ours.some((other) => left.has(other))) left.delete(file);
}
if (left.size > 0) problems.push(`these include each other, or what does: ${[...left].join(', ')}`);

for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
