'use strict';
// What the audit concludes from changes of the bytes in use, other threads' noise among them.

const binding = require('../../../lib/binding');
const { Books } = require('../../../lib/tools/audit/books.js');
const { CallProbe } = require('../../../lib/tools/audit/call-probe.js');
const { resultOf } = require('../../../lib/tools/audit/result.js');

const facts = (name) => ({ name, gives: 'pointer', signature: `void *${name}()` });

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

describe('a pointer at the address of one that was partly given back', () => {
  const address = 0x10_0000n;

  /** The first of 20 pointers seems to have `noise` more; of each, all but `left` bytes are given back. */
  function remade(noise, left = 0) {
    const books = new Books();
    const [make, free] = ['make', 'free'].map((name) => books.add(facts(name)));
    for (let i = 0; i < 20; i++) {
      books.note(make, 412_560 + (i === 0 ? noise : 0), books.known([]), [address]);
      books.note(free, -(412_560 - left), books.known([address]), []);
    }
    const { pointers, bytes } = make.freedBy.get(free) ?? { pointers: 0, bytes: 0 };
    return { pointers, bytes, live: make.pointers, outstanding: make.outstanding, stray: books.stray(make) };
  }

  // As measured with Koffi 2, during whose first call another thread allocated 446 KB.
  test('is a new one: the other was freed, and what is left was allocated by other threads', () => {
    expect(remade(0)).toEqual({ pointers: 20, bytes: 20 * 412_560, live: 0, outstanding: 0, stray: 0 });
    for (const noise of [446_496, 900_000]) {
      const figures = { pointers: 20, bytes: 20 * 412_560, live: 0, outstanding: noise, stray: noise };
      expect(remade(noise)).toEqual(figures);
    }
  });

  test('is not known to be a new one where most of each is left behind; all of that is lost', () => {
    const { pointers, outstanding } = remade(0, 300_000);
    expect({ pointers, outstanding }).toEqual({ pointers: 0, outstanding: 20 * 300_000 });
  });

  test('is the same where it was used since, or where much less was given back than it has now', () => {
    const books = new Books();
    const [open, write, clear, read, realloc] = ['open', 'write', 'clear', 'read', 'realloc'].map((name) =>
      books.add(facts(name)),
    );
    const known = () => books.known([address]);
    books.note(open, 10_000, [], [address]);
    for (let i = 0; i < 20; i++) {
      books.note(write, 1200, known(), []);
      books.note(clear, -1200, known(), []);
      books.note(open, 3000, [], [address]);
      books.note(open, 2000, [], [address]);
      for (const use of [() => books.note(read, 0, known(), []), () => books.see(read, known(), [])]) {
        books.note(clear, -3000, known(), []);
        use();
        books.note(open, 3000, [], [address]);
      }
      books.note(realloc, -3000, known(), [address]);
      books.note(open, 100, [], [address]);
    }
    expect(open.freedBy.size).toBe(0);
    expect(open.pointers).toBe(1);
    expect(open.outstanding).toBe(10_000 + 20 * 2100);
  });

  test('is the same where each use of it takes a little, and its end gives back all', () => {
    const books = new Books();
    const [acquire, release, evict] = ['acquire', 'release', 'evict'].map((name) => books.add(facts(name)));
    for (let i = 0; i < 20; i++) {
      books.note(acquire, 104_000, [], [address]);
      for (let k = 0; k < 5; k++) {
        books.note(release, -4000, books.known([address]), []);
        if (k < 4) books.note(acquire, 4000, [], [address]);
      }
      books.note(evict, -100_000, books.known([address]), []);
    }
    expect(acquire).toMatchObject({ made: 20, outstanding: 0, pointers: 0 });
    expect([...acquire.freedBy]).toEqual([[evict, { pointers: 20, bytes: 20 * 100_000 }]]);
  });

  test('is the same where it was used asynchronously since, whatever that allocates', () => {
    const probe = new CallProbe();
    const { books } = probe;
    const [open, clear, read] = ['open', 'clear', 'read'].map((name) => books.add(facts(name)));
    books.note(open, 10_000, [], [address]);
    books.note(clear, -4500, books.known([address]), []);
    const given = [];
    probe.callAsync(read, (...args) => given.push(args), [address, () => {}]);
    books.note(open, 4500, [], [address]);
    expect(given).toEqual([[address, expect.any(Function)]]);
    expect(open).toMatchObject({ made: 1, pointers: 1, outstanding: 10_000 });
  });
});

/** A probe of a process that has grown by all that it has in use. */
function probeOfAll() {
  const probe = new CallProbe();
  probe.start = 0;
  return probe;
}

/** The functions that are accused after calls that kept so many bytes each, one of so many measured. */
function accused(changes, oneOf = 1) {
  const probe = probeOfAll();
  const book = probe.books.add({
    name: 'copy',
    gives: 'string',
    signature: 'char *copy()',
    disposable: true,
  });
  for (const bytes of changes) {
    book.calls += oneOf;
    probe.books.note(book, bytes, [], []);
  }
  return resultOf(probe).findings.map(({ function: name }) => name);
}

const testMeter = binding.inUse() < 0 ? test.skip : test;

testMeter('a few calls with something large are not those of a leak', () => {
  const calls = new Array(100).fill(0);
  expect(accused([...calls, 254_736, ...calls])).toEqual([]);
  expect(accused([...calls, 100_000, 100_000, 100_000])).toEqual([]);
  expect(accused([...calls, 100_000, 100_000, 100_000, 100_000])).toEqual(['copy']);
});

testMeter('calls of which few are measured are judged like those that are', () => {
  const calls = new Array(50).fill(0);
  expect(accused([...calls, 100, 100, 100, 100_000, ...calls], 10)).toEqual([]);
  expect(accused(new Array(16).fill(10_000), 10)).toEqual(['copy']);
});

// As measured with Node 24, whose pages of large strings take 4448 bytes each until they are collected.
testMeter('what a function gives back in other calls is not kept', () => {
  const alternating = new Array(100).fill(0).map((_, i) => (i % 2 === 0 ? 4448 : -4448));
  expect(accused(alternating)).toEqual([]);
  expect(accused([...alternating, 14_576, 13_200, 4448, -398_736, -203_072, -15_280])).toEqual([]);
});

testMeter('what other threads give back in some calls is not what the others keep', () => {
  expect(accused([-203_072, ...new Array(100).fill(1000)])).toEqual(['copy']);
  // V8 frees Buffers on a thread of its own.
  const amongBuffers = Array.from({ length: 2000 }, (_, i) => (i % 100 === 99 ? -199_000 : 1000));
  expect(accused(amongBuffers)).toEqual(['copy']);
  const amongMany = Array.from({ length: 2000 }, (_, i) => (i % 4 === 3 ? -299_000 : 1000));
  expect(accused(amongMany)).toEqual(['copy']);
});

testMeter.each([1, 2, 3])('%i calls are no leak, however much they keep', (count) => {
  expect(accused(new Array(count).fill(70_000))).toEqual([]);
  expect(accused(new Array(count).fill(1_200_000))).toEqual([]);
});

testMeter('nor is one handle that other calls enlarge', () => {
  const probe = probeOfAll();
  const { books } = probe;
  const [open, write] = ['open', 'write'].map((name) => books.add(facts(name)));
  open.calls = 1;
  write.calls = 1000;
  books.note(open, 10_000, [], [0x10_0000n]);
  for (let i = 0; i < 1000; i++) books.note(write, 1200, books.known([0x10_0000n]), []);
  expect(resultOf(probe).findings).toEqual([]);
});

/** The functions that are accused after 20 trees of three parts each, one of which seems larger by `noise`. */
function accusedOfTrees(part, isLeft, noise) {
  const probe = probeOfAll();
  const { books } = probe;
  const [make, add, free] = ['make', 'add', 'free'].map((name) => books.add(facts(name)));
  for (const book of [make, add, free]) book.calls = 20;
  for (let i = 0n; i < 20n; i++) {
    const root = 0x10_0000n + i * 0x100n;
    books.note(make, 412_560, [], [root]);
    for (let k = 1n; k <= 3n; k++) {
      books.note(add, part + (i === 12n && k === 1n ? noise : 0), books.known([root]), [root + k]);
    }
    books.note(free, -(412_560 + (isLeft ? 0 : 3 * part)), books.known([root]), []);
  }
  return resultOf(probe).findings.map(({ function: name }) => name);
}

testMeter('when V8 compiled during a call, what was made in it and freed is no leak', () => {
  expect(accusedOfTrees(2464, false, 122_000)).toEqual([]);
  expect(accusedOfTrees(2464, false, 346_000)).toEqual([]);
  expect(accusedOfTrees(20_000, false, 346_000)).toEqual([]);
  expect(accusedOfTrees(20_000, true, 0)).toEqual(['add']);
});

testMeter('what others give back explains nothing of what is in pointers', () => {
  const probe = probeOfAll();
  const { books } = probe;
  const [make, free, fill, trim] = ['make', 'free', 'fill', 'trim'].map((name) => books.add(facts(name)));
  const address = 0x10_0000n;
  for (const noise of [15_000, 0]) {
    books.note(make, 10_000 + noise, [], [address]);
    books.note(free, -10_000, books.known([address]), []);
  }
  for (let i = 1n; i <= 50n; i++) {
    books.note(make, 10_000, [], [address + 0x100n * i]);
    books.note(fill, 9000, [], []);
    books.note(trim, -9000, [], []);
  }
  for (const book of books.functions) book.calls = book.measured;
  const [finding, ...others] = resultOf(probe).findings;
  expect(others).toEqual([]);
  expect(finding).toMatchObject({ function: 'make', bytes: 50 * 10_000 });
});

testMeter('the size to declare is a number where all but a few pointers are alike', () => {
  const proposed = (sizes) => {
    const probe = probeOfAll();
    const book = probe.books.add({ ...facts('make'), base: 'Thing' });
    book.calls = sizes.length;
    sizes.forEach((bytes, i) => probe.books.note(book, bytes, [], [BigInt(0x10_0000 + 0x100 * i)]));
    return /size: (.+) \}\);/.exec(resultOf(probe).findings[0].code)[1];
  };
  const alike = new Array(40).fill(20_000);
  const changed = (sizes, at, by) => sizes.map((bytes, i) => bytes + (i === at ? by : 0));
  expect(proposed(alike)).toBe('20000');
  for (const noise of [64_000, -15_000]) {
    const noisy = changed(alike, 7, noise);
    expect(proposed(noisy)).toBe(String(Math.round(20_000 + noise / 40)));
    expect(proposed(changed(noisy, 20, noise))).toBe(String(Math.round(20_000 + noise / 20)));
  }
  const average = (bytes) => `(pointer, ...args) => ${bytes} /* on average */`;
  expect(proposed(alike.map((bytes, i) => bytes + (i % 13 === 0 ? 10_000 : 0)))).toBe(average(21_000));
  expect(proposed([100_000, 200_000, 300_000, 400_000])).toBe(average(250_000));
});
