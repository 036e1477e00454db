'use strict';

const os = require('node:os');
const { parseArgs } = require('node:util');

const help = `Usage: node demo/index.js [options]

  --cap <MB>     stop a way whose process reaches this much resident memory
                 (also DEMO_CAP; 1000, or half of the memory there is if that is less)
  --images <n>   images that each way decodes (1000)
  --json         print the raw measurements
  --help         print this`;

function positiveInteger(value, name) {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new RangeError(`Unexpected value '${value}' for ${name}, expected a positive integer`);
}

function defaultCap() {
  const memory = Math.min(os.totalmem(), process.constrainedMemory?.() || Infinity);
  return Math.min(1000, Math.floor(memory / 2 / 1e6));
}

/** The command line as { cap, images, json, help }, with the cap in bytes. */
function readOptions(args, env) {
  const { values } = parseArgs({
    args,
    options: {
      cap: { type: 'string' },
      images: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  return {
    cap: positiveInteger(values.cap ?? env.DEMO_CAP ?? defaultCap(), '--cap') * 1e6,
    images: positiveInteger(values.images ?? 1000, '--images'),
    json: values.json ?? false,
    help: values.help ?? false,
  };
}

module.exports = { readOptions, help };
