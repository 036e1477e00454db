/** @jest-environment ./test/support/once.js */
'use strict';

const { formatTable } = require('../../lib/support/table.js');

test('a rule below the head, figures to the right, and nothing at the ends of lines', () => {
  const rows = [
    ['image', '1.00 GB', ''],
    ['f()', '7 bytes', 'free() 3×'],
  ];
  expect(formatTable(['account', 'live', 'given back by'], rows, { right: [false, true, false] })).toBe(
    [
      'account     live  given back by',
      '───────────────────────────────',
      'image    1.00 GB',
      'f()      7 bytes  free() 3×',
    ].join('\n'),
  );
});

test('a long last column is not broken', () => {
  const long = 'free_this() 1×, '.repeat(40);
  const lines = formatTable(['function', 'given back by'], [['f()', long]], { right: [] }).split('\n');
  expect(lines).toHaveLength(3);
  expect(lines[2]).toBe(`f()       ${long.trimEnd()}`);
});

test('labels are as wide as they look', () => {
  const rows = [
    ['図書', '1'],
    ['é', '2'],
  ];
  expect(formatTable(['account', 'n'], rows)).toBe(
    ['account  n', '──────────', '図書     1', 'é        2'].join('\n'),
  );
});

test('heads of several lines, and an indent', () => {
  expect(formatTable(['', 'freed\nafter'], [['way', 12]], { indent: 2 })).toBe(
    ['       freed', '       after', '────────────', '  way     12'].join('\n'),
  );
});
