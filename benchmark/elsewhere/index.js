'use strict';
// The loop of the demo in other languages, each in the way that it recommends, over the same C library: 1000 blocks of 8 MB,
// made and dropped, synchronously. A program stops at a cap. Whose toolchain is missing is skipped.
//   node benchmark/elsewhere [CAP in MB]

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

const IMAGES = 1000;
const BYTES = 8e6;
const cap = Number(process.argv[2] ?? 1000) * 1e6;

const built = fs.mkdtempSync(path.join(os.tmpdir(), 'ffi-tally-elsewhere-'));
const here = (name) => path.join(__dirname, name);
const library = path.join(built, 'libimage.so');

/** What a command prints; undefined where it cannot be run. */
function run(command, ...args) {
  const options = { encoding: 'utf8', env: { ...process.env, GOCACHE: path.join(built, 'go') } };
  const { status, stdout, stderr, error } = spawnSync(command, args, options);
  if (status === 0) return stdout || stderr;
  if (error?.code !== 'ENOENT') console.error(`${command} ${args[0]}: ${stderr.trim().split('\n').at(-1)}`);
  return undefined;
}

function javaFlags() {
  const settings = run('java', '-XshowSettings:properties', '-version') ?? '';
  const include = path.join(/java\.home = (.*)/.exec(settings)?.[1] ?? '/', 'include');
  return fs.existsSync(path.join(include, 'jni.h'))
    ? ['-DWITH_JNI', `-I${include}`, `-I${include}/linux`]
    : [];
}

const numbers = [library, IMAGES, BYTES, cap].map(String);
const node = (...how) => run(process.execPath, here('elsewhere.js'), ...numbers, ...how);
const WAYS = {
  'Node, FinalizationRegistry': () => node('recipe'),
  'Node, ffi-tally': () => node(),
  'Java, Cleaner': () =>
    run('javac', '-d', built, here('Elsewhere.java')) === undefined
      ? undefined
      : run('java', '-cp', built, 'Elsewhere', ...numbers),
  'Go, SetFinalizer': () => run('go', 'run', here('elsewhere.go'), ...numbers),
  'Ruby, FFI::AutoPointer': () => run('ruby', here('elsewhere.rb'), ...numbers),
  'Python, cffi': () => run('python3', here('elsewhere.py'), ...numbers),
  'Python, cffi, in a circle': () => run('python3', here('elsewhere.py'), ...numbers, 'circle'),
};

if (run('cc', '-shared', '-fPIC', '-O2', '-o', library, ...javaFlags(), here('image.c')) === undefined) {
  throw new Error('Needs a C compiler');
}
console.log(`${IMAGES} x ${BYTES / 1e6} MB, stopped at ${cap / 1e6} MB\n`);
for (const [name, way] of Object.entries(WAYS)) {
  const text = way();
  if (text === undefined) {
    console.log(`${name.padEnd(28)} skipped`);
    continue;
  }
  const { made, freed, peak } = JSON.parse(text);
  const end = peak >= cap ? 'stopped' : '';
  const megabytes = `${Math.round(peak / 1e6)} MB`.padStart(8);
  console.log(`${name.padEnd(28)} made ${made}, freed ${freed}, peak ${megabytes}  ${end}`);
}
fs.rmSync(built, { recursive: true });
