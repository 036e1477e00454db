'use strict';

const assert = require('node:assert/strict');
const { runChild } = require('./child.js');

/**
 * The page of the run that `expression` makes, in a Node of its own: what Jest runs cannot import d3, which is ESM. For
 * paths in the expression the working directory is the repository.
 */
async function pageOf(expression) {
  const { code, stdout, stderr } = await runChild(`
    const { judge } = require('./lib/tools/cli/verdict.js');
    const { renderPage } = require('./lib/tools/page/page.js');
    const run = ${expression};
    process.stdout.write(renderPage(run, judge(run)));
  `);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  return stdout;
}

module.exports = { pageOf };
