'use strict';
// Random programs with views, which are handed to whatever Node has that moves their memory or uses it later, while
// pointers are disposed, dropped, resized, given away and collected. Every thing is full of a byte of its own, so
// whoever reads another has read what was freed, which the referee poisons; who writes there damages the poison.
//   node --expose-gc test/support/views-fuzz.js [STEPS] [SEED]      STEPS: 2000

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { setImmediate } = require('node:timers/promises');
const { promisify } = require('node:util');
const { MessageChannel, receiveMessageOnPort } = require('node:worker_threads');
const zlib = require('node:zlib');
const { collect, stats, track } = require('../../lib');
const { gc, gcUntil } = require('./gc-until.js');
const { declareThings, koffi } = require('../ffi/koffi/setup.js');
const things = require('./things.js');

const { Blob, CompressionStream, ReadableStream, Response } = globalThis;

const steps = Number(process.argv[2] ?? 2000);
const seed = Number(process.argv[3] ?? crypto.randomInt(2 ** 31));

// mulberry32
let state = seed;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const below = (limit) => Math.floor(random() * limit);
const any = (list) => list[below(list.length)];

const sizes = [1, 64, 1000, 4096, 65536, 300_000, 2 ** 20];
const pointers = []; // { pointer, byte, size }
const held = []; // { bytes, byte }: arrays that somebody still has
const pending = new Set();

let found = 0;
function expectAll(bytes, byte, where) {
  for (let i = 0; i < bytes.length; i += bytes.length > 5000 ? 997 : 1) {
    if (bytes[i] !== byte) {
      found++;
      throw new assert.AssertionError({ message: `${where}: byte ${i} is ${bytes[i]}, not ${byte}` });
    }
  }
}

let made = 0;
function make() {
  const size = any(sizes);
  const byte = 1 + (made++ % 200);
  const address = things.make(size);
  const free = random() < 0.2 ? (at) => things.free(at) : things.FREE;
  const pointer = track(address, { size, free, label: `thing ${made % 5}` });
  new Uint8Array(pointer.view()).fill(byte);
  return { pointer, byte, size };
}

/** A pointer of the program, or a new one that nothing else refers to. */
function one() {
  return pointers.length > 0 && random() < 0.6 ? any(pointers) : make();
}

function bytesOf({ pointer, byte, size }) {
  const length = random() < 0.7 ? size : 1 + below(size);
  const buffer = pointer.view(length);
  assert.equal(buffer.byteLength, length);
  const bytes = random() < 0.5 ? new Uint8Array(buffer) : Buffer.from(buffer);
  expectAll(bytes, byte, 'a view');
  return bytes;
}

/** Ends the pointer in one of the ways, perhaps. */
function end(thing) {
  if (random() < 0.5) return;
  const at = pointers.indexOf(thing);
  if (at >= 0) pointers.splice(at, 1);
  thing.pointer.dispose();
}

function during(promise) {
  pending.add(promise);
  promise.then(
    () => pending.delete(promise),
    (error) => {
      console.error(`seed ${seed}`);
      throw error;
    },
  );
}

const deflate = promisify(zlib.deflate);
const brotli = promisify(zlib.brotliCompress);
const gzip = promisify(zlib.gzip);
const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-views-')), 'file');
let server;

const sumSlow = koffi
  .load(require('./counting.js').counting)
  .func('int64_t bytes_sum_slow(const uint8_t *bytes, size_t length, int ms)');
const ownedSum = declareThings().library.func(
  'int64_t bytes_sum_slow(const uint8_t *bytes, size_t length, int ms)',
);

/** Uses of bytes by Node that go on after they return. Each resolves to what was seen, to be that byte throughout. */
const uses = {
  deflate: async (bytes) => zlib.inflateSync(await deflate(bytes)),
  gzip: async (bytes) => zlib.gunzipSync(await gzip(bytes)),
  brotli: async (bytes) =>
    zlib.brotliDecompressSync(await brotli(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 2 } })),
  async stream(bytes) {
    const stream = zlib.createGzip();
    stream.end(bytes);
    bytes = null;
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return zlib.gunzipSync(Buffer.concat(chunks));
  },
  async file(bytes) {
    const name = `${file}-${made}-${below(1e9)}`;
    await fs.promises.writeFile(name, bytes);
    const content = fs.readFileSync(name);
    fs.unlinkSync(name);
    return content;
  },
  async callbackFile(bytes) {
    const name = `${file}-${made}-${below(1e9)}`;
    const descriptor = fs.openSync(name, 'w+');
    const length = await new Promise((resolve, reject) => {
      fs.write(descriptor, bytes, 0, bytes.length, 0, (error, n) => (error ? reject(error) : resolve(n)));
      bytes = null;
    });
    const content = Buffer.alloc(length);
    fs.readSync(descriptor, content, 0, length, 0);
    fs.closeSync(descriptor);
    fs.unlinkSync(name);
    return content;
  },
  async http(bytes) {
    const { port } = server.address();
    const request = http.request({ port, method: 'POST', agent: false });
    request.end(bytes);
    bytes = null;
    const [response] = await once(request, 'response');
    const chunks = [];
    for await (const chunk of response) chunks.push(chunk);
    return Buffer.concat(chunks);
  },
  async call(bytes) {
    const { length } = bytes;
    const [byte] = bytes;
    const sum = await new Promise((resolve, reject) => {
      ownedSum.async(bytes, length, below(4), (error, value) => (error ? reject(error) : resolve(value)));
      bytes = null;
    });
    assert.equal(Number(sum), length * byte);
    return new Uint8Array(0);
  },
  async digest(bytes) {
    const [byte] = bytes;
    const expected = crypto.createHash('sha256').update(Buffer.alloc(bytes.length, byte)).digest('hex');
    const digest = crypto.webcrypto.subtle.digest('SHA-256', bytes);
    bytes = null;
    assert.equal(Buffer.from(await digest).toString('hex'), expected);
    return new Uint8Array(0);
  },
  response: async (bytes) => new Uint8Array(await new Response(bytes).arrayBuffer()),
  blob: async (bytes) => new Uint8Array(await new Blob([bytes]).arrayBuffer()),
  async compression(bytes) {
    const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('gzip'));
    return zlib.gunzipSync(Buffer.from(await new Response(stream).arrayBuffer()));
  },
};

/** Moves the memory into another buffer, where that can be; resolves to an array over it. */
const moves = {
  async enqueue(bytes) {
    const stream = new ReadableStream({ type: 'bytes', start: (controller) => controller.enqueue(bytes) });
    return (await stream.getReader().read()).value;
  },
  async byob(bytes) {
    const [byte] = bytes;
    const stream = new ReadableStream({
      type: 'bytes',
      pull({ byobRequest }) {
        byobRequest.view.fill(byte);
        byobRequest.respond(byobRequest.view.byteLength);
      },
    });
    return (await stream.getReader({ mode: 'byob' }).read(bytes)).value;
  },
  transfer(bytes) {
    const { transfer } = ArrayBuffer.prototype;
    return transfer === undefined ? bytes : new Uint8Array(transfer.call(bytes.buffer));
  },
  clone({ buffer }) {
    try {
      return new Uint8Array(structuredClone(buffer, { transfer: [buffer] }));
    } catch {
      return new Uint8Array(buffer);
    }
  },
  post({ buffer }) {
    const { port1, port2 } = new MessageChannel();
    try {
      port1.postMessage(buffer, [buffer]);
      return new Uint8Array(receiveMessageOnPort(port2).message);
    } catch {
      return new Uint8Array(buffer);
    } finally {
      port1.close();
    }
  },
};

async function move() {
  const thing = make(); // of which nobody else has a view that could be taken away from him
  const { byte } = thing;
  const moved = await any(Object.values(moves))(bytesOf(thing));
  if (random() < 0.5) thing.pointer.dispose();
  else pointers.push(thing);
  // A moved one can be moved on, and is not marked by Node.
  const again = random() < 0.5 ? await any(Object.values(moves))(moved) : moved;
  expectAll(again, byte, 'a moved view');
  const next = below(4);
  if (next < 2) held.push({ bytes: again, byte });
  if (next === 2) await use(again, byte);
}

async function use(bytes, byte) {
  const [name, how] = any(Object.entries(uses));
  const seen = how(bytes);
  bytes = null;
  expectAll(await seen, byte, name);
}

function churn() {
  let kept = [];
  for (let i = 0; i < 20_000; i++) kept = [kept, i];
  return kept.length;
}

const operations = [
  [8, () => void pointers.push(make())],
  [6, () => void bytesOf(one())],
  [8, () => ((thing) => void held.push({ bytes: bytesOf(thing), byte: thing.byte }))(one())],
  [4, () => pointers.length > 0 && end(any(pointers))],
  [4, () => void pointers.splice(below(pointers.length + 1), 1)],
  [6, () => void held.splice(below(held.length + 1), 1)],
  [
    10,
    () => {
      const thing = one();
      during(use(bytesOf(thing), thing.byte));
      end(thing);
    },
  ],
  [8, () => during(move())],
  [
    2,
    // Node writes into what may be gone.
    () => {
      const { pointer } = make();
      const filled = promisify(crypto.randomFill)(new Uint8Array(pointer.view()));
      pointer.dispose();
      during(filled);
    },
  ],
  [
    3,
    // A pointer into the memory of another.
    () => {
      const parent = one();
      const offset = below(parent.size);
      const inside = track(parent.pointer.address + BigInt(offset), {
        size: 0,
        free: null,
        parent: parent.pointer,
      });
      held.push({ bytes: new Uint8Array(inside.view(parent.size - offset)), byte: parent.byte });
      if (random() < 0.5) inside.dispose();
      end(parent);
    },
  ],
  [
    2,
    () => {
      const thing = one();
      thing.pointer.resize(thing.size + 10);
      thing.pointer.resize(thing.size);
    },
  ],
  [
    2,
    () => {
      const thing = make();
      const bytes = bytesOf(thing);
      const { address } = thing.pointer;
      thing.pointer.release();
      assert.equal(bytes.length, 0);
      things.free(address);
    },
  ],
  [
    3,
    () => {
      const thing = one();
      const copy = thing.pointer.copy(thing.size);
      expectAll(copy, thing.byte, 'a copy');
      held.push({ bytes: copy, byte: thing.byte });
    },
  ],
  [
    1,
    () =>
      expectAll(
        Uint8Array.from({ length: 1 }, () => Number(sumSlow([7], 1, 0))),
        7,
        'Koffi',
      ),
  ],
  [1, () => void collect()],
  [2, () => void collect({ type: 'minor' })],
  [1, () => void gc()],
  [1, () => void churn()],
  [4, () => setImmediate()],
];
const wheel = operations.flatMap(([weight, operation]) => Array(weight).fill(operation));

function expectHeld() {
  if (held.length === 0) return;
  const { bytes, byte } = any(held);
  expectAll(bytes, byte, 'one held');
}

// A function of its own: a variable of one that goes on may keep the last value.
async function run() {
  for (let i = 0; i < steps; i++) {
    const result = any(wheel)();
    if (result instanceof Promise) await result;
    expectHeld();
    if (held.length > 60) held.splice(0, 30);
    if (pointers.length > 60) pointers.splice(0, 30);
    if (pending.size > 50) await Promise.race(pending);
    assert.equal(things.counters().damaged, 0);
  }
  while (pending.size > 0) await Promise.all(pending);
  for (const { bytes, byte } of held) expectAll(bytes, byte, 'one held');
}

async function main() {
  server = http.createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      // The answer, too, is native memory whose pointer ends at once.
      const body = Buffer.concat(chunks);
      const pointer = track(things.make(Math.max(body.length, 1)), {
        size: Math.max(body.length, 1),
        free: things.FREE,
      });
      const bytes = new Uint8Array(pointer.view(), 0, body.length);
      bytes.set(body);
      response.end(bytes);
      pointer.dispose();
    });
  });
  await once(server.listen(0), 'listening');
  things.reset();
  things.poison(2 ** 29);
  const { tracked } = stats().totals;
  await run();
  pointers.length = 0;
  held.length = 0;
  server.close();
  await gcUntil('all is freed', () => (collect(), things.counters().live === 0));
  things.poison(0);
  const { bytes, reported, dead, totals } = stats();
  assert.deepEqual({ bytes, reported, dead }, { bytes: 0, reported: 0, dead: { bytes: 0, pointers: 0 } });
  const { live, freed, made: all, ...rest } = things.counters();
  for (const name of Object.keys(things.faultless)) assert.equal(rest[name], 0, name);
  assert.deepEqual([live, freed], [0, all]);
  fs.rmSync(path.dirname(file), { recursive: true });
  console.log(JSON.stringify({ seed, steps, tracked: totals.tracked - tracked, freed, found }));
}

main().catch((error) => {
  console.error(`seed ${seed}`, error);
  process.exit(1);
});
