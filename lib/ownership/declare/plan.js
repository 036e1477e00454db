'use strict';
// What ownership means for a declared function: one role for each parameter, and what makes tracked pointers
// of its result.

const binding = require('../../binding');
const { isFunction } = require('../../pointers/destructors');
const { checkKept, checkParent } = require('../../pointers/kept');
const { UnsupportedError } = require('../../support/errors');
const { needRoom } = require('../../support/stack');
const { consuming, filling } = require('../call/arguments');
const { Changes } = require('../call/change');
const { RESULT } = require('../call/outcome');
const { freeingAddress } = require('../size/counting');

const STORED = ['out', 'inout'];

/**
 * What tells whether a destructor is the function at the address that `find` returns, and its argument `i` the pointer, or
 * what else it finds at `at`.
 */
function freeing(find) {
  let address;
  let code;
  let counting;
  let isOfC; // whether it is free() of C, where that can be told
  const resolve = () => {
    needRoom(); // `find` would not find it where the stack is full
    address = find() ?? 0n;
    return binding.functionAddress(address);
  };
  const isFreeOfC = () => {
    code ??= resolve();
    return (isOfC ??= binding.countingFree(address) !== address);
  };
  const frees = (destructor, i, at = destructor.pointerAt) => {
    // What a destructor in JavaScript calls nobody knows, but whatever it is, free() frees.
    if (destructor.isScript) return i === 0 && isFreeOfC();
    if (at !== i) return false;
    code ??= resolve();
    return isFunction(destructor, code) || destructor.address === (counting ??= freeingAddress(address));
  };
  // Of one that `frees`: whether the function itself would free what is counted, and nobody would hear of it.
  frees.isUncounted = ({ address: called }) => called === counting && called !== address;
  return frees;
}

/** What `find` returns, which is asked no more once it has. */
function remembered(find) {
  let answer;
  return () => (answer ??= find());
}

function complete(param, where, source, replaceAt) {
  if (param === null || param.role === 'borrow' || param.role === 'consume') return param;
  if (param.role === 'fill') return { ...param, convert: filling(where) };
  if (param.role === 'change') {
    const producerOf = (owned) => source.producerOf(owned);
    return { ...param, changes: new Changes(param, where, { producerOf, replaceAt }) };
  }
  const { owned } = param;
  const { struct } = owned;
  return {
    ...param,
    producer: source.producerOf(owned),
    convert: consuming(where, owned),
    box: struct === undefined ? source.box : (list) => struct.box(list.length),
    stored: struct === undefined ? (box) => box : (box) => struct.stored(box),
  };
}

/** `roles`, where what C stores keeps what `rules` say. */
function withNeeds(roles, rules) {
  return roles.map((role, i) => {
    const values = STORED.includes(role?.role) ? rules.find(({ keeper }) => keeper === i)?.values : undefined;
    if (values === undefined) return role;
    return { ...role, owned: role.owned.with({ needs: [...new Set([...role.owned.needs, ...values])] }) };
  });
}

// The types of what C stores in the place of an argument, and what is undefined.
function storedAt(role) {
  if (role?.role === 'change') return role.places.map((place) => place.owned);
  return STORED.includes(role?.role) ? [role.owned] : [];
}

/** The numbers of the arguments that something which C gives needs: of the types `given`, or what it stores. */
function neededBy(given, roles) {
  const stored = roles.flatMap(storedAt);
  return [...given, ...stored].flatMap((type) => type?.needs ?? []);
}

// Whether it may be an object for which what C allocates is counted.
function isCounted(registry, param) {
  if (!['borrow', 'consume', 'inout'].includes(param?.role)) return false;
  return param.owned?.isExact ?? registry.counts(param.base);
}

/** What checks arguments that are kept, by their numbers: those of which the destructor of a type among `types` is told. */
function checksOf(needed, rules, types) {
  const told = types.filter((type) => type?.tellsParent).map((type) => type.needs[0]);
  const all = [...needed, ...rules.flatMap(({ values }) => values)];
  return new Map(all.map((i) => [i, told.includes(i) ? checkParent : checkKept]));
}

/** Throws if there is nothing to measure again where a function is given one of these `types`. */
function refuseFixed(name, i, types) {
  if (types.length === 0 || types.some((owned) => !owned.isFixed)) return;
  const [{ name: type, size }] = types;
  const reason =
    typeof size === 'number' ? `is always ${size} bytes` : 'is counted in every call, whatever that says';
  throw new UnsupportedError(
    `'resizes' has no effect on ${name}(): the size of '${type}', for argument ${i}, ${reason}. Leave 'resizes' out` +
      (typeof size === 'number'
        ? `, or write as its 'size' what can be asked again: a C function, or a function of the address`
        : ''),
  );
}

/**
 * The plan for the function `name` of `source`, for wrap(). `roles` are as the parameters: null,
 * { role: 'borrow', base, expected, lent, shape, isInteger, owning, register }, with what makes callbacks own, and
 * registers one, with a shape that converts what tracked pointers may be in, or
 * { role: 'consume' | 'out' | 'inout', owned }, { role: 'fill' } for what has owned members, or { role: 'change', base,
 * places, copy } for what C changes, see Changes. `owned` is the type of the result, or undefined; `inside` are the owned
 * members, as { at, path, owned }, of the result or an argument, which `replaceAt(value, path, own)` reaches; `lengths` as
 * checkLengths() returns it; `once` the numbers of callbacks that C calls once; `keeps` as checkKeeps() returns it;
 * `outcome` as checkOutcome() does; `address` returns that of the function, or undefined; `resized` the number of an
 * argument, or undefined; `reenters` whether C calls back for long, so that what it is not lent is freed meanwhile; `exact`
 * says whether the FFI refuses more arguments than there are parameters, and otherwise it ignores them.
 */
function makePlan({
  name,
  source,
  registry,
  roles: given,
  owned,
  keeps,
  outcome,
  address,
  resized,
  reenters,
  variadic = false,
  checkRest,
  exact = false,
  inside = [],
  lengths = [],
  once = [],
  replaceAt,
}) {
  const roles = withNeeds(given, keeps.rules);
  const rules = keeps.rules.filter(({ keeper }) => !STORED.includes(roles[keeper]?.role));
  if (keeps.replaces !== undefined && rules.length === 0) {
    throw new UnsupportedError(
      `'replaces' has no effect on ${name}(): what C stores is another keeper each time`,
    );
  }
  const types = [
    owned,
    ...inside.map((place) => place.owned),
    ...roles.flatMap((role) => [role?.owned, ...storedAt(role)]),
  ];
  const needed = neededBy([owned, ...inside.map((place) => place.owned)], roles);
  const params = roles.map((role, i) => complete(role, `argument ${i} of ${name}()`, source, replaceAt));
  // Probably: what it frees is known when it is called.
  const isDestructor =
    params.length === 1 &&
    ['borrow', 'change'].includes(params[0]?.role) &&
    registry.isDestructor(name, params[0].base);
  const takes = (i) => params[i]?.role === 'consume' || (isDestructor && i === 0);
  const involved = [...needed, ...rules.flatMap(({ keeper, values }) => [keeper, ...values])];
  const taken = involved.find(takes);
  if (taken !== undefined) {
    throw new UnsupportedError(
      `Nothing that ${name}() gives or keeps can depend on argument ${taken}, which C takes or frees`,
    );
  }
  if (takes(resized)) {
    throw new UnsupportedError(
      `Argument ${resized} of ${name}() cannot be measured after the call: C takes or frees it`,
    );
  }
  if (resized !== undefined) refuseFixed(name, resized, registry.fitting(params[resized].base));
  const stays = [...needed, ...once, ...keeps.rules.flatMap(({ values }) => values)];
  const registered = params
    .map((param, at) => ({ at, register: param?.register, isOnce: once.includes(at) }))
    .filter(({ at, register }) => register !== undefined && stays.includes(at));
  const producer = owned === undefined ? null : source.producerOf(owned);
  const members = inside.map((place) => ({ ...place, producer: source.producerOf(place.owned) }));
  const producers = [producer, ...[...params, ...members].map((each) => each?.producer)]
    .concat(params.flatMap((param) => param?.changes?.producers ?? []))
    .filter(Boolean);
  const makes = producers.some(({ measure }) => measure.counts);
  const notes = params.map((param) => isCounted(registry, param));
  const about = {
    makes,
    notes: notes.includes(true),
    replaces: outcome.takes === undefined,
    address: remembered(address),
    allocates: remembered(() => binding.isAllocator(address() ?? 0n)), // which nobody calls by a slot
    name,
  };
  return {
    name,
    params,
    isDestructor,
    frees: freeing(address),
    ...outcome,
    variadic,
    checkRest,
    exact,
    producer,
    producers, // of all that it gives
    inside: members,
    replaceAt,
    lengths,
    registered, // arguments that are functions which C keeps: { at, register, isOnce }
    keeping: rules.length === 0 ? null : { ...keeps, rules, id: source.idOf(name) },
    kept: checksOf(needed, rules, types),
    resized,
    reenters,
    source,
    // Whose pointers have sizes that depend on what the call allocates.
    watched: producers.filter(({ measure }) => measure.watches).map(({ measure }) => measure),
    // Whether the call makes something that is counted, and which arguments may be something that is.
    makes,
    notes,
    about: makes || about.notes ? about : null, // what counts its calls wants to know of it: see begin()
    // Whether what C gives may hold an argument.
    depends: rules.length > 0 || types.some((of) => of?.depends === true),
  };
}

module.exports = { RESULT, makePlan, neededBy };
