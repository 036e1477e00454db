'use strict';

test('without an audit nobody observes', () => {
  require('../../lib/ffi/koffi');
  expect(require('../../lib/pointers/observer-hook').observer).toBe(null);
});
