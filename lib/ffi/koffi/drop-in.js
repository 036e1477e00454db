'use strict';

require('../../reclaim/from-environment');
const { NoKoffiError } = require('../../support/errors');
const { withOwnership } = require('./with-ownership');

function findKoffi() {
  try {
    return require('koffi');
  } catch (error) {
    if (error.code === 'MODULE_NOT_FOUND' && /'koffi'/.test(error.message)) throw new NoKoffiError(error);
    throw error;
  }
}

module.exports = withOwnership(findKoffi());
module.exports.withOwnership = withOwnership;
