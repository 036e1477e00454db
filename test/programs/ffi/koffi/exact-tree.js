'use strict';
// Objects that grow, shrink and are taken by others: each has what is its own, to the byte.

const assert = require('node:assert');
const binding = require('../../../../lib/binding');
const { stats, withOwnership } = require('../../../../lib');
const koffi = withOwnership(require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi'));

const lib = koffi.load('libjansson.so.4');
koffi.opaque('json_t');
koffi.owned('Json', 'json_t *', { free: 'json_delete', size: 'exact' });
const object = lib.func('Json json_object()');
const array = lib.func('Json json_array()');
const string = lib.func('Json json_string(const char *text)');
const set = lib.func('int json_object_set_new(json_t *object, const char *key, Json value)');
const append = lib.func('int json_array_append_new(json_t *array, Json value)');
const remove = lib.func('int json_object_del(json_t *object, const char *key)');
const clear = lib.func('int json_object_clear(json_t *object)');

const counted = () => binding.countedTotals().bytes;
const start = counted();
const check = (...objects) =>
  assert.strictEqual(
    objects.reduce((sum, { size }) => sum + size, 0),
    counted() - start,
  );

const root = object();
const empty = root.size;
assert(empty > 0);
for (let i = 0; i < 100; i++) set(root, `key ${i}`, string('v'.repeat(100)));
check(root);
assert(root.size > 100 * 100);
const list = array();
for (let i = 0; i < 100; i++) append(list, string('x'.repeat(50)));
check(root, list);
set(root, 'list', list);
assert(list.disposed);
check(root);
for (let i = 0; i < 50; i++) remove(root, `key ${i}`);
check(root);
clear(root);
check(root);
const outer = object();
set(outer, 'root', root);
check(outer);
assert.throws(() => set(outer, 'key'), Error); // which leaves nothing marked
const other = string('other');
check(outer, other);
const before = stats();
assert.strictEqual(before.bytes, outer.size + other.size);
assert.strictEqual(before.accounts.find(({ label }) => label === 'Json').sizes, 'exact');
other.dispose();
outer.dispose();
assert.strictEqual(counted(), start);
assert.strictEqual(stats().bytes, 0);
