/** @jest-environment ./test/support/once.js */
'use strict';
// `ffi-tally profile` runs programs that know nothing of it.

const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { notInherited } = require('../../support/child.js');
const { canCount } = require('../../support/exact.js');

const root = path.join(__dirname, '../../..');
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-profile-'));
afterAll(() => fs.rmSync(directory, { recursive: true }));

const LARGE = 10_000_000; // which no sample misses

/** Runs the command; the program lies in the repository, so that it finds Koffi. */
function profile(...args) {
  return profileWith({}, ...args);
}

function profileWith(env, ...args) {
  return new Promise((resolve) => {
    const command = [path.join(root, 'bin/ffi-tally.js'), 'profile', ...args];
    execFile(
      process.execPath,
      command,
      { cwd: root, env: { ...process.env, ...notInherited, ...env } },
      (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
  });
}

/** The bytes of all nodes below functions of that name. */
function bytesOf({ callFrame, selfSize, children }, name, isBelow = false) {
  const counts = isBelow || callFrame.functionName === name;
  return children.reduce((sum, child) => sum + bytesOf(child, name, counts), counts ? selfSize : 0);
}

const nodesOf = (node) => [node, ...node.children.flatMap(nodesOf)];
const headOf = (file) => JSON.parse(fs.readFileSync(file, 'utf8')).head;

(canCount ? describe : describe.skip)('ffi-tally profile', () => {
  test.each(['end.js', 'end.mjs'])('writes what a program has in use when it ends, %s', async (name) => {
    const file = path.join(directory, `${name}.heapprofile`);
    const { code, stdout, stderr } = await profile(
      '--out',
      file,
      '--',
      `test/programs/tools/profile/${name}`,
    );
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('were allocated') });
    expect(stdout).toContain(`The profile is in ${file}`);
    expect(bytesOf(headOf(file), 'decode')).toBe(LARGE);
    const url = path.join(root, `test/programs/tools/profile/${name}`);
    expect(
      nodesOf(headOf(file)).find(({ callFrame }) => callFrame.functionName === 'decode').callFrame.url,
    ).toBe(url);
  });

  const program = 'test/programs/tools/profile/worker.js';

  test('follows workers', async () => {
    const file = path.join(directory, 'worker.heapprofile');
    expect((await profile('--out', file, '--', program)).code).toBe(0);
    expect(bytesOf(headOf(file), 'inWorker')).toBe(LARGE);
  });

  test('writes after a while where a program does not end', async () => {
    const file = path.join(directory, 'stay.heapprofile');
    const { code, stdout } = await profile('--out', file, '--timeout', '1', '--', program, 'stay');
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('The profile is in') });
    expect(headOf(file).callFrame.functionName).toBe('(root)');
  });

  test('leaves the code of a program with which it ends', async () => {
    const gone = path.join(directory, 'gone');
    fs.mkdirSync(gone);
    const program = path.join(directory, 'removes.js');
    fs.writeFileSync(program, `require('node:fs').rmdirSync(${JSON.stringify(gone)}); process.exitCode = 5;`);
    const { code, stderr } = await profile('--out', path.join(gone, 'x.heapprofile'), '--', program);
    expect(code).toBe(2);
    expect(stderr).toContain('No profile was written: ENOENT');
    expect(stderr).toContain('by code 5');
  });

  test('refuses a name that says no format', async () => {
    const { code, stderr } = await profile('--out', 'x.json', '--', 'app.js');
    expect(code).toBe(2);
    expect(stderr).toContain('--out needs a name that ends with .heapprofile, .speedscope.json, .pb.gz');
  });
});

test('ffi-tally profile runs no program that cannot be profiled', async () => {
  const file = path.join(directory, 'none.heapprofile');
  const program = 'test/programs/tools/profile/worker.js';
  const { code, stderr } = await profileWith(
    { FFI_TALLY_BACKEND: 'javascript' },
    '--out',
    file,
    '--',
    program,
    'stay',
  );
  expect(code).toBe(2);
  expect(stderr).toContain('cannot be sampled here');
  expect(stderr).toContain('The program has ended, by code 1, and left no profile');
  expect(fs.existsSync(file)).toBe(false);
});
