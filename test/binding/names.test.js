'use strict';

test('the backend in JavaScript offers what the native one does, under the same names', () => {
  const native = require('../../lib/binding');
  const javascript = require('../../lib/binding/javascript').open();
  expect(native.backend).toBe('native');
  expect(Object.keys(javascript).sort()).toEqual(Object.keys(native).sort());
  const names = ({ protocol }) =>
    Object.entries(protocol).flatMap(([group, numbers]) =>
      Object.keys(numbers).map((name) => `${group}.${name}`),
    );
  expect(names(javascript).sort()).toEqual(names(native).sort());
});
