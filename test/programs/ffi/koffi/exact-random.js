'use strict';
// node exact-random.js [ROUNDS] [SEED]: random programs of objects without a size, each round in this thread and in
// two workers. They grow and shrink, also on threads that C starts and in asynchronous calls, are taken by others, dropped and
// disposed of; libraries are unloaded, and workers end in every way. What is tracked is what is counted, and in the end
// that is what it was. A round that fails tells its seed.

const assert = require('node:assert');
const { promisify } = require('node:util');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const binding = require('../../../../lib/binding');
const { collect, configure, stats, withOwnership } = require('../../../../lib');
const { containers, heaps } = require('../../../support/build.js')();
const { randomFrom } = require('../../../support/random.js');
const koffi = withOwnership(require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi'));

const OPERATIONS = 400;
const KEPT = 40;

for (const [name, free] of [
  ['Text', 'release'],
  ['Line', 'free_list'],
  ['Block', 'free_block'],
  ['Strings', 'free_strings'],
  ['List', 'free_list'],
]) {
  koffi.opaque(name);
  koffi.owned(`Owned${name}`, `${name} *`, { free });
}

function load() {
  const [fromC, fromCxx] = [heaps, containers].map((file) => koffi.load(file));
  return {
    unload: () => fromC.unload(),
    duplicate: fromC.func('OwnedText duplicate(const char *text)'),
    duplicateInThread: fromC.func('OwnedText duplicate_in_thread(const char *text)'),
    makeLine: fromC.func('OwnedLine make_list()'),
    resizeLine: fromC.func('void resize_list(Line *line, int64_t count)'),
    clearLine: fromC.func('void clear_list(Line *line)'),
    makeBlock: fromC.func('OwnedBlock make_block(int64_t bytes)'),
    makeStrings: fromCxx.func('OwnedStrings make_strings(int count)'),
    addString: fromCxx.func('void add_string(Strings *strings)'),
    appendString: fromCxx.func('void append_string(_Inout_ OwnedStrings *place)'),
    makeList: fromCxx.func('OwnedList make_list(int room)'),
    addStrings: fromCxx.func('int add_strings(List *list, OwnedStrings strings)', {
      takes: (code) => code === 0,
    }),
  };
}

/** The program of one thread. */
async function play(seed) {
  const random = randomFrom(seed);
  const kept = [];
  let flying = 0;
  let c = load();
  const text = () => 'x'.repeat(random(3000));
  const keep = (object) => {
    if (object !== null && random(4) !== 0) kept[random(KEPT)] = object;
  };
  const oneOf = (label) => {
    const all = kept.filter((each) => each?.label === label && !each.disposed);
    return all[random(Math.max(all.length, 1))];
  };
  const withOne = (label, use) => {
    const object = oneOf(label);
    if (object !== undefined) use(object);
  };
  const later = (call, ...args) => {
    if (flying >= 8) return;
    flying++;
    promisify(call.async)(...args).then((made) => {
      flying--;
      if (typeof made === 'object') keep(made);
    });
  };
  const operations = [
    () => keep(c.duplicate(text())),
    () => keep(c.duplicateInThread(text())),
    () => later(c.duplicate, text()),
    () => later(c.duplicateInThread, text()),
    () => keep(c.makeBlock(16 + random(10_000))),
    () => keep(c.makeLine()),
    () => withOne('OwnedLine', (line) => c.resizeLine(line, 1 + random(5000))),
    () => withOne('OwnedLine', (line) => c.clearLine(line)),
    () => keep(c.makeStrings(random(100))),
    () => withOne('OwnedStrings', (strings) => c.addString(strings)),
    () =>
      withOne('OwnedStrings', (strings) => {
        const place = [strings];
        c.appendString(place);
        keep(place[0]);
      }),
    () => keep(c.makeList(random(5))),
    () => withOne('OwnedList', (list) => withOne('OwnedStrings', (strings) => c.addStrings(list, strings))),
    () => kept[random(KEPT)]?.dispose(),
    () => random(20) === 0 && collect(),
    () => {
      if (random(20) !== 0) return;
      c.unload();
      c = load();
    },
  ];
  for (let i = 0; i < OPERATIONS; i++) {
    operations[random(operations.length)]();
    if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  while (flying > 0) await new Promise((resolve) => setImmediate(resolve));
  return kept;
}

const sum = (objects) =>
  objects.reduce((bytes, each) => bytes + (each === undefined || each.disposed ? 0 : each.size), 0);

async function inWorker({ seed, end }) {
  const kept = await play(seed);
  collect();
  assert(sum(kept) <= stats().bytes);
  parentPort.postMessage('played');
  if (end === 0) process.exit(0);
  if (end === 1) throw new Error('mine');
  if (end === 2) setInterval(() => kept, 1000);
}

function startWorker(seed) {
  const end = seed % 4;
  const worker = new Worker(__filename, { workerData: { seed, end }, stderr: true });
  return new Promise((resolve, reject) => {
    worker.on('message', () => end === 2 && worker.terminate());
    worker.on('error', (error) => (error.message === 'mine' ? undefined : reject(error)));
    worker.on('exit', resolve);
  });
}

async function round(seed) {
  const before = binding.countedTotals();
  const workers = [1, 2].map((i) => startWorker(seed + i));
  const kept = await play(seed);
  await Promise.all(workers);
  for (let i = 0; i < 3; i++) collect();
  // Nobody else is there: what is tracked is what is counted.
  assert.strictEqual(stats().bytes, binding.countedTotals().bytes - before.bytes);
  assert.strictEqual(stats().bytes, sum([...new Set(kept)]));
  for (const each of kept) each?.dispose();
  for (let i = 0; i < 3; i++) collect();
  assert.deepStrictEqual([stats().bytes, stats().pointers], [0, 0]);
  assert.deepStrictEqual(binding.countedTotals(), before);
}

async function main([rounds = 3, first = Date.now() % 1e6]) {
  configure({ budget: 4e6 });
  await play(0).then((kept) => kept.forEach((each) => each?.dispose())); // and what the libraries keep for themselves
  for (let i = 0; i < 3; i++) collect();
  for (let seed = first; seed < first + 3 * rounds; seed += 3) {
    try {
      await round(seed);
    } catch (error) {
      error.message += `\nnode exact-random.js 1 ${seed}`;
      throw error;
    }
  }
}

if (isMainThread) {
  main(process.argv.slice(2).map(Number)).catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
} else {
  inWorker(workerData);
}
