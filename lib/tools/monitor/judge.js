'use strict';
// What a series of samples says. Pure functions: no clock, no process.
//
// A sample: { at (ms), late (ms that it came too late), heap (what V8 knows of), untracked, tracked, dead (bytes and
// pointers), major, returned (bytes, since the start), largest (accounts) }.

const MIB = 1024 * 1024;

// Samples that a judgement takes: three thirds, whose medians are compared.
const WINDOW = 12;
const THIRD = WINDOW / 3;

const shown = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** How a figure went: from the first third to the second, and to the last. */
function trendOf(samples, name) {
  const [first, second, third] = [0, 1, 2].map((i) =>
    median(samples.slice(i * THIRD, (i + 1) * THIRD).map((sample) => sample[name])),
  );
  return { rise: third - first, early: second - first };
}

/** Untracked memory that grows steadily, by `least` bytes at least, and more than what V8 knows of; or null. */
function findGap(all, least) {
  if (all.length < WINDOW) return null;
  const samples = all.slice(-WINDOW);
  const { rise, early } = trendOf(samples, 'untracked');
  // What is loaded once makes a step, what fills up grows less and less.
  if (rise < least || early < rise / 4 || early > (rise * 3) / 4) return null;
  const ups = samples.filter(({ untracked }, i) => i > 0 && untracked > samples[i - 1].untracked).length;
  if (ups < ((WINDOW - 1) * 2) / 3) return null;
  if (trendOf(samples, 'heap').rise > rise / 2) return null;
  const last = samples.at(-1);
  const seconds =
    (median(samples.slice(-THIRD).map(({ at }) => at)) -
      median(samples.slice(0, THIRD).map(({ at }) => at))) /
    1000;
  const bytesPerSecond = seconds > 0 ? rise / seconds : 0;
  return {
    bytes: rise,
    bytesPerSecond,
    untracked: last.untracked,
    message:
      `Native memory that nobody tracks has grown by ${shown(rise)} in ${seconds.toFixed(0)} s ` +
      `(${shown(bytesPerSecond)}/s) to ${shown(last.untracked)}, and the JavaScript heap has not`,
  };
}

const STARVED_MS = 1000;
const STARVED_BYTES = 32 * MIB;

/** Memory that is dead and waited for the event loop; or null. */
function findStarved(all) {
  const { late, dead } = all.at(-1);
  if (late < STARVED_MS || dead.bytes < STARVED_BYTES) return null;
  return {
    ...dead,
    seconds: late / 1000,
    message:
      `${shown(dead.bytes)} in ${dead.pointers} pointers were dead while the event loop stood still for ` +
      `${(late / 1000).toFixed(1)} s: dispose() of them, or let it turn (await a timer)`,
  };
}

const FUTILE_COLLECTIONS = 4;
const FUTILE_BYTES = 32 * MIB;

/** Collections that were asked for and returned nothing, though much is tracked; or null. */
function findFutile(all) {
  if (all.length < WINDOW) return null;
  const samples = all.slice(-WINDOW);
  const [first, last] = [samples[0], samples.at(-1)];
  const collections = last.major - first.major;
  const returned = last.returned - first.returned;
  if (collections < FUTILE_COLLECTIONS || last.tracked < FUTILE_BYTES) return null;
  if (returned > last.tracked / 100) return null;
  // What is disposed of by hand from time to time is no collection's business.
  if (samples.some(({ tracked }, i) => i > 0 && tracked < samples[i - 1].tracked * 0.9)) return null;
  return {
    collections,
    returned,
    bytes: last.tracked,
    accounts: last.largest,
    message:
      `${collections} collections returned ${shown(returned)} of ${shown(last.tracked)} tracked: it is all in use, or ` +
      `something still refers to it. Largest accounts: ` +
      last.largest.map(({ label, bytes }) => `${label} (${shown(bytes)})`).join(', '),
  };
}

module.exports = { STARVED_MS, WINDOW, findFutile, findGap, findStarved };
