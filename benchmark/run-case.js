'use strict';
// Runs one case under one Node: every peer in a process of its own, in interleaved rounds.

const path = require('node:path');
const { execFile } = require('node:child_process');
const { promisify } = require('node:util');
const cases = require('./cases');
const median = require('./median');

const childScript = path.join(__dirname, 'child.js');
const TIMEOUT = 10 * 60_000;

async function measure(node, name, peer, sizes) {
  try {
    const { stdout } = await promisify(execFile)(node, [childScript, name, peer, JSON.stringify(sizes)], {
      timeout: TIMEOUT,
      killSignal: 'SIGKILL',
    });
    return JSON.parse(stdout);
  } catch (error) {
    throw new Error(`${name}, ${peer}: ${error.signal ?? error.code ?? ''} ${error.stderr ?? error.message}`);
  }
}

// The medians of what is a number; of the rest, what the last round says.
function summary(rounds) {
  const result = { ...rounds.at(-1), rounds };
  for (const key of Object.keys(result)) {
    const values = rounds.map((round) => round[key]);
    if (values.every((value) => typeof value === 'number')) result[key] = median(values);
  }
  result.stopped = rounds.some(({ steps, of }) => steps < of);
  return result;
}

/** Resolves with { name, sizes, results: { [peer]: summary }, bars: [{ text, kind, limit, value, pass }] }. */
module.exports = async function runCase(name, { node, quick, rounds }, onProgress) {
  const benchmark = cases.load(name);
  const sizes = quick ? benchmark.sizes.quick : benchmark.sizes.full;
  const count = rounds ?? (quick ? 1 : benchmark.rounds);
  const { peers } = benchmark;
  const measured = Object.fromEntries(peers.map((peer) => [peer, []]));
  for (let round = 0; round < count; round++) {
    // Nobody always comes first, or always after the same neighbour's disorder.
    const order = round % 2 === 0 ? peers : [...peers].reverse();
    for (const peer of order) {
      onProgress(`${name}, round ${round + 1} of ${count}: ${peer}`);
      measured[peer].push(await measure(node, name, peer, sizes));
    }
  }
  const results = Object.fromEntries(peers.map((peer) => [peer, summary(measured[peer])]));
  const bars = benchmark.bars.map(({ judge, ...bar }) => ({ ...bar, ...judge(results, sizes) }));
  return { name, sizes, rounds: count, results, bars };
};
