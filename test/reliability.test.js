/** @jest-environment ./test/support/once.js */
'use strict';
// docs/reliability.md names a test for each promise: these tests exist.

const fs = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..');
const page = fs.readFileSync(path.join(root, 'docs/reliability.md'), 'utf8');
const [promised] = page.split('## What is not promised');
const promises = promised.split(/^- /m).slice(1);

const sources = {};
const read = (file) => (sources[file] ??= fs.readFileSync(path.join(root, file), 'utf8'));

/** [file, title] of each test that a promise names. */
function testsOf(promise) {
  const named = [...promise.matchAll(/`((?:test|scripts)\/[\w./-]+)`:\s((?:"[^"]+"(?:,\s+)?)+)/g)];
  return named.flatMap(([, file, list]) =>
    [...list.matchAll(/"([^"]+)"/g)].map(([, title]) => [file, title]),
  );
}

test('there are promises, and each has its test', () => {
  expect(promises.length).toBeGreaterThan(20);
  for (const promise of promises) expect([promise, testsOf(promise).length > 0]).toEqual([promise, true]);
});

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

test.each(promises.flatMap(testsOf))('%s: %s', (file, title) => {
  const text = title.replace(/\s+/g, ' ');
  // The title of a test is what a parenthesis opens with; the model's begins with a number.
  const name = new RegExp(`\\(\\s*(['"\`])(\\$\\{runs\\} )?${escaped(text)}`);
  if (file.startsWith('test/')) expect(read(file)).toMatch(name);
  else expect(read(file)).toContain(text);
});
