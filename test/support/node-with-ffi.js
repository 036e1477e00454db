'use strict';

const { installRuntime } = require('../../scripts/nodes.js');
const { nodes } = require('./child.js');

let found;

/**
 * A Node that has node:ffi: the one that runs us, one that is at hand, or one installed now. Where none is to be had,
 * undefined and a warning that `what` is not tested; with CI=true an error.
 */
module.exports = function nodeWithFfi(what) {
  found ??= nodes().find(({ version }) => parseInt(version) >= 26)?.path;
  if (found !== undefined) return found;
  try {
    found = installRuntime(26);
  } catch (error) {
    if (process.env.CI === 'true') throw error;
    process.emitWarning(`${what} is not tested: ${error.message}`);
  }
  return found;
};
