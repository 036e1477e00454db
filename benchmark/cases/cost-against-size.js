'use strict';

const os = require('node:os');
const { custom } = require('../bars');
const gc = require('../gc');
const median = require('../median');
const { threadTime } = require('../meter');

const BYTES = 64;

function batches(count, step) {
  const times = [];
  for (let i = 0; i < count; i++) times.push(step());
  return median(times);
}

// All times are this thread's on the processor: growth is looked for, and other programs must not add to it.
function timed(count, step) {
  const start = threadTime();
  for (let i = 0; i < count; i++) step(i);
  return ((threadTime() - start) / count) * 1e6;
}

// A minor GC with a thousand young ones to find dead: V8's own part, and what ffi-tally does then, sweep and destructors.
// collect() asks for a minor GC itself, which finds nothing new: the time of another such is subtracted.
function minorCollection(peer) {
  for (let i = 0; i < 1000; i++) peer.make(BYTES);
  const start = threadTime();
  gc.minor();
  const own = threadTime() - start;
  gc.minor(); // which has the survivors of the first to move
  const idle = threadTime();
  gc.minor();
  const busy = threadTime();
  peer.collect?.({ type: 'minor' });
  const end = threadTime();
  return { own, sweep: peer.collect === undefined ? 0 : end - busy - (busy - idle) };
}

function measure(peer, live, { each }) {
  // Many, as V8's young generation grows with what is live, and each of its pages is touched for the first time once.
  const atOnce = batches(41, () => timed(each, () => peer.end(peer.make(BYTES))));
  let at = 0;
  const replaced = batches(5, () =>
    timed(each, () => {
      at = (at + 7919) % live.length;
      peer.end(live[at]);
      live[at] = peer.make(BYTES);
    }),
  );
  // All grow old, for V8 and for ffi-tally.
  for (let i = 0; i < 3; i++) minorCollection(peer);
  const minors = Array.from({ length: 31 }, () => minorCollection(peer));
  const minor = median(minors.map(({ own }) => own));
  const sweep = median(minors.map(({ sweep: each }) => each));
  return { atOnce, replaced, minor, sweep };
}

const at = (result, live, key) => result.scale.find((each) => each.live === live)[key];

function growth(text, kind, limit, name, key) {
  return custom(text, kind, `<= ${limit}`, (results, { scale }) => {
    const [least, most] = [scale[0], Math.min(scale.at(-1), 1e6)];
    const factors = results[name].rounds.map((each) => at(each, most, key) / at(each, least, key));
    const factor = median(factors);
    return { value: factor.toFixed(2), pass: factor <= limit };
  });
}

const cells = (key, unit) => (result) =>
  result.scale.map((each) => each[key].toFixed(unit === 'ms' ? 2 : 0)).join(' / ');

module.exports = {
  title: 'What a pointer of 64 bytes costs beside 1e3, 1e4, 1e5, 1e6 (1e7) live ones',
  peers: ['raw', 'tally-dispose'],
  reference: 'raw',
  rounds: 3,
  sizes: {
    full: { scale: os.freemem() > 12e9 ? [1e3, 1e4, 1e5, 1e6, 1e7] : [1e3, 1e4, 1e5, 1e6], each: 50_000 },
    quick: { scale: [1e3, 1e5], each: 10_000 },
  },
  cap: 8e9,
  columns: [
    { head: 'at once, ns', cell: cells('atOnce', 'ns') },
    { head: 'replaced, ns', cell: cells('replaced', 'ns') },
    { head: 'minor GC, ms', cell: cells('minor', 'ms') },
    { head: 'its sweep, ms', cell: cells('sweep', 'ms') },
  ],

  run({ peer, sizes, meter }) {
    meter.start();
    const live = [];
    const scale = sizes.scale.map((size) => {
      while (live.length < size) live.push(peer.make(BYTES));
      return { live: size, ...measure(peer, live, sizes) };
    });
    meter.stop();
    return { scale };
  },

  bars: [
    growth('track + dispose at once, 1e6 live / 1e3 live', 'time', 1.3, 'tally-dispose', 'atOnce'),
    growth('sweep after a minor GC, 1e6 live / 1e3 live', 'time', 1.3, 'tally-dispose', 'sweep'),
  ],
};
