/** @jest-environment ./test/support/once.js */
'use strict';
// What is known of programs is compared with what their profiles say. Samples come by chance, but with a seed the same ones.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const zlib = require('node:zlib');
const { runChild } = require('../../support/child.js');
const { canCount } = require('../../support/exact.js');

const programs = 'test/programs/tools/profile';
const EVERY = 65_536;

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-profile-'));
afterAll(() => fs.rmSync(directory, { recursive: true }));

async function run(code, args = [], env = {}) {
  const child = await runChild(code, { args, env });
  expect({ ...child, stdout: '' }).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
  return JSON.parse(child.stdout);
}

/** Three standard deviations of what so many blocks of so many bytes are estimated to be. */
function error(blocks, bytes) {
  const chance = 1 - Math.exp(-bytes / EVERY);
  return 3 * bytes * Math.sqrt((blocks * (1 - chance)) / chance);
}

const near = (value, blocks, bytes) => {
  expect(Math.abs(value - blocks * bytes)).toBeLessThan(error(blocks, bytes));
};

/** { number of the field: values } of a message of protobuf. */
function fieldsOf(bytes) {
  const fields = {};
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(value);
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const length = varint();
    const value = (tag & 7) === 0 ? length : bytes.subarray(at, (at += length));
    (fields[tag >> 3] ??= []).push(value);
  }
  return fields;
}

function numbersOf(bytes) {
  const numbers = [];
  let value = 0n;
  let shift = 0n;
  for (const byte of bytes) {
    value |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (byte >= 128) continue;
    numbers.push(Number(value));
    value = shift = 0n;
  }
  return numbers;
}

const readJson = (file) => JSON.parse(fs.readFileSync(file, 'utf8'));

const nodesOf = (node) => [node, ...node.children.flatMap(nodesOf)];
const sizeOf = (node) => nodesOf(node).reduce((sum, { selfSize }) => sum + selfSize, 0);

(canCount ? describe : describe.skip)('a profile', () => {
  test.each(['koffi', 'koffi2'])('tells who has made what is in use, %s', async (version) => {
    const result = await run(`${programs}/shares.js`, [directory], { FFI_TALLY_TEST_KOFFI: version });
    near(result.much, 1800, 50_000);
    near(result.little, 200, 50_000);
    expect(result.all).toBe(result.much + result.little);
    expect(Math.abs(result.blocks - 1800)).toBeLessThan(error(1800, 50_000) / 50_000);
    expect(result.caller.file).toBe(path.resolve(programs, 'shares.js'));
    expect(result.caller.line).toBe(14);
    expect(result.innermost.file).toMatch(/counting/);
    expect(result.left).toEqual({ bytes: 0, blocks: 0 });
    expect(result.allocated[1]).toEqual(result.allocated[0]);
    expect(result.peak).toBe(result.all);
    expect(result.notCounted).toEqual([]);
    expect(result.later).toBe(0); // it was stopped
  });

  describe('as a file', () => {
    let result;
    beforeAll(async () => (result = await run(`${programs}/shares.js`, [directory])));

    test('for DevTools', () => {
      const [file] = result.files;
      const { head, samples } = readJson(file);
      const nodes = nodesOf(head);
      expect(new Set(nodes.map(({ id }) => id)).size).toBe(nodes.length);
      expect(sizeOf(head)).toBe(result.all);
      expect(samples.reduce((sum, { size }) => sum + size, 0)).toBe(result.all);
      for (const { size, nodeId } of samples)
        expect(nodes.find(({ id }) => id === nodeId).selfSize).toBe(size);
      const much = nodes.find(({ callFrame }) => callFrame.functionName === 'much');
      expect(sizeOf(much)).toBe(result.much);
      expect(much.callFrame).toMatchObject({ url: path.resolve(programs, 'shares.js'), lineNumber: 13 });
      const allocated = readJson(path.join(directory, 'allocated.heapprofile'));
      expect(sizeOf(allocated.head)).toBe(result.allocated[0].bytes);
    });

    test('for speedscope', () => {
      const { $schema, shared, profiles } = readJson(result.files[1]);
      expect($schema).toBe('https://www.speedscope.app/file-format-schema.json');
      expect(profiles.map(({ name }) => name)).toEqual(
        ['in use', 'allocated', 'at the peak', 'temporary'].map((view) => `native memory ${view}`),
      );
      for (const { type, unit, samples, weights, endValue } of profiles) {
        expect([type, unit]).toEqual(['sampled', 'bytes']);
        expect(samples).toHaveLength(weights.length);
        expect(weights.reduce((sum, weight) => sum + weight, 0)).toBe(endValue);
        for (const frame of samples.flat()) expect(shared.frames[frame]).toBeDefined();
      }
      expect(profiles[0].endValue).toBe(result.all);
      expect(shared.frames).toContainEqual(expect.objectContaining({ name: 'much', line: 14 }));
    });

    test('for pprof', () => {
      const profile = fieldsOf(zlib.gunzipSync(fs.readFileSync(result.files[2])));
      const strings = profile[6].map(String);
      const types = profile[1].map((type) => strings[fieldsOf(type)[1][0]]);
      expect(strings[0]).toBe('');
      const inUse = types.indexOf('inuse_space');
      const functions = new Map(
        profile[5].map(fieldsOf).map(({ 1: [id], 2: [name] }) => [id, strings[name]]),
      );
      const nameAt = new Map(
        profile[4].map(fieldsOf).map(({ 1: [id], 4: [line] }) => [id, functions.get(fieldsOf(line)[1][0])]),
      );
      let much = 0;
      let all = 0;
      for (const {
        1: [locations],
        2: [values],
      } of profile[2].map(fieldsOf)) {
        const names = numbersOf(locations).map((location) => nameAt.get(location));
        const bytes = numbersOf(values)[inUse];
        expect(names).not.toContain(undefined);
        all += bytes;
        if (names.includes('much')) much += bytes;
      }
      expect([much, all]).toEqual([result.much, result.all]);
      expect(profile[12]).toEqual([EVERY]);
    });
  });

  test.each(['koffi', 'koffi2'])('sees the ways in which memory comes to be, %s', async (version) => {
    const { made, left } = await run(`${programs}/ways.js`, [], { FFI_TALLY_TEST_KOFFI: version });
    const LARGE = 10_000_000;
    expect(made).toEqual({
      ownedEarly: LARGE,
      ownedLate: LARGE,
      inCallback: LARGE,
      calling: LARGE,
      direct: LARGE,
      unseen: 0,
      '(call not seen)': LARGE,
    });
    expect(left).toEqual({ ...made, ownedEarly: 0, ownedLate: 0, direct: 0 });
  });

  test('finds a name once for each place in C', async () => {
    const { sites, asked } = await run(`
      const { startProfile, withOwnership } = require('./lib');
      const binding = require('./lib/binding');
      const { profileCode } = binding;
      const asked = [];
      binding.profileCode = (address) => (asked.push(address), profileCode(address));
      const profile = startProfile({ every: 1 });
      const malloc = withOwnership(require('koffi')).load('libc.so.6').func('void *malloc(size_t bytes)');
      ${'malloc(1000);'.repeat(100)}
      console.log(JSON.stringify({ sites: profile.read().sites.length, asked }));
    `);
    expect(sites).toBeGreaterThanOrEqual(100);
    expect(asked.length).toBeGreaterThan(0);
    expect(new Set(asked).size).toBe(asked.length);
  });

  test('knows the functions of the one before', async () => {
    const names = await run(`
      const { startProfile, withOwnership } = require('./lib');
      const first = startProfile({ every: 1 });
      const malloc = withOwnership(require('koffi')).load('libc.so.6').func('void *malloc(size_t bytes)');
      first.stop();
      const second = startProfile({ every: 1 });
      const again = () => malloc(10_000_000);
      again();
      const { frames } = second.read().sites[0];
      console.log(JSON.stringify(frames.map(({ name }) => name)));
    `);
    expect(names.slice(-2)).toEqual(['again', 'malloc']);
  });

  test('is one for the process, with checked options', async () => {
    const messages = await run(`
      const { startProfile } = require('./lib');
      const codes = [];
      const attempt = (call) => { try { call(); codes.push(null); } catch (error) { codes.push(error.code); } };
      attempt(() => startProfile({ every: 0 }));
      attempt(() => startProfile({ rate: 1 }));
      const profile = startProfile();
      attempt(() => startProfile());
      attempt(() => profile.write('x.json'));
      attempt(() => profile.write('x.heapprofile', { view: 'all' }));
      attempt(() => profile.write('x.pb.gz', { view: 'inUse' }));
      profile.stop();
      profile.stop();
      attempt(() => startProfile().stop());
      console.log(JSON.stringify(codes));
    `);
    expect(messages).toEqual([
      'ERR_TALLY_INVALID_ARG_VALUE',
      'ERR_TALLY_UNKNOWN_OPTION',
      'ERR_TALLY_UNSUPPORTED',
      'ERR_TALLY_INVALID_ARG_VALUE',
      'ERR_TALLY_INVALID_ARG_VALUE',
      'ERR_TALLY_INVALID_ARG_VALUE',
      null,
    ]);
  });
});

test('where nothing can be counted it says so', async () => {
  const code = `try { require('./lib').startProfile(); } catch ({ code }) { console.log(JSON.stringify(code)); }`;
  expect(await run(code, [], { FFI_TALLY_BACKEND: 'javascript' })).toBe('ERR_TALLY_UNSUPPORTED');
});
