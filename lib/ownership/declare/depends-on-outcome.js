'use strict';
// Ownership that depends on what a call comes to: { gives, takes } of one declaration.

const { ArgumentTypeError, UnsupportedError } = require('../../support/errors');

const OPTIONS = ['gives', 'takes'];
const GIVEN = ['out', 'inout'];
const TAKEN = ['consume', 'inout'];

function asking(name, predicate) {
  if (predicate === undefined) return undefined;
  if (typeof predicate !== 'function') {
    throw new ArgumentTypeError(predicate, name, 'a function of the result and of the arguments');
  }
  return (result, args) => {
    const answer = predicate(result, ...args);
    if (typeof answer !== 'boolean') throw new ArgumentTypeError(answer, `${name}()`, 'a boolean');
    return answer;
  };
}

/**
 * What says whether a call of the function `name` has given what C stored and returned, and whether it has taken what it
 * may take: { gives, takes } as functions of the result and of the list of arguments, undefined for always. Throws for an
 * option that has no effect.
 */
function checkOutcome(name, { gives, takes } = {}, roles, owned) {
  const mayChange = roles.some((role) => role?.role === 'change' && role.places.some((place) => place.owned));
  const some = (which) => mayChange || roles.some((role) => which.includes(role?.role));
  if (gives !== undefined && owned === undefined && !some(GIVEN)) {
    throw new UnsupportedError(
      `'gives' has no effect on ${name}(): it gives nothing. Write an owned type for its result, or for what it stores`,
    );
  }
  if (takes !== undefined && !some(TAKEN)) {
    throw new UnsupportedError(
      `'takes' has no effect on ${name}(): it takes nothing. Write the owned type for an argument that C may take`,
    );
  }
  return { gives: asking('gives', gives), takes: asking('takes', takes) };
}

module.exports = { OPTIONS, checkOutcome };
