'use strict';
// What cannot be loaded says why and what to do. Tried with copies of the library in which something is missing.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { prebuiltFor, prebuiltHere } = require('../lib/prebuilt.js');
const { runChild } = require('./support/child.js');

const root = path.join(__dirname, '..');
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

const load = (execArgv = [], what = 'lib') =>
  runChild(
    `
    try {
      require(${JSON.stringify(path.join(directory, what))});
      console.log('loaded');
    } catch (error) {
      const { code, name, message, cause } = error;
      console.log(JSON.stringify({ code, name, message, cause: cause?.message ?? null }));
    }
  `,
    { execArgv },
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
  expect(await load()).toEqual({ code: 0, signal: null, stdout: 'loaded\n', stderr: '' });
});

test('a debug build will do', async () => {
  install(fs.readFileSync(path.join(root, addon)), addon.replace('Release', 'Debug'));
  expect(await load()).toEqual({ code: 0, signal: null, stdout: 'loaded\n', stderr: '' });
});

test('a prebuilt binary will do', async () => {
  install(fs.readFileSync(path.join(root, addon)), prebuilt);
  expect(await load()).toEqual({ code: 0, signal: null, stdout: 'loaded\n', stderr: '' });
});

test('what was built here comes before what was prebuilt', async () => {
  install(fs.readFileSync(path.join(root, addon)));
  install('this is no library', prebuilt);
  expect(await load()).toEqual({ code: 0, signal: null, stdout: 'loaded\n', stderr: '' });
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
  expect(message).toContain('npm rebuild ffi-tally --build-from-source');
  expect(message).toContain('npm install-scripts approve ffi-tally');
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
  install(fs.readFileSync(require('./support/counting.js').counting));
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
  const child = await runChild(`require(${JSON.stringify(path.join(directory, 'lib'))})`);
  expect(child).toMatchObject({ code: 1, signal: null, stdout: '' });
  expect(child.stderr).toContain('Could not load the native part of ffi-tally');
  expect(child.stderr).toContain('\nWhat to do:\n');
});

test('by import, too', async () => {
  const child = await runChild(
    `import(${JSON.stringify(path.join(directory, 'lib/index.mjs'))}).catch((error) => console.log(error.code))`,
  );
  expect(child).toMatchObject({ signal: null, stdout: 'ERR_TALLY_NO_BINDING\n' });
  // Before Node 22 an error of a CommonJS module that was imported is thrown a second time, to nobody.
  if (Number(process.versions.node.split('.')[0]) >= 22) expect(child).toMatchObject({ code: 0, stderr: '' });
});

test('without Koffi the drop-in says what is missing, and the core works', async () => {
  install(fs.readFileSync(path.join(root, addon)));
  const child = await load([], 'lib/koffi');
  const error = JSON.parse(child.stdout);
  expect(error).toMatchObject({ code: 'ERR_TALLY_NO_KOFFI', name: 'Error' });
  expect(error.message).toContain('npm install koffi');
  expect(error.cause).toContain('koffi');
  expect((await load()).stdout).toBe('loaded\n');
});
