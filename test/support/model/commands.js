'use strict';
// What random programs consist of: lists of commands, each with the name of a function of books.js.

const fc = require('fast-check');
const { first, isNative } = require('./library.js');
const { moves } = require('../uses.js');

const index = fc.nat(1000);
const size = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 2000 }) },
  fc.constant(70_000),
  fc.constant(2 ** 20),
);
const sort = fc.nat(first.destructors.length - 1);
const label = fc.constantFrom('red', 'green', 'blue');
// Others load much of Node, which every collection looks at: views-fuzz.js and the soak have them all.
const use = fc.constantFrom('deflate', 'write', 'read', 'httpRequest', 'httpResponse', 'call');
const move = fc.constantFrom(...Object.keys(moves));

/** Commands by their weights; `of` is the index of what it does that to. */
const commands = (table) =>
  fc.oneof(
    ...table.map(([weight, name, given]) => ({
      weight,
      arbitrary: fc.record({ do: fc.constant(name), copy: index, ...given }),
    })),
  );

// What can be done while C is on the stack, too.
const synchronous = [
  [80, 'track', { size, sort, label }],
  [50, 'child', { of: index, size, sort, label }],
  [40, 'dispose', { of: index }],
  [40, 'drop', { of: index }],
  [20, 'release', { of: index }],
  [20, 'resize', { of: index, by: fc.nat(5000) }],
  [20, 'hold', { of: index }],
  [20, 'unhold', { of: index }],
  [20, 'report', { delta: fc.integer({ min: -5000, max: 10_000 }) }],
  [10, 'call', { of: index, ms: fc.nat(3) }],
  [20, 'hand over', { of: index }],
  [10, 'take over', { of: index }],
  [10, 'bad', { sort }],
  [10, 'use after end', { of: index }],
  [10, 'collect', { type: fc.constantFrom('major', 'minor') }],
  [5, 'change Error', { how: index }],
  [2, 'cut off', { of: index }],
  ...(isNative ? [[10, 'use', { of: index, how: use }]] : []),
];

const calledBack = (inside) => ({
  of: index,
  reenters: fc.boolean(),
  inside: fc.array(commands(inside), { maxLength: 15 }),
});
const nested = [...synchronous, [40, 'call back', calledBack(synchronous)]];

const all = [
  ...synchronous,
  [20, 'call back', calledBack(nested)],
  [10, 'settle calls', {}],
  [10, 'turn', {}],
  [1, 'reload', {}],
  [10, 'give to a worker', { of: index, how: fc.constantFrom('dispose', 'drop', 'keep', 'hand back') }],
  ...(isNative
    ? [
        [5, 'move', { of: index, how: move }],
        [5, 'let go of moved', { of: index }],
      ]
    : []),
];

const program = fc.array(commands(all), { minLength: 1, maxLength: 150, size: 'max' });

module.exports = { program };
