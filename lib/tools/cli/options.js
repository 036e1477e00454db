'use strict';
// The command line: what is meant, or a sentence on what is wrong with it.

const fs = require('node:fs');
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

/** Where the program begins: after --, or at the first word that is no option. */
function split(args, options) {
  const dashes = args.indexOf('--');
  const own = dashes < 0 ? args : args.slice(0, dashes);
  const { tokens } = parseArgs({ args: own, options, allowPositionals: true, strict: false, tokens: true });
  const first = tokens.find(({ kind }) => kind === 'positional')?.index;
  if (first === undefined) return { own, program: dashes < 0 ? [] : args.slice(dashes + 1) };
  return {
    own: args.slice(0, first),
    program: args.slice(first),
  };
}

function parse(args, options) {
  try {
    return parseArgs({ args, options, allowPositionals: false }).values;
  } catch (error) {
    // Node's own sentences go on about how to pass a positional argument that begins with a dash.
    throw new UsageError(error.message.split(/\. (?=To specify|Did you)/)[0].replace(/\.$/, ''));
  }
}

/** { command, program, heap, rss, timeout, audit, html, json, record, file }; throws a UsageError. */
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
  if (command === 'report') {
    const { values, positionals } = parseReport(args, options);
    return values.help ? { command: 'help' } : { command, ...values, file: onlyFile(positionals) };
  }
  const { own, program } = split(args, options);
  const values = { ...DEFAULTS[command], ...parse(own, options) };
  if (values.help) return { command: 'help' };
  if (program.length === 0) {
    throw new UsageError(`Nothing to run: ffi-tally ${command} -- app.js`);
  }
  if (RUNNERS.includes(program[0]) && !fs.existsSync(program[0])) {
    throw new UsageError(
      `Node itself is started with what follows, so without '${program[0]}': ffi-tally ${command} -- app.js`,
    );
  }
  return {
    command,
    program,
    audit: command === 'audit' || values.audit === true,
    html: values.html,
    json: values.json === true,
    record: values.record,
    heap: values.heap === undefined ? undefined : Math.round(readNumber(values.heap, 'heap')),
    rss: values.rss === undefined ? undefined : readBytes(values.rss, 'rss'),
    timeout:
      values.timeout === undefined ? undefined : Math.min(readNumber(values.timeout, 'timeout'), LONGEST),
  };
}

function parseReport(args, options) {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error.message.split(/\. (?=To specify)/)[0].replace(/\.$/, ''));
  }
}

function onlyFile(positionals) {
  if (positionals.length === 1) return positionals[0];
  throw new UsageError(`report needs one record, not ${positionals.length}: ffi-tally report record.jsonl`);
}

module.exports = { UsageError, readCommandLine };
