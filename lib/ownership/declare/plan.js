'use strict';
// What ownership means for a declared function: one role for each parameter, and what makes tracked pointers
// of its result.

const binding = require('../../binding');
const { isFunction } = require('../../pointers/destructors');
const { UnsupportedError } = require('../../support/errors');
const { needRoom } = require('../../support/stack');
const { consuming } = require('../call/arguments');

const STORED = ['out', 'inout'];

/**
 * What tells whether a destructor is the function at the address that `find` returns, and its argument `i` the pointer, or
 * what else it finds at `at`.
 */
function freeing(find) {
  let code;
  const resolve = () => {
    needRoom(); // `find` would not find it where the stack is full
    return binding.functionAddress(find() ?? 0n);
  };
  return (destructor, i, at = destructor.pointerAt) =>
    at === i && isFunction(destructor, (code ??= resolve()));
}

function complete(param, where, source) {
  if (param === null || param.role === 'borrow' || param.role === 'consume') return param;
  const { owned } = param;
  return { ...param, producer: source.producerOf(owned), convert: consuming(where, owned), box: source.box };
}

/** `roles`, where what C stores keeps what `rules` say. */
function withNeeds(roles, rules) {
  return roles.map((role, i) => {
    const values = STORED.includes(role?.role) ? rules.find(({ keeper }) => keeper === i)?.values : undefined;
    if (values === undefined) return role;
    return { ...role, owned: role.owned.with({ needs: [...new Set([...role.owned.needs, ...values])] }) };
  });
}

/** The numbers of the arguments that something which C gives needs: `owned`, or what it stores. */
function neededBy(owned, roles) {
  const stored = roles.filter((role) => STORED.includes(role?.role)).map((role) => role.owned);
  return [owned, ...stored].flatMap((type) => type?.needs ?? []);
}

/**
 * The plan for the function `name` of `source`, for wrap(). `roles` are as the parameters: null,
 * { role: 'borrow', base, expected, lent, shape }, with a shape that converts what tracked pointers may be in, or
 * { role: 'consume' | 'out' | 'inout', owned }. `owned` is the type of
 * the result, or undefined; `keeps` as checkKeeps() returns it; `outcome` as checkOutcome() does; `address` returns that of
 * the function, or undefined; `resized` the number of an argument, or undefined; `reenters` whether C calls back for long, so
 * that what it is not lent is freed meanwhile; `exact` says whether the FFI refuses more
 * arguments than there are parameters, and otherwise it ignores them.
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
  exact = false,
}) {
  const roles = withNeeds(given, keeps.rules);
  const rules = keeps.rules.filter(({ keeper }) => !STORED.includes(roles[keeper]?.role));
  if (keeps.replaces !== undefined && rules.length === 0) {
    throw new UnsupportedError(
      `'replaces' has no effect on ${name}(): what C stores is another keeper each time`,
    );
  }
  const needed = neededBy(owned, roles);
  const params = roles.map((role, i) => complete(role, `argument ${i} of ${name}()`, source));
  // Probably: what it frees is known when it is called.
  const isDestructor =
    params.length === 1 && params[0]?.role === 'borrow' && registry.isDestructor(name, params[0].base);
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
  return {
    name,
    params,
    isDestructor,
    frees: freeing(address),
    ...outcome,
    variadic,
    exact,
    producer: owned === undefined ? null : source.producerOf(owned),
    keeping: rules.length === 0 ? null : { ...keeps, rules, id: source.idOf(name) },
    kept: new Set([...needed, ...rules.flatMap(({ values }) => values)]),
    resized,
    reenters,
    source,
    // Whose pointers have sizes that depend on what the call allocates.
    watched: [
      owned === undefined ? null : source.producerOf(owned),
      ...params.map((param) => param?.producer),
    ]
      .filter((producer) => producer?.measure.watches)
      .map((producer) => producer.measure),
    // Whether what C gives may hold an argument.
    depends:
      rules.length > 0 || [owned, ...params.map((param) => param?.owned)].some((of) => of?.depends === true),
  };
}

module.exports = { makePlan, neededBy };
