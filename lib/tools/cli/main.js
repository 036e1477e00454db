'use strict';
// ffi-tally check | audit | profile | report | compare | attach | post-mortem | build. Returns the exit code.

const fs = require('node:fs');
const path = require('node:path');
const { formatBytes, formatRoundBytes } = require('../../support/bytes');
const { ENDINGS, endingOf } = require('../profile/formats');
const { AttachError, attach } = require('./attach');
const { compare, formatComparison } = require('./compare');
const { HELP, version } = require('./help');
const { UsageError, readCommandLine } = require('./options');
const { causeOf, formatPostMortem, readBlackBox } = require('./post-mortem');
const { Progress } = require('./progress');
const { readRecord } = require('./record');
const { run, temporaryRecord } = require('./run');
const { runToFile } = require('./run-to-file');
const { formatRun } = require('./text');
const { judge } = require('./verdict');

const WRONG = 2;
const SCHEMA = 1; // raised when what was there is there no more, or means something else

function complain(message) {
  process.stderr.write(`ffi-tally: ${message}. See ffi-tally --help\n`);
  return WRONG;
}

/** Files that cannot be written shall not come to light when the program has run for a minute. */
function checkWritable(...files) {
  for (const file of files.filter((name) => name !== undefined)) {
    try {
      fs.closeSync(fs.openSync(file, 'w'));
    } catch (error) {
      throw new UsageError(`Cannot write ${file}: ${error.message}`);
    }
  }
}

/** What result.schema.json describes. */
const printJson = (result) =>
  process.stdout.write(`${JSON.stringify({ schema: SCHEMA, version, ...result })}\n`);

function tell(recorded, { html, json }) {
  const verdict = judge(recorded);
  if (html !== undefined) {
    const { renderPage } = require('../page/page');
    fs.writeFileSync(html, renderPage(recorded, verdict));
  }
  if (json) printJson({ verdict, ...recorded });
  else process.stdout.write(formatRun(recorded, verdict));
  if (html !== undefined && !json) process.stdout.write(`\nThe picture is in ${html}\n`);
  return verdict.exitCode;
}

function read(file, by) {
  try {
    return by(file);
  } catch (error) {
    throw new UsageError(`Cannot read ${file}: ${error.message}`);
  }
}

function recordIn(file) {
  const recorded = read(file, readRecord);
  if (!recorded.started) throw new UsageError(`${file} is no record of ffi-tally`);
  return recorded;
}

async function report(options) {
  const recorded = recordIn(options.files[0]);
  checkWritable(options.html);
  return tell(recorded, options);
}

function tellDifference({ files, json }) {
  const [before, after] = files.map(recordIn).map((run) => ({ run, verdict: judge(run) }));
  const comparison = compare(before, after);
  const { exitCode, ...more } = comparison;
  if (json) printJson({ before: before.verdict, after: after.verdict, ...more });
  else process.stdout.write(formatComparison(comparison, before, after));
  return exitCode;
}

const tooSmall = (cap, rss) =>
  `--rss ${formatRoundBytes(cap)} is less than the ${formatBytes(rss)} that the program has before it begins`;

function postMortem({ files: [file], json }) {
  const box = read(file, readBlackBox);
  if (box === null) throw new UsageError(`${file} is no black box of ffi-tally`);
  process.stdout.write(
    json ? `${JSON.stringify({ version, cause: causeOf(box), ...box })}\n` : formatPostMortem(box),
  );
  return 0;
}

const COMMANDS = {
  attach: ask,
  build: () => require('../../../scripts/build.js').build(),
  compare: tellDifference,
  'post-mortem': postMortem,
  report,
  profile: runToProfile,
  snapshot: runToSnapshot,
};

async function runAndTell(options) {
  // Absolute, because the program may change its directory before all its threads have opened it.
  const file = path.resolve(options.record ?? temporaryRecord());
  checkWritable(file, options.html);
  const progress = new Progress(file, options.rss);
  let recorded;
  try {
    await run(options, file, progress);
    recorded = readRecord(file);
    if (recorded.refused !== undefined) throw new UsageError(tooSmall(options.rss, recorded.refused.rss));
  } finally {
    progress.end();
    if (options.record === undefined) fs.rmSync(path.dirname(file), { recursive: true, force: true });
  }
  return tell(recorded, options);
}

async function ask({ pid, what, out }) {
  // Absolute, because the process may be elsewhere.
  const value = await attach(pid, what, path.resolve(out ?? `ffi-tally.${pid}.heap${what}`));
  process.stdout.write(`${what === 'stats' ? JSON.stringify(value, null, 2) : value}\n`);
  return 0;
}

async function runToWrite(what, options, file, env) {
  checkWritable(file);
  const problem = await runToFile(what, env, options, file);
  if (problem !== undefined) {
    fs.rmSync(file, { force: true });
    return complain(problem);
  }
  process.stdout.write(`\nThe ${what} is in ${options.out ?? path.basename(file)}\n`);
  return 0;
}

function runToSnapshot(options) {
  const file = path.resolve(options.out ?? `ffi-tally.${process.pid}.heapsnapshot`);
  return runToWrite('snapshot', options, file, { FFI_TALLY_SNAPSHOT: file });
}

function runToProfile(options) {
  const file = path.resolve(options.out ?? `ffi-tally.${process.pid}.heapprofile`);
  if (endingOf(file) === undefined) {
    throw new UsageError(`--out needs a name that ends with ${ENDINGS.join(', ')}, not '${options.out}'`);
  }
  return runToWrite('profile', options, file, {
    FFI_TALLY_PROFILE: JSON.stringify({ file, every: options.every }),
  });
}

async function main(argv) {
  try {
    const options = readCommandLine(argv);
    if (options.command === 'help') process.stdout.write(HELP);
    else if (options.command === 'version') process.stdout.write(`${version}\n`);
    else return await (COMMANDS[options.command] ?? runAndTell)(options);
    return 0;
  } catch (error) {
    if (error instanceof UsageError || error instanceof AttachError) return complain(error.message);
    // Not for Node to end with: its exit code would say that the program leaks.
    process.stderr.write(`ffi-tally: ${error.stack}\n`);
    return WRONG;
  }
}

module.exports = { main };
