'use strict';
// A mixed load for a long time, in the main thread and two workers: small and large pointers, short and long lives,
// parents, views that Node uses, callbacks, timeouts, asynchronous calls, hand-overs, reloads, and real libraries, whose sizes
// are counted. At the end every figure must be exactly zero, in our books and in those of the C libraries themselves, what is
// counted must be what it was after their first calls, and the memory that is neither
// tracked nor held free by malloc() must not have grown. Beside it processes hand pointers from worker to worker whose main
// thread does not know the library.
// Once a large block was freed, glibc takes others of that size from its heap, and holds more and more of that free. With
// MALLOC_MMAP_THRESHOLD_=524288 it does not, and the resident memory itself is flat.
//   node scripts/soak.js [--seconds=600] [--seed=N]

const path = require('node:path');
const { setImmediate: turn } = require('node:timers/promises');
const { parseArgs } = require('node:util');
const { Worker, isMainThread, parentPort, threadId, workerData } = require('node:worker_threads');
const tally = require('../lib');
const binding = require('../lib/binding');
const koffi = require('../lib/ffi/koffi');
const { runChild } = require('../test/support/child.js');
const { changes, cutOff, forever, restoreError } = require('../test/support/disturb.js');
const { load: reload } = require('../test/support/model/library.js');
const { randomFrom } = require('../test/support/random.js');
const things = require('../test/support/things.js');
const { close, expectAll, moves, use, uses } = require('../test/support/uses.js');

const { POINTER, SIZE, collect, handOver, memoryUsage, reportExternal, stats, takeOver, track, trim } = tally;

const WORKERS = 2;
const KEPT = 3000;
const OPERATIONS = 200; // between two turns of the event loop

const GROWTH = 64 * 2 ** 20; // of what is resident, neither tracked nor held free by malloc(); more is a leak
const POISONED = 2 ** 26; // bytes that were freed last

function declare() {
  const lib = koffi.load(require('../test/support/counting.js').counting);
  koffi.opaque('Thing');
  koffi.owned('OwnedThing', 'Thing *', { free: 'thing_free', size: 'thing_size' });
  koffi.proto('int Callback(Thing *thing, int value)');
  return {
    create: lib.func('OwnedThing thing_new(size_t bytes)'),
    destroy: lib.func('void thing_free(OwnedThing thing)'),
    id: lib.func('int64_t thing_id(const Thing *thing)'),
    call: lib.func('int thing_call(Thing *thing, Callback *callback, int value)'),
    callForLong: lib.func('int thing_call(Thing *thing, Callback *callback, int value)', { reenters: true }),
    sumSlow: lib.func('int thing_sum_slow(Thing *thing, int ms)'),
    replace: lib.func('int thing_replace(_Inout_ OwnedThing *thing, size_t bytes)'),
  };
}

function load(name) {
  try {
    return koffi.load(name);
  } catch {
    if (process.env.CI === 'true') throw new Error(`${name} is not installed`);
    if (isMainThread) console.log(`WITHOUT ${name}, which is not installed`);
    return null;
  }
}

function declareSqlite() {
  const lib = load('libsqlite3.so.0');
  if (lib === null) return null;
  koffi.opaque('sqlite3');
  koffi.opaque('sqlite3_stmt');
  koffi.owned('Database', 'sqlite3 *', { free: 'sqlite3_close' });
  koffi.owned('Statement', 'sqlite3_stmt *', { free: 'sqlite3_finalize', parent: 0 });
  return {
    open: lib.func('int sqlite3_open(const char *file, _Out_ Database *db)'),
    prepare: lib.func(
      'int sqlite3_prepare_v2(sqlite3 *db, const char *sql, int n, _Out_ Statement *s, void *tail)',
    ),
    step: lib.func('int sqlite3_step(sqlite3_stmt *statement)'),
    column: lib.func('int sqlite3_column_int(sqlite3_stmt *statement, int column)'),
    used: lib.func('int64_t sqlite3_memory_used()'),
  };
}

function declareGd() {
  const lib = load('libgd.so.3');
  if (lib === null) return null;
  koffi.opaque('gdImage');
  koffi.owned('OwnedImage', 'gdImage *', { free: 'gdImageDestroy' });
  return {
    create: lib.func('OwnedImage gdImageCreateTrueColor(int w, int h)'),
    pixel: lib.func('int gdImageGetTrueColorPixel(gdImage *image, int x, int y)'),
  };
}

function expect(condition, what) {
  if (!condition) throw new Error(`thread ${threadId}: ${what}`);
}

/** The load of one thread. `send(token)` hands a pointer to another. */
class Load {
  #kept = [];
  #large = [];
  #moved = [];
  #manual = 0;
  #flying = 0;
  #isCutOff = false;
  done = 0;

  constructor(seed, send) {
    this.random = randomFrom(seed);
    this.send = send;
    this.c = declare();
    this.sqlite = declareSqlite();
    this.gd = declareGd();
    this.operations = [
      ...[
        this.#short,
        this.#short,
        this.#short,
        this.#dropped,
        this.#dropped,
        this.#dropped,
        this.#keep,
        this.#keep,
      ],
      ...[
        this.#keepLarge,
        this.#dropLarge,
        this.#family,
        this.#resized,
        this.#dropIn,
        this.#calledBack,
        this.#replaced,
      ],
      ...[this.#released, this.#byHand, this.#handedOver, this.#asynchronous],
      ...[this.#calledBackForLong, this.#changedError, this.#cutOff, this.#reloaded],
      ...[this.#viewed, this.#movedAway],
      ...(this.sqlite === null ? [] : [this.#statement]),
      ...(this.gd === null ? [] : [this.#image]),
    ];
  }

  /** The first calls of the real libraries, for which these keep memory. Returns what is counted then. */
  begin() {
    if (this.sqlite !== null) this.#query().forEach((each) => each.dispose());
    if (this.gd !== null) this.gd.create(100, 100).dispose();
    return binding.countedTotals().bytes;
  }

  step() {
    this.#isCutOff = false;
    for (let i = 0; i < OPERATIONS && !this.#isCutOff; i++) {
      this.operations[this.random(this.operations.length)].call(this);
      this.done++;
    }
  }

  take(token) {
    const pointer = takeOver(token);
    if (this.random(2) === 0) pointer.dispose();
    else this.#put(pointer);
  }

  /** Lets go of everything; resolves when no call is under way any more. */
  async finish() {
    while (this.#flying > 0) await turn();
    close();
    restoreError();
    this.#kept.length = 0;
    this.#large.length = 0;
    this.#moved.length = 0;
    reportExternal(-this.#manual);
    // Of a view V8 may tell later that nobody has it any more.
    for (let i = 0; i < 200 && (i < 2 || stats().pointers > 0); i++) {
      await turn();
      collect();
    }
    const { bytes, pointers, manual, reported, dead, totals } = stats();
    return { operations: this.done, bytes, pointers, manual, reported, dead: dead.pointers, ...totals };
  }

  #size() {
    return this.random(10) === 0 ? 10_000 + this.random(50_000) : 16 + this.random(500);
  }

  #free() {
    const sort = this.random(8);
    if (sort === 0) return (address) => things.free(address);
    if (sort === 1 && binding.canBind) return { address: things.FREE_SIZED, args: [POINTER, SIZE] };
    return things.FREE;
  }

  #make(size = this.#size(), free = this.#free(), parent = null) {
    const address = parent === null ? things.make(size) : things.makeChild(parent.address, size);
    return track(address, { size, free, parent, label: `soak ${size > 9999 ? 'large' : 'small'}` });
  }

  // A long life: until another takes its place.
  #put(pointer) {
    const place = this.random(KEPT);
    const former = this.#kept[place];
    if (former !== undefined && this.random(3) === 0) former.dispose();
    this.#kept[place] = pointer;
  }

  #short() {
    this.#make().dispose();
  }

  #dropped() {
    this.#make();
  }

  #keep() {
    this.#put(this.#make());
  }

  #keepLarge() {
    this.#large[this.random(8)] = this.#make(2 ** 20 + this.random(2 ** 20));
  }

  #dropLarge() {
    const pointer = this.#make(2 ** 20);
    if (this.random(2) === 0) new Uint8Array(pointer.view())[0] = 1;
  }

  #family() {
    const parent = this.#make();
    let child = this.#make(64, things.FREE, parent);
    for (let i = this.random(5); i > 0; i--)
      child = this.#make(32, this.#free(), this.random(2) ? parent : child);
    if (this.random(2) === 0) parent.dispose();
    if (this.random(2) === 0) this.#put(child);
  }

  #resized() {
    const pointer = this.#make();
    const more = 1 + this.random(5000);
    things.enlarge(pointer.address, more);
    pointer.resize(pointer.size + more);
    if (this.random(2) === 0) this.#put(pointer);
  }

  #dropIn() {
    const thing = this.c.create(this.#size());
    expect(this.c.id(thing) > 0, 'a lent thing is not there');
    if (this.random(3) === 0) this.c.destroy(thing);
    else if (this.random(2) === 0) this.#put(thing);
  }

  // What JavaScript drops, disposes and makes while C uses the thing.
  #calledBack() {
    let thing = this.c.create(100);
    const callback = () => {
      thing?.dispose();
      thing = undefined;
      this.#make(2 ** 17);
      this.#short();
      if (this.random(200) === 0) collect();
      return 7;
    };
    expect(this.c.call(thing, callback, 1) === 7, 'what the callback returned did not come back');
  }

  #replaced() {
    const box = [this.c.create(100)];
    expect(this.c.replace(box, 200 + this.random(5000)) === 0, 'nothing was replaced');
    if (this.random(2) === 0) this.#put(box[0]);
  }

  #released() {
    things.free(this.#make().release());
  }

  #byHand() {
    const delta = this.random(10_000) - 5000;
    if (this.#manual + delta < 0) return;
    this.#manual += delta;
    reportExternal(delta);
  }

  #handedOver() {
    this.send(handOver(this.#make(this.#size(), things.FREE)));
  }

  #asynchronous() {
    if (this.#flying >= 4) return;
    this.#flying++;
    const thing = this.c.create(this.#size());
    this.c.sumSlow.async(thing, this.random(3), (error, sum) => {
      this.#flying--;
      expect(error === null && sum >= 0, `an asynchronous call failed: ${error ?? sum}`);
    });
    if (this.random(2) === 0) thing.dispose();
  }

  // The same where the call reenters: all but its own thing is freed meanwhile.
  #calledBackForLong() {
    const thing = this.c.create(100);
    const callback = () => {
      if (this.random(2) === 0) thing.dispose();
      this.#make(2 ** 17);
      this.#short();
      if (this.random(200) === 0) collect();
      return 7;
    };
    expect(this.c.callForLong(thing, callback, 1) === 7, 'what the callback returned did not come back');
  }

  #changedError() {
    if (this.random(20) === 0) changes[this.random(changes.length)]();
  }

  // In the middle of a call.
  #cutOff() {
    if (this.random(200) !== 0) return;
    const thing = this.c.create(100);
    cutOff(() => this.c.call(thing, forever, 1));
    if (this.random(2) === 0) this.#put(thing);
    collect(); // which has a turn find that out
    this.#isCutOff = true;
  }

  #reloaded() {
    if (this.random(5000) !== 0) return;
    const copy = reload();
    (() => {
      const make = (size) => copy.track(things.make(size), { size, free: things.FREE, label: 'soak copy' });
      const thing = make(100);
      expect(copy.call(thing, () => 7, 1) === 7, 'what the callback returned did not come back');
      for (let i = 0; i < 100; i++) make(1 + this.random(2 ** 16));
      thing.dispose();
    })();
    copy.collect();
    const { bytes, pointers, reported } = copy.stats();
    expect(bytes + pointers + reported === 0, `a copy of the library is left with ${bytes} bytes`);
  }

  #fly(promise) {
    this.#flying++;
    promise.then(() => this.#flying--);
  }

  #viewOf(size, byte) {
    const pointer = this.#make(size);
    const bytes = new Uint8Array(pointer.view()).fill(byte);
    if (this.random(2) === 0) pointer.dispose();
    return bytes;
  }

  #viewed() {
    if (this.#flying >= 8 || this.random(10) !== 0) return;
    const names = Object.keys(uses);
    const byte = 1 + this.random(200);
    this.#fly(use(names[this.random(names.length)], this.#viewOf(this.#size(), byte), byte));
  }

  async #move(how, byte) {
    const bytes = await how(this.#viewOf(this.#size(), byte));
    expectAll(bytes, byte, 'what was moved');
    const place = this.random(20);
    if (this.#moved[place] !== undefined) expectAll(this.#moved[place].bytes, this.#moved[place].byte, 'one');
    this.#moved[place] = { bytes, byte };
  }

  #movedAway() {
    if (this.#flying >= 8 || this.random(20) !== 0) return;
    const all = Object.values(moves);
    this.#fly(this.#move(all[this.random(all.length)], 1 + this.random(200)));
  }

  #query() {
    const { open, prepare, step, column } = this.sqlite;
    const box = [null];
    expect(open(':memory:', box) === 0, 'no database');
    const [db] = box;
    expect(prepare(db, 'SELECT 41 + 1', -1, box, null) === 0, 'no statement');
    const [statement] = box;
    expect(step(statement) === 100 && column(statement, 0) === 42, 'SQLite cannot add');
    return [statement, db];
  }

  #statement() {
    if (this.random(20) !== 0) return; // they are slow
    const [statement, db] = this.#query();
    if (this.random(2) === 0) db.dispose();
    if (this.random(2) === 0) this.#put(statement);
  }

  #image() {
    if (this.random(5) !== 0) return;
    const image = this.gd.create(100 + this.random(400), 300);
    expect(this.gd.pixel(image, 5, 5) === 0, 'a new image is not black');
    if (this.random(10) === 0) this.#put(image);
  }
}

async function workUntil(condition, load) {
  while (!condition()) {
    load.step();
    await turn();
  }
}

/** Worker: loads until told to stop, finishes when told to, and says what is left. */
async function runWorker() {
  let stopped = false;
  const load = new Load(workerData.seed, (token) => parentPort.postMessage({ token }));
  parentPort.on('message', async ({ token, stop, finish }) => {
    if (token !== undefined) load.take(token);
    if (stop) stopped = true;
    if (finish) {
      parentPort.postMessage({ end: await load.finish() });
      parentPort.close();
    }
  });
  await workUntil(() => stopped, load);
  parentPort.postMessage({ stopped });
}

function startWorker(seed, load) {
  const worker = new Worker(__filename, { workerData: { seed } });
  worker.state = {};
  worker.exited = new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject));
  worker.on('message', (message) => {
    if (message.token !== undefined) load.take(message.token);
    else Object.assign(worker.state, message);
  });
  return worker;
}

const inMegabytes = (figures) =>
  Object.fromEntries(Object.entries(figures).map(([name, bytes]) => [`${name} MB`, Math.round(bytes / 1e6)]));

/** Hands pointers from worker to worker in another process. Returns what is wrong, or ''. */
async function transit() {
  const { code, signal, stderr } = await runChild('test/support/transit-model.js', {
    args: ['100'],
    timeout: 600_000,
  });
  return code === 0 ? '' : `transit-model.js: ${signal ?? stderr}`;
}

function report(name, figures) {
  console.log(
    `${name.padEnd(8)} ${Object.entries(figures)
      .map(([key, value]) => `${key} ${value}`)
      .join(', ')}`,
  );
}

/** What must be zero and is not. */
function faultsOf({ ends, referee, sqliteBytes, countedBytes, inTransit, others, transits }) {
  const faults = transits.filter((fault) => fault !== '');
  const zero = (name, value) => {
    if (value !== 0) faults.push(`${name} is ${value}`);
  };
  for (const [name, end] of Object.entries(ends)) {
    for (const key of ['bytes', 'pointers', 'manual', 'reported', 'dead', 'failed'])
      zero(`${name}: ${key}`, end[key]);
    zero(`${name}: pointers unaccounted for`, end.tracked - end.disposed - end.collected - end.released);
  }
  for (const key of ['live', 'live_bytes', ...Object.keys(things.faultless)])
    zero(`referee: ${key}`, referee[key]);
  zero('in transit: pointers', inTransit.pointers);
  zero('in transit: bytes', inTransit.bytes);
  zero('sqlite3_memory_used()', sqliteBytes);
  zero('counted bytes', countedBytes);
  const half = others.length / 2;
  const growth = Math.max(...others.slice(half)) - Math.max(...others.slice(0, half));
  if (growth > GROWTH) faults.push(`other memory grows, by ${growth}`);
  return faults;
}

async function runMain() {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '600' },
      seed: { type: 'string', default: String(Date.now() % 1e9) },
    },
  });
  const seconds = Number(values.seconds);
  const seed = Number(values.seed);
  if (!(seconds > 0) || !Number.isSafeInteger(seed))
    throw new Error('usage: soak.js [--seconds=N] [--seed=N]');
  console.log(
    `node ${path.relative(process.cwd(), __filename)} --seconds=${seconds} --seed=${seed}, Node ${process.version}`,
  );

  let next = 0;
  const workers = [];
  const transits = [];
  things.poison(POISONED);
  const load = new Load(seed, (token) => workers[next++ % WORKERS].postMessage({ token }));
  const countedBefore = load.begin();
  const sqliteBefore = Number(load.sqlite?.used() ?? 0);
  for (let i = 1; i <= WORKERS; i++) workers.push(startWorker(seed + i, load));

  const start = performance.now();
  const elapsed = () => (performance.now() - start) / 1000;
  const others = []; // what is resident, neither tracked nor held free by malloc(), from tenth to tenth
  let peak = 0;
  await workUntil(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
    const { freed, live, ...rest } = things.counters();
    for (const name of Object.keys(things.faultless)) expect(rest[name] === 0, `${name} is ${rest[name]}`);
    if (elapsed() >= ((others.length + 1) * seconds) / 10) {
      const { rss, terms } = memoryUsage();
      const { tracked, fragmentation = 0 } = terms;
      others.push(rss - tracked - fragmentation);
      const figures = { rss, tracked, 'held free': fragmentation, other: others.at(-1) };
      report(`${Math.round(elapsed())} s`, { freed, live, ...inMegabytes(figures) });
      if (others.length % 4 === 1) transits.push(transit());
    }
    return elapsed() >= seconds;
  }, load);

  for (const worker of workers) worker.postMessage({ stop: true });
  while (!workers.every(({ state }) => state.stopped)) await turn();
  for (const worker of workers) worker.postMessage({ finish: true });
  const ends = { main: await load.finish() };
  await Promise.all(workers.map(({ exited }) => exited));
  workers.forEach(({ state }, i) => (ends[`worker ${i + 1}`] = state.end));

  const found = {
    ends,
    others,
    transits: await Promise.all(transits),
    referee: things.counters(),
    sqliteBytes: Number(load.sqlite?.used() ?? 0) - sqliteBefore,
    countedBytes: binding.countedTotals().bytes - countedBefore,
    inTransit: stats({ scope: 'process' }).inTransit,
  };
  for (const [name, figures] of Object.entries(ends)) report(name, figures);
  report('referee', found.referee);
  const faults = faultsOf(found);
  console.log(`sqlite ${found.sqliteBytes} bytes`);
  things.poison(0);
  const end = process.memoryUsage.rss();
  report('resident', inMegabytes({ peak, end, trimmed: end - (trim() ?? 0) }));
  console.log(faults.length === 0 ? 'Every figure is zero that must be.' : `FAILED: ${faults.join('; ')}`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}

(isMainThread ? runMain() : runWorker()).catch((error) => {
  console.error(error);
  process.exit(1);
});
