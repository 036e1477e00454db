'use strict';
// 'skip' again after 'free', and several copies of the JavaScript half.

const things = require('../../support/things.js');

function load() {
  for (const file of Object.keys(require.cache)) {
    if (/[\\/]lib[\\/]/.test(file) && !file.includes('node_modules')) delete require.cache[file];
  }
  return require('../../../lib');
}

const make = ({ track }) => track(things.make(9), { size: 9, free: things.FREE });

const listeners = process.listenerCount('exit');
const [a, b, c] = [load(), load(), load()];
globalThis.kept = [make(a), make(b), make(b), make(c)];
a.configure({ atExit: 'free' });
a.configure({ atExit: 'skip' });
if (process.listenerCount('exit') !== listeners) throw new Error('a listener is left');
b.configure({ atExit: 'free' });
b.configure({ atExit: 'free' });
c.configure({ atExit: 'free' });
process.exit(4);
