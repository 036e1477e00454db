'use strict';
// What users get: the packed package, installed without install scripts into an empty project whose path has spaces,
// loads by require and by import, on every Node at hand, with its prebuilt binary and without any. It brings no other
// package and no script. And what `ffi-tally build` does.
// Needs a registry for the dependencies, and `node scripts/prebuild.js` before it.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const koffi = require('koffi');
const { installedNodes, installedOthers } = require('./nodes.js');
const { root } = require('./tools.js');

const windows = process.platform === 'win32';
const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally package test '));
const project = path.join(temporary, 'a project');
const installed = path.join(project, 'node_modules/ffi-tally');

function run(command, args, { env, ...options } = {}) {
  const shell = windows && command === 'npm';
  const all = { ...process.env, ...env };
  return spawnSync(command, args, { cwd: project, encoding: 'utf8', env: all, shell, ...options });
}

function npm(...args) {
  const { status, stdout, stderr } = run('npm', [...args, '--no-audit', '--no-fund', '--prefer-offline']);
  assert.equal(status, 0, `npm ${args.join(' ')}\n${stdout}${stderr}`);
  return stdout;
}

const body = `
  const libc = koffi.load(process.platform === 'win32' ? 'ucrtbase.dll' : process.platform === 'darwin' ? 'libSystem.dylib' : null);
  koffi.owned('Block', 'void *', { free: 'free', size: (address, bytes) => bytes });
  const malloc = libc.func('Block malloc(size_t bytes)');
  const block = malloc(1000);
  const { size } = block;
  block.dispose();
  console.log(JSON.stringify({ backend: stats().backend, size, bytes: stats().bytes }));
`;
const programs = {
  'require.cjs': `const { stats } = require('ffi-tally');\nconst koffi = require('ffi-tally/koffi');\n${body}`,
  'import.mjs': `import { stats } from 'ffi-tally';\nimport koffi from 'ffi-tally/koffi';\n${body}`,
};

/** Runs both programs on every Node at hand. Returns all that they wrote to stderr. */
function expectBackend(backend) {
  let errors = '';
  for (const node of [{ path: process.execPath }, ...installedNodes()]) {
    for (const program of Object.keys(programs)) {
      const { status, signal, stdout, stderr } = run(node.path, [program]);
      assert.deepEqual({ status, signal }, { status: 0, signal: null }, `${node.path} ${program}\n${stderr}`);
      assert.deepEqual(JSON.parse(stdout), { backend, size: 1000, bytes: 0 }, `${node.path} ${program}`);
      errors += stderr;
    }
  }
  return errors;
}

let tarball;
const built = path.join(installed, 'build/Release/ffi_tally.node');

const steps = {
  installs() {
    fs.mkdirSync(project);
    fs.writeFileSync(path.join(project, 'package.json'), '{ "private": true }');
    for (const [name, code] of Object.entries(programs)) fs.writeFileSync(path.join(project, name), code);
    const [{ filename }] = JSON.parse(npm('pack', root, '--pack-destination', temporary, '--json'));
    npm('install', path.join(temporary, filename), `koffi@${koffi.version}`);
    tarball = path.join(temporary, filename);
  },

  'is one package, without scripts'() {
    const packages = fs
      .readdirSync(path.join(project, 'node_modules'))
      .filter((name) => !name.startsWith('.'));
    assert.deepEqual(packages, ['@koromix', 'ffi-tally', 'koffi']);
    const { scripts, gypfile, dependencies } = JSON.parse(
      fs.readFileSync(path.join(installed, 'package.json'), 'utf8'),
    );
    assert.deepEqual([scripts.install, gypfile, dependencies], [undefined, false, undefined]);
    assert.equal(fs.existsSync(path.join(installed, 'binding.gyp')), false);
    for (const name of ['tools/LICENSES', 'tools/d3.js', 'source/napi.h', 'source/binding.gyp'])
      assert.equal(fs.existsSync(path.join(installed, 'prebuilds', name)), true, name);
    const bytes = fs.statSync(tarball).size;
    console.log(`    ${(bytes / 1e3).toFixed(0)} KB packed, with the binaries that are in prebuilds/`);
  },

  'loads its prebuilt binary'() {
    assert.equal(expectBackend('native'), '');
    for (const other of installedOthers()) {
      for (const program of Object.keys(programs)) {
        const { stdout, stderr } = run(other.path, [...other.args, program]);
        assert.deepEqual(JSON.parse(stdout), { backend: 'native', size: 1000, bytes: 0 }, stderr);
      }
    }
  },

  'comes from one file'() {
    const code = `
      const { Session } = require('node:inspector');
      const loaded = [];
      const session = new Session();
      session.connect();
      session.on('Debugger.scriptParsed', ({ params }) => loaded.push(params.url.split('/ffi-tally/')[1]));
      session.post('Debugger.enable');
      const tally = require('ffi-tally');
      require('ffi-tally/koffi');
      console.log(JSON.stringify(loaded.filter((name) => name !== undefined)));
      let stack;
      try { tally.track('a', {}); } catch (error) { ({ stack } = error); }
      console.log(stack);
      const module = require.cache[require.resolve('ffi-tally').replace('index.js', 'public.js')];
      for (const file of Object.keys(require.cache)) if (file.includes('ffi-tally')) delete require.cache[file];
      const again = require('ffi-tally');
      tally.reportExternal(1);
      console.log(module.exports === tally, again === tally, again.stats().manual, tally.stats().manual);`;
    for (const node of [{ path: process.execPath }, ...installedNodes()]) {
      const { stdout, stderr } = run(node.path, ['--eval', code]);
      const [loaded, ...lines] = stdout.trimEnd().split('\n');
      assert.equal(stderr, '', node.path);
      assert.deepEqual(
        JSON.parse(loaded),
        [
          ['lib/index.js', 'lib/support/packed.js', 'prebuilds/lib/public.cjs'],
          ['lib/ffi/koffi/index.js', 'prebuilds/lib/ffi-koffi-drop-in.cjs'],
        ].flat(),
        node.path,
      );
      assert.match(lines.join('\n'), /at .*track.*prebuilds.lib.public\.cjs:\d+/);
      assert.equal(lines.at(-1), 'true false 0 1');
    }
  },

  'has its command line'() {
    const help = npm('exec', '--', 'ffi-tally', '--help');
    assert.match(help, /ffi-tally check \[options\] -- app\.js/);
    const bin = path.join(installed, 'bin/ffi-tally.js');
    for (const program of Object.keys(programs)) {
      const { status, stdout, stderr } = run(process.execPath, [bin, 'audit', '--json', '--', program]);
      assert.equal(status, 0, stderr);
      const { audit } = JSON.parse(stdout);
      assert.deepEqual(
        audit.functions.map(({ name, calls }) => [name, calls]),
        [['malloc', 1]],
        program,
      );
    }
  },

  'does what docs/find-a-leak.md tells to do'() {
    try {
      koffi.load('libgd.so.3').unload();
    } catch {
      console.error('SKIPPED: libgd.so.3 is not installed');
      return;
    }
    const page = fs.readFileSync(path.join(installed, 'docs/find-a-leak.md'), 'utf8');
    const commands = [...page.matchAll(/^npx ffi-tally (.*leaky\.js.*)$/gm)].map(([, args]) =>
      args.split(' '),
    );
    const bin = path.join(installed, 'bin/ffi-tally.js');
    const found = commands.map((args) => {
      const { status, stdout } = run(process.execPath, [bin, ...args]);
      return [args.at(-1), status, /^Native leak: .*gdImageScale/m.test(stdout)];
    });
    assert.deepEqual(found, [
      ['node_modules/ffi-tally/examples/leaky.js', 1, true],
      ['fixed', 0, false],
    ]);
  },

  'draws a page'() {
    const page = path.join(project, 'page.html');
    const bin = path.join(installed, 'bin/ffi-tally.js');
    run(process.execPath, [bin, 'audit', '--html', page, '--', 'require.cjs']);
    assert.match(fs.readFileSync(page, 'utf8'), /<svg/);
  },

  'installs with every package manager at hand'() {
    const managers = {
      'npm 11': ['npx', '--yes', 'npm@11', 'install', '--no-audit', '--no-fund'],
      pnpm: ['npx', '--yes', 'pnpm@10', 'add', '--config.strict-dep-builds=true'],
      yarn: ['npx', '--yes', 'yarn@1', 'add', '--no-lockfile'],
    };
    for (const [name, [command, ...args]] of Object.entries(managers)) {
      const cwd = path.join(temporary, name);
      fs.mkdirSync(cwd);
      fs.writeFileSync(path.join(cwd, 'package.json'), '{ "private": true }');
      const code = `console.log(require('ffi-tally').stats().backend)`;
      const { status, stdout, stderr } = run(command, [...args, tarball], { cwd, shell: windows });
      assert.equal(status, 0, `${name}\n${stdout}${stderr}`);
      assert.doesNotMatch(stdout + stderr, /build scripts|install-scripts|approve/i, name);
      assert.equal(run(process.execPath, ['-e', code], { cwd }).stdout, 'native\n', name);
      console.log(`    ${name}`);
    }
  },

  'builds nothing without a compiler, and says what is missing'() {
    for (const entry of fs
      .readdirSync(path.join(installed, 'prebuilds'))
      .filter((name) => name.includes('-')))
      fs.rmSync(path.join(installed, 'prebuilds', entry), { recursive: true });
    const bare = { PATH: temporary, CXX: '', PYTHON: '', npm_config_python: '' };
    const { status, stderr } = run(process.execPath, [path.join(installed, 'bin/ffi-tally.js'), 'build'], {
      env: bare,
    });
    assert.equal(status, 1, stderr);
    assert.match(stderr, /could not be compiled/);
    assert.match(stderr, /Python 3/);
    assert.match(stderr, /npx ffi-tally build/);
  },

  'without any binary: works in JavaScript, and says so'() {
    const warnings = expectBackend('javascript').match(/\[FFI_TALLY_NO_BINARY\]/g);
    assert.equal(warnings.length, Object.keys(programs).length * (1 + installedNodes().length));
    const { status, stderr } = run(process.execPath, ['require.cjs'], {
      env: { FFI_TALLY_BACKEND: 'native' },
    });
    assert.equal(status, 1);
    assert.match(stderr, /ERR_TALLY_NO_BINDING/);
  },

  'builds from source'() {
    const { status, stdout, stderr } = run('npm', ['exec', '--', 'ffi-tally', 'build']);
    assert.equal(status, 0, stdout + stderr);
    assert.equal(fs.existsSync(built), true);
    assert.equal(expectBackend('native'), '');
  },
};

for (const [name, step] of Object.entries(steps)) {
  step();
  console.log(`ok: ${name}`);
}
fs.rmSync(temporary, { recursive: true });
