'use strict';

const { constants } = require('node:buffer');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { once } = require('node:events');
const { promisify } = require('node:util');
const zlib = require('node:zlib');
const { collect, memoryUsage, stats, track } = require('../../lib');
const { boundByBudget, expectBalance, expectRefusal } = require('../support/balance.js');
const { runChild } = require('../support/child.js');
const inChildren = require('../support/in-children.js');
const { gc, gcUntil } = require('../support/gc-until.js');
const things = require('../support/things.js');
const { times } = require('../support/whole.js');
const { FREE, counters } = things;

// Koffi 2 itself aborts the process when a worker that is calling it is terminated.
const testKoffi3 = things.koffi.type === undefined ? test.skip : test;

beforeEach(things.reset);
// V8 tells only in a turn of the event loop that nobody has what was moved.
afterEach(async () => {
  things.poison(0);
  await gcUntil('all is freed', () => (collect(), counters().live === 0));
  await expectBalance();
});

const { Blob, CompressionStream, ReadableStream, Response, fetch } = globalThis;
const MIB = 2 ** 20;
const { transfer } = ArrayBuffer.prototype;
const whereTransfer = transfer === undefined ? test.skip : test;
const make = (size, options = {}) => track(things.make(size), { size, free: FREE, ...options });

/** Runs it, and lets go of all that it has made: a variable of the test would keep the last. */
const alone = (run) => run();

/** Bytes of a new thing, all 7. What is freed from now on is full of poison. */
function sevens(size) {
  things.poison(64 * MIB);
  const pointer = make(size);
  return { pointer, bytes: new Uint8Array(pointer.view()).fill(7) };
}

// Not every(): these are megabytes.
function allSevens(bytes) {
  let sevens = 0;
  while (sevens < bytes.length && bytes[sevens] === 7) sevens++;
  return sevens === bytes.length;
}

describe('view()', () => {
  test('is the memory itself, and the same while it is used', () => {
    alone(() => {
      const pointer = make(64);
      const buffer = pointer.view();
      new Uint8Array(buffer)[5] = 42;
      expect(pointer.view()).toBe(buffer);
      expect(pointer.view(64)).toBe(buffer);
      expect(new Uint8Array(pointer.view(6))[5]).toBe(42);
      expectRefusal(() => pointer.view(65), RangeError, 'ERR_TALLY_INVALID_ARG_VALUE');
    });
  });

  test('of a part, then of more: each stays valid, over the same memory', () => {
    alone(() => {
      const pointer = make(64);
      const four = new Uint8Array(pointer.view(4));
      const eight = new Uint8Array(pointer.view(8));
      const all = new Uint8Array(pointer.view());
      expect([four.length, eight.length, all.length]).toEqual([4, 8, 64]);
      four[3] = 9;
      expect([eight[3], all[3]]).toEqual([9, 9]);
      expect(pointer.view(4)).toBe(four.buffer);
      expect(pointer.view(0).byteLength).toBe(0);
    });
  });

  test('after the pointer has grown, it is longer', () => {
    alone(() => {
      const address = things.make(100);
      const pointer = track(address, { size: 0, free: FREE });
      expect(pointer.view().byteLength).toBe(0);
      pointer.resize(100);
      expect(pointer.view().byteLength).toBe(100);
      expect(pointer.view(100).byteLength).toBe(100);
    });
  });

  test('that would reach past a pointer that has shrunk is emptied, no other is', () => {
    alone(() => {
      const pointer = make(64);
      const all = pointer.view();
      const part = pointer.view(16);
      pointer.resize(32);
      expect(all.byteLength).toBe(0);
      expect(part.byteLength).toBe(16);
      expect(pointer.view().byteLength).toBe(32);
      pointer.resize(64);
    });
  });

  test.each([
    ['more than the size', 65, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['a negative length', -1, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['a fraction', 1.5, RangeError, 'ERR_TALLY_INVALID_ARG_VALUE'],
    ['a string', '64', TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
    ['null', null, TypeError, 'ERR_TALLY_INVALID_ARG_TYPE'],
  ])('and copy() refuse %s', (_, length, Class, code) => {
    const pointer = make(64);
    expectRefusal(() => pointer.view(length), Class, code);
    expectRefusal(() => pointer.copy(length), Class, code);
    pointer.dispose();
    expect(counters().freed).toBe(1); // at once: its view was never taken
  });

  test('longer than any buffer is refused, as is a copy; the pointer stays', () => {
    const pointer = track(things.make(64), { size: 2 ** 52, free: FREE });
    const hasLimit = constants.MAX_LENGTH < 2 ** 52;
    for (const what of hasLimit ? ['view', 'copy'] : ['copy']) {
      expectRefusal(() => pointer[what](), RangeError, 'ERR_TALLY_INVALID_ARG_VALUE');
    }
    expect(pointer.disposed).toBe(false);
    pointer.dispose();
  });

  test('keeps its pointer alive, and is not kept by it', async () => {
    let bytes = alone(() => new Uint8Array(make(64).view()));
    for (let i = 0; i < 3; i++) collect();
    await new Promise(setImmediate);
    collect();
    expect(stats()).toMatchObject({ pointers: 1, dead: { pointers: 0 } });
    expect(counters().live).toBe(1);
    bytes[0] = 7;
    bytes = null;
    await gcUntil('pointer and view are gone', () => (collect(), counters().freed === 1));
  });
});

describe('copy()', () => {
  test('is a Buffer of its own, and the pointer is freed at once', () => {
    const pointer = make(64);
    const copy = pointer.copy();
    expect(Buffer.isBuffer(copy)).toBe(true);
    expect(copy).toHaveLength(64);
    expect(pointer.copy(8)).toHaveLength(8);
    expect(pointer.copy(0)).toHaveLength(0);
    copy.fill(1);
    expect(pointer.copy(1)[0]).not.toBe(1 + copy[0]);
    pointer.dispose();
    expect(counters().freed).toBe(1);
    expect(copy.every((byte) => byte === 1)).toBe(true);
    expectRefusal(() => pointer.copy(), ReferenceError, 'ERR_TALLY_DISPOSED');
  });
});

describe('dispose()', () => {
  test('ends the pointer, not the view: the memory goes with a collection after its last use', () => {
    alone(() => {
      const { pointer, bytes } = sevens(64);
      pointer.dispose();
      expect(pointer.disposed).toBe(true);
      expectRefusal(() => pointer.view(), ReferenceError, 'ERR_TALLY_DISPOSED');
      collect();
      expect(allSevens(bytes)).toBe(true);
      expect(counters().freed).toBe(0);
      expect(stats()).toMatchObject({ bytes: 64, pointers: 1, dead: { bytes: 64, pointers: 1 } });
    });
    collect();
    expect(counters().freed).toBe(1);
    expect(stats()).toMatchObject({ bytes: 0, pointers: 0, reported: 0 });
  });

  test.each([
    ['dropped', (pointer) => pointer],
    ['disposed', (pointer) => pointer.dispose()],
  ])('a synchronous loop of views that are %s holds memory down', (_, end) => {
    boundByBudget();
    for (let i = 0; i < 200; i++) {
      const pointer = make(8 * MIB);
      new Uint8Array(pointer.view())[0] = 1;
      end(pointer);
    }
    // The budget, and what is freed in slices while the next ones are made.
    expect(counters().peak_bytes).toBeLessThan(160 * MIB);
  });

  test('as many small ones do not pile up either', () => {
    for (let i = 0; i < 20_000; i++) {
      const pointer = make(64);
      pointer.view();
      if (i % 2 === 0) pointer.dispose();
    }
    expect(counters().live).toBeLessThan(10_000);
    collect();
  });

  test('nor do those that have lived for long: in a ring of 8000', () => {
    const ring = [];
    for (let i = 0; i < times(60_000, 100_000); i++) ring[i % 8000] = make(64).view();
    expect(counters().live).toBeLessThan(50_000);
  });
});

describe('while Node uses a view whose pointer was disposed, its memory is there:', () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-views-'));
  afterAll(() => fs.rmSync(directory, { recursive: true }));

  const uses = {
    zlib: async (bytes) => zlib.inflateSync(await promisify(zlib.deflate)(bytes)),
    brotli: async (bytes) => zlib.brotliDecompressSync(await promisify(zlib.brotliCompress)(bytes)),
    'fs.promises': async (bytes) => {
      const file = path.join(directory, 'promises');
      await fs.promises.writeFile(file, bytes);
      return fs.readFileSync(file);
    },
    'fs.writev': async (bytes) => {
      const file = path.join(directory, 'writev');
      const descriptor = fs.openSync(file, 'w');
      await promisify(fs.writev)(descriptor, [bytes.subarray(0, 10), bytes.subarray(10)]);
      fs.closeSync(descriptor);
      return fs.readFileSync(file);
    },
    'crypto.sign': async (bytes) => {
      const { privateKey, publicKey } = crypto.generateKeyPairSync('ed25519');
      const copy = Buffer.alloc(bytes.length, 7);
      const signature = await promisify(crypto.sign)(null, bytes, privateKey);
      return crypto.verify(null, copy, publicKey, signature) ? copy : [0];
    },
    subtle: async (bytes) => {
      const expected = crypto.createHash('sha256').update(Buffer.alloc(bytes.length, 7)).digest();
      const digest = Buffer.from(await crypto.webcrypto.subtle.digest('SHA-256', bytes));
      return digest.equals(expected) ? [7] : [0];
    },
    http: async (bytes) => {
      const server = http.createServer((_, response) => response.end(bytes));
      await once(server.listen(0), 'listening');
      const response = await fetch(`http://localhost:${server.address().port}`, {
        headers: { connection: 'close' },
      });
      const body = new Uint8Array(await response.arrayBuffer());
      await new Promise((resolve) => server.close(resolve));
      return body;
    },
    Response: async (bytes) => new Uint8Array(await new Response(bytes).arrayBuffer()),
    CompressionStream: async (bytes) => {
      const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('gzip'));
      return zlib.gunzipSync(Buffer.from(await new Response(stream).arrayBuffer()));
    },
  };

  test.each(Object.entries(uses))('%s', async (_, use) => {
    const running = alone(() => {
      const { pointer, bytes } = sevens(4 * MIB);
      const seen = use(bytes);
      pointer.dispose();
      return seen;
    });
    collect();
    expect(allSevens(await running)).toBe(true);
  });

  test('crypto.randomFill, which writes', async () => {
    const running = alone(() => {
      const { pointer, bytes } = sevens(4 * MIB);
      const filled = promisify(crypto.randomFill)(bytes);
      pointer.dispose();
      return filled.then(() => {}); // which resolves to the bytes
    });
    collect();
    await running;
    await gcUntil('it is freed', () => (collect(), counters().freed === 1));
    expect(counters().damaged).toBe(0);
  });
});

describe('moved into another buffer, the memory is there as long as that is:', () => {
  const moves = {
    'a byte stream': async (bytes) => {
      const start = (controller) => controller.enqueue(bytes);
      return (await new ReadableStream({ type: 'bytes', start }).getReader().read()).value;
    },
    'a BYOB reader': async (bytes) => {
      const pull = ({ byobRequest }) => {
        byobRequest.view.fill(7);
        byobRequest.respond(byobRequest.view.byteLength);
      };
      return (await new ReadableStream({ type: 'bytes', pull }).getReader({ mode: 'byob' }).read(bytes))
        .value;
    },
    'structuredClone of what a byte stream has moved': async (bytes) => {
      const { buffer } = await moves['a byte stream'](bytes);
      return new Uint8Array(structuredClone(buffer, { transfer: [buffer] }));
    },
    ...(transfer !== undefined && {
      'transfer()': (bytes) => new Uint8Array(bytes.buffer.transfer()),
      'transfer() of its prototype': (bytes) => new Uint8Array(transfer.call(bytes.buffer)),
    }),
  };

  test.each(Object.entries(moves))('%s', async (_, move) => {
    const moving = alone(async () => {
      const { pointer, bytes } = sevens(MIB);
      const moved = await move(bytes);
      expect(moved.buffer).not.toBe(bytes.buffer);
      expect(bytes).toHaveLength(0);
      // The pointer has another view.
      expect(allSevens(new Uint8Array(pointer.view()))).toBe(true);
      pointer.dispose();
      return moved;
    });
    let moved = await moving;
    for (let i = 0; i < 3; i++) {
      collect();
      await new Promise(setImmediate);
    }
    expect(allSevens(moved)).toBe(true);
    expect(counters().freed).toBe(0);
    moved = null;
  });

  test.each(Object.entries(moves))('%s, with nothing disposed', async (_, move) => {
    const moved = await alone(() => move(sevens(MIB).bytes));
    for (let i = 0; i < 3; i++) {
      collect();
      await new Promise(setImmediate);
    }
    expect(allSevens(moved)).toBe(true);
    expect(counters().freed).toBe(0);
  });

  whereTransfer('what may be somewhere else is not given away, nor made smaller', async () => {
    const pointer = make(64);
    const where = [transfer.call(pointer.view())];
    for (const take of [() => pointer.release(), () => pointer.resize(32)]) {
      expectRefusal(take, Error, 'ERR_TALLY_IN_USE');
    }
    expect(pointer.size).toBe(64);
    pointer.resize(128);
    where.length = 0;
    await gcUntil('it is nowhere else', () => {
      try {
        pointer.resize(32);
        return true;
      } catch {
        return false;
      }
    });
    pointer.dispose();
  });
});

describe('release()', () => {
  test('empties the views', () => {
    const pointer = make(64);
    const views = [pointer.view(), pointer.view(8)];
    const address = pointer.release();
    expect(views.map((view) => view.byteLength)).toEqual([0, 0]);
    expect(stats()).toMatchObject({ bytes: 0, pointers: 0 });
    things.free(address);
  });

  test('refuses while a child needs the pointer, and then empties nothing', () => {
    const pointer = make(64);
    const view = pointer.view();
    const child = track(things.makeChild(pointer.address, 10), { size: 10, free: FREE, parent: pointer });
    expectRefusal(() => pointer.release(), Error, 'ERR_TALLY_IN_USE');
    expect(view.byteLength).toBe(64);
    child.dispose();
    pointer.dispose();
  });

  inChildren.test('refuses where a buffer must not be detached, and does not end the process', async () => {
    const child = await runChild(`
      const { markAsUntransferable } = require('node:worker_threads');
      const { track } = require('./lib');
      const things = require('./test/support/things.js');
      const pointer = track(things.make(64), { size: 64, free: things.FREE });
      const view = pointer.view();
      markAsUntransferable(view);
      let code = 'released';
      try {
        pointer.release();
      } catch (error) {
        code = error.code;
      }
      console.log(code === 'released' ? view.byteLength === 0 : code === 'ERR_TALLY_IN_USE' && view.byteLength === 64);
      process.exit(); // at its own end Node 24 aborts for a buffer that it must not detach
    `);
    expect(child).toMatchObject({ code: 0, signal: null, stdout: 'true\n' });
  });
});

describe('the books', () => {
  test('count no byte twice, and end where they began', async () => {
    await gcUntil('all is quiet', () => true);
    const before = memoryUsage();
    alone(() => {
      const pointer = make(32 * MIB);
      const buffer = pointer.view();
      expect(stats()).toMatchObject({ bytes: 32 * MIB, reported: 0 });
      const { counter: found } = memoryUsage();
      expect(found - before.counter).toBeGreaterThan(31 * MIB);
      expect(found - before.counter).toBeLessThan(33 * MIB);
      pointer.dispose();
      expect(buffer.byteLength).toBe(32 * MIB);
      expect(stats()).toMatchObject({ bytes: 32 * MIB, reported: 0 });
    });
    await gcUntil(
      `V8's counter is back`,
      () => (collect(), stats().bytes === 0 && Math.abs(memoryUsage().counter - before.counter) < MIB),
    );
    expect(stats().reported).toBe(0);
  });

  test('the pointer of a view that is collected counts as collected, of one that was disposed as disposed', () => {
    const before = stats().totals;
    alone(() => void make(64).view());
    alone(() => {
      const pointer = make(64);
      pointer.view();
      pointer.dispose();
    });
    collect();
    const { collected, disposed } = stats().totals;
    expect([collected - before.collected, disposed - before.disposed]).toEqual([1, 1]);
  });

  test(`what V8 collects by itself on the event loop is freed, without a look of ours`, async () => {
    alone(() => {
      for (let i = 0; i < 10; i++) make(1000).view();
    });
    for (let i = 0; i < 100 && counters().freed < 10; i++) {
      await new Promise(setImmediate);
      gc();
      await new Promise(setImmediate);
    }
    expect(counters().freed).toBe(10);
  });

  inChildren.test('a program that replaces gc() does not come between', async () => {
    const child = await runChild(
      `
      const { collect, track } = require('./lib');
      const things = require('./test/support/things.js');
      const real = globalThis.gc;
      let called = false;
      globalThis.gc = () => { called = true; real(); };
      (() => track(things.make(64), { size: 64, free: things.FREE }).view())();
      collect();
      console.log(called, things.counters().freed);
      `,
      { execArgv: ['--expose-gc'] },
    );
    expect(child).toMatchObject({ code: 0, stdout: 'false 1\n' });
  });
});

inChildren.describe('at the end', () => {
  const worker = (body) => `
    const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
    const code = ${JSON.stringify(body)};
    const things = require('./test/support/things.js');
    things.poison(2 ** 26);
    const worker = new Worker('const { parentPort } = require("node:worker_threads"); const { track } = require("./lib");' +
      'const things = require("./test/support/things.js");' +
      'const make = () => { const pointer = track(things.make(5000), { size: 5000, free: things.FREE });' +
      'new Uint8Array(pointer.view()).fill(7); return pointer; };' + code, { eval: true });
    let got = [];
    worker.on('message', (message) => got.push(message));
    worker.on('exit', () => {
      const { live, freed, damaged } = things.counters();
      const sevens = got.every((bytes) => bytes.every((byte) => byte === 7));
      console.log(JSON.stringify({ live, freed, damaged, got: got.length, sevens }));
    });
    worker.on('error', (error) => { console.error(error); });
  `;
  const end = async (body) => {
    const child = await runChild(worker(body));
    expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
    return JSON.parse(child.stdout);
  };

  test('of a worker the memory under views is freed, once', async () => {
    const found = await end(
      'globalThis.kept = []; for (let i = 0; i < 50; i++) { const p = make(); kept.push(i % 2 ? p : p.view()); if (i % 3 === 0) p.dispose(); }',
    );
    expect(found).toMatchObject({ live: 0, freed: 50, damaged: 0 });
  });

  testKoffi3('of a worker that is terminated in a loop of views, too', async () => {
    const child = await runChild(`
      const { Worker } = require('node:worker_threads');
      const things = require('./test/support/things.js');
      const worker = new Worker('const { track } = require("./lib"); const things = require("./test/support/things.js");' +
        'for (let i = 0; ; i++) { const p = track(things.make(500), { size: 500, free: things.FREE }); p.view(); if (i % 2) p.dispose(); if (i === 5000) require("node:worker_threads").parentPort.postMessage(0); }', { eval: true });
      worker.on('message', () => worker.terminate());
      worker.on('exit', () => {
        const { live, double_frees } = things.counters();
        console.log(JSON.stringify({ live, double_frees }));
      });
    `);
    expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
    // One may have been made and not tracked when it was stopped.
    expect(JSON.parse(child.stdout).live).toBeLessThanOrEqual(1);
    expect(JSON.parse(child.stdout).double_frees).toBe(0);
  });

  test('of a worker, what was moved to another thread stays', async () => {
    const found = await end(`
      (async () => {
        globalThis.kept = [make().view()];
        for (let i = 0; i < 5; i++) {
          const bytes = new Uint8Array(make().view());
          const start = (controller) => controller.enqueue(bytes);
          const { value } = await new ReadableStream({ type: 'bytes', start }).getReader().read();
          parentPort.postMessage(value, [value.buffer]);
        }
      })();
    `);
    expect(found).toMatchObject({ live: 5, freed: 1, damaged: 0, got: 5, sevens: true });
  });

  test.each([
    ['when there is nothing left to do', ''],
    ['by process.exit()', 'process.exit();'],
  ])(`of the process with atExit: 'free', %s: what nobody can be using is freed`, async (_, exit) => {
    const report = path.join(os.tmpdir(), `ffi-tally-views-${process.pid}-${exit.length}`);
    const child = await runChild(
      `
      const { configure, track } = require('./lib');
      const things = require('./test/support/things.js');
      configure({ atExit: 'free' });
      const make = () => track(things.make(64), { size: 64, free: things.FREE });
      globalThis.kept = [make()];
      (() => { make().view(); const p = make(); p.view(); p.dispose(); })();
      ${exit}
      `,
      { env: { COUNTING_REPORT: report } },
    );
    expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
    const { live, freed, late_frees: late } = JSON.parse(fs.readFileSync(report, 'utf8'));
    fs.unlinkSync(report);
    expect({ live, freed, late }).toEqual({ live: 0, freed: 3, late: 0 });
  });

  test('of the process with a thread of Node still at work on a view, that stays', async () => {
    const child = await runChild(`
      const zlib = require('node:zlib');
      const { configure, track } = require('./lib');
      const things = require('./test/support/things.js');
      things.poison(2 ** 27);
      configure({ atExit: 'free' });
      const pointer = track(things.make(2 ** 26), { size: 2 ** 26, free: things.FREE });
      zlib.deflate(new Uint8Array(pointer.view()), () => {});
      pointer.dispose();
      setTimeout(() => process.exit(), 5);
    `);
    expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
  });
});

inChildren.test('random programs', async () => {
  const steps = process.env.FFI_TALLY_TEST_STEPS ?? String(times(400, 1500));
  const child = await runChild('test/support/views-fuzz.js', {
    args: [steps],
    execArgv: ['--expose-gc', '--no-warnings'],
  });
  // On failure this shows the seed.
  expect(child.stderr).toBe('');
  expect(child).toMatchObject({ code: 0, signal: null });
  const { tracked, freed } = JSON.parse(child.stdout);
  expect(tracked).toBeGreaterThan(Number(steps) / 5);
  expect(freed).toBeGreaterThan(Number(steps) / 5);
});
