'use strict';

const http = require('node:http');
const path = require('node:path');
const { execFile } = require('node:child_process');
const { once } = require('node:events');
const { promisify } = require('node:util');
const { custom, ratio, MB, ms } = require('../bars');
const median = require('../median');
const { picture } = require('../paths');

const loadScript = path.join(__dirname, '../service/load.js');
// Growth from the second quarter of the time to the last that still counts as flat.
const FLAT = 16e6;

function answering(peer) {
  const pixel = peer.func('uint32_t image_pixel(const Image *image, int x, int y)');
  let asked = 0;
  return (request, response) => {
    const image = peer.make(picture);
    const sum = [1, 2, 3, 4].reduce(
      (total, i) => total + pixel(peer.pass(image), (asked * i) % 640, 10 * i),
      0,
    );
    asked++;
    peer.end(image);
    response.end(JSON.stringify({ sum }));
  };
}

module.exports = {
  title: 'An HTTP server that decodes a picture of 1.2 MB for each request, under a steady load',
  resource: 'image',
  peers: ['raw', 'addon-fixed', 'tally-gc', 'tally-dispose'],
  reference: 'tally-dispose',
  rounds: 3,
  sizes: { full: { rate: 150, seconds: 12 }, quick: { rate: 100, seconds: 2 } },
  cap: 2e9,
  columns: [
    { head: 'latency p50', cell: (result) => ms(result.p50) },
    { head: 'p99', cell: (result) => ms(result.p99) },
    { head: 'RSS growth', cell: (result) => MB(result.growth) },
  ],

  async run({ peer, sizes, meter }) {
    const server = http.createServer(answering(peer)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const samples = [];
    let sampling; // from the first request on: what sends them takes its time to start
    server.once('request', () => {
      sampling = setInterval(() => samples.push(process.memoryUsage.rss()), 100);
    });
    meter.start({ loop: true });
    const args = [loadScript, server.address().port, sizes.rate, sizes.seconds];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    meter.stop();
    clearInterval(sampling);
    server.close();
    const quarter = Math.floor(samples.length / 4);
    const growth = median(samples.slice(-quarter)) - median(samples.slice(quarter, 2 * quarter));
    // The library of the images counts for itself, and is not asked here.
    return { ...JSON.parse(stdout), growth, peakNative: undefined, made: undefined, freed: undefined };
  },

  bars: [
    custom('RSS of ffi-tally by GC, last quarter - second', 'bytes', `<= ${MB(FLAT)}`, (results) => {
      const { growth } = results['tally-gc'];
      return { value: MB(growth), pass: growth <= FLAT };
    }),
    ratio('latency p99: ffi-tally by GC / by dispose', 'tally-gc', 'tally-dispose', 'p99', 1.1),
    custom('failed requests', 'count', 'none', (results) => {
      const failed = Object.values(results).reduce((sum, result) => sum + result.failed, 0);
      return { value: String(failed), pass: failed === 0 };
    }),
  ],
};
