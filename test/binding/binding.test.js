/** @jest-environment ./test/support/once.js */
'use strict';
// What cannot be loaded says why and what to do, and JavaScript takes its place unless that is refused. Tried with copies of the library in which something is missing.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { prebuiltFor, prebuiltHere } = require('../../lib/binding/prebuilt.js');
const { runChild } = require('../support/child.js');

const root = path.join(__dirname, '../..');
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-binding-'));
const addon = 'build/Release/ffi_tally.node';
const prebuilt = prebuiltHere();

beforeAll(() => {
  for (const name of ['lib', 'package.json'])
    fs.cpSync(path.join(root, name), path.join(directory, name), { recursive: true });
});
afterAll(() => fs.rmSync(directory, { recursive: true }));
afterEach(() => {
  for (const name of ['build', 'prebuilds'])
    fs.rmSync(path.join(directory, name), { recursive: true, force: true });
});

function install(content, file = addon) {
  fs.mkdirSync(path.dirname(path.join(directory, file)), { recursive: true });
  fs.writeFileSync(path.join(directory, file), content);
}

const load = (execArgv = [], what = 'lib', backend = 'native') =>
  runChild(
    `
    try {
      const { stats } = require(${JSON.stringify(path.join(directory, what))});
      console.log('loaded', stats?.().backend);
    } catch (error) {
      const { code, name, message, cause } = error;
      console.log(JSON.stringify({ code, name, message, cause: cause?.message ?? null }));
    }
  `,
    { execArgv, env: { FFI_TALLY_BACKEND: backend } },
  );

async function helpPage(execArgv) {
  const child = await load(execArgv);
  expect(child).toMatchObject({ code: 0, signal: null });
  const error = JSON.parse(child.stdout);
  expect(error).toMatchObject({ code: 'ERR_TALLY_NO_BINDING', name: 'Error' });
  return error;
}

test('the copy loads when it is complete', async () => {
  install(fs.readFileSync(path.join(root, addon)));
  expect(await load()).toEqual({ code: 0, signal: null, stdout: 'loaded native\n', stderr: '' });
});

test('a debug build will do', async () => {
  install(fs.readFileSync(path.join(root, addon)), addon.replace('Release', 'Debug'));
  expect(await load()).toEqual({ code: 0, signal: null, stdout: 'loaded native\n', stderr: '' });
});

test('a prebuilt binary will do', async () => {
  install(fs.readFileSync(path.join(root, addon)), prebuilt);
  expect(await load()).toEqual({ code: 0, signal: null, stdout: 'loaded native\n', stderr: '' });
});

test('what was built here comes before what was prebuilt', async () => {
  install(fs.readFileSync(path.join(root, addon)));
  install('this is no library', prebuilt);
  expect(await load()).toEqual({ code: 0, signal: null, stdout: 'loaded native\n', stderr: '' });
});

test('prebuilt binaries are told apart by platform, processor and, on Linux, C library', () => {
  expect(prebuiltFor('linux', 'arm64', 'musl')).toBe('prebuilds/linux-arm64/ffi-tally.musl.node');
  expect(prebuiltFor('darwin', 'x64')).toBe('prebuilds/darwin-x64/ffi-tally.node');
  expect(prebuilt).toContain(`${process.platform}-${process.arch}`);
  // What this Node itself says of its C library.
  const { glibcVersionRuntime } = process.report.getReport().header;
  if (process.platform === 'linux') {
    expect(prebuilt).toContain(glibcVersionRuntime === undefined ? '.musl.' : '.glibc.');
  }
});

test('not built: the paths tried, why not, and what to do', async () => {
  const { message, cause } = await helpPage();
  expect(message).toContain(`${process.platform}-${process.arch}`);
  expect(message).toContain(`Node ${process.version}`);
  for (const kind of ['Release', 'Debug']) {
    expect(message).toContain(
      `${path.join(directory, addon.replace('Release', kind))}\n    there is no such file`,
    );
  }
  expect(message).toContain(`${path.join(directory, prebuilt)}\n    there is no such file`);
  expect(message).toContain('npx ffi-tally build');
  expect(message).toContain('--allow-addons');
  expect(cause).toBe(null);
});

test('built for something else: what the system says, as the cause, too', async () => {
  install('this is no library');
  const { message, cause } = await helpPage();
  expect(cause).not.toBe(null);
  expect(message).toContain(cause);
  expect(message).toContain('Debug');
});

test('an addon of another kind', async () => {
  install(fs.readFileSync(require('../support/counting.js').counting));
  const { message, cause } = await helpPage();
  expect(message).toContain(cause);
});

test('a broken one is not hidden by one that is missing', async () => {
  install('this is no library', addon.replace('Release', 'Debug'));
  const { message, cause } = await helpPage();
  expect(message).toContain('there is no such file');
  expect(message).toContain(cause);
});

test('--no-addons', async () => {
  install(fs.readFileSync(path.join(root, addon)));
  const { message } = await helpPage(['--no-addons']);
  expect(message).toContain('--no-addons');
});

const permission = ['--permission', '--experimental-permission'].find((flag) =>
  process.allowedNodeEnvironmentFlags.has(flag),
);

(permission === undefined ? test.skip : test)('--permission', async () => {
  install(fs.readFileSync(path.join(root, addon)));
  const args = [permission, '--allow-fs-read=*', '--no-warnings'];
  const { message } = await helpPage(args);
  expect(message).toContain('--allow-addons');
});

test('an uncaught one is read as a page, and ends the process as any error does', async () => {
  const child = await runChild(`require(${JSON.stringify(path.join(directory, 'lib'))})`, {
    env: { FFI_TALLY_BACKEND: 'native' },
  });
  expect(child).toMatchObject({ code: 1, signal: null, stdout: '' });
  expect(child.stderr).toContain('Could not load the native part of ffi-tally');
  expect(child.stderr).toContain('\nWhat to do:\n');
});

test('by import, too', async () => {
  const child = await runChild(
    `import(${JSON.stringify(path.join(directory, 'lib/index.mjs'))}).catch((error) => console.log(error.code))`,
    { env: { FFI_TALLY_BACKEND: 'native' } },
  );
  expect(child).toMatchObject({ signal: null, stdout: 'ERR_TALLY_NO_BINDING\n' });
  // Before Node 22 an error of a CommonJS module that was imported is thrown a second time, to nobody.
  if (Number(process.versions.node.split('.')[0]) >= 22) expect(child).toMatchObject({ code: 0, stderr: '' });
});

test('without Koffi the drop-in says what is missing, and the core works', async () => {
  install(fs.readFileSync(path.join(root, addon)));
  const child = await load([], 'lib/ffi/koffi');
  const error = JSON.parse(child.stdout);
  expect(error).toMatchObject({ code: 'ERR_TALLY_NO_KOFFI', name: 'Error' });
  expect(error.message).toContain('npm install koffi');
  expect(error.cause).toContain('koffi');
  expect((await load()).stdout).toBe('loaded native\n');
});

describe('where JavaScript takes its place', () => {
  test('one warning tells', async () => {
    const { code, signal, stdout, stderr } = await load([], 'lib', '');
    expect({ code, signal, stdout }).toEqual({ code: 0, signal: null, stdout: 'loaded javascript\n' });
    expect(stderr.match(/ffi-tally works without its native part/g)).toHaveLength(1);
    expect(stderr).toContain('[FFI_TALLY_NO_BINARY] FfiTallyWarning:');
    expect(stderr).toContain('there is none for this machine');
    expect(stderr).toContain('npx ffi-tally build');
  });

  test('and does not tell again in the workers', async () => {
    const lib = JSON.stringify(path.join(directory, 'lib'));
    const child = await runChild(
      `
      const { Worker } = require('node:worker_threads');
      require(${lib});
      new Worker('console.log(require(' + JSON.stringify(${lib}) + ').stats().backend)', { eval: true });
    `,
      { env: { FFI_TALLY_BACKEND: '' } },
    );
    expect(child).toMatchObject({ code: 0, signal: null, stdout: 'javascript\n' });
    expect(child.stderr.match(/ffi-tally works without its native part/g)).toHaveLength(1);
  });

  test('and says why what there is does not load', async () => {
    install('this is no library');
    const { stdout, stderr } = await load([], 'lib', '');
    expect(stdout).toBe('loaded javascript\n');
    const { cause } = await helpPage();
    expect(stderr).toContain(`(${cause})`);
  });

  test('with --no-addons', async () => {
    install(fs.readFileSync(path.join(root, addon)));
    const { stdout, stderr } = await load(['--no-addons'], 'lib', '');
    expect(stdout).toBe('loaded javascript\n');
    expect(stderr).toContain('FFI_TALLY_NO_BINARY');
  });

  test('nobody is warned who has asked for it', async () => {
    install(fs.readFileSync(path.join(root, addon)));
    const child = await load([], 'lib', 'javascript');
    expect(child).toEqual({ code: 0, signal: null, stdout: 'loaded javascript\n', stderr: '' });
  });

  test('there is no third backend', async () => {
    const child = await load([], 'lib', 'rust');
    const { code, name, message } = JSON.parse(child.stdout);
    expect({ code, name }).toEqual({ code: 'ERR_TALLY_INVALID_ARG_VALUE', name: 'RangeError' });
    expect(message).toContain(`'FFI_TALLY_BACKEND', expected 'native' or 'javascript'`);
  });

  test('without Koffi what C would have to do is refused, and a JavaScript function frees', async () => {
    const code = `
      const { POINTER, stats, track } = require(${JSON.stringify(path.join(directory, 'lib'))});
      const codes = [
        () => track(16n, { size: 1, free: 4096n }),
        () => track(16n, { size: 1, free: { address: 4096n, args: [POINTER] } }),
        () => track(16n, { size: 1, free: null }).view(),
      ].map((attempt) => { try { attempt(); } catch (error) { return error.code; } });
      const freed = [];
      const disposed = track(16n, { size: 70_000, free: (address) => freed.push(String(address)) });
      disposed.dispose();
      (() => track(32n, { size: 70_000, free: (address) => freed.push(String(address)) }))();
      const { gcUntil } = require('./test/support/gc-until.js');
      gcUntil('collected', () => stats().totals.collected === 2).then(() => {
        console.log(JSON.stringify({ codes, freed, totals: stats().totals }));
      });
    `;
    const child = await runChild(code, { env: { FFI_TALLY_BACKEND: 'javascript' } });
    expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
    const { codes, freed, totals } = JSON.parse(child.stdout);
    expect(codes).toEqual(['ERR_TALLY_NO_CALLER', 'ERR_TALLY_NO_CALLER', 'ERR_TALLY_NO_VIEWS']);
    expect(freed).toEqual(['16', '32']);
    expect(totals).toMatchObject({ tracked: 3, disposed: 1, collected: 2 });
  });
});
