'use strict';
// The options of one declaration, such as { free, size, keeps }, and the owned type that they make of its result.

const { NONE } = require('../../pointers/destructors');
const { FOREVER } = require('../../pointers/kept');
const { checkBoolean, checkOptions } = require('../../support/check');
const { UnsupportedError } = require('../../support/errors');
const { OPTIONS: ON_OUTCOME } = require('./depends-on-outcome');
const { checkInvalid } = require('./invalid');
const { checkArgument, checkArguments, checkKeeps } = require('./keeps');
const { checkLengths } = require('./lengths');
const { OwnedType, checkFree, checkMeasure, checkMost, checkParent, isShared } = require('./owned-type');

const OPTIONS = [
  'free',
  'size',
  'parent',
  'shared',
  'keeps',
  'once',
  'replaces',
  'resizes',
  'reenters',
  'invalid',
  'most',
  'sameThread',
  'exclusive',
  'background',
  'lengths',
  ...ON_OUTCOME,
];

// Options that would mean nothing are mistakes.
function checkOneOff({ free, size, parent, ...more }, { result }, owned, name) {
  const lost = ['shared', 'most', 'sameThread', 'exclusive', 'background'].find(
    (option) => more[option] !== undefined,
  );
  if (lost !== undefined && free === undefined) {
    throw new UnsupportedError(`'${lost}' needs 'free': it is a property of the owned type of ${name}()`);
  }
  if (owned !== undefined && free !== undefined) {
    throw new UnsupportedError(`The result of ${name}() already has a destructor, that of '${owned.name}'`);
  }
  if (owned === undefined && free === undefined && (size !== undefined || parent !== undefined)) {
    throw new UnsupportedError(`The result of ${name}() has no owner: 'size' and 'parent' need 'free'`);
  }
  if (parent !== undefined && result.length > 0) {
    throw new UnsupportedError(`The result of ${name}() cannot have both 'parent' and 'keeps'`);
  }
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
 * Throws if an option of `name` means an argument that can never be what the option needs. `mayCome(i, option)` says of
 * an argument without a role whether it may.
 */
function checkNamed(name, { resized, keeps, needs, once }, roles, mayCome) {
  const check = (option, i, fits) => {
    const { direction, isOwned } = roles[i] ?? {};
    // Of what is written C may get a passing copy, and of some integers none is owned.
    const given =
      direction !== undefined || isOwned === false
        ? null
        : (roles[i] ?? (mayCome(i, option) ? { role: 'borrow' } : null));
    const isCallback = given?.lent !== undefined; // which has no size
    if (fits.includes(given?.role) && !(isCallback && option === 'resizes')) return;
    throw new UnsupportedError(
      `'${option}' has no effect on ${name}(): argument ${i} is no pointer that C borrows, such as 'void *'`,
    );
  };
  const other = once.find((i) => roles[i]?.register === undefined);
  if (other !== undefined) {
    throw new UnsupportedError(`'once' has no effect on ${name}(): argument ${other} is no callback`);
  }
  const stays = keeps.rules.find(({ keeper }) => keeper === FOREVER)?.values ?? [];
  const both = keeps.replaces === undefined ? once.find((i) => stays.includes(i)) : undefined;
  if (both !== undefined) {
    throw new UnsupportedError(`'once' has no effect on ${name}(): argument ${both} is kept for ever`);
  }
  // makePlan() refuses what C takes.
  const lent = ['borrow', 'consume'];
  if (resized !== undefined) check('resizes', resized, lent);
  for (const i of needs) check(keeps.result.includes(i) ? 'keeps' : 'parent', i, lent);
  for (const { keeper, values } of keeps.rules) {
    if (keeper !== FOREVER) check('keeps', keeper, [...lent, 'out', 'inout']);
    for (const i of values) check('keeps', i, lent);
  }
  for (const i of keeps.replaces ?? []) {
    if ((roles[i] === null || roles[i].isInteger) && !mayCome(i, 'keeps')) continue;
    throw new UnsupportedError(
      `'replaces' cannot tell calls of ${name}() apart by argument ${i}, which is a pointer`,
    );
  }
}

function makeType(base, name, { free, size, shared, most, ...more }) {
  if (base === undefined || (free === undefined && base.integer !== undefined)) {
    throw new UnsupportedError(`The result of ${name}() is no pointer that could be owned or kept`);
  }
  const label = `${name}()`;
  if (free === undefined) return new OwnedType(label, base.name, { free: NONE, size: 0 });
  const measure = checkMeasure(size, base, label);
  const { integer, struct } = base;
  return new OwnedType(label, base.name, {
    integer,
    struct,
    limit: checkMost(most, label),
    free: checkFree(free, base),
    size: measure,
    shared: isShared({ shared, free }, base, label),
    sameThread: more.sameThread,
    exclusive: more.exclusive,
    background: more.background,
  });
}

/**
 * What the options of the function `name` with `count` parameters say of its result, a pointer to `base()`, { name, size }
 * or undefined for what is none, and `owned` where the declaration says so: { owned, keeps, resized, lengths, once }, where
 * `owned` is undefined for a result without an owner.
 */
function readOptions({ registry, base, owned, name, options = {}, count }) {
  checkOptions(options, OPTIONS);
  const keeps = checkKeeps(options, name, count);
  checkOneOff(options, keeps, owned, name);
  const { free, size, parent } = options;
  let result = owned;
  if (owned === undefined && (free !== undefined || keeps.result.length > 0)) {
    result = makeType(base(), name, options);
    registry.addOneOff(result); // functions declared from now on borrow it
  } else if (owned !== undefined && size !== undefined) {
    result = owned.with({
      size: checkMeasure(
        size,
        { name: owned.base, size: 0, integer: owned.integer, struct: owned.struct },
        owned.name,
      ),
    });
  }
  if (parent !== undefined) result = result.with(checkParent(parent));
  if (keeps.result.length > 0)
    result = result.with({ needs: [...new Set([...result.needs, ...keeps.result])] });
  for (const i of result?.needs ?? []) checkArgument(i, 'parent', count);
  const invalid = checkInvalid(options.invalid, result);
  if (invalid !== undefined) {
    if (result === undefined) {
      throw new UnsupportedError(`'invalid' has no effect on ${name}(): its result has no owner`);
    }
    result = result.with({ invalid });
  }
  const resized = checkArgument(options.resizes, 'resizes', count);
  const once = options.once === undefined ? [] : checkArguments(options.once, 'once', count);
  return { owned: result, keeps, resized, lengths: checkLengths(options.lengths, count), once };
}

module.exports = { OPTIONS, checkNamed, checkReenters, readOptions };
