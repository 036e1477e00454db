'use strict';
// A service that draws images with C, and tells Prometheus, by prom-client, where its native memory is. With PORT it
// serves until it is stopped:  PORT=8080 node metrics-service.js  and then  curl localhost:8080/metrics
// Without, it asks itself a few times, prints what Prometheus would see, and ends.

const http = require('node:http');
const koffi = require('ffi-tally/koffi');
const { monitor } = require('ffi-tally');
const { registerMetrics } = require('ffi-tally/prometheus');
const { Registry, collectDefaultMetrics } = require('prom-client');

const gd = koffi.load(process.platform === 'darwin' ? 'libgd.dylib' : 'libgd.so.3');
koffi.opaque('gdImage');
koffi.owned('Image', 'gdImage *', { free: 'gdImageDestroy', size: (image, w, h) => 4 * w * h });
const create = gd.func('Image gdImageCreateTrueColor(int width, int height)');
const fill = gd.func(
  'void gdImageFilledRectangle(gdImage *image, int x1, int y1, int x2, int y2, int color)',
);
const encode = gd.func('void *gdImagePngPtr(gdImage *image, _Out_ int *size)', {
  free: 'gdFree',
  size: 'malloc',
});

const registry = new Registry();
collectDefaultMetrics({ register: registry });
registerMetrics(registry);
// Warns by itself, in the log of the process: see docs/seeing-memory.md.
monitor({ interval: 60_000 });

function square(color) {
  const image = create(640, 480); // nobody disposes of it
  fill(image, 0, 0, 639, 479, color);
  const length = [0];
  const png = encode(image, length);
  const body = png.copy(length[0]);
  png.dispose();
  return body;
}

const server = http.createServer(async (request, response) => {
  if (request.url === '/metrics') {
    response.setHeader('Content-Type', registry.contentType);
    response.end(await registry.metrics());
    return;
  }
  response.setHeader('Content-Type', 'image/png');
  response.end(square(0x336699));
});

function get(path) {
  return new Promise((resolve, reject) => {
    const request = http.get({ port: server.address().port, path, agent: false }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => resolve(Buffer.concat(parts)));
    });
    request.on('error', reject);
  });
}

async function demonstrate() {
  for (let i = 0; i < 200; i++) await get('/square.png');
  const metrics = (await get('/metrics')).toString();
  const valueOf = (series) =>
    Number(
      metrics
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.split(' ')[1],
    );
  console.log(`images drawn: ${valueOf('ffi_tally_pointers_tracked_total{account="Image"}')}`);
  const most = valueOf('ffi_tally_peak_bytes');
  console.log(`native memory never above 128 MB: ${most > 0 && most < 128 * 2 ** 20}`);
  const terms = ['heap', 'tracked', 'buffers', 'untracked', 'fragmentation', 'rest'];
  const told = terms.filter((term) => !Number.isNaN(valueOf(`ffi_tally_memory_bytes{term="${term}"}`)));
  console.log(`terms of the resident memory: ${told.join(', ')}`);
  server.close();
}

const { PORT } = process.env;
server.listen(PORT === undefined ? 0 : Number(PORT), '127.0.0.1', () => {
  if (PORT === undefined) demonstrate();
  else console.log(`listening on port ${PORT}`);
});
