'use strict';
// What ownership means for a declared function: one role for each parameter, and what makes tracked pointers
// of its result.

const { UnsupportedError } = require('../../support/errors');
const { consuming } = require('../call/arguments');

/** What tells whether a destructor is the function at the address that `find` returns, and its argument `i` the pointer. */
function freeing(find) {
  let address;
  return (destructor, i) => destructor.pointerAt === i && destructor.address === (address ??= find() ?? 0n);
}

function complete(param, where, source) {
  if (param === null || param.role === 'borrow' || param.role === 'consume') return param;
  const { owned } = param;
  return { ...param, producer: source.producerOf(owned), convert: consuming(where, owned), box: source.box };
}

/**
 * The plan for the function `name` of `source`, for wrap(). `roles` are as the parameters: null,
 * { role: 'borrow', base, expected, lent } or { role: 'consume' | 'out' | 'inout', owned }. `owned` is the type of
 * the result, or undefined; `outcome` is what checkOutcome() gave; `address` returns that of the function, or undefined; `resized` the number of an argument, or undefined; `reenters` whether C calls back for long, so
 * that what it is not lent is freed meanwhile; `exact` says whether the FFI refuses more
 * arguments than there are parameters, and otherwise it ignores them.
 */
function makePlan({
  name,
  source,
  registry,
  roles,
  owned,
  outcome,
  address,
  resized,
  reenters,
  variadic = false,
  exact = false,
}) {
  const params = roles.map((role, i) => complete(role, `argument ${i} of ${name}()`, source));
  // Probably: what it frees is known when it is called.
  const isDestructor =
    params.length === 1 && params[0]?.role === 'borrow' && registry.isDestructor(name, params[0].base);
  const takes = (i) => params[i]?.role === 'consume' || (isDestructor && i === 0);
  if (takes(owned?.parent)) {
    throw new UnsupportedError(
      `The result of ${name}() cannot depend on argument ${owned.parent}, which C takes or frees`,
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
    depends: [owned, ...params.map((param) => param?.owned)].some((of) => of?.parent !== undefined),
  };
}

module.exports = { makePlan };
