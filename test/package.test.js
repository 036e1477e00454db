/** @jest-environment ./test/support/once.js */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { isBuiltin } = require('node:module');
const { runChild } = require('./support/child.js');
const { linksOf } = require('./support/links.js');
const { sources } = require('./support/sources.js');

const root = path.join(__dirname, '..');
const manifest = require('../package.json');

const json = async (code, options) => {
  const child = await runChild(code, options);
  expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
  return JSON.parse(child.stdout);
};

test('exports what the design names, and nothing else', async () => {
  const names = await json(`console.log(JSON.stringify(Object.keys(require('./lib'))))`);
  expect(names.sort()).toEqual(
    [
      'ADDRESS_OF',
      'PARENT',
      'POINTER',
      'SIZE',
      'TrackedPointer',
      'assertNoLeaks',
      'collect',
      'configure',
      'gauge',
      'limitLeaks',
      'limitMemory',
      'handOver',
      'memoryUsage',
      'meteredAllocator',
      'monitor',
      'reportExternal',
      'scope',
      'startProfile',
      'stats',
      'takeOver',
      'track',
      'trim',
      'withOwnership',
      'writeHeapSnapshot',
    ].sort(),
  );
});

// By its own name: that goes through the map of exports, as for a user.
test.each([
  'ffi-tally',
  'ffi-tally/koffi',
  'ffi-tally/audit',
  'ffi-tally/prometheus',
  'ffi-tally/opentelemetry',
])('import and require of %s give the same objects', async (name) => {
  const found = await json(`
    process.env.FFI_TALLY_AUDIT = 'quiet';
    const required = require('${name}');
    import('${name}').then((imported) => {
      const names = Object.keys(required);
      const missing = names.filter((name) => name !== 'default' && !(name in imported));
      const different = names.filter((name) => name in imported && name !== 'default' && imported[name] !== required[name]);
      const more = Object.keys(imported).filter(
        (name) => name !== 'default' && name !== 'module.exports' && imported[name] !== undefined && !(name in required),
      );
      const sameDefault = imported.default === required || imported.default === required.default;
      console.log(JSON.stringify({ count: names.length, missing, different, more, sameDefault }));
    });
  `);
  expect(found).toEqual({
    count: expect.any(Number),
    missing: [],
    different: [],
    more: [],
    sameDefault: true,
  });
  expect(found.count).toBeGreaterThan(0);
});

test('named imports, as the README writes them', async () => {
  const code = `
    import { POINTER, SIZE, TrackedPointer, collect, configure, memoryUsage, reportExternal, stats, track } from 'ffi-tally';
    import koffi, { load, owned, withOwnership } from 'ffi-tally/koffi';
    const all = [POINTER, SIZE, TrackedPointer, collect, configure, memoryUsage, reportExternal, stats, track, koffi, load, owned, withOwnership];
    console.log(JSON.stringify(all.map((value) => typeof value)));
  `;
  const types = await json(code, { execArgv: ['--input-type=module'] });
  expect(types).toEqual([
    'symbol',
    'symbol',
    ...Array(7).fill('function'),
    'object',
    ...Array(3).fill('function'),
  ]);
});

test('the require cache holds one copy whichever way it was loaded', async () => {
  const found = await json(`
    import('ffi-tally').then((imported) => {
      imported.reportExternal(5);
      console.log(JSON.stringify([require('ffi-tally').stats().manual, require('./lib').stats().manual]));
    });
  `);
  expect(found).toEqual([5, 5]);
});

describe('what is packed', () => {
  const { stdout } = spawnSync('npm', ['pack', '--dry-run', '--ignore-scripts', '--json'], {
    cwd: root,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  const files = JSON.parse(stdout)[0].files.map((file) => file.path);
  const exported = Object.keys(manifest.exports).map((name) => path.posix.join(manifest.name, name));
  const dependencies = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });

  // Each pattern says what a folder is for; anything else there is a mistake.
  const MEANT = [
    /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|THIRD-PARTY-LICENSES)$/,
    /^lib\/([\w-]+\/)*[\w-]+\.m?js$/,
    /^bin\/[\w-]+\.js$/,
    /^lib\/tools\/page\/(page\.css|(page|flame)\.browser\.js)$/,
    /^lib\/tools\/cli\/result\.schema\.json$/,
    /^types\/[\w-]+\.d\.m?ts$/,
    /^native\/(\w+\/)?\w+\.(cc|h|map)$/,
    /^docs\/[\w-]+\.md$/,
    /^examples\/[\w-]+\.m?[jt]s$/,
    /^monitoring\/[\w-]+\.(yml|json)$/,
    /^prebuilds\/([\w-]+\/[\w.-]+\.node|lib\/[\w-]+\.cjs|tools\/([\w-]+\.js|LICENSES)|source\/[\w-]+(\.\w+)+)$/,
    /^docs\/images\/\w+\.svg$/,
    /^scripts\/(build|libffi)\.js$/,
  ];

  test('is meant: no tests, no build trees, nothing that the users cannot use', () => {
    expect(files.filter((file) => !MEANT.some((pattern) => pattern.test(file)))).toEqual([]);
  });

  test('is all there is in these folders', () => {
    for (const folder of ['lib', 'bin', 'types', 'native', 'monitoring', 'examples']) {
      const there = fs
        .readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name)))
        .map((file) => file.replaceAll(path.sep, '/'));
      expect(files.filter((file) => file.startsWith(`${folder}/`)).sort()).toEqual(there.sort());
    }
  });

  // Without what the links lead to, a document of the package has holes. There is no repository to link to: where it will
  // be is not known here (see release.yml), so what is not packed is named and not linked.
  test('links to nothing but what is packed', () => {
    const broken = [];
    for (const page of files.filter((name) => name.endsWith('.md'))) {
      for (const link of linksOf(fs.readFileSync(path.join(root, page), 'utf8'))) {
        const target = path.posix.join(path.posix.dirname(page), link.split('#')[0]);
        const isPacked = link.startsWith('#') || files.some((file) => `${file}/`.startsWith(`${target}/`));
        if (!isPacked) broken.push(`${page}: ${link}`);
      }
    }
    expect(broken).toEqual([]);
  });

  test('needs nothing but what is packed, what it depends on, and Node', () => {
    const strange = [];
    for (const file of files.filter((name) => /\.(m?js|ts|mts)$/.test(name))) {
      const source = fs.readFileSync(path.join(root, file), 'utf8').replace(/^\s*\*.*$|\/\/.*$/gm, '');
      const names = source.matchAll(/(?:\brequire\(|\bfrom |\bimport[ (])'([^']+)'/g);
      for (const [, name] of names) {
        const found = name.startsWith('.')
          ? ['', '.js', '.mjs', '/index.js']
              .map((end) => path.posix.join(path.posix.dirname(file), name) + end)
              .flatMap((target) => [target, target.replace(/\.(m?)js$/, '.d.$1ts')])
              .some((target) => files.includes(target) || target === 'package.json')
          : name.startsWith('node:') ||
            isBuiltin(name) ||
            exported.includes(name) ||
            dependencies.some((known) => name === known || name.startsWith(`${known}/`));
        if (!found) strange.push(`${file}: ${name}`);
      }
    }
    expect(strange).toEqual([]);
  });
});

test('what the map of exports names exists, and is packed', () => {
  const files = [];
  const collectFiles = (value) => {
    if (typeof value === 'string') files.push(value);
    else for (const inner of Object.values(value)) collectFiles(inner);
  };
  collectFiles(manifest.exports);
  files.push(manifest.main, manifest.types, ...Object.values(manifest.bin ?? {}));
  for (const file of files) {
    expect([file, fs.existsSync(path.join(root, file))]).toEqual([file, true]);
    const top = path.normalize(file).split(path.sep)[0];
    expect([
      file,
      top === 'package.json' || manifest.files.some((name) => name.split('/')[0] === top),
    ]).toEqual([file, true]);
  }
});

test('types come first, or TypeScript would not see them', () => {
  const check = (value) => {
    if (typeof value === 'string') return;
    const keys = Object.keys(value);
    if (keys.includes('types')) expect(keys[0]).toBe('types');
    if (keys.includes('default')) expect(keys.at(-1)).toBe('default');
    Object.values(value).forEach(check);
  };
  check(manifest.exports);
});

test('what is not exported cannot be required', async () => {
  const found = await json(`
    const codes = ['ffi-tally/lib/pointers/track.js', 'ffi-tally/lib/binding', 'ffi-tally/build/Release/ffi_tally.node'].map((name) => {
      try { require(name); } catch (error) { return error.code; }
    });
    console.log(JSON.stringify(codes));
  `);
  expect(found).toEqual(Array(3).fill('ERR_PACKAGE_PATH_NOT_EXPORTED'));
  expect(require(path.join(root, 'package.json')).name).toBe('ffi-tally');
});

test('all that a build needs is packed', () => {
  const gyp = fs.readFileSync(path.join(root, 'binding.gyp'), 'utf8');
  const sources = [...gyp.matchAll(/"(native\/[^"]+\.cc)"/g)].map(([, file]) => file);
  const there = fs
    .readdirSync(path.join(root, 'native'), { recursive: true })
    .filter((name) => name.endsWith('.cc'));
  expect(sources.sort()).toEqual(there.map((name) => `native/${name}`).sort());
  expect(manifest.files).toEqual(expect.arrayContaining(['native', 'prebuilds', 'lib', 'types']));
});

test('is published by the release workflow with provenance, and can be by hand without', () => {
  // Outside of such a workflow npm refuses to publish what asks for provenance.
  expect(manifest.publishConfig).toEqual({ access: 'public' });
  const workflow = fs.readFileSync(path.join(root, '.github/workflows/release.yml'), 'utf8');
  expect(workflow).toMatch(/npm publish --provenance/);
  const files = ['LICENSE', 'THIRD-PARTY-LICENSES', 'CHANGELOG.md'];
  expect(files.filter((file) => !fs.existsSync(path.join(root, file)))).toEqual([]);
});

test('depends on nothing, and installs without a script', () => {
  expect(manifest.dependencies).toBe(undefined);
  // npm, pnpm and yarn ask before they run such scripts, or refuse to; a binding.gyp at the top counts as one.
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare'])
    expect(manifest.scripts[name]).toBe(undefined);
  expect(manifest.gypfile).toBe(false);
  expect(manifest.files).not.toContain('binding.gyp');
  expect(
    Object.keys(manifest.peerDependencies).every((name) => manifest.peerDependenciesMeta[name].optional),
  ).toBe(true);
  // Whoever installs from the lock file uses the registry of their own.
  expect(fs.readFileSync(path.join(root, 'package-lock.json'), 'utf8')).not.toContain('"resolved"');
});

describe('what only the command line needs is not loaded into a program', () => {
  const program = 'test/programs/loaded-packages.js';

  function expectFew(packages) {
    expect(packages).toContain('koffi');
    expect(packages.filter((name) => !/^@?ko(romix|ffi)$/.test(name))).toEqual([]);
  }

  test('that runs by itself', async () => {
    expectFew(await json(program, { env: { FFI_TALLY_AUDIT: 'quiet' } }));
  });

  test('that the command line runs', async () => {
    const args = ['check', '--audit', '--', program];
    const { code: status, stdout } = await runChild('bin/ffi-tally.js', {
      args,
      env: { FFI_TALLY_AUDIT: 'quiet' },
    });
    expect(status).toBe(0);
    expectFew(JSON.parse(stdout.split('\n')[0]));
  });
});

// How long it takes is measured by scripts/load-time.js.
test('little is loaded to begin with, and nothing of Node that takes long', async () => {
  const { modules, builtins } = await json(`
    require('./lib');
    const modules = Object.keys(require.cache).filter((file) => /[\\\\/]lib[\\\\/]/.test(file)).length;
    console.log(JSON.stringify({ modules, builtins: process.moduleLoadList }));
  `);
  expect(modules).toBeLessThanOrEqual(50);
  const dear = ['child_process', 'crypto', 'http', 'inspector', 'perf_hooks', 'readline'];
  // Elsewhere it has to be asked which thread this is.
  if (['linux', 'darwin'].includes(process.platform)) dear.push('worker_threads');
  expect(dear.filter((name) => builtins.includes(`NativeModule ${name}`))).toEqual([]);
});

test('says what it runs on', () => {
  expect(manifest.engines.node).toBe('>=18');
  expect(manifest.peerDependencies.koffi).toBe('^2.9 || ^3');
  expect(manifest.license).toBe('MIT');
});

test('entry points re-export and do nothing else', () => {
  for (const file of ['lib/index.js', 'lib/index.mjs', 'lib/public.js']) {
    const source = fs.readFileSync(path.join(root, file), 'utf8');
    expect(source.replace(/\(\) => require/g, '')).not.toMatch(/function|=>|class |if \(/);
  }
});

test('only lib/binding/index.js opens the addon', () => {
  for (const { name, source } of sources().filter((file) => file.name !== 'binding/index.js')) {
    expect([name, source.includes(".node'")]).toEqual([name, false]);
  }
});
