/** @jest-environment ./test/support/once.js */
'use strict';
// The black box: what is left of a process after whatever end.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { setTimeout: delay } = require('node:timers/promises');
const { causeOf, formatPostMortem, readBlackBox } = require('../../../lib/tools/cli/post-mortem.js');
const { notInherited, runChild } = require('../../support/child.js');
const { times } = require('../../support/whole.js');

const program = path.join(__dirname, '../../programs/tools/cli/black-box.js');
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-box-'));
const box = path.join(directory, 'box.bin');
afterAll(() => fs.rmSync(directory, { recursive: true }));
const posix = process.platform === 'win32' ? describe.skip : describe;

function expectCache({ state }) {
  const [{ label, bytes, pointers }] = state.accounts;
  expect(label).toBe('cache');
  expect(bytes).toBe(40_000_000);
  expect(pointers).toBe(40);
}

posix('post-mortem', () => {
  test('what a process before it has left stays beside it', async () => {
    fs.rmSync(`${box}.1`, { force: true });
    fs.writeFileSync(box, 'left');
    await runChild(program, { args: [box, 'end'] });
    expect(fs.readFileSync(`${box}.1`, 'utf8')).toBe('left');
    expect(fs.readdirSync(directory).filter((name) => /\d{2,}$/.test(name))).toEqual([]);
  });

  test('a variable that names no file is a warning, and children do not inherit it', async () => {
    const code = "require('./lib'); console.log(process.env.FFI_TALLY_BLACK_BOX);\n";
    const there = path.join(directory, 'variable.bin');
    const child = await runChild(code, { env: { FFI_TALLY_BLACK_BOX: there } });
    expect(child).toMatchObject({ code: 0, stdout: 'undefined\n', stderr: '' });
    expect(fs.existsSync(there)).toBe(true);
    const other = await runChild(code, { env: { FFI_TALLY_BLACK_BOX: path.join(there, 'no', 'box') } });
    expect(other).toMatchObject({ code: 0, stdout: 'undefined\n' });
    expect(other.stderr).toContain('[FFI_TALLY_BLACK_BOX] FfiTallyWarning: There is no black box');
  });

  test.each(['./lib/ffi/koffi', './lib/ffi/node-ffi', './lib/tools/audit'])(
    'the variable where a program has only %s',
    async (entry) => {
      const there = path.join(directory, 'only.bin');
      fs.rmSync(there, { force: true });
      const env = { FFI_TALLY_BLACK_BOX: there, FFI_TALLY_AUDIT: 'quiet' };
      await runChild(`try { require('${entry}'); } catch { /* Only Node 26 has node:ffi. */ }\n`, { env });
      expect(fs.existsSync(there)).toBe(true);
    },
  );

  test('an end of its own', async () => {
    expect(await runChild(program, { args: [box, 'end'] })).toMatchObject({ code: 0, stderr: '' });
    const found = readBlackBox(box);
    expect(causeOf(found)).toBe('exit');
    expectCache(found);
    expect(found.state.accounts.map(({ label }) => label)).toContain('a "small" one');
    expect(formatPostMortem(found)).toContain('cache: 40.0 MB in 40 pointers');
    const { stdout } = await runChild('bin/ffi-tally.js', { args: ['post-mortem', box, '--json'] });
    expect(JSON.parse(stdout)).toMatchObject({ cause: 'exit', state: { pid: found.state.pid } });
  });

  test('SIGSEGV', async () => {
    expect((await runChild(program, { args: [box, 'crash'] })).signal).toBe('SIGSEGV');
    const found = readBlackBox(box);
    expect(found.signal).toBe('SIGSEGV');
    expect(causeOf(found)).toBe('crash');
    expectCache(found);
  });

  test('SIGKILL at random moments: the top account is there each time', async () => {
    for (let i = 0; i < times(4, 20); i++) {
      const child = spawn(process.execPath, [program, box, 'spin'], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, ...notInherited },
      });
      await once(child.stdout, 'data');
      await delay(Math.random() * 20);
      child.kill('SIGKILL');
      await once(child, 'exit');
      const found = readBlackBox(box);
      expect(causeOf(found)).toBe('killed');
      expectCache(found);
    }
  });

  test('by the environment, and a file that cannot be', async () => {
    const env = { FFI_TALLY_BLACK_BOX: box };
    const { stdout } = await runChild(`console.log(require('./lib').configure().blackBox)`, { env });
    expect(stdout).toBe(`${box}\n`);
    expect(causeOf(readBlackBox(box))).toBe('exit');
    const bad = await runChild(`require('./lib').configure({ blackBox: '${directory}' })`);
    expect(bad.stderr).toContain('ERR_TALLY_INVALID_ARG_VALUE');
    expect(bad.stderr).toContain('EISDIR');
  });

  test('a write that was cut short: the one before counts', () => {
    const bytes = fs.readFileSync(box);
    const state = readBlackBox(box).state;
    const slots = [4096, 4096 + 16384].sort((a, b) => bytes.readUInt32LE(b) - bytes.readUInt32LE(a));
    const torn = path.join(directory, 'torn.bin');
    bytes[slots[0] + 20] ^= 1;
    fs.writeFileSync(torn, bytes);
    expect(readBlackBox(torn).state?.time ?? 0).toBeLessThan(state.time);
    bytes[slots[1] + 20] ^= 1;
    fs.writeFileSync(torn, bytes);
    expect(readBlackBox(torn).state).toBeNull();
    expect(formatPostMortem(readBlackBox(torn))).toContain('Nothing was written');
    fs.writeFileSync(torn, 'something else');
    expect(readBlackBox(torn)).toBeNull();
  });

  const groups = '/sys/fs/cgroup/memory';
  const group = path.join(groups, `ffi-tally-box-${process.pid}`);
  let canGroup = process.getuid?.() === 0;
  try {
    fs.accessSync(path.join(groups, 'cgroup.procs'), fs.constants.W_OK);
  } catch {
    canGroup = false;
  }
  if (!canGroup) process.emitWarning('No memory cgroup may be made here: its OOM killer is not tested');

  (canGroup ? test : test.skip)('the OOM killer of a cgroup', async () => {
    fs.mkdirSync(group);
    try {
      fs.writeFileSync(path.join(group, 'memory.limit_in_bytes'), String(150e6));
      const code = `
        require('node:fs').writeFileSync('${group}/cgroup.procs', String(process.pid));
        process.argv.splice(1, Infinity, '${program}', '${box}', 'oom', '300000000');
        require('${program}');
      `;
      expect((await runChild(code)).signal).toBe('SIGKILL');
    } finally {
      fs.rmdirSync(group);
    }
    const found = readBlackBox(box);
    expect(causeOf(found)).toBe('oom');
    expectCache(found);
  });
});
