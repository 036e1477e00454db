'use strict';
// libc: mappings, whose destructor needs their size too; and blocks and strings that must be freed with free().

const koffi = require('ffi-tally/koffi');
const { POINTER, SIZE, collect, stats } = require('ffi-tally');

const isMac = process.platform === 'darwin';
const libc = koffi.load(isMac ? 'libSystem.dylib' : 'libc.so.6');
const PROT_READ_WRITE = 1 | 2;
const MAP_PRIVATE_ANONYMOUS = isMac ? 0x1002 : 0x22;

// munmap(pointer, size): the size is that of the mapping when it is freed.
koffi.owned('Mapping', 'void *', {
  free: { symbol: 'munmap', args: [POINTER, SIZE] },
  size: (address, hint, length) => length,
  invalid: -1n, // MAP_FAILED
});
koffi.owned('Block', 'void *', { free: 'free', size: 'malloc' });
koffi.owned('HeapString', 'char *', { free: 'free' });
koffi.opaque('FILE');

const mmap = libc.func(
  'Mapping mmap(void *hint, size_t length, int protection, int flags, int fd, long offset)',
);
const memset = libc.func('void *memset(void *to, int value, size_t length)');
const strdup = libc.func('HeapString strdup(const char *text)');

function mapOften(count) {
  for (let i = 0; i < count; i++) {
    const mapping = mmap(null, 4 * 2 ** 20, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
    memset(mapping, i, 4 * 2 ** 20);
    if (new Uint8Array(mapping.view(16))[7] !== i) throw new Error('this is not the mapping');
  }
}

mapOften(200);
console.log(`200 mappings of 4 MB, peak below 256 MB: ${stats().peakBytes < 256 * 2 ** 20}`);
collect();
console.log(`mappings left: ${stats().pointers}`);

// A string that C allocated arrives as a string, and C's copy is freed at once.
console.log(strdup('a string that C allocated'));

// open_memstream() stores a block when the stream is closed. It is ours then.
const openStream = libc.func('FILE *open_memstream(void *block, void *length)');
const puts = libc.func('int fputs(const char *text, FILE *stream)');
const fclose = libc.func('int fclose(FILE *stream)');
const takeBlock = libc.func('Block realloc(void *block, size_t length)');
const stored = koffi.alloc('void *', 1, { owned: true });
const length = koffi.alloc('size_t', 1, { owned: true });
const stream = openStream(stored, length);
for (const word of ['written ', 'into ', 'memory']) puts(word, stream);
fclose(stream);
const bytes = Number(koffi.decode(length, 'size_t'));
const block = takeBlock(koffi.decode(stored, 'void *'), bytes);
console.log(
  `${koffi.decode(block, 'char', bytes)}: ${bytes} bytes, in a block of ${block.size >= bytes ? 'at least as many' : 'fewer'}`,
);

// getline() takes a block, or NULL, and replaces it by a larger one where it must: _Inout_.
const getline = libc.func('int64_t getline(_Inout_ Block *line, _Inout_ size_t *capacity, FILE *stream)');
const fopen = libc.func('FILE *fopen(const char *path, const char *mode)');
const file = fopen(__filename, 'r');
const line = [null];
const capacity = [0];
const read = Number(getline(line, capacity, file));
console.log(`first line: ${koffi.decode(line[0], 'char', read - 1)}`);
fclose(file);
