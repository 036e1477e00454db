'use strict';
// The functions of a meter, when the worker that has loaded the addon is gone: this thread does not load it.

const { free, malloc, start } = require('./meter.js');

async function main() {
  const { free: release, malloc: allocate, blocks } = await start([], 10);
  for (const block of blocks) free(release, block);
  free(release, malloc(allocate, 1000));
}

main();
