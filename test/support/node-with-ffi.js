'use strict';

const { installRuntime } = require('../../scripts/nodes.js');

const attempt = () => {
  if (parseInt(process.versions.node) >= 26) return { path: process.execPath };
  try {
    return { path: installRuntime('26') };
  } catch (error) {
    if (process.env.CI === 'true') throw error;
    return { error };
  }
};

let found;

/**
 * A Node that has node:ffi: the one that runs us, or another, installed where it is not at hand, which takes a while. Where
 * none is to be had, undefined and a warning that `what` is not tested; with CI=true an error.
 */
module.exports = function nodeWithFfi(what) {
  found ??= attempt();
  if (found.error !== undefined) process.emitWarning(`${what} is not tested: ${found.error.message}`);
  return found.path;
};
