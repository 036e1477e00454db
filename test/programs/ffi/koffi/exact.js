'use strict';
// Makes and frees objects of each library whose name is in the arguments, and prints as control.c does: { name: [[size, left]] }.

const binding = require('../../../../lib/binding');
const { withOwnership } = require('../../../../lib');
const { CASES, DEEP, OUT } = require('../../../support/control/cases.js');

const koffi = withOwnership(require(process.env.FFI_TALLY_TEST_KOFFI ?? 'koffi'));

const typeOf = (value) =>
  typeof value === 'string' ? 'const char *' : typeof value === 'number' ? 'intptr_t' : 'void *';
const valueOf = (value) => (value?.bytes === undefined ? value : Buffer.alloc(value.bytes));

// The `n`-th function that is called with the object first, and takes what others make for it.
function caller(library, Plain, [name, ...args], n) {
  const typeAt = (i) => `${Plain}_taken_${n}_${i}`;
  const makers = args.map((value, i) => {
    if (value?.maker === undefined) return null;
    koffi.owned(typeAt(i), `${Plain} *`, { free: value.free });
    return library.func(`${typeAt(i)} ${value.maker}(const char *text)`);
  });
  const types = args.map((value, i) => (makers[i] === null ? typeOf(value) : typeAt(i)));
  const options = makers.some((make) => make !== null) ? [{ takes: () => true }] : [];
  const call = library.func(`int ${name}(${[`${Plain} *`, ...types].join(', ')})`, ...options);
  return (object) =>
    call(object, ...args.map((value, i) => (makers[i] === null ? valueOf(value) : makers[i](value.text))));
}

/** What `count` objects of a case are counted to have, and to leave: [[size, left]]. */
function run(name, [file, free, maker, args, ...calls], count) {
  const library = koffi.load(file, { deep: DEEP.includes(name) });
  const [Plain, Owned] = [`${name}_plain`, `${name}_owned`].map((each) => each.replaceAll(/[-, ]/g, '_'));
  koffi.opaque(Plain);
  const byAddress = free.endsWith('*');
  const destroy = byAddress ? library.func(`void ${free.slice(0, -1)}(void *)`) : undefined;
  koffi.owned(Owned, `${Plain} *`, {
    free: byAddress ? (address) => destroy(new BigUint64Array([address])) : free,
  });
  const has = args.includes(OUT);
  const types = args.map((value, i) => (value === OUT ? `_Out_ ${Owned} *a${i}` : `${typeOf(value)}`));
  const make = library.func(`${has ? 'int' : Owned} ${maker}(${types.join(', ') || 'void'})`);
  const functions = calls.map((each, i) => caller(library, Plain, each, i));
  const lines = [];
  for (let i = 0; i < count; i++) {
    const before = binding.countedTotals().bytes;
    const out = [null];
    const result = make(...args.map((value) => (value === OUT ? out : valueOf(value))));
    const object = has ? out[0] : result;
    for (const call of functions) call(object);
    const { size } = object;
    object.dispose();
    lines.push([size, binding.countedTotals().bytes - before]);
  }
  return lines;
}

if (require.main === module) {
  const [count, ...names] = process.argv.slice(2);
  console.log(JSON.stringify(Object.fromEntries(names.map((name) => [name, run(name, CASES[name], count)]))));
}

module.exports = { run };
