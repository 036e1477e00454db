'use strict';
// The options of one declaration, such as { free, size, keeps }, and the owned type that they make of its result.

const { NONE } = require('../../pointers/destructors');
const { checkBoolean, checkOptions } = require('../../support/check');
const { ArgumentValueError, UnsupportedError } = require('../../support/errors');
const { OPTIONS: ON_OUTCOME } = require('./depends-on-outcome');
const { checkInvalid } = require('./invalid');
const { OwnedType, checkFree, checkIndex, checkMeasure } = require('./owned-type');

const OPTIONS = [
  'free',
  'size',
  'parent',
  'shared',
  'keeps',
  'resizes',
  'reenters',
  'invalid',
  ...ON_OUTCOME,
];

// Options that would mean nothing are mistakes.
function checkOneOff({ free, size, parent, shared, keeps }, owned, name) {
  if (shared !== undefined && free === undefined) {
    throw new UnsupportedError(`'shared' needs 'free': it is a property of the owned type of ${name}()`);
  }
  if (owned !== undefined && free !== undefined) {
    throw new UnsupportedError(`The result of ${name}() already has a destructor, that of '${owned.name}'`);
  }
  if (owned === undefined && free === undefined && (size !== undefined || parent !== undefined)) {
    throw new UnsupportedError(`The result of ${name}() has no owner: 'size' and 'parent' need 'free'`);
  }
  if (parent !== undefined && keeps !== undefined) {
    throw new UnsupportedError(`The result of ${name}() cannot have both 'parent' and 'keeps'`);
  }
}

/** The number of an argument, below `count`; undefined stays what it is. */
function checkArgument(value, name, count) {
  if (value === undefined) return undefined;
  if (checkIndex(value, name) < count) return value;
  throw new ArgumentValueError(value, name, `the number of an argument, below ${count}`);
}

/** Whether calls of `name` let others be freed meanwhile; `holdsUp` says whether they would hold that up otherwise. */
function checkReenters(value = false, name, holdsUp) {
  if (checkBoolean(value, 'reenters') && !holdsUp) {
    throw new UnsupportedError(
      `'reenters' has no effect on ${name}(): it takes no tracked pointer, and holds nothing up`,
    );
  }
  return value;
}

/**
 * Throws if an option names an argument that can never be a tracked pointer which C borrows. `mayCome(i, option)` says of
 * an argument without a role whether one may come there.
 */
function checkNamed(name, { parent, keeps, resizes } = {}, roles, mayCome = () => false) {
  for (const [option, i] of Object.entries({ parent, keeps, resizes })) {
    if (typeof i !== 'number') continue;
    const role = roles[i] === null ? (mayCome(i, option) ? 'borrow' : undefined) : roles[i].role;
    if (role === 'borrow' || role === 'consume') continue; // which makePlan() refuses
    throw new UnsupportedError(
      `'${option}' has no effect on ${name}(): argument ${i} is no pointer that C borrows`,
    );
  }
}

function makeType(base, name, { free, size, shared }) {
  if (base === undefined) {
    throw new UnsupportedError(`The result of ${name}() is no pointer that could be owned or kept`);
  }
  const label = `${name}()`;
  if (free === undefined) return new OwnedType(label, base.name, { free: NONE, size: 0 });
  const measure = checkMeasure(size, base, label);
  return new OwnedType(label, base.name, { free: checkFree(free), size: measure, shared });
}

/**
 * The owned type of the result of `name`: a pointer to `base()`, { name, size } or undefined for what is none,
 * and `owned` where the declaration says so. Returns undefined for a result without an owner.
 */
function ownedResult({ registry, base, owned, name, options = {}, count }) {
  checkOptions(options, OPTIONS);
  checkOneOff(options, owned, name);
  const { free, size, parent, keeps } = options;
  let result = owned;
  if (owned === undefined && (free !== undefined || keeps !== undefined)) {
    result = makeType(base(), name, options);
    registry.addOneOff(result); // functions declared from now on borrow it
  } else if (owned !== undefined && size !== undefined) {
    const opaque = { name: owned.base, size: 0 };
    result = new OwnedType(owned.name, owned.base, {
      ...owned,
      size: checkMeasure(size, opaque, owned.name),
    });
  }
  const dependsOn = parent ?? checkArgument(keeps, 'keeps', count);
  if (result !== undefined && dependsOn !== undefined) {
    result = new OwnedType(result.name, result.base, { ...result, parent: dependsOn });
  }
  const invalid = checkInvalid(options.invalid);
  if (invalid !== undefined) {
    if (result === undefined) {
      throw new UnsupportedError(`'invalid' has no effect on ${name}(): its result has no owner`);
    }
    result = new OwnedType(result.name, result.base, { ...result, invalid });
  }
  if (typeof result?.parent === 'number') checkArgument(result.parent, 'parent', count);
  return result;
}

module.exports = { OPTIONS, checkArgument, checkNamed, checkReenters, ownedResult };
