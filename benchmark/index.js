'use strict';

const os = require('node:os');
const { execFileSync } = require('node:child_process');
const build = require('./build');
const { help, readOptions } = require('./options');
const { caseReport, summary } = require('./report');
const runCase = require('./run-case');

function showProgress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${text}`);
}

function machine() {
  const cpus = os.cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    processor: `${cpus.length} x ${cpus[0]?.model ?? 'unknown'}`,
    memory: `${Math.round(os.totalmem() / 1e9)} GB`,
  };
}

// In --quick the machine may be busy and the sizes are small: how long things took says nothing.
const counts = (bar, quick) => !quick || bar.kind !== 'time';

async function main() {
  const options = readOptions(process.argv.slice(2));
  if (options.help) return console.log(help);
  const say = options.json ? () => {} : console.log;

  build();
  const about = machine();
  say(
    `${about.date}, ${about.system}, ${about.processor}, ${about.memory}${options.quick ? ', --quick' : ''}\n`,
  );
  const runs = [];
  for (const node of options.nodes) {
    const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim().slice(1);
    say(`===== Node ${version}\n`);
    const run = { node: version, cases: [] };
    runs.push(run);
    for (const name of options.cases) {
      const result = await runCase(name, { ...options, node }, (text) => showProgress(`${version} ${text}`));
      showProgress('');
      run.cases.push(result);
      say(caseReport(result, options));
    }
  }
  if (options.json) console.log(JSON.stringify({ ...about, quick: options.quick, runs }, null, 2));
  else say(summary(runs, options));
  const missed = runs.flatMap((run) => run.cases.flatMap(({ bars }) => bars)).filter((bar) => !bar.pass);
  if (missed.some((bar) => counts(bar, options.quick))) process.exitCode = 1;
}

main().catch((error) => {
  showProgress('');
  console.error(error.message);
  process.exitCode = 1;
});
