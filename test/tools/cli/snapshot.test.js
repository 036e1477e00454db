/** @jest-environment ./test/support/once.js */
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { runChild } = require('../../support/child.js');
const { some } = require('../../support/whole.js');

const isNative = process.env.FFI_TALLY_BACKEND !== 'javascript';
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-snapshot-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

const SIZE = 123_456_789; // of no other object

/** Runs such a program, which tracks a pointer of SIZE; returns what was said, and the sizes in the snapshot. */
async function run(rest, ...options) {
  const program = path.join(folder, 'program.js');
  const file = path.join(folder, 'program.heapsnapshot');
  fs.writeFileSync(
    program,
    `const { track } = require(${JSON.stringify(path.resolve('lib'))});
    globalThis.kept = track(4096n, { size: ${SIZE}, free: null });
    console.log(process.env.FFI_TALLY_SNAPSHOT);
    ${rest}`,
  );
  fs.rmSync(file, { force: true });
  const args = ['snapshot', '--out', file, ...options, '--', program];
  const { code, stdout, stderr } = await runChild('bin/ffi-tally.js', { args });
  expect(fs.existsSync(`${file}.tmp`)).toBe(false);
  if (!fs.existsSync(file)) return { code, stdout, stderr };
  const { snapshot, nodes } = JSON.parse(fs.readFileSync(file, 'utf8'));
  const { node_fields: fields } = snapshot.meta;
  const sizes = nodes.filter((_, i) => i % fields.length === fields.indexOf('self_size'));
  return { code, told: stdout === `undefined\n\nThe snapshot is in ${file}\n`, sizes };
}

const written = { code: 0, told: true, sizes: expect.arrayContaining([SIZE]) };

const ends = [
  ['ends', ''],
  ['ends early', 'process.exit(3);'],
  ['fails', `throw new Error('of the program');`],
];

(isNative ? test : test.skip).each(some(ends, 'ends', 'ends early'))(
  'when the program %s',
  async (_, rest) => {
    expect(await run(rest)).toEqual(written);
  },
);

describe('when somebody wants it to stop', () => {
  const linux = isNative && process.platform === 'linux' ? test : test.skip;

  linux('in a loop', async () => {
    expect(await run('process.kill(process.ppid, "SIGTERM"); for (;;);')).toEqual(written);
  });

  linux('before it has begun', async () => {
    expect(await run('for (;;);', '--timeout', '0.001')).toMatchObject({ code: 0 });
  });
});

(isNative ? test : test.skip)(
  'what cannot be written is told, and the program ends as it would',
  async () => {
    const rest = `
    require('node:fs').mkdirSync(${JSON.stringify(path.join(folder, 'program.heapsnapshot.tmp'))});
    process.on('exit', () => require('node:fs').rmdirSync(${JSON.stringify(path.join(folder, 'program.heapsnapshot.tmp'))}));
    process.on('exit', () => console.log('its own end'));`;
    const { code, stdout, stderr } = await run(rest);
    expect([code, stdout]).toEqual([2, 'undefined\nits own end\n']);
    expect(stderr).toMatch(
      /^No snapshot was written: .*\n.*The program has ended, by code 0, and left no snapshot/,
    );
  },
);

test('one that leaves none', async () => {
  const { code, stderr } = await run('process.kill(process.pid, "SIGKILL");');
  expect(code).toBe(2);
  expect(stderr).toContain(
    process.platform === 'win32'
      ? 'left no snapshot'
      : 'The program has ended, by SIGKILL, and left no snapshot',
  );
});
