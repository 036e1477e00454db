/** @jest-environment ./test/support/once.js */
'use strict';
// Processes that run are asked what they have.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { attach } = require('../../../lib/tools/cli/attach');
const { notInherited, runChild } = require('../../support/child.js');
const { canCount } = require('../../support/exact.js');
const { times } = require('../../support/whole.js');

const root = path.join(__dirname, '../../..');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-attach-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

const run = (...args) => runChild('bin/ffi-tally.js', { args: ['attach', ...args.map(String)] });

/** Calls test(pid) while the program runs. */
async function withProgram(code, test) {
  const child = spawn(process.execPath, ['--inspect-port=0', '-e', code], {
    cwd: root,
    env: { ...process.env, ...notInherited },
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  try {
    await test(child.pid);
  } finally {
    child.kill('SIGKILL');
  }
}

const PROGRAM = `
  const { track } = require('./lib');
  globalThis.kept = Array.from({ length: 10 }, () => track(4096n, { size: 1000, free: null, label: 'thing', shared: true }));
  console.log('ready');`;

const describeLinux =
  process.platform === 'linux' && process.env.FFI_TALLY_BACKEND !== 'javascript' ? describe : describe.skip;

describeLinux('attach', () => {
  test.each([
    ['on its event loop', 'setInterval(() => {}, 1000);'],
    ['in a loop', 'for (const parent = process.ppid; process.ppid === parent;);'],
  ])('to a program %s', async (_, rest) => {
    await withProgram(`${PROGRAM}\n${rest}`, async (pid) => {
      const asked = await run(pid, 'stats');
      expect(asked).toMatchObject({ code: 0, stderr: '' });
      expect(JSON.parse(asked.stdout)).toMatchObject({ bytes: 10_000, pointers: 10 });
      const file = path.join(folder, `${pid}.heapsnapshot`);
      expect(await run(pid, 'snapshot', '--out', file)).toMatchObject({ code: 0, stdout: `${file}\n` });
      expect(JSON.parse(fs.readFileSync(file, 'utf8')).snapshot.node_count).toBeGreaterThan(1000);
    });
  });

  test('to a program that has loaded the drop-in alone', async () => {
    const code = `
      const koffi = require('./lib/ffi/koffi');
      koffi.opaque('Block');
      koffi.owned('OwnedBlock', 'Block *', { free: 'free', size: 1000 });
      const allocate = koffi.load('libc.so.6').func('OwnedBlock malloc(size_t bytes)');
      globalThis.kept = Array.from({ length: 10 }, () => allocate(1000));
      console.log('ready');
      setInterval(() => {}, 1000);`;
    await withProgram(code, async (pid) => {
      expect(await attach(pid, 'stats')).toMatchObject({ bytes: 10_000, pointers: 10 });
      const file = path.join(folder, 'drop-in.heapsnapshot');
      expect(await attach(pid, 'snapshot', file)).toBe(file);
    });
  });

  test('to a program whose inspector others open and close meanwhile', async () => {
    const others = `const inspector = require('node:inspector');
      const toggle = () => (inspector.url() === undefined ? inspector.open(0) : inspector.close());
      setInterval(() => {
        try {
          toggle();
        } catch {
          // Where those that are connected have not gone yet, it cannot be opened.
        }
      }, 200);`;
    await withProgram(`${PROGRAM}\n${others}`, async (pid) => {
      for (let i = 0; i < times(6, 20); i++)
        expect(await attach(pid, 'stats')).toMatchObject({ pointers: 10 });
    });
  });

  test('to a program that has put into the cache what is no module', async () => {
    const others = `Object.assign(require.cache, { none: undefined, mock: { exports: {} } }); setInterval(() => {}, 1000);`;
    await withProgram(`${PROGRAM}\n${others}`, async (pid) => {
      expect(await attach(pid, 'stats')).toMatchObject({ pointers: 10 });
    });
    await withProgram(`console.log("ready");\n${others}`, async (pid) => {
      await expect(attach(pid, 'stats')).rejects.toThrow('has not loaded ffi-tally');
    });
  });

  (canCount ? test : test.skip)('to that copy of the library which has a profile', async () => {
    const program = `
      const own = require.resolve('./lib/tools/profile/profile.js');
      require(own);
      require.cache.idle = require.cache[own];
      delete require.cache[own];
      require.cache.theirs = { filename: '/app/tools/profile/profile.js', exports: {} };
      require(own).startProfile();
      console.log('ready');
      setInterval(() => {}, 1000);`;
    await withProgram(program, async (pid) => {
      const file = path.join(folder, `${pid}.heapprofile`);
      expect(await run(pid, 'profile', '--out', file)).toMatchObject({ code: 0, stdout: `${file}\n` });
      expect(JSON.parse(fs.readFileSync(file, 'utf8')).head.callFrame.functionName).toBe('(root)');
    });
  });

  test('to one that SIGUSR1 would end, as it does one that has only begun, leaves it alone', async () => {
    const file = path.join(folder, 'node');
    fs.copyFileSync('/bin/sleep', file);
    const child = spawn(file, ['100']);
    await new Promise((resolve) => child.once('spawn', resolve));
    jest.spyOn(globalThis, 'setTimeout').mockImplementation(setImmediate);
    await expect(attach(child.pid, 'stats')).rejects.toThrow('opens no inspector');
    jest.restoreAllMocks();
    expect(child.kill()).toBe(true);
    expect(await new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)))).toBe(
      'SIGTERM',
    );
  });

  test('to one that ends meanwhile', async () => {
    const program = `require('./lib').stats = () => require('node:child_process').execSync('kill -9 ' + process.pid); ${PROGRAM} setInterval(() => {}, 1000);`;
    await withProgram(program, async (pid) => {
      await expect(attach(pid, 'stats')).rejects.toThrow(`Process ${pid} has ended`);
    });
  });

  test('to a program without ffi-tally, to none, and to what is no Node', async () => {
    await withProgram(`console.log('ready'); setInterval(() => {}, 1000);`, async (pid) => {
      expect(await run(pid, 'stats')).toMatchObject({
        code: 2,
        stderr: expect.stringContaining(`Process ${pid} has not loaded ffi-tally`),
      });
    });
    expect((await run(2 ** 22 + 1, 'stats')).stderr).toContain('There is no process');
    const sleeps = spawn('sleep', ['100']);
    await new Promise((resolve) => sleeps.once('spawn', resolve));
    expect((await run(sleeps.pid, 'stats')).stderr).toContain('is no Node, but ');
    sleeps.kill();
    expect((await run('1', 'nothing')).stderr).toContain('attach needs a process and what to ask it');
  });
});
