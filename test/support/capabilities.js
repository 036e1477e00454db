'use strict';
// What runtimes differ in, tried: each probe tells whether this one can. docs/runtimes.md has what we found, and
// acceptance.js compares. What no runtime may do, such as freeing twice, is asserted here and there.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { Worker } = require('node:worker_threads');
const tally = require('../../lib');
const { counting } = require('./counting.js');
const { posix } = require('./platform.js');
const { FREE, counters, koffi: raw, make, reset } = require('./things.js');

const MIB = 2 ** 20;
const acceptance = path.join(__dirname, '../acceptance.js');

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Turns the event loop and collects until `condition()`. Resolves to whether it came true. */
async function eventually(condition) {
  for (let i = 0; i < 20 && !condition(); i++) {
    tally.collect();
    await turn();
    await turn();
  }
  return condition();
}

const nothingLeft = () => eventually(() => tally.stats().pointers === 0);

// The charge of 8 MB for a few real bytes: where nothing is freed, the machine does not notice.
function dropHeavy() {
  tally.track(make(64), { size: 8 * MIB, free: FREE });
}

function synchronousLoop() {
  let peak = 0;
  for (let i = 0; i < 100; i++) {
    dropHeavy();
    peak = Math.max(peak, tally.stats().bytes);
  }
  return peak <= 256 * MIB;
}

async function eventLoop() {
  let peak = 0;
  for (let i = 0; i < 1000; i++) {
    dropHeavy();
    peak = Math.max(peak, tally.stats().bytes);
    await turn();
  }
  return peak <= 2048 * MIB;
}

function collectFrees() {
  for (let i = 0; i < 10; i++) dropHeavy();
  return tally.collect().pointers > 0;
}

function minorCollections() {
  const frees = () => {
    dropHeavy();
    return tally.collect({ type: 'minor' }).pointers > 0;
  };
  return [frees(), frees(), frees()].includes(true);
}

function counterFollows() {
  const before = tally.memoryUsage();
  const pointer = tally.track(make(64), { size: 100 * MIB, free: FREE });
  const after = tally.memoryUsage();
  pointer.dispose();
  const told = after.reported - before.reported;
  assert.ok(told > 16 * MIB, `${told} bytes reported of 100 MiB`);
  return Math.abs(after.counter - before.counter - told) < MIB;
}

async function viewsKeepMemory() {
  let bytes;
  (() => {
    const pointer = tally.track(make(64), { size: 64, free: FREE });
    try {
      bytes = new Uint8Array(pointer.view());
    } catch (error) {
      assert.equal(error.code, 'ERR_TALLY_NO_VIEWS');
    }
    pointer.dispose();
  })();
  if (bytes === undefined) return false;
  tally.collect();
  bytes.fill(7);
  assert.ok(bytes.length === 64 && bytes.every((byte) => byte === 7));
  assert.equal(tally.stats().dead.pointers, 1);
  // A byte stream takes the memory away from it.
  const stream = new globalThis.ReadableStream({ type: 'bytes', start: (to) => to.enqueue(bytes) });
  let { value: moved } = await stream.getReader().read();
  bytes = null;
  for (let i = 0; i < 3; i++) {
    tally.collect();
    await turn();
  }
  assert.ok(moved.every((byte) => byte === 7));
  moved = null;
  return nothingLeft();
}

/** A worker of acceptance.js that makes 100 parents with a child each and ends that way. */
async function workerFrees(way) {
  reset();
  const worker = new Worker(acceptance, { workerData: way, env: process.env });
  let thrown;
  worker.on('error', (error) => (thrown = error));
  const exited = new Promise((resolve) => worker.on('exit', resolve));
  // Not once(): it rejects when the error of a worker arrives before its message.
  const told = new Promise((resolve) => worker.on('message', resolve));
  await Promise.race([told, exited]);
  if (way === 'loop') await worker.terminate();
  await exited;
  assert.equal(thrown?.message, way === 'throw' ? 'on purpose' : undefined);
  const { made, live, orphans, double_frees: twice, foreign_frees: strange } = counters();
  assert.ok(made >= 200, way);
  assert.equal(twice + strange, 0, way);
  // A thread that is stopped may just have got a thing from C that we had no chance to see.
  const lost = way === 'loop' ? 1 : 0;
  assert.ok(orphans <= lost, `${way}: ${orphans} orphans`);
  return live <= lost;
}

/** The main thread's end, in a process of its own: the destructor is write(1, pointer, size), and so we hear of it. */
function exitFrees() {
  const args = process.versions.deno === undefined ? process.execArgv : ['run', '--allow-all'];
  const { status, stdout } = spawnSync(process.execPath, [...args, acceptance, 'at exit'], {
    env: process.env,
  });
  assert.equal(status, 0);
  assert.ok(stdout.length === 0 || stdout.length === 3);
  return stdout.length === 3;
}

function exitMain(koffi, libcName) {
  tally.configure({ atExit: 'free' });
  koffi.owned('Told', 'void *', {
    free: { symbol: posix('write'), args: [1, tally.POINTER, tally.SIZE] },
    size: (address, count, bytes) => Number(bytes),
  });
  globalThis.kept = koffi.load(libcName).func('Told calloc(size_t count, size_t bytes)')(1, 3);
}

// Koffi 2 itself aborts the process when a worker that is calling it is terminated.
const terminate = raw.type === undefined ? {} : { 'a worker that is terminated': () => workerFrees('loop') };

const probes = {
  'in a synchronous loop': synchronousLoop,
  'on the event loop': eventLoop,
  'by `collect()`, at once': collectFrees,
  'by `collect({ type: "minor" })`': minorCollections,
  'a worker that returns': () => workerFrees('return'),
  'a worker that throws': () => workerFrees('throw'),
  'a worker that calls `process.exit()`': () => workerFrees('exit'),
  ...terminate,
  'the main thread, `atExit: "free"`': exitFrees,
  '`memoryUsage().counter` tells what was reported': counterFollows,
  '`view()`, disposed and moved meanwhile': viewsKeepMemory,
};

/** { row: { column: cell } } of the table in docs/runtimes.md. */
function readTable() {
  const text = fs.readFileSync(path.join(__dirname, '../../docs/runtimes.md'), 'utf8');
  const rows = text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  const [columns, , ...lines] = rows;
  return Object.fromEntries(
    lines.map(([what, ...cells]) => [
      what,
      Object.fromEntries(cells.map((cell, i) => [columns[i + 1], cell])),
    ]),
  );
}

/** Tries everything, and expects what the table says. Resolves to what was found. */
async function expectTable(column) {
  const table = readTable();
  const documented = {};
  const found = {};
  for (const [what, probe] of Object.entries(probes)) {
    documented[what] = table[what]?.[column];
    found[what] = (await probe()) ? 'yes' : 'no';
    assert.ok(await nothingLeft(), `${tally.stats().pointers} pointers are left: ${what}`);
  }
  assert.deepEqual(found, documented, `docs/runtimes.md, ${column}`);
  return found;
}

module.exports = { counting, eventually, exitMain, expectTable, nothingLeft };
