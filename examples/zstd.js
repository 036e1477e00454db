'use strict';
// Compression contexts: large, made by C, and C itself can say how large.

const koffi = require('ffi-tally/koffi');
const { collect, stats } = require('ffi-tally');

// Node exports the functions of a zstd of its own: without `deep`, the library would call those for its own.
const zstd = koffi.load(process.platform === 'darwin' ? 'libzstd.dylib' : 'libzstd.so.1', { deep: true });

koffi.opaque('ZSTD_CCtx');
koffi.opaque('ZSTD_DCtx');
koffi.owned('Compressor', 'ZSTD_CCtx *', { free: 'ZSTD_freeCCtx', size: 'ZSTD_sizeof_CCtx' });
koffi.owned('Decompressor', 'ZSTD_DCtx *', { free: 'ZSTD_freeDCtx', size: 'ZSTD_sizeof_DCtx' });

const bound = zstd.func('size_t ZSTD_compressBound(size_t size)');
const createCompressor = zstd.func('Compressor ZSTD_createCCtx()');
const createDecompressor = zstd.func('Decompressor ZSTD_createDCtx()');
// A context is small when it is new and grows with its first use: it is measured again after each.
const compressCCtx = zstd.func(
  'size_t ZSTD_compressCCtx(ZSTD_CCtx *context, _Out_ void *to, size_t capacity, const void *from, size_t size, int level)',
  { resizes: 0 },
);
const decompressDCtx = zstd.func(
  'size_t ZSTD_decompressDCtx(ZSTD_DCtx *context, _Out_ void *to, size_t capacity, const void *from, size_t size)',
);

function compress(context, data, level = 3) {
  const target = Buffer.alloc(Number(bound(data.length)));
  return target.subarray(0, Number(compressCCtx(context, target, target.length, data, data.length, level)));
}

const text = Buffer.from('What goes around comes around. '.repeat(10_000));
const compressor = createCompressor();
const before = compressor.size;
const packed = compress(compressor, text, 19);
console.log(`${text.length} bytes became ${packed.length}`);
console.log(
  `the context grew with its use: ${compressor.size > before}, the books know: ${stats().bytes === compressor.size}`,
);

const unpacked = Buffer.alloc(text.length);
const decompressor = createDecompressor();
decompressDCtx(decompressor, unpacked, unpacked.length, packed, packed.length);
console.log(`unpacked, it is the same: ${unpacked.equals(text)}`);
compressor.dispose();
decompressor.dispose();

// A new context each time, and nobody frees it.
function compressOften(count) {
  for (let i = 0; i < count; i++) compress(createCompressor(), text);
}

compressOften(200);
console.log(`peak below 256 MB: ${stats().peakBytes < 256 * 2 ** 20}`);
collect();
console.log(`contexts left: ${stats().pointers}`);
