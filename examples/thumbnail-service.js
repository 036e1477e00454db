'use strict';
// A whole service: POST a PNG file, get a thumbnail of it. It decodes and scales with libgd, refuses work before it runs out of
// memory, and tells Prometheus where its memory is.
//   PORT=8080 node thumbnail-service.js
//   curl --data-binary @photo.png localhost:8080/thumbnail?width=200 > small.png
//   curl localhost:8080/metrics
// Without PORT it makes some requests itself, prints what came of them, and ends.

const http = require('node:http');
const koffi = require('ffi-tally/koffi');
const { configure, stats } = require('ffi-tally');
const { registerMetrics } = require('ffi-tally/prometheus');
const { Registry } = require('prom-client');

const MOST_BYTES = 20e6; // of a file that is posted
const MOST_PIXELS = 50e6; // a small file may be a large image

// In a container: 'auto', half of what it may use. Past the limit a new image is refused with ERR_TALLY_LIMIT.
configure({ limit: process.constrainedMemory?.() ? 'auto' : 512e6 });

const gd = koffi.load(process.platform === 'darwin' ? 'libgd.dylib' : 'libgd.so.3');
koffi.opaque('gdImage');
koffi.owned('Image', 'gdImage *', { free: 'gdImageDestroy', size: (image, w, h) => 4 * w * h });

// The size of what is decoded is in the header of the file.
const decode = gd.func('Image gdImageCreateFromPngPtr(int size, void *data)', {
  size: (image, size, data) => 4 * data.readUInt32BE(16) * data.readUInt32BE(20),
});
const create = gd.func('Image gdImageCreateTrueColor(int width, int height)');
const resample = gd.func(
  'void gdImageCopyResampled(gdImage *to, gdImage *from, int x, int y, int fromX, int fromY, int w, int h, int fromW, int fromH)',
);
const encode = gd.func('void *gdImagePngPtr(gdImage *image, _Out_ int *size)', {
  free: 'gdFree',
  size: 'malloc',
});

function readSize(file) {
  if (file.length < 24 || file.toString('latin1', 1, 4) !== 'PNG') return undefined;
  const [width, height] = [file.readUInt32BE(16), file.readUInt32BE(20)];
  return width > 0 && height > 0 && width * height <= MOST_PIXELS ? { width, height } : undefined;
}

/** The thumbnail as a file; undefined for what is no image. Each image is disposed of as soon as it is done with. */
function thumbnailOf(file, wanted) {
  const size = readSize(file);
  const image = size === undefined ? null : decode(file.length, file);
  if (image === null) return undefined;
  let small;
  let png;
  try {
    const width = Math.min(wanted, size.width);
    const height = Math.max(1, Math.round((size.height * width) / size.width));
    small = create(width, height);
    resample(small, image, 0, 0, 0, 0, width, height, size.width, size.height);
    const length = [0];
    png = encode(small, length);
    return png.copy(length[0]);
  } finally {
    image.dispose(); // with `using`, where the language has it, none of these is needed
    small?.dispose();
    png?.dispose();
  }
}

async function bodyOf(request) {
  const parts = [];
  let bytes = 0;
  for await (const part of request) {
    bytes += part.length;
    if (bytes > MOST_BYTES) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

const registry = new Registry();
registerMetrics(registry);

async function answer(request, response) {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  if (pathname === '/metrics') return response.end(await registry.metrics());
  if (pathname !== '/thumbnail' || request.method !== 'POST') return response.writeHead(404).end();
  const width = Number(searchParams.get('width') ?? 200);
  if (!Number.isInteger(width) || width < 1 || width > 2000) return response.writeHead(400).end();
  const file = await bodyOf(request);
  if (file === undefined) return response.writeHead(413, { Connection: 'close' }).end();
  const thumbnail = thumbnailOf(file, width);
  if (thumbnail === undefined) return response.writeHead(415).end();
  return response.setHeader('Content-Type', 'image/png').end(thumbnail);
}

const server = http.createServer((request, response) => {
  answer(request, response).catch((error) => {
    // The client may try again when others are done.
    const status = error.code === 'ERR_TALLY_LIMIT' ? 503 : 500;
    if (status === 500) console.error(error);
    response.writeHead(status, { 'Retry-After': '1' }).end();
  });
});

/** { status, body } of a request to the service itself. */
function ask(path, body) {
  return new Promise((resolve, reject) => {
    const options = {
      port: server.address().port,
      path,
      method: body === undefined ? 'GET' : 'POST',
      agent: false,
    };
    const request = http.request(options, async (response) => {
      const parts = [];
      for await (const part of response) parts.push(part);
      resolve({ status: response.statusCode, body: Buffer.concat(parts) });
    });
    request.on('error', reject).end(body);
  });
}

async function demonstrate() {
  const post = (file) => ask('/thumbnail?width=100', file);

  const photo = create(2000, 1500);
  const length = [0];
  const file = encode(photo, length).copy(length[0]);
  photo.dispose();

  let last;
  for (let i = 0; i < 15; i++) last = (await post(file)).body;
  console.log(`the last thumbnail: ${last.readUInt32BE(16)} x ${last.readUInt32BE(20)}`);
  console.log(`no image: ${(await post('no image')).status}`);
  configure({ limit: stats().bytes + 1e6 });
  console.log(`past the limit: ${(await post(file)).status}`);
  const metrics = (await ask('/metrics')).body.toString();
  console.log(`told to Prometheus: ${/^ffi_tally_/m.test(metrics)}`);
  console.log(`images left: ${stats().accounts.find(({ label }) => label === 'Image').pointers}`);
  console.log(`never above 64 MB: ${stats().peakBytes < 64e6}`);
  server.close();
}

const { PORT } = process.env;
server.listen(PORT === undefined ? 0 : Number(PORT), () => {
  if (PORT === undefined) demonstrate();
  else console.log(`listening on port ${PORT}`);
});
