/** @jest-environment ./test/support/once.js */
'use strict';

const fc = require('fast-check');
const { WINDOW, findFutile, findGap, findStarved } = require('../../../lib/tools/monitor/judge.js');

const MIB = 2 ** 20;
const LEAST = 32 * MIB;

/** Samples of which sample i has those figures, ten seconds apart. */
const series = (figures, count = WINDOW) =>
  Array.from({ length: count }, (_, i) => ({
    at: i * 10_000,
    late: 0,
    heap: 50 * MIB,
    untracked: 10 * MIB,
    tracked: 0,
    dead: { bytes: 0, pointers: 0 },
    major: 0,
    returned: 0,
    largest: [],
    ...figures(i),
  }));
const gap = (figures, count) => findGap(series(figures, count), LEAST);
const noise = (i) => ((i * 7919) % 13) * 0.1 * MIB;

describe('a gap', () => {
  test('is a steady growth of what nobody tracks, with its rate', () => {
    const found = gap((i) => ({ untracked: 10 * MIB + i * 8 * MIB + noise(i) }));
    expect(found.bytes / (64 * MIB)).toBeCloseTo(1, 1);
    expect(found.bytesPerSecond / (0.8 * MIB)).toBeCloseTo(1, 1);
    expect(found.untracked).toBe(98 * MIB + noise(11));
    expect(found.message).toMatch(
      /^Native memory that nobody tracks has grown by 6\d\.\d MB in 80 s \(0\.8 MB\/s\) to 10\d\.\d MB, /,
    );
  });

  test('is seen in the last samples, whatever was before', () => {
    expect(gap((i) => ({ untracked: Math.max(i - 20, 0) * 8 * MIB }), 32)).not.toBe(null);
  });

  test.each([
    ['too few samples', (i) => ({ untracked: i * 100 * MIB }), WINDOW - 1],
    ['too little', (i) => ({ untracked: i * 3 * MIB })],
    ['flat', () => ({})],
    ['noise', (i) => ({ untracked: noise(i) * 100 })],
    ['a step: something was loaded', (i) => ({ untracked: i < 5 ? 0 : 500 * MIB })],
    ['a step at the end', (i) => ({ untracked: i < 11 ? 0 : 500 * MIB })],
    ['warming up', (i) => ({ untracked: 500 * MIB * (1 - 0.6 ** i) })],
    ['a saw tooth', (i) => ({ untracked: (i % 4) * 100 * MIB })],
    ['falling', (i) => ({ untracked: (12 - i) * 100 * MIB })],
    ['two steps', (i) => ({ untracked: Math.floor(i / 4) * 100 * MIB })],
    ['a leak in JavaScript', (i) => ({ untracked: i * 8 * MIB, heap: i * 40 * MIB })],
    ['a leak in JavaScript of half as much', (i) => ({ untracked: i * 8 * MIB, heap: i * 4.1 * MIB })],
    ['tracked memory that grows', (i) => ({ tracked: i * 100 * MIB })],
  ])('is not %s', (_, figures, count = WINDOW) => {
    expect(gap(figures, count)).toBe(null);
  });

  test('is never a random walk around a level, and always a leak ten times as fast as the noise', () => {
    const steps = fc.array(fc.integer({ min: -MIB, max: MIB }), { minLength: WINDOW, maxLength: WINDOW });
    fc.assert(
      fc.property(steps, (offsets) => {
        expect(gap((i) => ({ untracked: 10 * MIB + offsets[i] }))).toBe(null);
        expect(gap((i) => ({ untracked: i * 10 * MIB + offsets[i] }))).not.toBe(null);
      }),
    );
  });
});

describe('a starved event loop', () => {
  const last = (late, bytes) => series(() => ({ late, dead: { bytes, pointers: 3 } }), 1);

  test('is late, and much is dead', () => {
    expect(findStarved(last(2500, 40 * MIB))).toMatchObject({ bytes: 40 * MIB, pointers: 3, seconds: 2.5 });
  });

  test.each([
    ['in time', 0, 500 * MIB],
    ['hardly late', 900, 500 * MIB],
    ['late, but for nothing', 60_000, MIB],
  ])('is not one that is %s', (_, late, bytes) => {
    expect(findStarved(last(late, bytes))).toBe(null);
  });
});

describe('futile collections', () => {
  test('return nothing of much', () => {
    const largest = [{ label: 'image', bytes: 300 * MIB }];
    const found = findFutile(series((i) => ({ tracked: (100 + i) * MIB, major: i, largest })));
    expect(found).toMatchObject({ collections: 11, returned: 0, bytes: 111 * MIB, accounts: largest });
    expect(found.message).toContain('11 collections returned 0.0 MB of 116.4 MB tracked');
    expect(found.message).toContain('Largest accounts: image (314.6 MB)');
  });

  test.each([
    ['they return something', (i) => ({ tracked: 100 * MIB, major: i, returned: i * MIB })],
    ['there are none', () => ({ tracked: 100 * MIB })],
    ['there are few', (i) => ({ tracked: 100 * MIB, major: Math.floor(i / 4) })],
    ['there is little', (i) => ({ tracked: MIB, major: i })],
    ['all is disposed from time to time', (i) => ({ tracked: (50 + (i % 3) * 100) * MIB, major: i })],
    ['there are too few samples', (i) => ({ tracked: 100 * MIB, major: i }), WINDOW - 1],
  ])('are not, where %s', (_, figures, count = WINDOW) => {
    expect(findFutile(series(figures, count))).toBe(null);
  });
});
