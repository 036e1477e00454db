'use strict';

const { installRuntime } = require('../../scripts/nodes.js');
const { nodes } = require('./child.js');

const attempt = () => {
  const known = nodes().find(({ version }) => parseInt(version) >= 26);
  if (known !== undefined) return { path: known.path };
  try {
    return { path: installRuntime('26') };
  } catch (error) {
    if (process.env.CI === 'true') throw error;
    return { error };
  }
};

let found;

/**
 * A Node that has node:ffi: the one that runs us, one that is at hand, or one installed now, which takes a while. Where
 * none is to be had, undefined and a warning that `what` is not tested; with CI=true an error.
 */
module.exports = function nodeWithFfi(what) {
  found ??= attempt();
  if (found.error !== undefined) process.emitWarning(`${what} is not tested: ${found.error.message}`);
  return found.path;
};
