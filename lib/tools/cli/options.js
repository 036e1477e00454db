'use strict';
// The command line: what is meant, or a sentence on what is wrong with it.

const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

class UsageError extends Error {}

const STRING = { type: 'string' };
const BOOLEAN = { type: 'boolean' };

const SHARED = { html: STRING, json: BOOLEAN, help: { ...BOOLEAN, short: 'h' } };
const RUN = { ...SHARED, record: STRING, heap: STRING, rss: STRING, timeout: STRING };
const COMMANDS = {
  check: { ...RUN, audit: BOOLEAN },
  audit: RUN,
  report: SHARED,
  compare: { json: BOOLEAN, help: SHARED.help },
  profile: { out: STRING, every: STRING, timeout: STRING, help: SHARED.help },
  snapshot: { out: STRING, timeout: STRING, help: SHARED.help },
  attach: { out: STRING, help: SHARED.help },
  'post-mortem': { json: BOOLEAN, help: SHARED.help },
  build: { help: SHARED.help },
};
const RUNS = ['check', 'audit', 'snapshot', 'profile'];
// What can be asked of a process that runs.
const QUESTIONS = ['stats', 'snapshot', 'profile'];
// Of commands that read files: how many, which, and an example.
const READS = {
  report: [1, 'one record', 'record.jsonl'],
  compare: [2, 'two records', 'before.jsonl after.jsonl'],
  'post-mortem': [1, 'one black box', 'box.bin'],
};
const DEFAULTS = { check: { heap: '128', rss: '1G', timeout: '60' } };

// What people write before the name of a program.
const RUNNERS = ['node', 'npm', 'npx', 'pnpm', 'yarn'];

const LONGEST = 2_147_483; // seconds that a timer can wait

const UNITS = { '': 1, K: 1e3, M: 1e6, G: 1e9 };

function readNumber(text, name) {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0) {
    throw new UsageError(`--${name} needs a number above 0, not '${text}'`);
  }
  return value;
}

function readBytes(text, name) {
  const [, number, unit] = /^([\d.]+)([KMG]?)B?$/i.exec(text) ?? [];
  if (number === undefined) throw new UsageError(`--${name} needs a size such as 512M or 2G, not '${text}'`);
  return readNumber(number, name) * UNITS[unit.toUpperCase()];
}

function readEvery(text) {
  const bytes = readBytes(text, 'every');
  if (bytes < 1) throw new UsageError(`--every needs a size of 1 byte or more, not '${text}'`);
  return Math.round(bytes);
}

/** Where the program begins: after --, or at the first word that is no option. */
function split(args, options) {
  const dashes = args.indexOf('--');
  const own = dashes < 0 ? args : args.slice(0, dashes);
  const { tokens } = parseArgs({ args: own, options, allowPositionals: true, strict: false, tokens: true });
  const first = tokens.find(({ kind }) => kind === 'positional')?.index;
  if (first === undefined) return { own, program: dashes < 0 ? [] : args.slice(dashes + 1) };
  return { own: args.slice(0, first), program: args.slice(first) };
}

function parse(args, options, allowPositionals) {
  try {
    return parseArgs({ args, options, allowPositionals });
  } catch (error) {
    // Node's own sentences go on about how to pass a positional argument that begins with a dash.
    throw new UsageError(error.message.split(/\. (?=To specify|Did you)/)[0].replace(/\.$/, ''));
  }
}

/** { command, program, heap, rss, timeout, every, audit, html, json, record, out, files }; throws a UsageError. */
function readCommandLine(argv) {
  const [command, ...args] = argv;
  if (command === undefined || ['-h', '--help', 'help'].includes(command)) return { command: 'help' };
  if (['-v', '--version'].includes(command)) return { command: 'version' };
  if (!Object.hasOwn(COMMANDS, command)) {
    const commands = Object.keys(COMMANDS).join(', ');
    throw new UsageError(
      command.startsWith('-')
        ? `A command comes first, not '${command}': ${commands}`
        : `There is no command '${command}': it is ${commands}`,
    );
  }
  const options = COMMANDS[command];
  const isRun = RUNS.includes(command);
  const { own, program } = isRun ? split(args, options) : { own: args };
  const { values, positionals } = parse(own, options, command in READS || command === 'attach');
  if (values.help) return { command: 'help' };
  if (isRun) return readRun(command, program, { ...DEFAULTS[command], ...values });
  if (command in READS) return { command, ...values, files: theFiles(command, positionals) };
  if (command === 'attach') return readAttach(positionals, values);
  return { command };
}

/** What Node is to run instead: of `npx vitest run` the file of Vitest. What package managers put into .bin may be for a shell. */
function withoutRunner([runner, name, ...rest]) {
  if (runner === 'npx') {
    try {
      const directory = path.join('node_modules', name);
      const { bin } = JSON.parse(fs.readFileSync(path.join(directory, 'package.json'), 'utf8'));
      return [path.join(directory, typeof bin === 'string' ? bin : bin[name]), ...rest];
    } catch {
      // It is not installed here, or an option of npx.
    }
  }
  return ['app.js'];
}

function readRun(command, program, values) {
  if (program.length === 0) throw new UsageError(`Nothing to run: ffi-tally ${command} -- app.js`);
  if (RUNNERS.includes(program[0]) && !fs.existsSync(program[0])) {
    const how = [`ffi-tally ${command} --`, ...withoutRunner(program)].join(' ');
    throw new UsageError(`Node itself is started with what follows, so without '${program[0]}': ${how}`);
  }
  return {
    command,
    program,
    audit: command === 'audit' || values.audit === true,
    html: values.html,
    json: values.json === true,
    record: values.record,
    out: values.out,
    every: values.every === undefined ? undefined : readEvery(values.every),
    heap: values.heap === undefined ? undefined : Math.round(readNumber(values.heap, 'heap')),
    rss: values.rss === undefined ? undefined : readBytes(values.rss, 'rss'),
    timeout:
      values.timeout === undefined ? undefined : Math.min(readNumber(values.timeout, 'timeout'), LONGEST),
  };
}

function readAttach([pid, what, ...more], { out }) {
  if (!/^\d+$/.test(pid ?? '') || !QUESTIONS.includes(what) || more.length > 0) {
    throw new UsageError(
      `attach needs a process and what to ask it, one of ${QUESTIONS.join(', ')}: ffi-tally attach 1234 stats`,
    );
  }
  return { command: 'attach', pid: Number(pid), what, out };
}

function theFiles(command, files) {
  const [count, wanted, example] = READS[command];
  if (files.length === count) return files;
  throw new UsageError(`${command} needs ${wanted}, not ${files.length}: ffi-tally ${command} ${example}`);
}

module.exports = { UsageError, readCommandLine };
