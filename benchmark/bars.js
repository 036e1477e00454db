'use strict';
// The bars: what ffi-tally must reach, and whether it did. Each is { text, kind, limit, judge }, and judge(results,
// sizes) gives { value, pass } from { [peer]: medians, with .rounds }. Of the kinds, 'bytes' and 'count' do not
// depend on how busy the machine is; 'time' does.

const median = require('./median');

const MB = (bytes) => `${(bytes / 1e6).toFixed(Math.abs(bytes) < 10e6 ? 1 : 0)} MB`;
const ms = (milliseconds) => `${milliseconds.toFixed(milliseconds < 100 ? 1 : 0)} ms`;
const percent = (share) => `${(share * 100).toFixed(1)} %`;

function custom(text, kind, limit, judge) {
  return { text, kind, limit, judge };
}

/** `key` of `peer` is at most `limit`. */
function most(text, peer, key, limit, show, kind = 'bytes') {
  return custom(text, kind, `<= ${show(limit)}`, (results) => {
    const value = results[peer][key];
    return { value: show(value), pass: value <= limit };
  });
}

/** `key` of `peer` is at most `limit` times that of `other`, compared within each round. */
function ratio(text, peer, other, key, limit, kind = 'time') {
  return custom(text, kind, `<= ${limit} x`, (results) => {
    const theirs = results[other].rounds;
    const compared = (what) =>
      median(results[peer].rounds.map((mine, round) => mine[what] / (theirs[round][what] || 1)));
    const value = compared(key);
    // On a busy machine the processor's time is the steadier figure, but it is not what a user waits for.
    const cpu = key === 'time' ? `, CPU ${compared('cpu').toFixed(2)} x` : '';
    const stopped = results[other].stopped ? ', other stopped' : '';
    return { value: `${value.toFixed(2)} x${cpu}${stopped}`, pass: value <= limit };
  });
}

module.exports = { MB, ms, percent, custom, most, ratio };
