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

class MissingPeer extends Error {}

/** Whoever asks for a peer that did not run is told so. */
const onlyWhatRan = (results) =>
  new Proxy(results, {
    get(target, name) {
      if (name in target) return target[name];
      throw new MissingPeer(String(name));
    },
  });

/** What becomes of the bars; those that need a peer that did not run are left out. */
function judged(bars, results, sizes) {
  return bars.flatMap(({ judge, ...bar }) => {
    try {
      return [{ ...bar, ...judge(onlyWhatRan(results), sizes) }];
    } catch (error) {
      if (error instanceof MissingPeer) return [];
      throw error;
    }
  });
}

/** Resolves with { name, sizes, results: { [peer]: summary }, bars: [{ text, kind, limit, value, pass }] }. */
module.exports = async function runCase(name, { node, quick, rounds, peers: wanted }, onProgress) {
  const benchmark = cases.load(name);
  const sizes = quick ? benchmark.sizes.quick : benchmark.sizes.full;
  const count = rounds ?? (quick ? 1 : benchmark.rounds);
  const peers = benchmark.peers.filter((peer) => wanted?.includes(peer) ?? true);
  if (peers.length === 0)
    throw new RangeError(`${name} has none of these peers, but ${benchmark.peers.join(', ')}`);
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
  const bars = judged(benchmark.bars, results, sizes);
  return { name, sizes, rounds: count, results, bars };
};
