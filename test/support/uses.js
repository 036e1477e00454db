'use strict';
// What Node has that uses bytes after the call has returned, or moves their memory into another buffer. For random
// programs, which pass it views, end their pointers meanwhile, and look at what arrives. No function here keeps its
// argument in a variable while it waits: the program must be able to lose it.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const { MessageChannel, receiveMessageOnPort, threadId } = require('node:worker_threads');
const zlib = require('node:zlib');
const { declareThings } = require('../ffi/koffi/setup.js');

const deflate = promisify(zlib.deflate);
const brotli = promisify(zlib.brotliCompress);
const gzip = promisify(zlib.gzip);
const FAST = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 2 } };

const sumSlow = declareThings().library.func(
  'int64_t bytes_sum_slow(const uint8_t *bytes, size_t length, int ms)',
);

let files = 0;
const newFile = () => path.join(os.tmpdir(), `ffi-tally-${process.pid}-${threadId}-${files++}`);

function contentOf(file) {
  const content = fs.readFileSync(file);
  fs.unlinkSync(file);
  return content;
}

// A server that sends back what it is sent, or the bytes that wait under the name that it is asked for.
let server = null;
const waiting = new Map();

async function portOf() {
  server ??= http
    .createServer(async (request, response) => {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      response.end(waiting.get(request.url) ?? Buffer.concat(chunks));
      waiting.delete(request.url);
    })
    .listen(0, '127.0.0.1');
  if (!server.listening) await once(server, 'listening');
  return server.address().port;
}

async function send(method, name, bytes) {
  const request = http.request({ port: await portOf(), host: '127.0.0.1', path: name, method, agent: false });
  request.end(bytes);
  bytes = null;
  const [response] = await once(request, 'response');
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Each resolves to what has arrived, which is to be the bytes, or to nothing if it has looked itself. */
const uses = {
  deflate: async (bytes) => zlib.inflateSync(await deflate(bytes)),
  gzip: async (bytes) => zlib.gunzipSync(await gzip(bytes)),
  brotli: async (bytes) => zlib.brotliDecompressSync(await brotli(bytes, FAST)),
  async zlibStream(bytes) {
    const stream = zlib.createGzip();
    stream.end(bytes);
    bytes = null;
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return zlib.gunzipSync(Buffer.concat(chunks));
  },
  async writeFile(bytes) {
    const file = newFile();
    await fs.promises.writeFile(file, bytes);
    return contentOf(file);
  },
  async write(bytes) {
    const file = newFile();
    const descriptor = fs.openSync(file, 'w');
    await new Promise((resolve, reject) => {
      fs.write(descriptor, bytes, 0, bytes.length, 0, (error) => (error ? reject(error) : resolve()));
      bytes = null;
    });
    fs.closeSync(descriptor);
    return contentOf(file);
  },
  // Into the bytes, what they are already.
  async read(bytes) {
    const file = newFile();
    fs.writeFileSync(file, bytes);
    const descriptor = fs.openSync(file, 'r');
    await new Promise((resolve, reject) => {
      fs.read(descriptor, bytes, 0, bytes.length, 0, (error) => (error ? reject(error) : resolve()));
      bytes = null;
    });
    fs.closeSync(descriptor);
    return contentOf(file);
  },
  httpRequest: (bytes) => send('POST', '/', bytes),
  httpResponse(bytes) {
    const name = `/${files++}`;
    waiting.set(name, bytes);
    return send('GET', name);
  },
  async call(bytes) {
    const { length } = bytes;
    const [byte] = bytes;
    const sum = await new Promise((resolve, reject) => {
      sumSlow.async(bytes, length, length % 4, (error, value) => (error ? reject(error) : resolve(value)));
      bytes = null;
    });
    assert.equal(Number(sum), length * byte);
    return [];
  },
  async digest(bytes) {
    const [byte] = bytes;
    const expected = crypto.createHash('sha256').update(Buffer.alloc(bytes.length, byte)).digest('hex');
    const digest = crypto.webcrypto.subtle.digest('SHA-256', bytes);
    bytes = null;
    assert.equal(Buffer.from(await digest).toString('hex'), expected);
    return [];
  },
  response: async (bytes) => new Uint8Array(await new globalThis.Response(bytes).arrayBuffer()),
  blob: async (bytes) => new Uint8Array(await new globalThis.Blob([bytes]).arrayBuffer()),
  async compression(bytes) {
    const stream = new globalThis.Blob([bytes])
      .stream()
      .pipeThrough(new globalThis.CompressionStream('gzip'));
    return zlib.gunzipSync(Buffer.from(await new globalThis.Response(stream).arrayBuffer()));
  },
};

/** Each moves the memory into another buffer, where that can be; resolves to an array over it. */
const moves = {
  async enqueue(bytes) {
    const stream = new globalThis.ReadableStream({
      type: 'bytes',
      start: (controller) => controller.enqueue(bytes),
    });
    return (await stream.getReader().read()).value;
  },
  async byob(bytes) {
    const [byte] = bytes;
    const stream = new globalThis.ReadableStream({
      type: 'bytes',
      pull({ byobRequest }) {
        byobRequest.view.fill(byte);
        byobRequest.respond(byobRequest.view.byteLength);
      },
    });
    return (await stream.getReader({ mode: 'byob' }).read(bytes)).value;
  },
  async transfer(bytes) {
    const { transfer } = ArrayBuffer.prototype;
    return transfer === undefined ? bytes : new Uint8Array(transfer.call(bytes.buffer));
  },
  async clone({ buffer }) {
    try {
      return new Uint8Array(structuredClone(buffer, { transfer: [buffer] }));
    } catch {
      return new Uint8Array(buffer);
    }
  },
  async post({ buffer }) {
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

/** Fails unless all that is looked at, which is every byte of a few, is `byte`. */
function expectAll(bytes, byte, where) {
  for (let i = 0; i < bytes.length; i += bytes.length > 5000 ? 997 : 1) {
    if (bytes[i] !== byte) assert.fail(`${where}: byte ${i} is ${bytes[i]}, not ${byte}`);
  }
}

/** Passes bytes, all of which are `byte`, to that use, and looks at what arrives. */
async function use(name, bytes, byte) {
  const seen = uses[name](bytes);
  bytes = null;
  expectAll(await seen, byte, name);
}

/** When nothing of this is needed any more. */
function close() {
  server?.close();
  server = null;
}

module.exports = { close, expectAll, moves, use, uses };
