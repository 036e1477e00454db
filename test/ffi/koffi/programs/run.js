'use strict';
// Runs one of these programs: run.js <program> <raw | dropin | dropin-owning>. Its output must not depend on the last.

const { inspect } = require('node:util');
// Not counting.js, which loads a library: after that Koffi's settings cannot be changed.
const { counting } = require('../../../support/build.js')();

const [name, way] = process.argv.slice(2);
const raw = require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi');

function dropIn() {
  const { withOwnership } = require('../../../../lib/ffi/koffi');
  const koffi = withOwnership(raw);
  // With an owned type over void *, most functions of the programs have ownership around them.
  if (way === 'dropin-owning') koffi.owned('Anything_run', 'void *', { free: null, size: 0 });
  return koffi;
}

const print = (...values) => console.log(values.map((value) => inspect(value, { depth: 5 })).join(' '));
const platform = require('../../../support/platform.js');
const dispose = Symbol.dispose ?? Symbol.for('nodejs.dispose');

Promise.resolve(
  require(`./${name}.js`)(way === 'raw' ? raw : dropIn(), { ...platform, counting, dispose, print }),
).then(() => print('done'));
