/** @jest-environment ./test/support/once.js */
'use strict';
// ffi-tally/node-ffi, in a Node that has node:ffi. Where none is to be had it is not tested, and says so.

const fs = require('node:fs');
const path = require('node:path');
const { runChild } = require('../../support/child.js');
const nodeWithFfi = require('../../support/node-with-ffi.js');
const { names } = require('./cases.js');

// By its name: that goes through the map of exports, as for a user.
const entry = `'ffi-tally/node-ffi'`;

const node = nodeWithFfi('ffi-tally/node-ffi');

describe('without node:ffi', () => {
  const withoutFfi = [
    ['in this Node', { execArgv: parseInt(process.versions.node) < 26 ? [] : ['--no-experimental-ffi'] }],
    ...(node === undefined ? [] : [['switched off', { node, execArgv: ['--no-experimental-ffi'] }]]),
  ];

  test.each(withoutFfi)('%s, it says what to do', async (_, options) => {
    const child = await runChild(`try { require(${entry}) } catch (error) { console.log(error) }`, options);
    expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(child.stdout).toContain(`code: 'ERR_TALLY_NO_NODE_FFI'`);
    expect(child.stdout).toContain('it needs Node 26 without --no-experimental-ffi');
    expect(child.stdout).toContain('ERR_UNKNOWN_BUILTIN_MODULE'); // what Node said, as the cause
  });
});

(node === undefined ? describe.skip : describe)('with node:ffi', () => {
  const quiet = ['--disable-warning=ExperimentalWarning'];

  describe.each([
    ['with gc()', ['--expose-gc']],
    ['without gc()', []],
  ])('%s', (_, flags) => {
    const results = new Map();

    beforeAll(async () => {
      const file = path.join(__dirname, 'cases.js');
      const child = await runChild(file, { node, args: ['run'], execArgv: [...quiet, ...flags] });
      for (const line of child.stdout.split('\n').filter(Boolean)) {
        const { name, error } = JSON.parse(line);
        results.set(name, error);
      }
      expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
    });

    test.each(names)('%s', (name) => {
      expect(results.get(name)).toBe(null);
    });
  });

  test('import, require and the typings have the same names', async () => {
    const child = await runChild(
      `const required = require(${entry});
       import(${entry}).then(({ default: imported, ...named }) => {
         const same = Object.keys(named).every((name) => named[name] === required[name]);
         const names = Object.keys(named).sort();
         console.log(JSON.stringify({ same: same && imported === required, names }));
       });`,
      { node, execArgv: quiet },
    );
    expect(child).toMatchObject({ code: 0, signal: null, stderr: '' });
    const { same, names: named } = JSON.parse(child.stdout);
    expect(same).toBe(true);
    const typings = fs.readFileSync(path.join(__dirname, '../../../types/node-ffi.d.ts'), 'utf8');
    const declared = typings.matchAll(/^export (?:declare )?(?:function|const|class) (\w+)/gm);
    expect([...new Set(Array.from(declared, ([, name]) => name))].sort()).toEqual(named);
    // That nothing of Node's is missing is one of the cases.
    expect(named).toContain('owned');
  });

  // The documentation says so; whether Node still does it is for us to know.
  test.each([
    ['throws', `throw new Error('thrown')`, '', /^SIGABRT$/],
    ['returns a promise', 'return Promise.resolve(0)', '', /^SIGABRT$/],
    ['returns what is not declared', `return 'text'`, '', /^SIGABRT$/],
    ['is called after the end of its library', 'return 0', 'callbacks.close()', /^SIG(ABRT|SEGV)$/],
  ])('a callback that %s ends the process', async (_, body, before, signal) => {
    const child = await runChild(
      `const ffi = require(${entry});
       const callbacks = new ffi.DynamicLibrary(null);
       const { functions } = ffi.dlopen(null, {
         qsort: { arguments: ['pointer', 'uint64', 'uint64', 'function'] },
       });
       const compare = { arguments: ['pointer', 'pointer'], return: 'int32' };
       const callback = callbacks.registerCallback(compare, () => { ${body} });
       ${before};
       try { functions.qsort(new Int32Array(4), 4, 4, callback); } catch {}`,
      // After the end of its library it is freed memory, in which there may be something else by then.
      { node, execArgv: quiet, env: { NODE_V8_COVERAGE: '' } },
    );
    expect(child).toMatchObject({ code: null, signal: expect.stringMatching(signal) });
  });
});
