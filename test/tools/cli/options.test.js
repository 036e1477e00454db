/** @jest-environment ./test/support/once.js */
'use strict';

const path = require('node:path');
const { main } = require('../../../lib/tools/cli/main.js');
const { readCommandLine } = require('../../../lib/tools/cli/options.js');
const { runChild } = require('../../support/child.js');

const child = (...args) => runChild('bin/ffi-tally.js', { args });

/** The same without a process of its own. */
async function run(...args) {
  const written = { stdout: '', stderr: '' };
  const spies = Object.keys(written).map((name) =>
    jest.spyOn(process[name], 'write').mockImplementation((text) => {
      written[name] += text;
      return true;
    }),
  );
  const code = await main(args);
  spies.forEach((spy) => spy.mockRestore());
  return { code, ...written };
}

test('what is meant', () => {
  expect(readCommandLine(['check', '--', 'app.js', '--port', '1'])).toEqual({
    command: 'check',
    program: ['app.js', '--port', '1'],
    audit: false,
    html: undefined,
    json: false,
    record: undefined,
    heap: 128,
    rss: 1e9,
    timeout: 60,
  });
  expect(readCommandLine(['audit', 'app.js', '--json'])).toMatchObject({
    program: ['app.js', '--json'],
    audit: true,
    json: false,
    heap: undefined,
    rss: undefined,
    timeout: undefined,
  });
  const all = [
    '--heap',
    '64',
    '--rss=512M',
    '--timeout',
    '0.5',
    '--audit',
    '--json',
    '--html',
    'a',
    '--record',
    'b',
  ];
  expect(readCommandLine(['check', ...all, '--', '--import', 'tsx', 'app.ts'])).toEqual({
    command: 'check',
    program: ['--import', 'tsx', 'app.ts'],
    audit: true,
    html: 'a',
    json: true,
    record: 'b',
    heap: 64,
    rss: 512e6,
    timeout: 0.5,
  });
  // A timer that is set to more would be one of a millisecond.
  expect(readCommandLine(['check', '--timeout', '3000000', 'app.js']).timeout * 1000).toBeLessThan(2 ** 31);
  // The program's own words are not ours, dashes included.
  expect(readCommandLine(['check', '--heap', '64', 'app.js', '--', '--help']).program).toEqual([
    'app.js',
    '--',
    '--help',
  ]);
  expect(readCommandLine(['report', 'run.jsonl', '--json'])).toMatchObject({
    files: ['run.jsonl'],
    json: true,
  });
  expect(readCommandLine(['compare', 'a.jsonl', 'b.jsonl'])).toMatchObject({ files: ['a.jsonl', 'b.jsonl'] });
});

test.each([
  [['chekc'], "There is no command 'chekc': it is check, audit, report"],
  [['--heap', '3'], "A command comes first, not '--heap': check, audit, report"],
  [
    ['check', '--', 'node', 'app.js'],
    "Node itself is started with what follows, so without 'node': ffi-tally check -- app.js",
  ],
  [
    ['audit', 'npm', 'test'],
    "Node itself is started with what follows, so without 'npm': ffi-tally audit -- app.js",
  ],
  [
    ['check', '--', 'npx', 'jest', '--ci'],
    `Node itself is started with what follows, so without 'npx': ffi-tally check -- ${path.join('node_modules', 'jest', 'bin', 'jest.js')} --ci`,
  ],
  [
    ['check', '--', 'npx', '--yes', 'jest'],
    "Node itself is started with what follows, so without 'npx': ffi-tally check -- app.js",
  ],
  [['check'], 'Nothing to run: ffi-tally check -- app.js'],
  [['check', '--haep', '3', '--', 'app.js'], "Unknown option '--haep'"],
  [['check', '--heap', 'much', '--', 'app.js'], "--heap needs a number above 0, not 'much'"],
  [['check', '--heap', '--', 'app.js'], "Option '--heap <value>' argument missing"],
  [['check', '--rss', '1 GB', '--', 'app.js'], "--rss needs a size such as 512M or 2G, not '1 GB'"],
  [['profile', '--every', '0.3', '--', 'app.js'], "--every needs a size of 1 byte or more, not '0.3'"],
  [['check', '--timeout', '0', '--', 'app.js'], "--timeout needs a number above 0, not '0'"],
  [['check', '--html', '/no/such/place.html', '--', 'app.js'], 'Cannot write /no/such/place.html: ENOENT'],
  [['audit', '--audit', '--', 'app.js'], "Unknown option '--audit'"],
  [['report'], 'report needs one record, not 0: ffi-tally report record.jsonl'],
  [['report', 'a', 'b'], 'report needs one record, not 2: ffi-tally report record.jsonl'],
  [['report', '/no/such/record'], 'Cannot read /no/such/record: ENOENT'],
  [['report', 'package.json'], 'package.json is no record of ffi-tally'],
])('%j: a sentence, and exit code 2', async (args, sentence) => {
  const { code, stdout, stderr } = await run(...args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain(`ffi-tally: ${sentence}`);
  expect(stderr).toMatch(/See ffi-tally --help\n$/);
  expect(stderr.split('\n')).toHaveLength(2);
});

test('no place for a record, as in a container that is read-only: what to do', async () => {
  const env = Object.fromEntries(['TMPDIR', 'TEMP', 'TMP'].map((name) => [name, '/no/such/place']));
  const args = ['check', '--', 'app.js'];
  const { code, stdout, stderr } = await runChild('bin/ffi-tally.js', { args, env });
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(
    /^ffi-tally: Cannot write to .*place: ENOENT.*\. Set TMPDIR to a directory .*, or name a file with --record\. See .*\n$/,
  );
});

test('as a program', async () => {
  expect(await child('check')).toEqual({
    code: 2,
    signal: null,
    stdout: '',
    stderr: 'ffi-tally: Nothing to run: ffi-tally check -- app.js. See ffi-tally --help\n',
  });
  expect(await child('--help')).toMatchObject({ code: 0, signal: null, stderr: '' });
});

test.each([[[]], [['--help']], [['help']], [['check', '--help']], [['report', '-h']]])(
  '%j: help',
  async (args) => {
    const { code, stdout, stderr } = await run(...args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const option of [
      '--heap',
      '--rss',
      '--timeout',
      '--audit',
      '--html',
      '--json',
      '--record',
      'Exit code',
    ]) {
      expect(stdout).toContain(option);
    }
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(112);
  },
);

test('--version', async () => {
  expect(await run('--version')).toMatchObject({
    code: 0,
    stdout: `${require('../../../package.json').version}\n`,
  });
});
