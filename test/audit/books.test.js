'use strict';
// What the audit concludes from changes of the bytes in use, other threads' noise among them.

const { Books } = require('../../lib/audit/books.js');

const facts = (name) => ({ name, gives: 'pointer' });

/** A tree of `own` bytes with three parts of `part` each, and what is booked once all but `missing` bytes are given back. */
function freedBut(missing, { own, part, parts = 3 }) {
  const books = new Books();
  const [make, add, free] = ['make', 'add', 'free'].map((name) => books.add(facts(name)));
  for (let i = 0n; i < 20n; i++) {
    const root = 0x10_0000n + i * 0x100n;
    books.note(make, own, [], [root]);
    for (let k = 1n; k <= BigInt(parts); k++) books.note(add, part, books.known([root]), [root + k]);
    books.note(free, -(own + parts * part - missing), books.known([root]), []);
  }
  return { make: make.outstanding, add: add.outstanding, freedBy: make.freedBy.get(free)?.pointers };
}

test('a tree given back whole leaves nothing', () => {
  expect(freedBut(0, { own: 412_560, part: 2464 })).toEqual({ make: 0, add: 0, freedBy: 20 });
});

test.each([8256, 2 * 8256, 30_000])(
  '%i bytes that another thread allocates are no part left behind',
  (noise) => {
    expect(freedBut(noise, { own: 412_560, part: 2464 })).toEqual({ make: 0, add: 0, freedBy: 20 });
    expect(freedBut(noise, { own: 412_560, part: noise / 3 })).toEqual({ make: 0, add: 0, freedBy: 20 });
  },
);

test('copies that outlive what they were made of are left behind, with noise or without', () => {
  const size = { own: 3_840_000, part: 240_000, parts: 1 };
  for (const noise of [0, 8256, -8256]) {
    expect(freedBut(240_000 + noise, size)).toEqual({ make: 0, add: 20 * 240_000, freedBy: 20 });
  }
});

test('what is missing, but not what the parts have, is nobody to accuse', () => {
  const size = { own: 3_840_000, part: 240_000, parts: 1 };
  expect(freedBut(120_000, size)).toEqual({ make: 0, add: 0, freedBy: 20 });
  expect(freedBut(360_000, size)).toEqual({ make: 0, add: 0, freedBy: 20 });
});
