'use strict';
// What a type means, as text: declared again, as by a module that is evaluated again, it must mean the same. Functions do,
// if they read the same.

const { ArgumentValueError } = require('../../support/errors');
const { isMeter } = require('../../books/unowned');
const { addresses } = require('../../pointers/destructors');

function shown(value) {
  if (typeof value === 'function') return shown(addresses.get(value)?.() ?? String(value));
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'symbol') return value.description;
  if (typeof value === 'string') return `'${value}'`;
  if (Array.isArray(value)) return `[${value.map(shown).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (isMeter(value)) return `the meter '${value.label}'`;
  return shownMembers(value);
}

function shownMembers(object) {
  const said = Object.entries(object).filter(([, value]) => value !== undefined);
  return `{ ${said.map(([name, value]) => `${name}: ${shown(value)}`).join(', ')} }`;
}

/** That of a type over `base` with these options. */
const meaningOf = (base, options) => `${base} ${shownMembers(options)}`;

/** Throws if `name` has another meaning already, `before`; undefined for none. */
function checkMeaning(name, before, meaning) {
  if (before === undefined || before === meaning) return;
  throw new ArgumentValueError(
    name,
    'name',
    `a name that is free: '${name}' exists as ${before}, and not as ${meaning}`,
  );
}

module.exports = { checkMeaning, meaningOf };
