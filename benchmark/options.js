'use strict';

const fs = require('node:fs');
const { parseArgs } = require('node:util');
const { installRuntime } = require('../scripts/nodes');
const cases = require('./cases');

const help = `Usage: node benchmark/index.js [options]

  --quick           small sizes, one round; only counts and bytes decide on the exit code
  --case NAME ...   only these: ${cases.names.join(', ')}
  --peer NAME ...   only these of each case, and the bars that need no others
  --node NODE ...   under other Nodes: paths, or major versions such as 24, fetched when missing
  --rounds N        in place of each case's own number of rounds
  --json            print the raw measurements
  --help            print this`;

// parseArgs takes one value an option: further ones are spread first.
function spread(args) {
  const result = [];
  let option;
  for (const arg of args) {
    if (arg.startsWith('--')) option = arg;
    else if (result.at(-1) !== option && ['--case', '--peer', '--node'].includes(option)) result.push(option);
    result.push(arg);
  }
  return result;
}

function nodePath(value) {
  if (/^\d+$/.test(value)) return installRuntime(value);
  if (fs.existsSync(value)) return value;
  throw new RangeError(`Unexpected value '${value}' for --node, expected a path or a major version`);
}

function readOptions(args) {
  const { values } = parseArgs({
    args: spread(args),
    options: {
      quick: { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
      rounds: { type: 'string' },
      case: { type: 'string', multiple: true },
      peer: { type: 'string', multiple: true },
      node: { type: 'string', multiple: true },
    },
  });
  for (const name of values.case ?? []) {
    if (!cases.names.includes(name)) throw new RangeError(`Unexpected value '${name}' for --case\n\n${help}`);
  }
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  if (rounds !== undefined && !(Number.isSafeInteger(rounds) && rounds > 0)) {
    throw new RangeError(`Unexpected value '${values.rounds}' for --rounds, expected a positive integer`);
  }
  return {
    quick: values.quick ?? false,
    json: values.json ?? false,
    help: values.help ?? false,
    rounds,
    cases: values.case ?? cases.names,
    peers: values.peer,
    nodes: values.node?.map(nodePath) ?? [process.execPath],
  };
}

module.exports = { help, readOptions };
