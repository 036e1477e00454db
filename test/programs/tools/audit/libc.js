'use strict';

const { koffi, leaks, report } = require('./setup.js');

const lib = koffi.load(process.platform === 'darwin' ? 'libSystem.dylib' : 'libc.so.6');
const strdup = lib.func(`${leaks ? 'char *' : 'char *!'} strdup(const char *text)`);
const text = 'x'.repeat(100_000);
for (let i = 0; i < 400; i++) strdup(text);
report(leaks ? 400 * 100_001 : 0);
