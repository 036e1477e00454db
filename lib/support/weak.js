'use strict';

/** A WeakRef of `object`; or what holds it, in a program that has taken WeakRef away. */
function weakly(object) {
  return typeof WeakRef === 'function' ? new WeakRef(object) : { deref: () => object };
}

module.exports = { weakly };
