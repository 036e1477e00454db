'use strict';
// An object whose calls start threads, which live as long as it does: zstd, which tells itself how large a compressor is with
// all its threads.

const assert = require('node:assert');
const { promisify } = require('node:util');
const binding = require('../../../../lib/binding');
const { stats, withOwnership } = require('../../../../lib');
const { randomFrom } = require('../../../support/random.js');
const koffi = withOwnership(require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi'));

const [NB_WORKERS, JOB_SIZE, LEVEL] = [400, 401, 100]; // ZSTD_cParameter
const lib = koffi.load('libzstd.so.1', { deep: true });
koffi.opaque('CCtx');
koffi.owned('Compressor', 'CCtx *', { free: 'ZSTD_freeCCtx' });
const create = lib.func('Compressor ZSTD_createCCtx()');
const set = lib.func('size_t ZSTD_CCtx_setParameter(CCtx *compressor, int parameter, int value)');
const compress = lib.func(
  'size_t ZSTD_compress2(CCtx *compressor, void *to, size_t room, const void *from, size_t bytes)',
);
const sizeOf = lib.func('size_t ZSTD_sizeof_CCtx(const CCtx *compressor)');

const random = randomFrom(1);
const from = Buffer.from(Array.from({ length: 4e6 }, () => random(32)));
const to = Buffer.alloc(5e6);

async function use(compressor) {
  set(compressor, NB_WORKERS, 3);
  set(compressor, JOB_SIZE, 2 ** 20);
  const alone = compressor.size;
  for (const [bytes, level] of [
    [2e6, 1],
    [4e6, 1],
    [4e6, 9],
  ]) {
    set(compressor, LEVEL, level);
    await promisify(compress.async)(compressor, to, to.length, from, bytes);
    compress(compressor, to, to.length, from, bytes);
    assert.equal(compressor.size, sizeOf(compressor));
  }
  assert.ok(compressor.size > 4 * alone);
}

async function main() {
  const before = binding.countedTotals().bytes;
  for (let i = 0; i < 2; i++) {
    const compressor = create();
    await use(compressor);
    const other = create();
    compress(other, to, to.length, from, 1e6);
    assert.equal(other.size, sizeOf(other));
    compressor.dispose();
    assert.equal(other.size, sizeOf(other));
    other.dispose();
    assert.deepEqual([binding.countedTotals().bytes, stats().bytes], [before, 0]);
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
