'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { subscribe, unsubscribe } = require('node:diagnostics_channel');
const { collect, configure, track } = require('../../lib');
const binding = require('../../lib/binding');
const { errorOf, expectBalance } = require('../support/balance.js');
const { sources } = require('../support/sources.js');
const things = require('../support/things.js');

beforeEach(things.reset);
afterEach(expectBalance);

const make = (bytes) => track(things.make(bytes), { size: bytes, free: things.FREE, label: 'channels' });

/** What is told on these channels while `work` runs, as [channel, message]. */
function heard(names, work) {
  const messages = [];
  const listeners = names.map((name) => [`ffi-tally:${name}`, (message) => messages.push([name, message])]);
  for (const [name, listener] of listeners) subscribe(name, listener);
  try {
    work();
  } finally {
    for (const [name, listener] of listeners) unsubscribe(name, listener);
  }
  return messages;
}

const ALL = ['gc', 'sweep', 'freed', 'limit', 'destructor-error'];

test('a collection, what it found dead, and what was freed', () => {
  const kept = [];
  (() => {
    for (let i = 0; i < 20; i++) kept.push(make(100));
  })();
  // In any order: a collection of V8's own may come before.
  const messages = heard(ALL, () => {
    kept.length = 0;
    collect();
  });
  expect(messages).toHaveLength(3);
  expect(messages).toEqual(
    expect.arrayContaining([
      ['gc', { type: 'major', milliseconds: expect.any(Number) }],
      ['sweep', { bytes: 2000, pointers: 20 }],
      ['freed', { bytes: 2000, pointers: 20 }],
    ]),
  );
  expect(heard(ALL, () => collect({ type: 'minor' }))).toEqual([
    ['gc', { type: 'minor', milliseconds: expect.any(Number) }],
  ]);
});

test('a collection that the pacer asked for', () => {
  const { budget, growth } = configure();
  configure({ budget: 2 ** 20, growth: 0.001 }); // whatever the heap of Jest
  const messages = heard(ALL, () => {
    for (let i = 0; i < 100; i++) make(2 ** 17);
  });
  configure({ budget, growth });
  const sum = (name) =>
    messages.filter(([other]) => other === name).reduce((total, [, { pointers }]) => total + pointers, 0);
  expect(messages.filter(([name]) => name === 'gc').length).toBeGreaterThan(0);
  expect(sum('freed')).toBeGreaterThan(0);
  expect(sum('freed')).toBe(things.counters().freed);
  expect(sum('sweep')).toBeGreaterThanOrEqual(sum('freed'));
  collect();
});

test('a pointer that is refused', () => {
  const { limit } = configure();
  configure({ limit: 2 ** 20 });
  const messages = heard(['limit'], () => {
    expect(errorOf(() => make(2 ** 21)).code).toBe('ERR_TALLY_LIMIT');
  });
  configure({ limit });
  expect(messages).toEqual([['limit', { bytes: 0, limit: 2 ** 20, size: 2 ** 21 }]]);
});

test('where nobody listens, nothing is asked', () => {
  collect();
  const { bytes, pointers, deadBytes, deadPointers, stats } = binding;
  let asked = 0;
  for (const [name, figure] of Object.entries({ bytes, pointers, deadBytes, deadPointers })) {
    binding[name] = () => {
      asked++;
      return figure();
    };
  }
  binding.stats = () => {
    throw new Error('the figures of all accounts were asked for');
  };
  const cost = (work) => {
    asked = 0;
    work();
    return asked;
  };
  const silent = cost(() => collect());
  let loud = 0;
  heard(ALL, () => (loud = cost(() => collect())));
  Object.assign(binding, { bytes, pointers, deadBytes, deadPointers, stats });
  // collect() itself asks for two figures, twice; each of two sweeps for three, as nothing is found; so does the freeing.
  expect([silent, loud]).toEqual([4, 4 + 3 * 3]);
});

test('docs/seeing-memory.md lists them all', () => {
  const channels = sources().flatMap(({ source }) => source.match(/(?<=\bchannel\(')[\w:-]+/g) ?? []);
  expect(channels).toEqual(expect.arrayContaining(ALL.map((name) => `ffi-tally:${name}`)));

  const page = fs.readFileSync(path.join(__dirname, '../../docs/seeing-memory.md'), 'utf8');
  expect(page.match(/(?<=^\| `)ffi-tally:[\w-]+(?=` +\|)/gm).sort()).toEqual(channels.sort());
});
