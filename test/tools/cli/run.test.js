/** @jest-environment ./test/support/once.js */
'use strict';
// The command line on real programs: traps of each kind, and none. They wait most of the time, so several run at once.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync, spawn } = require('node:child_process');
const { pathToFileURL } = require('node:url');
const Ajv = require('ajv');
const { notInherited, runChild } = require('../../support/child.js');
const { isWhole, leaveOut, some } = require('../../support/whole.js');

const root = path.join(__dirname, '../../..');
// Inside of the repository, where 'koffi' and 'ffi-tally' are found.
const directory = fs.mkdtempSync(path.join(root, 'build/cli-'));
const records = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-cli-'));
const test = globalThis.test.concurrent;
const testLinux = process.platform === 'linux' ? test : test.skip;
const testCombination = isWhole ? testLinux : leaveOut;

afterAll(() => {
  for (const made of [directory, records]) fs.rmSync(made, { recursive: true });
});

let programs = 0;

function program(name, code) {
  const file = path.join(directory, `${++programs}-${name}`);
  fs.writeFileSync(file, code);
  return file;
}

// Of what is not started by runChild().
const env = { ...process.env, ...notInherited };
// Where a program may run for longer than `check` lets it: its steps wait for a machine that is busy.
const PATIENT = ['--timeout', '600'];

function run([command, ...rest], options) {
  const more = command === 'check' && !rest.includes('--timeout') ? PATIENT : [];
  return runChild('bin/ffi-tally.js', { args: [command, ...more, ...rest], ...options });
}

const validator = new Ajv({ allErrors: true });
const validate = validator.compile(require('../../../lib/tools/cli/result.schema.json'));

async function runJson(args, options) {
  const child = await run([args[0], '--json', ...args.slice(1)], options);
  const result = JSON.parse(child.stdout);
  expect({ errors: validate(result) ? [] : validate.errors }).toEqual({ errors: [] });
  return { ...child, result };
}

/** What `check` prints as JSON of a program of programs/tools/cli/, which knows where it is recorded. */
function checkRecorded(name, ...args) {
  const file = path.join(root, `test/programs/tools/cli/${name}.js`);
  const record = path.join(records, `${++programs}.jsonl`);
  return runJson(['check', '--record', record, '--', file, record, ...args]);
}

// Milliseconds between steps: where the start has taken long, so does what follows. It shall be most of the run.
const PACE = 'const pace = Math.max(20, 25 * process.uptime());';
const LIBC = `
  ${PACE}
  const libc = koffi.load('libc.so.6');
  const strdup = libc.func('char *strdup(const char *text)');
  const text = 'x'.repeat(500_000);
  const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
`;
const leakCjs = `const koffi = require('koffi');\n${LIBC}
  console.log('the program speaks');
  (async () => { for (let i = 0; i < 120; i++) { strdup(text); await wait(pace); } })();
`;
const loopEsm = `import koffi, { load } from 'koffi';\n${LIBC}\nif (load !== koffi.load) throw new Error('two Koffis');\nfor (;;) strdup(text);\n`;

testLinux('a native leak: exit code 1, and with --audit the function', async () => {
  const { code, stderr, result } = await runJson(['check', '--audit', '--', program('leak.cjs', leakCjs)]);
  expect(code).toBe(1);
  // The program's own words do not get into the JSON.
  expect(stderr).toBe('the program speaks\n');
  expect(result.verdict).toMatchObject({ kind: 'native', trap: true });
  expect(result.audit.findings).toMatchObject([{ kind: 'leak', function: 'strdup', library: 'libc.so.6' }]);
  expect(Math.abs(result.audit.findings[0].bytes - 60e6)).toBeLessThan(6e6);
  // Terms add up to what is resident, sample by sample.
  for (const { rss, heap, buffers, tracked, untracked, fragmentation, rest } of result.samples) {
    expect(heap + buffers + tracked + untracked + fragmentation + rest).toBeCloseTo(rss, -1);
  }
});

testLinux('as text: tables, and the verdict last', async () => {
  const child = await run(['check', '--audit', '--', program('leak.cjs', leakCjs)]);
  expect(child).toMatchObject({ code: 1, signal: null, stderr: '' });
  expect(child.stdout).toMatch(/^the program speaks\n/);
  expect(child.stdout).toMatch(/^untracked native .*\/s$/m);
  expect(child.stdout).toMatch(/^strdup\(\) +120 +(49\d|50\d) KB +(59|60)\.\d MB +no$/m);
  expect(child.stdout.trim().split('\n').at(-1)).toMatch(
    /^Native leak: .* By the audit: strdup\(\) \((59|60)\.\d MB\)\.$/,
  );
});

testLinux('a loop that never returns is sampled, audited and stopped at the cap', async () => {
  const file = program('loop.mjs', loopEsm);
  const { code, result } = await runJson(['check', '--audit', '--rss', '600M', '--', file]);
  expect(code).toBe(1);
  expect(result.cap.rss).toBeGreaterThan(600e6);
  expect(result.exit).toMatchObject({ code: null, signal: 'SIGKILL' });
  expect(result.verdict.kind).toBe('native');
  // Its last words are in the record, as it was in a C call every moment.
  const [finding] = result.audit.findings;
  expect(finding.function).toBe('strdup');
  expect(finding.bytes).toBeGreaterThan(150e6);
  expect(result.samples.length).toBeGreaterThan(2);
});

testLinux('a clean program: exit code 0', async () => {
  const file = program(
    'clean.mjs',
    `import koffi from 'koffi';\n${LIBC}
    const copy = libc.func('char *! strdup(const char *text)');
    for (let i = 0; i < 100; i++) { copy(text); await wait(20); }`,
  );
  const { code, result } = await runJson(['check', '--audit', '--', file]);
  expect(result.verdict).toMatchObject({ kind: 'none', trap: false });
  expect(result.audit.findings).toEqual([]);
  expect(result.audit.functions[0]).toMatchObject({ name: 'strdup', calls: 100 });
  expect(code).toBe(0);
});

// V8 collects when it likes, on a busy machine too seldom to show what is kept.
const GC = `
  require('node:v8').setFlagsFromString('--expose-gc');
  const gc = require('node:vm').runInNewContext('gc');`;

test('a large JavaScript leak is called that, and not a native one', async () => {
  const file = program(
    'javascript.cjs',
    `${GC}
    const kept = [];
    const timer = setInterval(() => {
      for (let i = 0; i < 4000; i++) kept.push({ i, text: 'text ' + i });
      if (kept.length % 200_000 === 0) gc();
      if (kept.length > 700_000) clearInterval(timer);
    }, 20);`,
  );
  const leak = await runJson(['check', '--heap', '500', '--', file]);
  expect(leak.result.verdict).toMatchObject({ kind: 'javascript', trap: true });
  expect(leak.code).toBe(1);
  const full = await runJson(['check', '--heap', '30', '--', file]);
  expect(full.result.verdict.text).toContain('V8 ended the program because its heap was full.');
  expect(full.result.verdict.kind).toBe('heap');
  expect(full.code).toBe(1);
});

test('tracked memory that grows: the accounts are named', async () => {
  const file = program(
    'tracked.cjs',
    `const { track } = require('ffi-tally');
    const koffi = require('ffi-tally/koffi');
    const kept = [];
    const timer = setInterval(() => {
      const block = koffi.alloc('char', 2_000_000, { owned: true });
      new Uint8Array(block.view()).fill(1);
      kept.push(block, track(BigInt(4096 + kept.length), { size: 1000, free: null, label: 'small' }));
      if (kept.length > 400) clearInterval(timer);
    }, 30);`,
  );
  const { code, result } = await runJson(['check', '--', file]);
  expect(code).toBe(1);
  expect(result.verdict.kind).toBe('tracked');
  expect(result.verdict.text).toMatch(/Largest accounts: alloc char \(4\d\d MB in \d+ pointers\), small \(/);
});

test('a program that fails: exit code 3, and its own words', async () => {
  const child = await run([
    'check',
    '--',
    program('fails.cjs', 'console.error("no such luck"); process.exit(7);'),
  ]);
  expect(child).toMatchObject({ code: 3, signal: null, stderr: 'no such luck\n' });
  expect(child.stdout).toContain('The program failed with exit code 7.');
  const missing = await run(['check', '--', 'no-such-file.js']);
  expect(missing.code).toBe(3);
  expect(missing.stderr).toContain('Cannot find module');
});

test('a record whose name is relative is one file, wherever the program goes', async () => {
  const elsewhere = fs.mkdtempSync(path.join(records, 'elsewhere-'));
  const absolute = path.join(directory, 'relative.jsonl');
  const file = program(
    'chdir.cjs',
    `process.chdir(${JSON.stringify(elsewhere)});
    const samples = () => require('node:fs').readFileSync(${JSON.stringify(absolute)}, 'utf8').match(/"sample"/g);
    const timer = setInterval(() => { if (samples().length > 2) clearInterval(timer); }, 20);`,
  );
  const record = path.relative(root, absolute);
  const { code, result } = await runJson(['check', '--record', record, '--', file]);
  expect(fs.readdirSync(elsewhere)).toEqual([]);
  expect(result.samples.length).toBeGreaterThan(2);
  expect(code).toBe(0);
});

testLinux('what the program leaves running is not waited for', async () => {
  const { code, stdout, stderr } = await checkRecorded('leaves');
  process.kill(Number(/left (\d+)/.exec(stderr)[1]));
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^left \d+\n$/) });
  expect(stdout).not.toContain('left');
});

test('that the heap of another process is full is no trap', async () => {
  const { code, result, stderr } = await checkRecorded('quotes');
  expect(stderr).toContain('JavaScript heap out of memory');
  expect(result.verdict.text).not.toContain('its heap was full');
  expect(code).toBe(0);
});

testLinux('a page for which there is no space: exit code 2, not that of a trap', async () => {
  const child = await run(['check', '--html', '/dev/full', '--', program('short.cjs', '')]);
  expect(child.code).toBe(2);
  expect(child.stderr).toContain('ENOSPC');
});

test('a program that has run for an hour is told of less often', async () => {
  const { result } = await checkRecorded('hour');
  expect(result.samples.length).toBeGreaterThan(5);
  expect(result.accounts.length).toBeGreaterThan(1);
  expect(result.accounts.length).toBeLessThan(4);
});

const forever = 'setInterval(() => {}, 1000);';

test('--timeout stops a program that would not end; that is no failure', async () => {
  const { code, result } = await runJson([
    'check',
    '--timeout',
    '1.5',
    '--',
    program('forever.cjs', forever),
  ]);
  expect(result.exit).toMatchObject({ stopped: '--timeout', signal: 'SIGTERM' });
  expect(result.verdict.text).toMatch(/^Stopped by --timeout after \d+\.\d s\./);
  expect(result.verdict.trap).toBe(false);
  expect(code).toBe(0);
});

test('Ctrl-C stops the program, and the result is printed all the same', async () => {
  const record = path.join(records, 'interrupted.jsonl');
  const args = ['check', '--record', record, '--', program('forever.cjs', forever)];
  const child = spawn(process.execPath, [path.join(root, 'bin/ffi-tally.js'), ...args], {
    detached: true,
    env,
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  const timer = setInterval(() => {
    const lines = fs.existsSync(record) ? fs.readFileSync(record, 'utf8') : '';
    if ((lines.match(/"type":"sample"/g) ?? []).length < 3) return;
    clearInterval(timer);
    process.kill(-child.pid, 'SIGINT'); // to the whole group, as a terminal does it
  }, 100);
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(stdout).toMatch(/^resident /m);
  expect(stdout).toContain('Stopped by Ctrl-C after ');
  expect(code).toBe(0);
});

test('a cap below what the program has at its start is refused', async () => {
  const file = program('never.cjs', 'console.log("it runs");');
  // Less than any process has. Of 20 MB most are files, whose pages the kernel takes back on a busy machine.
  const child = await run(['check', '--rss', '2M', '--', file]);
  expect(child).toMatchObject({ code: 2, stdout: '' });
  expect(child.stderr).toMatch(/^ffi-tally: --rss 2 MB is less than the \d+\.?\d* MB that the program has/);
});

// Tells which signals it got; the second time in a row it would not tidy up.
const tellsSignals = `
  const got = [];
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {
      got.push(signal);
      if (got.length > 1) process.exit(9);
      setTimeout(() => { console.log('got ' + got); process.exit(0); }, 500);
    });
  }
  setTimeout(() => console.log('ready'), 300);
  ${forever}`;

/** What `child` prints; `onReady` is called as soon as its program is ready. */
function outputOf(child, onReady) {
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    const was = stdout.includes('ready');
    stdout += text;
    if (!was && stdout.includes('ready')) onReady();
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout })));
}

// A terminal of its own, in which somebody types Ctrl-C; python3 builds the addon, so that it is there.
const TERMINAL = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0: os.execvp(sys.argv[1], sys.argv[1:])
seen, typed = b'', False
while True:
    try: data = os.read(terminal, 4096)
    except OSError: break
    if not data: break
    os.write(1, data)
    seen += data
    if b'ready' in seen and not typed:
        typed = True
        os.write(terminal, b'\\x03')
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

testLinux('Ctrl-C in a terminal reaches the program once', async () => {
  const command = [process.execPath, path.join(root, 'bin/ffi-tally.js'), 'check', '--'];
  const file = program('signals.cjs', tellsSignals);
  const { code, stdout } = await outputOf(
    spawn('python3', ['-c', TERMINAL, ...command, file], { env }),
    () => {},
  );
  expect(stdout).toContain('got SIGINT\r\n');
  expect(stdout).toMatch(/^resident /m);
  expect(code).toBe(0);
});

testLinux.each(some(['SIGINT', 'SIGTERM'], 'SIGTERM'))(
  '%s to ffi-tally alone is passed on',
  async (signal) => {
    const file = program('signals.cjs', tellsSignals);
    const args = [path.join(root, 'bin/ffi-tally.js'), 'check', '--', file];
    // Without a terminal, whoever runs the tests has one.
    const child = spawn(process.execPath, args, { detached: true, env });
    const { code, stdout } = await outputOf(child, () => child.kill(signal));
    expect(stdout).toContain(`got ${signal}\n`);
    expect(stdout).toMatch(/^resident /m);
    expect(code).toBe(0);
  },
);

test('a program that handles signals itself ends as it likes', async () => {
  const file = program(
    'handles.cjs',
    `process.on('SIGTERM', () => { console.log('bye'); process.exit(0); });
     process.kill(process.pid, 'SIGTERM');
     ${forever}`,
  );
  const child = await run(['check', '--', file]);
  expect(child).toMatchObject({ code: 0, signal: null });
  expect(child.stdout).toMatch(/^bye\n/);
});

test('the first sample is there before the program is', async () => {
  const record = path.join(records, 'begun.jsonl');
  const file = program(
    'begun.cjs',
    "process.stdout.write(require('node:fs').readFileSync(process.argv[2]));",
  );
  const { stderr } = await run(['check', '--json', '--record', record, '--', file, record]);
  expect(stderr).toContain('"type":"sample"');
});

test('the last one before its threads are gone, and nobody speaks of a debugger', async () => {
  const record = path.join(records, 'ended.jsonl');
  const file = path.join(root, 'test/programs/tools/cli/ended.js');
  const child = await run(['check', '--json', '--record', record, '--', file, record]);
  expect(child).toMatchObject({ signal: null, stderr: '' });
  const lines = fs.readFileSync(record, 'utf8').trim().split('\n').map(JSON.parse);
  expect(lines.some(({ interrupted }) => interrupted)).toBe(true);
  const end = lines.findIndex(({ type, thread }) => type === 'end' && thread === 0);
  const threadsEnd = lines.findIndex(({ type }) => type === 'threads end');
  expect(end).toBeGreaterThan(0);
  expect(threadsEnd).toBeGreaterThan(end);
  // At least one: where the sampler is at it as the program exits, it writes that one as well.
  expect(lines.slice(end + 1, threadsEnd).map(({ type }) => type)).toContain('sample');
  expect(lines.slice(threadsEnd).map(({ type }) => type)).not.toContain('sample');
});

test('what it does as it exits is sampled, and stopped at the cap', async () => {
  const file = program(
    'exits.cjs',
    `process.on('exit', () => {
      globalThis.kept = Array.from({ length: 100 }, () => Buffer.alloc(2_000_000, 1));
      for (const start = Date.now(); Date.now() - start < 20_000; );
    });`,
  );
  const { code, result } = await runJson(['check', '--rss', '150M', '--', file]);
  expect(result.cap.rss).toBeGreaterThan(150e6);
  expect(result.exit.signal).toBe('SIGKILL');
  expect(code).toBe(1);
});

// Where the main thread may not be interrupted for its figures, Node would abort.
const permission = {
  20: ['--experimental-permission'],
  22: ['--permission', '--allow-addons'],
  24: ['--permission', '--allow-addons'],
  26: ['--permission', '--allow-addons'],
}[process.versions.node.split('.')[0]];
(permission ? test : test.skip)('with the permission model', async () => {
  const busy = 'for (const start = Date.now(); Date.now() - start < 500; );';
  const allowed = ['--allow-fs-read=*', '--allow-fs-write=*', '--allow-worker'];
  const child = await run(['check', '--', ...permission, ...allowed, program('permitted.cjs', busy)]);
  expect(child).toMatchObject({ code: 0, signal: null });
});

test('a record can be told again', async () => {
  const record = path.join(records, 'run.jsonl');
  const short = path.join(root, 'test/programs/tools/cli/short.js');
  const first = await run(['check', '--record', record, '--', short, record]);
  const again = await run(['report', record]);
  expect(again.stdout).toBe(first.stdout);
  expect(again.code).toBe(first.code);
  // Of a program that was killed while it wrote.
  fs.truncateSync(record, fs.statSync(record).size - 10);
  expect(await run(['report', record])).toMatchObject({ code: 0, stderr: '' });
});

testLinux('worker threads are audited too', async () => {
  const file = program(
    'worker.cjs',
    `const { Worker, isMainThread } = require('node:worker_threads');
    const koffi = require('koffi');
    if (isMainThread) {
      if (process.env.FFI_TALLY_RECORD !== undefined) throw new Error('the program would see it');
      new Worker(__filename);
    } else {
      ${LIBC}
      for (let i = 0; i < 20; i++) strdup(text);
    }`,
  );
  const { code, result, stderr } = await runJson(['audit', '--', file]);
  expect(stderr).toBe('');
  expect(result.audit.findings).toMatchObject([{ function: 'strdup' }]);
  expect(code).toBe(1);
});

const small = ['--max-old-space-size=64', '-p', 'v8.getHeapStatistics().heap_size_limit'];
let limitOf64;

test.each(some([undefined, '--no-deprecation'], '--no-deprecation'))(
  'it has its own arguments and options: NODE_OPTIONS=%s',
  async (given) => {
    const file = program(
      'arguments.cjs',
      `const { Worker, isMainThread } = require('node:worker_threads');
    const { getHeapStatistics } = require('node:v8');
    if (isMainThread) {
      console.log(process.env.NODE_OPTIONS, getHeapStatistics().heap_size_limit);
      new Worker(__filename, { execArgv: process.execArgv });
    } else console.log(process.env.NODE_OPTIONS);`,
    );
    limitOf64 ??= execFileSync(process.execPath, small, { encoding: 'utf8', env }).trim();
    const { code, stdout, stderr } = await run(['check', '--heap', '64', '--', file], {
      env: { NODE_OPTIONS: given },
    });
    expect(stderr).toBe('');
    expect(stdout.split('\n').slice(0, 2)).toEqual([`${given} ${limitOf64}`, String(given)]);
    expect(code).toBe(0);
  },
);

// Nested as deeply as `depth` says, so that not only workers of the main thread are seen.
const inWorker = (depth, body) => `
  const { Worker, parentPort, workerData } = require('node:worker_threads');
  const depth = workerData ?? 0;
  const kept = [];
  if (depth < ${depth}) {
    const done = () => (parentPort === null ? process.exit() : parentPort.postMessage('done'));
    new Worker(__filename, { workerData: depth + 1 }).once('message', done);
  } else {
    ${PACE}
    let left = 150;
    setInterval(() => {
      ${body}
      if (--left === 0) parentPort.postMessage('done');
    }, pace);
  }`;

test('Buffers that a worker keeps are called what those of the main thread are', async () => {
  const file = program('worker-buffers.cjs', inWorker(1, 'kept.push(Buffer.alloc(2_000_000, 1));'));
  const { code, result } = await runJson(['check', '--', file]);
  expect(result.verdict).toMatchObject({ kind: 'buffers', trap: true });
  expect(Math.max(...result.samples.map(({ buffers }) => buffers))).toBeGreaterThan(80e6);
  // They are not among what nothing tracks as well.
  expect(Math.max(...result.samples.map(({ untracked }) => untracked ?? 0))).toBeLessThan(60e6);
  expect(code).toBe(1);
});

testCombination('a JavaScript leak in a worker of a worker is called that', async () => {
  const body =
    "for (let i = 0; i < 8_000; i++) kept.push({ i, text: 'text ' + i }); if (left % 40 === 0) gc();";
  const file = program('worker-javascript.cjs', `${GC}${inWorker(2, body)}`);
  const { code, result } = await runJson(['check', '--heap', '500', '--', file]);
  expect(result.verdict).toMatchObject({ kind: 'javascript', trap: true });
  expect(code).toBe(1);
});

// A loop that never returns and keeps what `make` makes, 20 times a second. It computes for a part of the time only: others
// want the processor, too.
const inLoop = (make) => `
  const kept = [];
  const never = new Int32Array(new SharedArrayBuffer(4));
  for (;;) {
    kept.push(${make});
    for (const start = Date.now(); Date.now() - start < 15; );
    Atomics.wait(never, 0, 0, 35);
  }`;
const blocks = `
  const koffi = require('koffi');
  const libc = koffi.load(null);
  const malloc = libc.func('void *malloc(size_t size)');
  const memset = libc.func('void *memset(void *block, int value, size_t size)');
  const block = (size) => memset(malloc(size), 1, size);`;

test('Buffers that the main thread keeps in a loop are called that', async () => {
  const file = program('loop-buffers.cjs', inLoop('Buffer.alloc(4_000_000, 1)'));
  const { code, result } = await runJson(['check', '--rss', '400M', '--', file]);
  expect(result.verdict).toMatchObject({ kind: 'buffers', trap: true });
  expect(code).toBe(1);
});

testLinux('handles that it makes in a loop are a trap, without any doubt', async () => {
  const file = program('loop-native.cjs', `${blocks}${inLoop('block(8_000_000)')}`);
  const { code, result } = await runJson(['check', '--rss', '500M', '--', file]);
  expect(result.verdict).toMatchObject({ kind: 'native', trap: true });
  expect(result.samples.at(-1).untracked).toBeGreaterThan(300e6);
  expect(code).toBe(1);
});

// A worker cannot be asked what it has.
test('what grows while a worker is in a loop is a trap of which no more is said', async () => {
  const file = program(
    'worker-loop.cjs',
    `const { Worker, isMainThread, workerData } = require('node:worker_threads');
    const made = workerData ?? new Int32Array(new SharedArrayBuffer(4));
    if (isMainThread) {
      new Worker(__filename, { workerData: made });
      setInterval(() => { if (Atomics.load(made, 0) > 100) process.exit(); }, 20);
    } else {
      const make = () => (Atomics.add(made, 0, 1), Buffer.alloc(2_000_000, 1));
      setTimeout(() => { ${inLoop('make()')} }, 300);
    }`,
  );
  const { code, result } = await runJson(['check', '--', file]);
  expect(result.verdict).toMatchObject({ kind: 'unclear', trap: true });
  expect(code).toBe(1);
});

testLinux('a worker that only waits leaves no doubt', async () => {
  const file = program(
    'worker-waits.cjs',
    `const { Worker, isMainThread } = require('node:worker_threads');
    if (!isMainThread) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    ${blocks}
    new Worker(__filename).unref();
    ${PACE}
    let left = 250;
    const timer = setInterval(() => {
      block(500_000);
      if (--left === 0) clearInterval(timer);
    }, pace);`,
  );
  const { code, result } = await runJson(['check', '--', file]);
  expect(result.verdict).toMatchObject({ kind: 'native', trap: true });
  expect(code).toBe(1);
});

test('what a worker had is gone when it was terminated, and what its workers had', async () => {
  const { code, result } = await checkRecorded('terminated', 'buffer');
  const buffers = result.samples.map((sample) => sample.buffers);
  expect(Math.max(...buffers)).toBeGreaterThan(80e6);
  expect(buffers.at(-1)).toBeLessThan(10e6);
  expect(result.verdict).toMatchObject({ trap: false });
  expect(code).toBe(0);
});

test('a worker that was terminated has no accounts, nor have its workers', async () => {
  const { code, result } = await checkRecorded('terminated', 'pointer');
  const lists = result.accounts.map(({ accounts }) => accounts);
  expect(lists).toContainEqual(expect.arrayContaining([{ label: 'worker', bytes: 2000, pointers: 2 }]));
  expect(lists.at(-1)).toEqual([{ label: 'main', bytes: 1000, pointers: 1 }]);
  expect(code).toBe(0);
});

const plainly = [
  ['required', 'require.cjs', `const koffi = require('koffi');\n${LIBC}`],
  ['imported', 'import.mjs', `import koffi from 'koffi';\n${LIBC}`],
];

const loaded = [
  ...plainly,
  [
    'imported by its path, as Vitest does',
    'path.mjs',
    `import koffi from ${JSON.stringify(pathToFileURL(require.resolve('koffi')))};\n${LIBC}`,
  ],
  [
    'imported dynamically',
    'dynamic.cjs',
    `import('koffi').then(({ default: koffi }) => {\n${LIBC}\nfor (let i = 0; i < 20; i++) strdup(text); });`,
  ],
];

// `npm test` has two of them above: the native leak, and the loop that never returns.
testLinux.each(some(loaded, 'imported by its path, as Vitest does'))(
  'Koffi %s is audited',
  async (_, name, code) => {
    const file = program(
      name,
      name === 'dynamic.cjs' ? code : `${code}\nfor (let i = 0; i < 20; i++) strdup(text);`,
    );
    const { code: status, result, stderr } = await runJson(['audit', '--', file]);
    expect(stderr).toBe('');
    expect(result.audit.findings).toMatchObject([{ function: 'strdup' }]);
    expect(result.audit.findings[0].places[0].stack).toContain(`${file}:`);
    expect(result.audit.findings[0].text).toMatch(/made at (\S+ \()?build\/cli-/);
    expect(result.audit.findings[0].text).not.toContain('file:');
    expect(result.audit.functions[0]).toMatchObject({ name: 'strdup', calls: 20 });
    expect(status).toBe(1);
  },
);

// What leaks when it is started as the program says: with `leak` among its arguments.
const starting = (start) => `
  const koffi = require('koffi');
  ${LIBC}
  const { isMainThread } = require('node:worker_threads');
  if (process.argv.includes('leak') || !isMainThread || process.send !== undefined) {
    const timer = setInterval(() => strdup(text), pace);
    setTimeout(() => (clearInterval(timer), process.disconnect?.()), 150 * pace);
  } else {
    ${start}
  }`;

const leakingProcess = async (_, start) => {
  const { code, stderr, result } = await runJson([
    'check',
    '--audit',
    '--',
    program('starts.cjs', starting(start)),
  ]);
  expect({ stderr, unwatched: result.unwatched }).toEqual({ stderr: '', unwatched: [] });
  expect(result.verdict).toMatchObject({ kind: 'native', trap: true });
  expect(result.verdict.text).toMatch(/^Process \d+ \(node .*\): Native leak: .* By the audit: strdup\(\)/m);
  expect(result.children).toMatchObject([{ exit: { code: 0, signal: null } }]);
  expect(result.audit.functions).toMatchObject([{ name: 'strdup' }]);
  expect(code).toBe(1);
};

testLinux.each([['forked', "require('node:child_process').fork(__filename);"]])(
  'a process that leaks, %s',
  leakingProcess,
);

testCombination.each([
  [
    'waited for',
    "require('node:child_process').execFileSync(process.execPath, [__filename, 'leak'], { stdio: 'inherit' });",
  ],
  ['in a cluster', "require('node:cluster').fork();"],
  [
    'spawned without its options',
    "require('node:child_process').spawn(process.execPath, [__filename, 'leak'], { stdio: 'inherit' });",
  ],
  [
    'under a shell',
    "require('node:child_process').exec(`${process.execPath} ${__filename} leak`, { env: { PATH: process.env.PATH } });",
  ],
])('a process that leaks, %s', leakingProcess);

testCombination('a worker with options of its own, from a module', async () => {
  const file = program(
    'options.mjs',
    `import { Worker } from 'node:worker_threads';
    new Worker(${JSON.stringify(program('starts.cjs', starting('')))}, { execArgv: ['--no-warnings'] });`,
  );
  const { code, result } = await runJson(['check', '--audit', '--', file]);
  expect(result.verdict).toMatchObject({ kind: 'native', trap: true });
  expect(result.audit.findings).toMatchObject([{ function: 'strdup' }]);
  expect(code).toBe(1);
});

test('a process that cannot be watched is named', async () => {
  const file = program(
    'unwatched.cjs',
    `const { spawn } = require('node:child_process');
    spawn(process.execPath, ['-e', ''], { env: { ...process.env, FFI_TALLY_RECORD: '{"file":"/dev/null"}' } });`,
  );
  const { result } = await runJson(['check', '--', file]);
  expect(result.unwatched).toEqual([expect.stringMatching(/^process \d+$/)]);
  expect(result.verdict.text).toMatch(/^Not watched: process \d+\.$/m);
});

testLinux('what a worker has called that is terminated', async () => {
  const file = program(
    'terminated.cjs',
    `const { Worker, isMainThread, parentPort } = require('node:worker_threads');
    if (isMainThread) {
      const worker = new Worker(__filename);
      worker.on('message', () => worker.terminate());
    } else {
      const koffi = require('koffi');
      ${LIBC}
      for (let i = 0; i < 20; i++) strdup(text);
      parentPort.postMessage('done');
      for (;;);
    }`,
  );
  const { result } = await runJson(['audit', '--', file]);
  expect(result.audit.functions).toMatchObject([{ name: 'strdup', calls: 20 }]);
  expect(result.audit.findings).toMatchObject([{ function: 'strdup' }]);
});

testLinux('an exit at which destructors run no more than without the audit', async () => {
  const file = program(
    'shut-down.cjs',
    `const koffi = require('koffi');
    const { track } = require(${JSON.stringify(path.resolve('lib'))});
    ${LIBC}
    const malloc = libc.func('void *malloc(size_t bytes)');
    for (let i = 0; i < 20; i++) strdup(text);
    (() => {
      track(malloc(1), { size: 1, free: () => console.log('destroyed') });
      track(malloc(1), { size: 1, free: libc.symbol('abort') }); // as in a library that has been shut down
    })();
    process.exit(0);`,
  );
  const { result, stderr } = await runJson(['audit', '--', file]);
  expect({ exit: result.exit, stderr }).toMatchObject({ exit: { code: 0, signal: null }, stderr: '' });
  expect(result.audit.findings).toMatchObject([{ function: 'strdup' }]);
});

testLinux('what was added to pointers that are dead in the end is no leak', async () => {
  const file = program(
    'added.cjs',
    `const koffi = require('koffi');
    const { track } = require(${JSON.stringify(path.resolve('lib'))});
    const { counting } = require(${JSON.stringify(path.resolve('test/support/build.js'))})();
    const lib = koffi.load(counting);
    const make = lib.func('void *thing_new(size_t bytes)');
    const enlarge = lib.func('void thing_enlarge(void *thing, size_t bytes)');
    const free = lib.symbol('thing_free');
    for (let i = 0; i < 100; i++) {
      const thing = make(100);
      track(thing, { size: 100, free, label: 'thing' });
      enlarge(thing, 50_000);
    }`,
  );
  const { result } = await runJson(['audit', '--', file]);
  expect(result.audit.functions.map(({ name }) => name)).toContain('thing_enlarge');
  expect(result.audit.findings).toEqual([]);
});

test('a Koffi that is loaded without the loader is named', async () => {
  const file = program(
    'own-loader.cjs',
    `try { process.dlopen({ exports: {} }, '/none/koffi.node'); } catch { /* It is not there. */ }`,
  );
  const { result } = await runJson(['check', '--audit', '--', file]);
  expect(result.unwatched).toEqual([expect.stringMatching(/^the Koffi of process \d+, /)]);
  const replaced = program('loader.cjs', `require('koffi');`);
  expect((await runJson(['check', '--audit', '--', replaced])).result.unwatched).toEqual([]);
});

testLinux('a program that imports a Koffi that is linked keeps that one', async () => {
  const folder = fs.mkdtempSync(path.join(records, 'linked-'));
  const real = path.join(folder, 'real');
  const modules = path.join(folder, 'program/node_modules');
  fs.mkdirSync(modules, { recursive: true });
  fs.mkdirSync(real);
  const theirs = JSON.stringify(path.join(root, 'node_modules/koffi'));
  fs.writeFileSync(path.join(real, 'package.json'), JSON.stringify({ name: 'koffi', main: 'main.js' }));
  fs.writeFileSync(path.join(real, 'main.js'), `module.exports = { ...require(${theirs}), theirs: true };`);
  fs.symlinkSync(real, path.join(modules, 'koffi'));
  const file = path.join(folder, 'program/main.mjs');
  const use = `for (let i = 0; i < 20; i++) strdup(text);`;
  fs.writeFileSync(
    file,
    `import koffi from 'koffi';\nif (!koffi.theirs) throw new Error('ours');\n${LIBC}${use}`,
  );
  const { code, result, stderr } = await runJson(['audit', '--', file]);
  expect(stderr).toBe('');
  expect(result.audit.findings).toMatchObject([{ function: 'strdup' }]);
  expect(code).toBe(1);
});

const threads = [
  ['in the main thread', (call) => call],
  [
    'in a worker',
    (call) => `const { Worker, isMainThread } = require('node:worker_threads');
      if (isMainThread) new Worker(__filename); else { ${call} }`,
  ],
];

testLinux.each(some(threads, 'in a worker'))(
  'the call in which a program crashes is named, %s',
  async (_, where) => {
    const call = `const koffi = require('koffi');
    const memset = koffi.load('libc.so.6').func('void *memset(void *block, int value, size_t size)');
    memset(16n, 1, 100);`;
    const file = program('crashes.cjs', where(call));
    const audited = await runJson(['check', '--audit', '--', file]);
    expect(audited.code).toBe(3);
    expect(audited.result.exit.signal).toBe('SIGSEGV');
    expect(audited.result.verdict.text).toMatch(
      /^The program was ended by SIGSEGV, in a call of memset\(\) of libc\.so\.6\./,
    );
    const plain = await run(['check', '--', file]);
    expect(plain.stdout).toContain('ended by SIGSEGV: --audit tells in which call of C.');
  },
);
