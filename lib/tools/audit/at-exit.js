'use strict';
// The audit prints itself when the program ends, unless somebody else does that.

const { isMainThread, threadId } = require('node:worker_threads');
const { auditSoFar, collectBeforeExit } = require('./audit');
const { formatAudit } = require('./format');

let willPrint = false;

function printAtExit() {
  auditSoFar(); // from now on
  if (willPrint || process.env.FFI_TALLY_AUDIT === 'quiet') return;
  willPrint = true;
  collectBeforeExit();
  process.once('exit', () => {
    const where = isMainThread ? '' : ` (worker ${threadId})`;
    process.stderr.write(`\n${formatAudit(auditSoFar())}${where}\n`);
  });
}

module.exports = { printAtExit };
