'use strict';
// Bound arguments, sizes of the allocator and owned memory, without a binary. Prints what C and the books say.

const { POINTER, SIZE } = require('../../../lib');
const koffi = require('../../../lib/ffi/koffi');
const { counters, counting } = require('../../support/counting.js');

const library = koffi.load(counting);
koffi.owned('Sized', 'void *', {
  free: { symbol: 'thing_free_sized', args: [POINTER, SIZE] },
  size: (address, bytes) => Number(bytes),
});
koffi.owned('WithContext', 'void *', { free: { symbol: 'thing_free_ctx', args: [42n, POINTER] }, size: 10 });
koffi.owned('Text', 'void *', { free: 'thing_free', size: 'malloc' });
library.func('thing_new', 'Sized', ['size_t'])(1000).dispose();
library.func('thing_new', 'WithContext', ['size_t'])(10).dispose();
const { last_context: context } = counters();
const { size } = library.func('thing_text', 'Text', ['size_t'])(1000);
const block = koffi.alloc('int', 25, { owned: true });
const zeros = koffi.decode(block, 'int', 25).every((value) => value === 0);
const owned = block.size;
block.dispose();
console.log(JSON.stringify({ context, size, zeros, owned, wrong: counters().size_mismatches }));
