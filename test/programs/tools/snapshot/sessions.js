'use strict';
// Two sessions that keep images, pointers of all ages, and one whose object is gone while another needs its memory; then a heap
// snapshot.
//   node test/programs/tools/snapshot/sessions.js FILE

const { stats, track, writeHeapSnapshot } = require('../../../../lib');

class Session {
  images = new Map();
}

let address = 4096n;
const image = (size, more) => track(address++, { size, free: null, label: 'image', ...more });

globalThis.sessions = [new Session(), new Session()];
globalThis.sessions.forEach((session, k) => {
  for (let i = 0; i < 100; i++) session.images.set(i, image((k + 1) * 100_000));
});
globalThis.small = Array.from({ length: 1000 }, (_, i) => image(i));
globalThis.child = image(7, { parent: image(5000) });
globalThis.ended = image(1);
globalThis.ended.dispose();

const file = writeHeapSnapshot(process.argv[2]);
console.log(JSON.stringify({ file, bytes: stats().bytes }));
