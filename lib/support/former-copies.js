'use strict';

const { isOwnFile } = require('./packed');

/**
 * Has Node let go of the copies of this library that were taken out of `require.cache`: it keeps them in `children` of
 * whoever has required them.
 */
function forgetFormerCopies() {
  const cache = require.cache ?? {};
  const isFormer = (module) => isOwnFile(module.filename ?? '') && cache[module.filename] !== module;
  for (const { children } of Object.values(cache)) {
    if (children?.some(isFormer))
      children.splice(0, Infinity, ...children.filter((child) => !isFormer(child)));
  }
}

module.exports = { forgetFormerCopies };
