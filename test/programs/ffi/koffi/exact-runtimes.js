'use strict';
// Counted sizes where there is no Jest, which scripts/cross.js runs, too: each figure is compared with what a program says
// that has an allocator of its own or, on Windows, looks through all heaps. Needs nothing but node:assert.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { subscribe } = require('node:diagnostics_channel');

const binding = require('../../../../lib/binding');
const { configure, startProfile, stats, withOwnership } = require('../../../../lib');
const libraries = require('../../../support/build.js')();
const { argumentsOf } = require('../../../support/control/cases.js');
const { CASES } = require('../../../support/control/runtime-cases.js');
const { libc, musl, windows } = require('../../../support/platform.js');
const { run } = require('./exact.js');

const { control, heaps, plugin } = libraries;
const koffi = withOwnership(require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi'));
const count = () => binding.countedTotals().bytes;

/** What the control says: [[size, left]] of three objects. Into a file: programs by Wine do not write to pipes. */
function expected(each) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'tally-'));
  const log = path.join(directory, 'control.txt');
  const output = fs.openSync(log, 'w');
  const { status } = spawnSync(control, argumentsOf(each, 3), { stdio: ['ignore', output, output] });
  fs.closeSync(output);
  const text = fs.readFileSync(log, 'utf8');
  fs.rmSync(directory, { recursive: true });
  assert.equal(status, 0, text);
  return text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(' ').map(Number));
}

function testCases() {
  for (const [name, each] of Object.entries(CASES)) {
    const [, ...steady] = expected(each); // the first comes with what the runtimes keep
    const [, ...counted] = run(name, each, 3);
    assert.deepEqual({ [name]: counted }, { [name]: steady });
    assert.ok(
      counted.every(([, left]) => left === 0),
      name,
    );
  }
}

// In which the control would see what the system needs for a heap.
function testHeap() {
  const library = koffi.load(heaps);
  koffi.owned('OwnedHeap', 'void *', { free: 'free_heap' });
  const make = library.func('OwnedHeap make_heap(intptr_t blocks)');
  make(1).dispose(); // the first object comes with what the library sets up
  const heap = make(100);
  const before = count();
  assert.equal(heap.size, (100 * (100 + 199)) / 2);
  heap.dispose();
  assert.equal(before - count(), (100 * (100 + 199)) / 2);
}

function testGrowth(file) {
  const library = koffi.load(file);
  const make = library.func('OwnedList make_list()');
  const resize = library.func('void resize_list(List *list, intptr_t count)');
  const clear = library.func('void clear_list(List *list)');
  const list = make();
  const empty = list.size;
  for (const bytes of [1000, 100_000, 10]) {
    resize(list, bytes);
    assert.equal(list.size, empty + bytes);
  }
  resize(list, 5000);
  clear(list);
  assert.equal(library.func('intptr_t count_of(List *list)')(list), 5000);
  assert.equal(list.size, empty, 'what a thread has freed is gone');
  const before = count();
  list.dispose();
  assert.equal(before - count(), empty);
}

function testNoise() {
  const library = koffi.load(heaps);
  const list = library.func('OwnedList make_list()')();
  const countOf = library.func('intptr_t count_of(List *list)');
  countOf(list);
  const [bytes, size] = [count(), list.size];
  for (let i = 0; i < 100_000; i++) countOf(list);
  assert.deepEqual([count(), list.size], [bytes, size]);
  list.dispose();
}

// What a library loads counts from the end of that call on.
function testPlugin() {
  const library = koffi.load(heaps);
  koffi.owned('OwnedPlugin', 'void *', { free: 'release' });
  const load = library.func('OwnedPlugin load_plugin(const char *path)');
  const make = library.func('OwnedBlock make_by(void *plugin, const char *name, intptr_t bytes)');
  const loaded = load(plugin);
  const block = make(loaded, 'make_block', 1000);
  assert.equal(block.size, 1000);
  block.dispose();
  loaded.dispose();
}

function testUnload() {
  for (let i = 0; i < 3; i++) {
    const library = koffi.load(heaps);
    const before = count();
    const list = library.func('OwnedList make_list()')();
    assert.equal(count() - before, list.size);
    library.unload();
    list.dispose();
    assert.equal(count(), before);
  }
}

function testRuntimes() {
  for (const name of windows ? [libc, 'msvcrt.dll'] : [libc]) {
    const library = koffi.load(name);
    const before = count();
    koffi.owned(`Of${name[0]}`, 'void *', { free: 'free' });
    const block = library.func(`Of${name[0]} malloc(size_t bytes)`)(1000);
    const strdup = windows ? '_strdup' : 'strdup';
    const text = library.func(`Of${name[0]} ${strdup}(const char *text)`)('x'.repeat(99));
    // Nobody saw what was asked for, and the allocator tells what it gave.
    assert.deepEqual([block.size, text.size], [windows ? 1000 : binding.usableSize(block.address), 100]);
    library.func('void free(void *block)')(text);
    assert.ok(text.disposed, 'free() called by hand is its destructor');
    block.dispose();
    assert.equal(count(), before);
  }
}

// What a thread that a call starts allocates is that of the object that the call makes.
function testThread() {
  const duplicate = koffi.load(heaps).func('OwnedText duplicate_in_thread(const char *text)');
  const before = count();
  const text = duplicate('x'.repeat(99));
  assert.deepEqual([text.size, count() - before], [100, 100]);
  text.dispose();
  assert.equal(count(), before);
}

function testAsync() {
  const library = koffi.load(heaps);
  const duplicate = library.func('OwnedText duplicate(const char *text)');
  return new Promise((resolve, reject) => {
    duplicate.async('x'.repeat(99), (error, text) => {
      if (error) return reject(error);
      assert.equal(text.size, 100);
      text.dispose();
      resolve();
    });
  });
}

// What C frees of an object is told with the library that did it, and lies idle for a while.
function testFreedByC() {
  configure({ checked: true, stress: true });
  const library = koffi.load(heaps);
  const losses = [];
  subscribe('ffi-tally:foreign-free', (loss) => losses.push(loss));
  const list = library.func('OwnedList make_list()')();
  const { address } = list;
  library.func('void free_list(uintptr_t list)')(address);
  list.dispose();
  const [{ freedBy, ...loss }] = losses;
  assert.deepEqual(loss, { address, allocatedBy: 'OwnedList', again: false });
  assert.match(freedBy, /^free_list\(\) of libheaps/);
  // Koffi 2 takes no addresses.
  if (koffi.type !== undefined) assert.equal(koffi.decode(address, 'uint8_t'), 0xdb);
}

function testProfile() {
  const profile = startProfile({ every: 4096, seed: 1 });
  // musl cannot be unwound: what it allocates comes from nowhere else. The other one asks twice, for half and for all.
  const [name, declaration, argument] = musl
    ? ['make_block', 'void *! make_block(intptr_t bytes)', 66_666]
    : ['duplicate', 'char *! duplicate(const char *text)', 'x'.repeat(99_999)];
  const make = koffi.load(heaps).func(declaration);
  for (let i = 0; i < 10; i++) make(argument);
  profile.stop();
  const { allocated, sites } = profile.read();
  assert.ok(allocated.bytes >= 900_000 && allocated.bytes < 1_200_000, String(allocated.bytes));
  const frames = sites.flatMap((site) => site.frames);
  assert.ok(frames.some((frame) => frame.name === name));
  assert.ok(frames.some(({ file }) => file.includes('libheaps')));
}

async function main() {
  testCases();
  koffi.owned('OwnedText', 'void *', { free: 'release' });
  koffi.opaque('List');
  koffi.owned('OwnedList', 'List *', { free: 'free_list' });
  koffi.owned('OwnedBlock', 'void *', { free: 'free_block' });
  if (windows) testHeap();
  testGrowth(heaps);
  if (windows) testGrowth(libraries.heapsMsvcrt);
  testNoise();
  testPlugin();
  testUnload();
  testRuntimes();
  testThread();
  await testAsync();
  testProfile();
  assert.equal(koffi.load(heaps).func('int keeps_error()')(), 1);
  testFreedByC();
  assert.deepEqual([stats().pointers, stats().bytes], [0, 0]);
  console.log(JSON.stringify({ cases: Object.keys(CASES).length, kept: count() }));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
