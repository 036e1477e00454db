'use strict';
// The child process: node run-way.js <way> <images> <cap in bytes>. Decodes the picture that often in one
// synchronous loop, and writes lines of JSON to stdout: { progress } now and then, { result } at the end.

const { writeSync } = require('node:fs');
const { setImmediate: nextTurn } = require('node:timers/promises');
const koffi = require('koffi');
const peakRss = require('./peak-rss');
const { imageLibrary, picture } = require('./paths');
const { width, height, pixelAt } = require('./picture');
const ways = require('./ways');

const [name, images, cap] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const way = ways.find((candidate) => candidate.module === name);
const readPixel = require(`./ways/${name}`);

// The figures are the C library's own, asked for through Koffi itself: no way reports on itself.
const lib = koffi.load(imageLibrary);
const liveCount = lib.func('size_t image_live_count()');
const liveBytes = lib.func('size_t image_live_bytes()');
const peakBytes = lib.func('size_t image_peak_bytes()');
const freedCount = lib.func('size_t image_freed_count()');

function send(message) {
  writeSync(1, `${JSON.stringify(message)}\n`);
}

function checkPixel(x, y) {
  const [actual, expected] = [readPixel(picture, x, y), pixelAt(x, y)];
  if (actual === expected) return;
  const hex = (colour) => colour.toString(16).padStart(8, '0');
  throw new Error(`Pixel ${x}, ${y} is ${hex(actual)}, but ${hex(expected)} was painted`);
}

function loop() {
  const samples = [];
  const baselineRss = process.memoryUsage.rss();
  const start = process.hrtime.bigint();
  let rss;

  do {
    const i = samples.length;
    checkPixel((i * 7919) % width, (i * 104729) % height);
    samples.push(liveBytes());
    rss = process.memoryUsage.rss();
    if (i % 10 === 0) send({ progress: { decoded: samples.length, rss } });
  } while (samples.length < images && rss < cap);

  // Before anything else: a turn of the event loop would already change it.
  const freedInLoop = freedCount();
  return {
    decoded: samples.length,
    stopped: samples.length < images,
    milliseconds: Number(process.hrtime.bigint() - start) / 1e6,
    baselineRss,
    peakRss: peakRss(),
    peakNative: peakBytes(),
    freedInLoop,
    samples,
  };
}

// What frees the rest when the loop is over: asking ffi-tally, or else the event loop.
async function settle() {
  if (way.usesTally) require('../lib').collect();
  else for (let turn = 0; turn < 10; turn++) await nextTurn();
}

async function main() {
  const result = loop();
  await settle();
  send({ result: { ...result, freedInTheEnd: freedCount(), liveInTheEnd: liveCount() } });
}

main();
