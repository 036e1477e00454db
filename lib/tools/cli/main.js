'use strict';
// ffi-tally check | audit | report. Returns the exit code.

const fs = require('node:fs');
const path = require('node:path');
const { HELP, version } = require('./help');
const { UsageError, readCommandLine } = require('./options');
const { Progress } = require('./progress');
const { readRecord } = require('./record');
const { run, temporaryRecord } = require('./run');
const { formatRun } = require('./text');
const { judge } = require('./verdict');

const WRONG = 2;

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

async function tell(recorded, { html, json }) {
  const verdict = judge(recorded);
  if (html !== undefined) {
    const { renderPage } = require('../page/page');
    fs.writeFileSync(html, await renderPage(recorded, verdict));
  }
  if (json) process.stdout.write(`${JSON.stringify({ version, verdict, ...recorded })}\n`);
  else process.stdout.write(formatRun(recorded, verdict));
  if (html !== undefined && !json) process.stdout.write(`\nThe picture is in ${html}\n`);
  return verdict.exitCode;
}

async function report(options) {
  let recorded;
  try {
    recorded = readRecord(options.file);
  } catch (error) {
    throw new UsageError(`Cannot read ${options.file}: ${error.message}`);
  }
  if (!recorded.started) throw new UsageError(`${options.file} is no record of ffi-tally`);
  checkWritable(options.html);
  return tell(recorded, options);
}

async function runAndTell(options) {
  // Absolute, because the program may change its directory before all its threads have opened it.
  const file = path.resolve(options.record ?? temporaryRecord());
  checkWritable(file, options.html);
  const progress = new Progress(file, options.rss);
  let recorded;
  try {
    await run(options, file, progress);
    recorded = readRecord(file);
  } finally {
    progress.end();
    if (options.record === undefined) fs.rmSync(path.dirname(file), { recursive: true, force: true });
  }
  return tell(recorded, options);
}

async function main(argv) {
  try {
    const options = readCommandLine(argv);
    if (options.command === 'help') process.stdout.write(HELP);
    else if (options.command === 'version') process.stdout.write(`${version}\n`);
    else return await (options.command === 'report' ? report(options) : runAndTell(options));
    return 0;
  } catch (error) {
    if (error instanceof UsageError) return complain(error.message);
    // Not for Node to end with: its exit code would say that the program leaks.
    process.stderr.write(`ffi-tally: ${error.stack}\n`);
    return WRONG;
  }
}

module.exports = { main };
