'use strict';
// The child process: node child.js <case> <peer> <sizes as JSON>. Writes what it measured to stdout as JSON.

const { writeSync } = require('node:fs');
const cases = require('./cases');
const { Meter } = require('./meter');
const peers = require('./peers');
const resources = require('./resources');

async function main([caseName, peerName, sizesText]) {
  const benchmark = cases.load(caseName);
  const sizes = JSON.parse(sizesText);
  const meter = new Meter(benchmark.cap);
  const create = benchmark.create ?? ((name, resource) => peers.load(name).create(resource));
  const peer = create(peerName, resources[benchmark.resource ?? 'block']);
  const found = await benchmark.run({ peer, sizes, meter });
  const result = { ...(await meter.result()), ...found };
  if (peer.stats) result.peakTracked = peer.stats().peakBytes;
  writeSync(1, JSON.stringify(result));
  // What a peer would still do at its own pace is nobody's concern.
  process.exit();
}

main(process.argv.slice(2));
