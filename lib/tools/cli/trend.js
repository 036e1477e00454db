'use strict';
// Whether a figure that was sampled over time grows without end.

const PARTS = 10;
const RISES = 6; // of the nine steps from one part to the next
const LATE = 0.2; // of the growth that must be in the second half
const BEGUN = 0.1; // of the growth, by when it has begun

/**
 * The growth of `points`, [{ seconds, value }], or null; steady if it is at least `worth`. Each tenth of the time counts
 * with its least value, so that what a collection takes away again is no growth.
 */
function trendOf(points, worth) {
  if (points.length < 2) return null;
  const [{ seconds: start }] = points;
  const length = points.at(-1).seconds - start;
  if (length <= 0) return null;
  const floors = new Array(PARTS).fill(undefined);
  for (const { seconds, value } of points) {
    const part = Math.min(PARTS - 1, Math.floor(((seconds - start) / length) * PARTS));
    floors[part] = floors[part] === undefined ? value : Math.min(floors[part], value);
  }
  const known = floors.filter((value) => value !== undefined);
  const [lowest] = known;
  const bytes = known.at(-1) - lowest;
  const steps = known.slice(1).map((value, at) => value - known[at]);
  const rises = steps.filter((step) => step > 0).length;
  const late = known.at(-1) - known[Math.floor((known.length - 1) / 2)];
  // One large step, such as what the end of a worker leaves, is no growth, whatever drifts beside it.
  const beside = bytes - Math.max(0, ...steps);
  const begin = (points.find(({ value }) => value >= lowest + bytes * BEGUN) ?? points[0]).seconds;
  const growing = Math.max(start + length * (1 - 1 / PARTS) - begin, length / PARTS);
  return {
    bytes,
    beside,
    perSecond: (bytes * (1 - BEGUN)) / growing,
    begin,
    isSteady: beside >= worth && rises >= (RISES * (known.length - 1)) / (PARTS - 1) && late >= LATE * bytes,
  };
}

module.exports = { trendOf };
