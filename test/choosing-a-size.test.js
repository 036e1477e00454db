/** @jest-environment ./test/support/once.js */
'use strict';
// Runs each line of the table in docs/choosing-a-size.md. One process will do, because each is for another library;
// OpenSSL comes first there, because others use it.

const fs = require('node:fs');
const path = require('node:path');
const { runChild } = require('./support/child.js');

const page = fs.readFileSync(path.join(__dirname, '../docs/choosing-a-size.md'), 'utf8');
const [, names] = /<!-- The test.*?```js\n(.*?)```/s.exec(page);
const rows = [...page.matchAll(/^\| ([\w-]+) +\| `([^`]+\.so[^`]*)` +\| `([^`]+)` +\|$/gm)].map(
  ([, library, file, line]) => ({ library, file, line }),
);

test('there are thirty libraries', () => {
  expect(new Set(rows.map(({ library }) => library)).size).toBe(30);
});

(process.platform === 'linux' ? test : test.skip)('each line works', async () => {
  const code = `${names}
    const results = ${JSON.stringify(rows)}.map(({ library, file, line }) => {
      let lib;
      try {
        lib = koffi.load(file, { deep: true });
      } catch {
        return [library, 'missing'];
      }
      keep(lib);
      const result = eval(line);
      const before = keep(result)?.size;
      return [library, typeof result === 'object' && result !== null ? 'a pointer of ' + (before > 0) : String(result)];
    });
    console.log(JSON.stringify(results));
    process.exit(0); // without the ends of libraries that other threads use
  `;
  const { stdout, ...rest } = await runChild(code);
  expect(rest).toEqual({ code: 0, signal: null, stderr: '' });
  const results = Object.fromEntries(JSON.parse(stdout));
  const missing = Object.keys(results).filter((library) => results[library] === 'missing');
  if (missing.length > 0) process.emitWarning(`Not installed, so not tested: ${missing.join(', ')}`);
  for (const [library, result] of Object.entries(results)) {
    if (result === 'missing') continue;
    const expected =
      { OpenSSL: /^1$/, liblzma: /^\d{6,}n?$/ }[library] ?? /^(0|undefined|[1-9]\d{5,}|a pointer of true)$/;
    expect(`${library}: ${result}`).toMatch(new RegExp(`^${library}: ${expected.source.slice(1)}`));
  }
});
