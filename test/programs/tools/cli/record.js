'use strict';
// For programs that the command line runs with --record FILE and FILE as their first argument: time, told by its samples.

const fs = require('node:fs');

const record = process.argv[2];
const count = () => fs.readFileSync(record, 'utf8').match(/"type":"sample"/g)?.length ?? 0;

/** Resolves when so many more samples have been taken. */
async function moreSamples(wanted) {
  const enough = count() + wanted;
  while (count() < enough) await new Promise((resolve) => setTimeout(resolve, 20));
}

module.exports = { moreSamples };
